"""What people do to tracks, as edits.

Pure functions from the stored rows of a track, by frame, to an `Edit`; None where there
is nothing to do. A frame that no row marks but that lies between two joined key frames
is interpolated: where a track is cut there, the cut gets key frames of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.geometry import box_iou
from visionstudio.model.interpolation import between, interpolated, joined
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Shape, Tag
from visionstudio.session.proposals import corrected

NewId = Callable[[], int]
Rows = Sequence[Annotation]


def _edit(title: str, changes: Iterable[Change]) -> Edit | None:
    real = tuple(c for c in changes if c.before != c.after)
    return Edit(title, real) if real else None


def at(rows: Rows, frame: int) -> Annotation | None:
    """The object in a frame, stored or interpolated; None where it is not there."""
    before = after = None
    for row in rows:
        if row.frame == frame:
            return None if row.flags & Flags.OUTSIDE else row
        if row.frame < frame:
            before = row
        elif after is None:
            after = row
    if before is not None and after is not None and joined(before, after):
        return interpolated(before, after, frame)
    return None


def key(annotation: Annotation, new_id: NewId) -> Annotation:
    """The annotation as a key frame that a person has placed; one that is stored keeps its id."""
    if annotation.id < 0:
        annotation = replace(annotation, id=new_id(), source="manual", score=None, run_id=None)
    return replace(
        annotation, flags=annotation.flags | Flags.KEYFRAME, state=State.EDITED, history=()
    )


def key_at(rows: Rows, frame: int, new_id: NewId) -> Edit | None:
    """Make a key frame where the object is; beyond the track's ends it goes on as it was last."""
    here = next((r for r in rows if r.frame == frame), None)
    if here is not None and not here.flags & Flags.OUTSIDE:
        marked = replace(here, flags=here.flags | Flags.KEYFRAME)
        return _edit("Key frame", [Change(here, marked)])
    changes: list[Change] = [Change(here, None)] if here is not None else []
    now = at(rows, frame)
    if now is None:
        seen = [r for r in rows if not r.flags & Flags.OUTSIDE]
        if not seen:
            return None
        nearest = min(seen, key=lambda r: abs(r.frame - frame))
        now = replace(nearest, id=-1, frame=frame, pts=None)
        if not nearest.flags & Flags.KEYFRAME or not nearest.state.is_label:
            changes.append(Change(nearest, key(nearest, new_id)))
    changes.append(Change(None, key(now, new_id)))
    return _edit("Key frame", changes)


def begin(annotation: Annotation, track_id: int) -> Annotation:
    """An object of one frame as the first key frame of a track."""
    return replace(annotation, track_id=track_id, flags=annotation.flags | Flags.KEYFRAME)


def move_key(rows: Rows, frame: int, to: int) -> Edit | None:
    """Put a key frame at another frame, at most next to the key frames beside it.

    What a tracker said of that frame gives way.
    """
    keys = [r.frame for r in rows if r.flags & Flags.KEYFRAME or r.source == "manual"]
    if frame not in keys:
        return None
    to = max([to, *(k + 1 for k in keys if k < frame)])
    to = max(min([to, *(k - 1 for k in keys if k > frame)]), 0)
    if to == frame:
        return None
    changes = [Change(r, None) for r in rows if r.frame == to]
    for row in rows:
        if row.frame == frame:
            moved = replace(row, frame=to, pts=None, flags=row.flags | Flags.KEYFRAME)
            changes.append(Change(row, moved))
    return _edit("Move key frame", changes)


def leave_out(rows: Rows, frame: int, new_id: NewId) -> Edit | None:
    """Take the object out of one frame; it stays in all others."""
    here = at(rows, frame)
    if here is None:
        return None
    changes = [Change(here, None)] if here.id > 0 else []
    rest = [r for r in rows if r.frame != frame]
    for neighbour in (frame - 1, frame + 1):
        beside = at(rows, neighbour)
        is_key = beside is not None and beside.flags & Flags.KEYFRAME
        if beside is not None and beside.id < 0 and not is_key:
            made = key(beside, new_id)
            changes.append(Change(None, made))
            rest.append(made)
    rest.sort(key=lambda r: r.frame)
    if at(rest, frame) is not None:  # key frames on both sides would bring it back
        outside = replace(here, id=new_id(), flags=here.flags | Flags.OUTSIDE | Flags.KEYFRAME)
        changes.append(Change(None, replace(outside, state=State.EDITED, source="manual")))
    return _edit("Delete in this frame", changes)


