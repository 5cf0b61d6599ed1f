"""Shapes between key frames, and what people do to tracks, on the stored rows and on screen."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Edit
from visionstudio.model.interpolation import all_filled, between, filled
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
)
from visionstudio.session import track_editing as tracks
from visionstudio.session.exporting import export_project
from visionstudio.storage.store import ProjectStore

KEY = Flags.KEYFRAME
SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]


def row(
    frame: int, shape: Shape | None = None, *, id: int = 0, track: int = 7, **more: Any
) -> Annotation:
    shape = shape or Box(frame, 0, frame + 10, 10)
    values = {"flags": KEY, "class_id": 1, **more}
    return Annotation(
        id=id or frame + 1,
        media_id=1,
        shape=shape,
        frame=frame,
        track_id=track,
        **values,
    )


def result(rows: list[Annotation], edit: Edit | None) -> list[Annotation]:
    """The rows after an edit, by frame; undoing it must bring the old ones back."""
    assert edit is not None

    def apply(rows: list[Annotation], edit: Edit) -> list[Annotation]:
        by_id = {r.id: r for r in rows}
        for change in edit:
            if change.before is not None:
                assert by_id.pop(change.before.id) == change.before
            if change.after is not None:
                assert isinstance(change.after, Annotation)
                assert change.after.id not in by_id
                by_id[change.after.id] = change.after
        return sorted(by_id.values(), key=lambda r: (r.frame, r.id))

    after = apply(rows, edit)
    assert apply(after, edit.inverse()) == sorted(rows, key=lambda r: (r.frame, r.id))
    return after


def frames(rows: list[Annotation]) -> list[int]:
    """Where the object is to be seen."""
    return [a.frame for a in filled(rows)]


@pytest.fixture
def new_id():
    return itertools.count(1000).__next__


def test_every_kind_of_shape_between_two_keys() -> None:
    assert between(Box(0, 0, 10, 10), Box(10, 20, 30, 40), 0.5) == Box(5, 10, 20, 25)
    turned = between(RotatedBox(0, 0, 4, 2, 3.0), RotatedBox(2, 2, 4, 2, 0.1), 0.5)
    assert turned.angle % math.pi == pytest.approx((3.0 + (math.pi + 0.1 - 3.0) / 2) % math.pi)
    grown = between(Ellipse(0, 0, 2, 1), Ellipse(4, 0, 4, 3), 0.25)
    assert grown == Ellipse(1, 0, 2.5, 1.5)
    assert between(Points([(0, 0), (4, 4)]), Points([(2, 0), (4, 8)]), 0.5) == Points(
        [(1, 0), (4, 6)]
    )
    bones = between(Skeleton([(0, 0), (4, 4)], (2, 1)), Skeleton([(2, 2), (6, 6)], (2, 2)), 0.5)
    assert bones == Skeleton([(1, 1), (5, 5)], (2, 1))
    # A polygon that starts at another corner and has more points keeps its form on the way.
    other = [(20, 10), (10, 10), (10, 5), (10, 0), (20, 0)][::-1]
    middle = between(Polygon((SQUARE,)), Polygon((other,)), 0.5)
    assert middle.area() == pytest.approx(100)
    assert middle.bounds() == pytest.approx((5, 0, 15, 10))
    line = between(Polyline([(0, 0), (10, 0)]), Polyline([(0, 10), (5, 10), (10, 10)]), 0.5)
    np.testing.assert_allclose(line.points(), [(0, 5), (5, 5), (10, 5)])
    mask = Mask.from_array(np.ones((3, 3)))
    assert between(mask, Mask.from_array(np.ones((5, 5)), 9, 9), 0.9) == mask
    assert between(Box(0, 0, 1, 1), mask, 0.9) == Box(0, 0, 1, 1)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=3, max_size=9),
    st.floats(-50, 50),
    st.integers(0, 8),
)
def test_a_polygon_that_only_moves_keeps_its_shape(points, dx: float, shift: int) -> None:
    first = Polygon((points,))
    moved = np.roll(first.rings[0] + (dx, 0), shift, axis=0)
    middle = between(first, Polygon((moved,)), 0.5)
    assert abs(middle.area()) == pytest.approx(abs(first.area()), abs=1e-6)
    assert middle.bounds()[0] == pytest.approx(first.bounds()[0] + dx / 2, abs=1e-9)


def test_frames_between_keys_are_filled_and_those_of_a_tracker_are_not() -> None:
    assert frames([row(0), row(4)]) == [0, 1, 2, 3, 4]
    assert frames([row(0), row(4, flags=Flags.NONE), row(8)]) == [0, 4, 8]
    proposed = row(4, state=State.PROPOSED)
    assert frames([row(0), proposed]) == [0, 4]
    outside = row(4, flags=KEY | Flags.OUTSIDE)
    held = list(filled([row(0), outside, row(6)]))
    assert [a.frame for a in held] == [0, 1, 2, 3, 6]
    assert held[3].shape == row(0).shape  # held until it leaves
    assert {a.id for a in filled([row(0), row(4)])} == {1, 5, -7}
    mixed = [row(0), row(2), row(1, track=8, id=90), row(3, track=8, id=91)]
    assert sorted((a.track_id, a.frame) for a in all_filled(mixed)) == [
        (7, 0), (7, 1), (7, 2), (8, 1), (8, 2), (8, 3)
    ]  # fmt: skip


def test_key_frames_where_the_object_is_and_beyond_its_end(new_id) -> None:
    rows = [row(0), row(10)]
    after = result(rows, tracks.key_at(rows, 4, new_id))
    assert [r.frame for r in after] == [0, 4, 10]
    assert after[1].shape == Box(4, 0, 14, 10)
    after = result(rows, tracks.key_at(rows, 15, new_id))
    assert (after[2].frame, after[2].shape) == (15, rows[1].shape)
    single = [row(3, flags=Flags.NONE)]
    after = result(single, tracks.key_at(single, 9, new_id))
    assert frames(after) == list(range(3, 10))


@pytest.mark.parametrize("frame", [0, 1, 5, 6, 9, 10])
def test_leaving_out_one_frame_leaves_all_others(new_id, frame: int) -> None:
    rows = [row(0), row(6), row(10)]
    before = {a.frame: a.shape for a in filled(rows)}
    after = result(rows, tracks.leave_out(rows, frame, new_id))
    shown = {a.frame: a.shape for a in filled(after)}
    assert sorted(shown) == sorted(before.keys() - {frame})
    for at, shape in shown.items():
        np.testing.assert_allclose(shape.bounds(), before[at].bounds(), atol=1e-9)


def test_cutting_splitting_and_swapping_at_an_interpolated_frame(new_id) -> None:
    rows = [row(0), row(10)]
    assert frames(result(rows, tracks.cut_from(rows, 4, new_id))) == [0, 1, 2, 3]
    assert frames(result(rows, tracks.cut_to(rows, 4, new_id))) == list(range(4, 11))
    after = result(rows, tracks.split(rows, 4, 9, new_id))
    assert frames([r for r in after if r.track_id == 7]) == [0, 1, 2, 3]
    assert frames([r for r in after if r.track_id == 9]) == list(range(4, 11))
    assert tracks.split(rows, 0, 9, new_id) is None

    other = [row(f, Box(f, 50, f + 5, 55), id=100 + f, track=8) for f in (2, 8)]
    after = result(rows + other, tracks.swap(rows, other, 5, new_id))
    shown = {(a.track_id, a.frame): a.shape.bounds()[1] for a in all_filled(after)}
    assert [shown.get((7, f)) for f in range(11)] == [0] * 5 + [50] * 4 + [None] * 2
    assert [shown.get((8, f)) for f in range(11)] == [None] * 2 + [50] * 3 + [0] * 6


def test_merging_filling_relabelling_and_deleting(new_id) -> None:
    rows = [row(0), row(3)]
    other = [row(f, id=100 + f, track=8, class_id=1) for f in (3, 9)]
    after = result(rows + other, tracks.merge(rows, other))
    assert frames(after) == list(range(10))
    assert {r.track_id for r in after} == {7}

    tracked = [row(f, flags=Flags.NONE, state=State.PROPOSED) for f in (0, 1, 2, 6, 7)]
    filled_up = result(tracked, tracks.fill_gap(tracked, 4))
    assert frames(filled_up) == list(range(8))
    assert tracks.fill_gap(filled_up, 4) is None

    target = LabelClass(id=2, name="dog", colour="#56b4e9")
    assert {r.class_id for r in result(rows, tracks.relabel(rows, target))} == {2}
    assert result(rows, tracks.delete(rows)) == []


def test_smoothing_takes_jitter_and_leaves_keys_and_ends() -> None:
    rng = np.random.default_rng(0)
    rows = [
        row(f, Box(*(np.array([f, 0, f + 10, 10]) + rng.normal(0, 1, 4))), flags=Flags.NONE)
        for f in range(40)
    ]
    rows[20] = row(20, Box(20, 5, 30, 15))
    after = result(rows, tracks.smooth(rows, 4))
    assert (after[0], after[20], after[39]) == (rows[0], rows[20], rows[39])

    def off(rows: list[Annotation]) -> float:
        seen = [r for r in rows if abs(r.frame - 20) > 5 and 5 < r.frame < 35]
        return float(np.mean([np.abs(r.shape.bounds()[1]) for r in seen]))

    assert off(after) < 0.6 * off(rows)


def test_thinning_keeps_what_is_needed_to_show_every_row_again() -> None:
    path = [(f, abs(20 - f)) for f in range(41)]  # down and up again
    rows = [
        row(f, Box(f, y, f + 10, y + 10), flags=Flags.NONE, state=State.PROPOSED) for f, y in path
    ]
    after = result(rows, tracks.thin(rows, 0.9))
    assert [r.frame for r in after] == [0, 20, 40]
    shown = {a.frame: a.shape for a in filled(after)}
    for r in rows:
        np.testing.assert_allclose(shown[r.frame].bounds(), r.shape.bounds())


def test_the_store_finds_what_lies_between_keys(tmp_path: Path) -> None:
    """Against reading everything: random keys, tracker rows and marks of leaving."""
    rng = np.random.default_rng(5)
    with ProjectStore.create(tmp_path / "p") as store:
        store.add_media(
            MediaItem(id=i, path=f"{i}.mp4", kind=MediaKind.VIDEO, width=99, height=99, frames=60)
            for i in (1, 2)
        )
        label = LabelClass(id=1, name="a", colour="#56b4e9")
        rows = []
        for track in range(1, 30):
            for frame in sorted(rng.choice(60, rng.integers(1, 9), replace=False)):
                flags = rng.choice([KEY, KEY, KEY, Flags.NONE, KEY | Flags.OUTSIDE])
                rows.append(
                    Annotation(
                        id=len(rows) + 1, media_id=1 + track % 2, class_id=1, track_id=track,
                        frame=int(frame), flags=Flags(int(flags)),
                        shape=Box(*rng.uniform(0, 50, 4)),
                    )
                )  # fmt: skip
        store.apply(edits.add("tracks", [label, *rows]))
        for media in (1, 2):
            expected = list(all_filled(r for r in rows if r.media_id == media))
            for frame in range(60):
                here = sorted((a for a in expected if a.frame == frame), key=lambda a: a.id)
                found = sorted(store.annotations_at(media, frame), key=lambda a: a.id)
                assert found == here


def test_exports_and_python_see_a_track_in_every_frame(tmp_path: Path) -> None:
    import visionstudio as vs
    from tests.video_maker import make

    with vs.create(tmp_path / "p", media=[make(tmp_path / "clip.mp4", 12)]) as project:
        item = project.media[0]
        with project.edit("track"):
            label = project.add_class("bar")
            for frame in (0, 10):
                one = project.add(item.id, Box(frame, 0, frame + 20, 20), label.id, frame=frame)
                project.update(one, track_id=3, flags=KEY)
        assert [a.frame for a in project.annotations(item.id)] == [0, 10]
        (middle,) = project.annotations(item.id, 5, between_keys=True)
        assert middle.shape == Box(5, 0, 25, 20)
        mot = export_project(project.store, "mot", tmp_path / "mot", verify=True)
        assert mot.written.annotations == 11
        assert mot.check is not None
        assert mot.check.ok
        cvat = export_project(project.store, "cvat", tmp_path / "cvat", verify=True)
        assert cvat.written.annotations == 2
    rows = (tmp_path / "mot").rglob("gt.txt")
    assert len(next(rows).read_text().splitlines()) == 11
