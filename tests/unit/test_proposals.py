"""What becomes of model results: which are offered, which are left out, what a decision changes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from visionstudio.api import Classification, Detections, InvalidValue, SemanticMap, TrackState
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box, Mask, Tag
from visionstudio.session import proposals
from visionstudio.session.proposals import ProposalBuilder, guesses

RBC = LabelClass(id=7, name="RBC", colour="#e69f00")


class Ids:
    def __init__(self) -> None:
        self.used: Counter[str] = Counter()

    def __call__(self, table: str, count: int = 1) -> int:
        first = 100 + self.used[table]
        self.used[table] += count
        return first


def builder() -> ProposalBuilder:
    return ProposalBuilder("Predict", "detector/x", 3, [RBC], Ids())


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    scores = np.linspace(0.5, 0.9, len(boxes))
    return Detections(np.array(boxes), scores, np.zeros(len(boxes), int), ("RBC", "WBC"))


def label(box: Box, state: State, **kwargs: object) -> Annotation:
    return Annotation(id=1, media_id=5, class_id=7, shape=box, state=state, **kwargs)  # type: ignore[arg-type]


def test_detections_become_scored_proposals_best_first() -> None:
    run = builder()
    run.add(5, guesses(detections((0, 0, 10, 10), (20, 20, 30, 30))), [])
    edit = run.edit()
    assert edit is not None
    rows = [c.after for c in edit]
    assert [r.shape for r in rows] == [Box(20, 20, 30, 30), Box(0, 0, 10, 10)]  # type: ignore[union-attr]
    assert {(r.class_id, r.state, r.run_id, r.source) for r in rows} == {  # type: ignore[union-attr]
        (7, State.PROPOSED, 3, "model:detector/x")
    }
    assert [r.id for r in rows] == [100, 101]  # type: ignore[union-attr]


@pytest.mark.parametrize("state", [State.REJECTED, State.EDITED, State.ACCEPTED, State.VERIFIED])
def test_what_a_person_decided_is_not_offered_again(state: State) -> None:
    run = builder()
    decided = label(Box(0, 0, 10, 11), state)
    run.add(5, guesses(detections((0, 0, 10, 10), (20, 20, 30, 30))), [decided])
    assert (run.count, run.known) == (1, 1)


def test_a_new_run_replaces_the_proposals_before_it_but_not_those_of_a_track() -> None:
    run = builder()
    old = label(Box(0, 0, 10, 10), State.PROPOSED)
    track = label(Box(50, 50, 60, 60), State.PROPOSED, track_id=4)
    run.add(5, guesses(detections((0, 0, 10, 10))), [old, track])
    edit = run.edit()
    assert edit is not None
    assert [c.before for c in edit if c.after is None] == [old]
    assert run.count == 1


def test_unknown_class_names_become_classes_in_the_same_edit() -> None:
    run = builder()
    run.add(5, guesses(Classification(("cat", "dog"), np.array([0.2, 0.7]))), [])
    run.add(6, guesses(Classification(("dog",), np.array([0.7]))), [])
    edit = run.edit()
    assert edit is not None
    rows = [c.after for c in edit]
    assert [r.name for r in rows if isinstance(r, LabelClass)] == ["dog"]
    tags = [r for r in rows if isinstance(r, Annotation)]
    assert [t.shape for t in tags] == [Tag(), Tag()]
    assert len({t.class_id for t in tags}) == 1


def test_a_semantic_map_becomes_a_mask_per_class() -> None:
    labels = np.zeros((6, 8), np.uint8)
    labels[1:3, 2:5] = 2
    found = guesses(SemanticMap(labels, ("nothing", "a", "b")))
    assert [(g.label, g.shape.area()) for g in found] == [("b", 6.0)]
    assert found[0].shape == Mask.from_array(labels == 2)


def test_a_track_state_is_no_proposal() -> None:
    with pytest.raises(InvalidValue, match="no proposal"):
        guesses(TrackState((0, 0, 1, 1), 1.0))


def test_accept_and_reject_take_proposals_only_and_have_an_inverse() -> None:
    proposal = label(Box(0, 0, 10, 10), State.PROPOSED, source="model:m", score=0.4)
    done = label(Box(0, 0, 10, 10), State.EDITED)
    edit = proposals.accept([proposal, done])
    assert [c.after.state for c in edit] == [State.ACCEPTED]  # type: ignore[union-attr]
    assert edit.inverse().changes[0].after == proposal
    assert proposals.reject([proposal]).changes[0].after.state is State.REJECTED  # type: ignore[union-attr]


def test_the_threshold_filters_without_a_new_run() -> None:
    low = label(Box(0, 0, 1, 1), State.PROPOSED, score=0.2)
    high = label(Box(0, 0, 1, 1), State.PROPOSED, score=0.8)
    none = label(Box(0, 0, 1, 1), State.PROPOSED)
    drawn = label(Box(0, 0, 1, 1), State.EDITED)
    assert proposals.visible([low, high, none, drawn], 0.5) == [high, none]
    assert proposals.visible([high, none], 0.5, frozenset({7})) == []


def test_a_corrected_proposal_is_edited_and_remembers_it() -> None:
    proposal = label(Box(0, 0, 10, 10), State.PROPOSED, source="model:m", score=0.4)
    moved = proposals.corrected(proposal, proposal, "moved")
    assert (moved.state, moved.history, moved.score) == (State.EDITED, ("moved",), 0.4)
    drawn = label(Box(0, 0, 10, 10), State.EDITED)
    assert proposals.corrected(drawn, drawn, "moved").history == ()