def cut_from(rows: Rows, frame: int, new_id: NewId) -> Edit | None:
    """End the track before a frame."""
    changes = [Change(r, None) for r in rows if r.frame >= frame]
    return _edit("Delete from here on", [*changes, *_end_before(rows, frame, new_id)])


def cut_to(rows: Rows, frame: int, new_id: NewId) -> Edit | None:
    """Begin the track at a frame."""
    changes = [Change(r, None) for r in rows if r.frame < frame]
    return _edit("Delete up to here", [*changes, *_start_at(rows, frame, new_id)])


def _end_before(rows: Rows, frame: int, new_id: NewId) -> list[Change]:
    last = at(rows, frame - 1)
    return [Change(None, key(last, new_id))] if last is not None and last.id < 0 else []


def _start_at(rows: Rows, frame: int, new_id: NewId) -> list[Change]:
    first = at(rows, frame)
    return [Change(None, key(first, new_id))] if first is not None and first.id < 0 else []


def split(rows: Rows, frame: int, track_id: int, new_id: NewId) -> Edit | None:
    """From a frame on it is another track."""
    later = [r for r in rows if r.frame >= frame]
    if not later or len(later) == len(rows):
        return None
    started = [
        Change(None, replace(c.after, track_id=track_id))
        for c in _start_at(rows, frame, new_id)
        if isinstance(c.after, Annotation)
    ]
    moved = [Change(r, replace(r, track_id=track_id)) for r in later]
    return _edit("Split track", [*_end_before(rows, frame, new_id), *started, *moved])


def merge(rows: Rows, other: Rows) -> Edit | None:
    """Both are one object: the second track's rows join the first, where that has none."""
    if not rows or not other:
        return None
    taken = {r.frame for r in rows}
    first = rows[0]
    changes = [
        Change(r, None)
        if r.frame in taken
        else Change(r, replace(r, track_id=first.track_id, class_id=first.class_id))
        for r in other
    ]
    return _edit("Merge tracks", changes)


def swap(rows: Rows, other: Rows, frame: int, new_id: NewId) -> Edit | None:
    """From a frame on each goes on as the other: identities that were mixed up."""
    if not rows or not other:
        return None
    changes: list[Change] = []
    for mine, theirs in ((rows, other), (other, rows)):
        track, label = theirs[0].track_id, theirs[0].class_id
        changes += _end_before(mine, frame, new_id)
        for change in _start_at(mine, frame, new_id):
            if isinstance(change.after, Annotation):
                changes.append(Change(None, replace(change.after, track_id=track, class_id=label)))
        changes += [
            Change(r, replace(r, track_id=track, class_id=label)) for r in mine if r.frame >= frame
        ]
    return _edit("Swap tracks", changes)


def fill_gap(rows: Rows, frame: int) -> Edit | None:
    """Interpolate over the gap that a frame lies in."""
    earlier = [r for r in rows if r.frame < frame and not r.flags & Flags.OUTSIDE]
    later = [r for r in rows if r.frame > frame and not r.flags & Flags.OUTSIDE]
    if not earlier or not later or at(rows, frame) is not None:
        return None
    ends = (earlier[-1], later[0])
    between_them = [r for r in rows if ends[0].frame < r.frame < ends[1].frame]
    changes = [Change(r, None) for r in between_them]
    changes += [
        Change(r, replace(r, flags=r.flags | Flags.KEYFRAME, state=_accepted(r))) for r in ends
    ]
    return _edit("Fill gap", changes)


def _accepted(row: Annotation) -> State:
    return row.state if row.state.is_label else State.ACCEPTED


def smooth(rows: Rows, radius: int = 3) -> Edit | None:
    """Even out a tracker's jitter: each row by its neighbours, weighed by distance.

    Key frames and the ends stay where a person or the track put them. `radius` is in
    rows; the weights are those of a Gaussian of half of it.
    """
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / max(radius / 2, 1e-6)) ** 2)
    changes = []
    for i in range(1, len(rows) - 1):
        row = rows[i]
        if row.flags & (Flags.KEYFRAME | Flags.OUTSIDE):
            continue
        reach = min(radius, i, len(rows) - 1 - i)  # the same on both sides: no drift at the ends
        near = [rows[i + o] for o in range(-reach, reach + 1)]
        if any(_points_of(n.shape) != _points_of(row.shape) for n in near):
            continue
        w = weights[radius - reach : radius + reach + 1]
        points = np.einsum("i,ijk->jk", w / w.sum(), np.stack([n.shape.points() for n in near]))
        shape = _through(row.shape, near, points, w)
        changes.append(Change(row, corrected(row, replace(row, shape=shape), "smooth")))
    return _edit("Smooth track", changes)


