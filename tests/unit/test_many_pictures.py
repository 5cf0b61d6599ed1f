"""What is kept and asked of very many pictures goes by columns and in parts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.unit.session_tools import opened, small_project
from visionstudio.api import Detections
from visionstudio.engine.events import Finished, FrameResult
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.requests import Predict
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.shapes import Box
from visionstudio.session import predictions
from visionstudio.session.jobs import Jobs, JobState
from visionstudio.session.models import ModelChoice
from visionstudio.session.predictions import Predictions, all_pictures
from visionstudio.storage import summaries
from visionstudio.storage.records import MediaSummary

MODEL = ModelInfo(
    id="tests/boxes", task="detector", title="Boxes", description="", licence="MIT", factory="",
    plugin="tests", manifest="", output="detections", ready=True, params=(),
)  # fmt: skip


def test_summaries_against_a_dict() -> None:
    chance = random.Random(5)
    ids = np.array([2, 3, 7, 11])
    kept = summaries.MediaSummaries(ids, np.array([1, 0, 4, 2]), np.array([0, 3, 1, 1]))
    expected = {2: [1, 0], 3: [0, 3], 7: [4, 1], 11: [2, 1]}
    for _ in range(200):
        media_id, labels, waiting = (
            chance.randrange(1, 30),
            chance.randrange(3),
            chance.randrange(3),
        )
        kept.add(media_id, labels, waiting)
        old = expected.setdefault(media_id, [0, 0])
        old[0], old[1] = old[0] + labels, old[1] + waiting
        if chance.random() < 0.2:
            asked = np.array(chance.sample(range(40), 9))
            found = np.stack(kept.of(asked), axis=1).tolist()
            assert found == [expected.get(i, [0, 0]) for i in asked.tolist()]
            assert kept.has(asked).tolist() == [i in expected for i in asked.tolist()]
    assert kept == {i: MediaSummary(*figures) for i, figures in expected.items()}
    assert list(kept) == sorted(expected)
    before = kept.copy()
    kept.add(2, 1, 1)
    assert before[2] != kept[2]
    assert 35 not in kept
    assert kept.get(35) is None


def test_summaries_are_read_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "_AT_ONCE", 3)
    with small_project(tmp_path / "project", 10) as store:
        assert store.summaries() == {}
        expected: dict[int, MediaSummary] = {}
        rows = []
        for item in store.media()[::-2]:
            for state in (State.ACCEPTED, State.PROPOSED, State.REJECTED)[: item.id % 3 + 1]:
                new, shape = store.reserve_ids("annotation"), Box(0, 0, 5, 5)
                row = Annotation(id=new, media_id=item.id, class_id=1, shape=shape, state=state)
                rows.append(row)
            expected[item.id] = MediaSummary(1, int(item.id % 3 > 0))
        store.apply(edits.add("all", rows))
        assert store.summaries() == expected


class Host:
    """Answers a request for some pictures with one box each, when it is told to."""

    device = "cpu"

    def __init__(self) -> None:
        self.asked: list[Predict] = []
        self.answer: Callable[[], None] = lambda: None
        self.cancelled = 0

    def submit(
        self, request: Predict, on_event: Callable[[Any], None], prepare: Callable[[Any], Any]
    ) -> Callable[[], None]:
        self.asked.append(request)
        box = Detections(np.array([[1, 1, 9, 9]], np.float32), [0.9], [0], ("RBC",))

        def answer() -> None:
            for frame in request.frames:
                on_event(prepare(FrameResult(frame.key, box)))
            on_event(Finished(0.1, "cpu"))

        self.answer = answer
        return self._cancel

    def _cancel(self) -> None:
        self.cancelled += 1


def test_very_many_pictures_are_predicted_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "AT_ONCE", 4)
    session, pump = opened(small_project(tmp_path / "project", 12))
    labelled, verified = session.media[2], session.media[5]
    session.open_media(labelled.id)
    session.new_annotation(Box(1, 1, 4, 4))
    session.set_verified([verified.id], True)
    pump.until(lambda: session.saved)
    host, jobs = Host(), Jobs()
    maker = Predictions(session, cast(Any, host), jobs)
    chosen = all_pictures(session, unlabelled=True)
    assert [t.item for t in chosen] == [
        m for m in session.media if m.id not in (labelled.id, verified.id)
    ]
    assert len(all_pictures(session)) == 12
    job = maker.predict(ModelChoice(MODEL), chosen)
    gone = chosen[9].item
    session.delete_media([gone.id])
    pump.until(lambda: session.media.get(gone.id) is None)
    finished: list[tuple[Any, ...]] = []
    maker.finished.connect(lambda *told: finished.append(told))
    for part in (4, 4, 1):
        assert len(host.asked[-1].frames) == part
        assert not finished
        host.answer()
    pump.until(lambda: finished)
    assert finished == [(9, 0, 9, {"a picture": "is no longer in the project"})]
    assert job.state is JobState.DONE
    assert sum(session.summary(m.id).proposals for m in session.media) == 9
    session.undo()  # the run is one step
    pump.until(lambda: not sum(session.summary(m.id).proposals for m in session.media))

    job = maker.predict(ModelChoice(MODEL), chosen)
    job.cancel()
    assert host.cancelled == 1
    host.answer()  # it was through with them already
    pump.until(lambda: len(finished) == 2)
    assert len(host.asked) == 4  # and is not told of more
    assert finished[1][:3] == (4, 0, 4)
    session.close()
