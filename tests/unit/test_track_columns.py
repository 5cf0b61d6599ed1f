"""The timeline's columns against plain loops over the annotations."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change
from visionstudio.model.interpolation import filled
from visionstudio.model.shapes import Box
from visionstudio.model.track_columns import Lanes, TrackColumns
from visionstudio.session import track_editing
from visionstudio.storage import ProjectStore
from visionstudio.ui.video import raster
from visionstudio.ui.video.axis import TimeAxis

FRAMES = 300


def rows(seed: int, tracks: int = 6) -> list[Annotation]:
    """Tracks with key frames, gaps, proposals, occluded and outside frames."""
    rng = random.Random(seed)
    made: list[Annotation] = []
    for track in [*range(1, tracks + 1), None]:
        for frame in sorted(rng.sample(range(FRAMES), 40)):
            kind = rng.choice(("key", "key", "proposed", "plain", "outside", "rejected"))
            flags = {"key": Flags.KEYFRAME, "outside": Flags.KEYFRAME | Flags.OUTSIDE}.get(
                kind, Flags.NONE
            )
            state = {"proposed": State.PROPOSED, "rejected": State.REJECTED}.get(kind, State.EDITED)
            made.append(
                Annotation(
                    id=len(made) + 1,
                    media_id=1,
                    class_id=1 + (track or 0) % 2,
                    shape=Box(0, 0, 5, 5),
                    frame=frame,
                    track_id=track,
                    state=state,
                    flags=flags | (Flags.OCCLUDED if rng.random() < 0.2 else Flags.NONE),
                    score=rng.random() if kind == "proposed" else None,
                    source="import:mot" if kind == "plain" else "manual",
                )
            )
    return made


def expected(track: list[Annotation]) -> list[int]:
    """What each frame shows."""
    seen = {a.frame for a in filled(track)} if track[0].track_id is not None else set()
    found = []
    for frame in range(FRAMES):
        best = raster.NOTHING
        here = [a for a in track if a.frame == frame]
        for a in here:
            if a.flags & Flags.OUTSIDE:
                best = max(best, raster.OUTSIDE)
            else:
                is_proposal = a.state is State.PROPOSED
                best = max(best, raster.PROPOSED if is_proposal else raster.LABEL)
        if not here and frame in seen:
            best = max(best, raster.BETWEEN)
        before = [a for a in track if a.frame < frame]
        after = any(a.frame > frame for a in track)
        if not here and frame not in seen and before and after:
            last = max(before, key=lambda a: a.frame)
            if last.flags & Flags.OUTSIDE:
                best = max(best, raster.OUTSIDE)
        found.append(best)
    return found


@pytest.mark.parametrize(("first", "step", "width"), [(0, 1.0, 300), (0, 7.0, 43), (20, 0.25, 90)])
def test_pixels_are_what_the_frames_under_them_are(first: int, step: float, width: int) -> None:
    made = rows(3)
    lanes = Lanes(TrackColumns.of(made))
    assert len(lanes) == 7
    cover = raster.coverage(lanes, np.arange(len(lanes)), first, step, width)
    for lane, key in enumerate(lanes.track.tolist()):
        track = sorted(
            (
                a
                for a in made
                if a.state is not State.REJECTED
                and (a.track_id == key or (a.track_id is None and -a.class_id == key))
            ),
            key=lambda a: a.frame,
        )
        frames = expected(track)
        for x in range(width):
            low = int(first + x * step)
            high = max(low + 1, int(first + (x + 1) * step))
            assert cover.kind[lane, x] == max(frames[low:high], default=0), (key, x)
            scores = [a.score for a in track if low <= a.frame < high and a.score is not None]
            if scores:
                assert cover.score[lane, x] == pytest.approx(np.mean(scores), abs=1e-6)
            else:
                assert np.isnan(cover.score[lane, x])


def test_changes_lead_where_reading_anew_does() -> None:
    made = {a.id: a for a in rows(5)}
    columns = TrackColumns.of(made.values())
    rng = random.Random(1)
    for step in range(30):
        one = made[rng.choice(sorted(made))]
        if step % 3 == 0:
            change = Change(one, None)
            del made[one.id]
        elif step % 3 == 1:
            new = replace(one, id=1000 + step, frame=rng.randrange(FRAMES))
            change, made[new.id] = Change(None, new), new
        else:
            new = replace(one, state=rng.choice(list(State)), track_id=rng.choice((1, 2, 99)))
            change, made[one.id] = Change(one, new), new
        columns = columns.changed([change])
        if step % 4 == 0:
            columns = columns.changed([change])  # twice is as once
    fresh = TrackColumns.of(made.values())
    for name in ("track", "frame", "id", "label", "flags", "score", "proposed", "manual"):
        np.testing.assert_array_equal(getattr(columns, name), getattr(fresh, name))


def test_the_store_gives_the_same_columns(tmp_path: Path) -> None:
    from visionstudio.model.edits import Edit
    from visionstudio.model.labels import LabelClass
    from visionstudio.model.media import MediaItem, MediaKind

    made = rows(7)
    with ProjectStore.create(tmp_path / "p") as store:
        item = MediaItem(id=1, path="a.mp4", kind=MediaKind.VIDEO, frames=FRAMES)
        classes = [LabelClass(id=n, name=f"c{n}", colour="#e69f00", order=n) for n in (1, 2)]
        first = [Change(None, r) for r in (item, *classes, *made)]
        store.apply(Edit("all", tuple(first)))
        read = store.track_columns(1)
    fresh = TrackColumns.of(made)
    for name in ("track", "frame", "id", "label", "flags", "score", "proposed", "manual"):
        np.testing.assert_array_equal(getattr(read, name), getattr(fresh, name))


def test_a_key_frame_moves_between_its_neighbours_only() -> None:
    def key(n: int, frame: int) -> Annotation:
        return Annotation(
            id=n, media_id=1, class_id=1, shape=Box(n, 0, n + 5, 5), frame=frame, track_id=4,
            flags=Flags.KEYFRAME,
        )  # fmt: skip

    track = [key(1, 0), key(2, 10), key(3, 20)]
    edit = track_editing.move_key(track, 10, 15)
    assert edit is not None
    (change,) = edit.changes
    assert (change.row.id, change.after.frame) == (2, 15)  # type: ignore[union-attr]
    far = track_editing.move_key(track, 10, 400)
    assert far is not None
    assert far.changes[0].after.frame == 19  # type: ignore[union-attr]
    last = track_editing.move_key(track, track[-1].frame, 0)  # nor past those before it
    assert last is not None
    assert [c.after.frame for c in last.changes] == [track[-2].frame + 1]
    assert track_editing.move_key(track, 10, 10) is None
    assert track_editing.move_key(track, 11, 12) is None
    tracked = replace(key(4, 15), flags=Flags.NONE, state=State.PROPOSED, source="model:x")
    taken = track_editing.move_key([*track[:2], tracked, track[2]], 10, 15)
    assert taken is not None
    assert {(c.row.id, c.after is None) for c in taken.changes} == {(4, True), (2, False)}


def test_the_axis_zooms_at_the_pointer_and_stays_inside() -> None:
    axis = TimeAxis()
    axis.set_frames(90_000, 25)
    axis.set_width(900)
    assert (axis.frame_at(0), axis.frame_at(10_000)) == (0, 89_999)
    under = axis.frame_at(300)
    for _ in range(20):
        axis.zoom(1.25, 300)
    assert abs(axis.frame_at(300) - under) <= 1
    axis.move(-1e9)
    assert axis.first == 0
    axis.zoom(1e9, 0)
    assert axis.shown == 12
    assert [text for _, text in axis.ticks()] == [str(n) for n in range(0, 12, 2)]
    axis.zoom(1e-9, 0)
    assert axis.shown == 90_000
    assert [text for _, text in axis.ticks()][:3] == ["0:00:00", "0:10:00", "0:20:00"]