def _points_of(shape: Shape) -> tuple[str, int]:
    return shape.kind, 0 if isinstance(shape, Tag) or shape.kind == "mask" else len(shape.points())


def _through(shape: Shape, near: Sequence[Annotation], points: np.ndarray, w: np.ndarray) -> Shape:
    """The shape through mean points; kinds that points do not determine are mixed in pairs."""
    if shape.kind in ("rotated_box", "ellipse"):
        mixed = near[0].shape
        total = float(w[0])
        for one, weight in zip(near[1:], w[1:], strict=True):
            total += float(weight)
            mixed = between(mixed, one.shape, float(weight) / total)
        return mixed
    if shape.kind in ("mask", "tag"):
        return shape
    return shape.with_points(points)


def thin(rows: Rows, least_iou: float = 0.9) -> Edit | None:
    """As few key frames as show every row again with at least this overlap of their boxes.

    Rows between are deleted; the track is then corrected at a handful of key frames.
    The farthest row becomes a key until none is too far (Ramer 1972; Douglas, Peucker 1973).
    """
    changes: list[Change] = []
    for run in _runs(rows):
        keys = _needed(run, least_iou)
        for i, row in enumerate(run):
            if i in keys:
                marked = replace(row, flags=row.flags | Flags.KEYFRAME, state=_accepted(row))
                changes.append(Change(row, marked))
            else:
                changes.append(Change(row, None))
    return _edit("Reduce to key frames", changes)


def _runs(rows: Rows) -> list[list[Annotation]]:
    """Stretches of rows without a gap between them."""
    runs: list[list[Annotation]] = []
    for row in rows:
        if row.flags & Flags.OUTSIDE:
            continue
        follows = runs and (runs[-1][-1].frame == row.frame - 1 or joined(runs[-1][-1], row))
        if follows:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _needed(run: Rows, least_iou: float) -> set[int]:
    keys = {0, len(run) - 1} | {i for i, r in enumerate(run) if r.flags & Flags.KEYFRAME}
    open_ends = list(zip(sorted(keys), sorted(keys)[1:], strict=False))
    while open_ends:
        first, last = open_ends.pop()
        if last - first < 2:
            continue
        shown = [
            between(
                run[first].shape,
                run[last].shape,
                (r.frame - run[first].frame) / (run[last].frame - run[first].frame),
            ).bounds()
            for r in run[first + 1 : last]
        ]
        real = [r.shape.bounds() for r in run[first + 1 : last]]
        iou = np.array([box_iou([a], [b])[0, 0] for a, b in zip(shown, real, strict=True)])
        if iou.min() >= least_iou:
            continue
        # Where boxes no longer overlap all are as wrong: the farthest is the turning point.
        off = np.abs(np.array(shown) - np.array(real)).max(axis=1)
        middle = first + 1 + int(np.where(iou < least_iou, off, 0).argmax())
        keys.add(middle)
        open_ends += [(first, middle), (middle, last)]
    return keys


def relabel(rows: Rows, target: LabelClass) -> Edit | None:
    """The whole track is of another class."""
    changed = [
        Change(r, corrected(r, replace(r, class_id=target.id), f"class {r.class_id}→{target.id}"))
        for r in rows
        if r.class_id != target.id
    ]
    return _edit(f"Change class of the track to {target.name}", changed)


def set_attributes(rows: Rows, values: Mapping[str, Any]) -> Edit | None:
    """Answer questions about a whole track; None removes an answer. Proposals stay proposals."""
    changes = []
    for row in rows:
        merged = {k: v for k, v in {**row.attributes, **values}.items() if v is not None}
        changes.append(Change(row, replace(row, attributes=merged)))
    return _edit("Change attributes of the track", changes)


def delete(rows: Rows) -> Edit | None:
    """The whole track; its proposals too, which no run of a tracker offers again by itself."""
    return _edit("Delete track", [Change(r, None) for r in rows])
