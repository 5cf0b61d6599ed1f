"""Skeletons of classes: drafts, presets, and what a change does to stored objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.session_tools import opened, small_project
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass, SkeletonSpec
from visionstudio.model.shapes import Skeleton
from visionstudio.session.skeletons import PERSON, Draft, sides_swapped, with_visibility
from visionstudio.storage import ProjectStore

XY = np.array([[1, 1], [2, 5], [3, 9.0]])


def test_the_person_is_coco_s() -> None:
    assert len(PERSON.names) == 17
    assert len(PERSON.edges) == 19
    assert {n for edge in PERSON.edges for n in edge} == set(range(17))
    for a, b in PERSON.flips:
        assert PERSON.names[a].replace("left", "right") == PERSON.names[b]
    assert Draft(PERSON).spec() is not None
    assert set(Draft(PERSON).spec().flips) == set(PERSON.flips)  # type: ignore[union-attr]


def test_a_draft_keeps_lines_with_their_points() -> None:
    draft = Draft(SkeletonSpec(("a", "b", "c"), ((0, 1), (1, 2))))
    draft.move(2, 0)
    assert draft.spec() == SkeletonSpec(("c", "a", "b"), ((0, 2), (1, 2)))
    assert draft.origin == [2, 0, 1]
    new = draft.add("d")
    draft.join(new, 0)
    draft.remove(1)
    assert draft.spec() == SkeletonSpec(("c", "b", "d"), ((0, 1), (0, 2)))
    assert draft.origin == [2, 1, None]
    draft.join(0, 1)
    assert draft.spec() == SkeletonSpec(("c", "b", "d"), ((0, 2),))
    for wrong in ("c", " ", ""):
        with pytest.raises(InvalidValue):
            draft.rename(1, wrong)
    draft.mirror(0, 1)
    draft.mirror(1, 2)
    assert (draft.partner(0), draft.partner(1), draft.partner(2)) == (None, 2, 1)
    draft.mirror(1, None)
    assert draft.spec() == SkeletonSpec(("c", "b", "d"), ((0, 2),))
    assert Draft().spec() is None


def test_pairs_by_name() -> None:
    draft = Draft(SkeletonSpec(("left eye", "nose", "right eye", "left ear")))
    draft.mirror_by_name()
    assert draft.spec().flips == ((0, 2),)  # type: ignore[union-attr]


def test_sides_and_visibility() -> None:
    spec = SkeletonSpec(("a", "left", "right"), (), ((1, 2),))
    shape = Skeleton(XY, (2, 1, 0))
    swapped = sides_swapped(shape, spec)
    assert swapped == Skeleton(XY[[0, 2, 1]], (2, 0, 1))
    assert sides_swapped(shape, None) is None
    assert with_visibility(shape, 2, 1).visibility == (2, 1, 1)


def test_a_changed_skeleton_changes_its_objects_in_one_step(tmp_path: Path) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    one = session.classes[0]
    first = Draft()
    for name in ("a", "b", "c"):
        first.add(name)
    first.join(0, 1)
    session.change_skeleton(one.id, first.spec(), first.origin)
    pump.until(lambda: session.classes[0].skeleton is not None)
    here = session.new_annotation(Skeleton(XY, (2, 1, 2)), class_id=one.id)
    session.open_media(session.media[1].id)
    there = session.new_annotation(Skeleton(XY, (0, 2, 2)), class_id=one.id)
    draft = Draft(session.classes[0].skeleton)
    draft.remove(0)
    draft.add("d")
    draft.move(1, 0)
    session.change_skeleton(one.id, draft.spec(), draft.origin)
    pump.until(lambda: session.classes[0].skeleton == draft.spec() and session.saved)
    rows = {a.id: a.shape for a in session.store.iter_annotations()}
    assert rows[here.id] == Skeleton([[3, 9], [2, 5], [2, 5]], (2, 1, 0))
    assert rows[there.id] == Skeleton([[3, 9], [2, 5], [2.5, 7]], (2, 2, 0))
    session.undo()
    pump.until(lambda: session.saved)
    assert {a.shape for a in session.store.iter_annotations()} == {
        Skeleton(XY, (2, 1, 2)),
        Skeleton(XY, (0, 2, 2)),
    }
    assert session.classes[0].skeleton == first.spec()
    session.close()


def test_flips_survive_a_restart(tmp_path: Path) -> None:
    store = small_project(tmp_path / "p")
    store.close()
    session, pump = opened(ProjectStore.open(tmp_path / "p"))
    session.change_skeleton(session.classes[0].id, PERSON, [None] * 17)
    pump.until(lambda: session.classes[0].skeleton == PERSON and session.saved)
    session.close()
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.classes()[0].skeleton == PERSON
        assert isinstance(store.classes()[1], LabelClass)
        assert store.classes()[1].skeleton is None
