"""Shapes between two key frames.

Boxes, rotated boxes and ellipses move, grow and turn evenly, the short way round. Point
shapes with as many points move point by point; outlines with other numbers of points are
compared by arc length, from the starting points that lie nearest to each other. What
cannot be compared (masks, tags, other kinds, other holes) is held until the next key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
)

FloatArray = NDArray[np.float64]

_SAMPLES = 64  # of a ring, to find where two of them begin alike


def between(first: Shape, second: Shape, t: float) -> Shape:
    """The shape at `t` from 0 (first) to 1 (second)."""
    match first, second:
        case Box(), Box():
            return Box(*_mix(np.array(first.bounds()), np.array(second.bounds()), t))
        case RotatedBox(), RotatedBox():
            cx, cy, width, height = _mix(_sides(first), _sides(second), t).tolist()
            return RotatedBox(cx, cy, width, height, _turned(first.angle, second.angle, t))
        case Ellipse(), Ellipse():
            cx, cy, rx, ry = _mix(_radii(first), _radii(second), t).tolist()
            return Ellipse(cx, cy, rx, ry, _turned(first.angle, second.angle, t))
        case Skeleton(), Skeleton() if len(first.xy) == len(second.xy):
            return Skeleton(_mix(first.xy, second.xy, t), first.visibility)
        case Points(), Points() if len(first.xy) == len(second.xy):
            return Points(_mix(first.xy, second.xy, t))
        case Polyline(), Polyline():
            return Polyline(_mix(*_alike(first.line, second.line, closed=False), t))
        case Polygon(), Polygon() if first.holes == second.holes:
            rings = (
                _mix(*_alike(a, b, closed=True), t)
                for a, b in zip(first.rings, second.rings, strict=True)
            )
            return Polygon(tuple(rings), first.holes)
    return first


def _mix(first: FloatArray, second: FloatArray, t: float) -> FloatArray:
    return np.asarray((1 - t) * first + t * second)


def _sides(box: RotatedBox) -> FloatArray:
    return np.array([box.cx, box.cy, box.width, box.height])


def _radii(ellipse: Ellipse) -> FloatArray:
    return np.array([ellipse.cx, ellipse.cy, ellipse.rx, ellipse.ry])


def _turned(first: float, second: float, t: float) -> float:
    """The angle on the short way; half a turn makes no difference to these shapes."""
    way = (second - first + math.pi / 2) % math.pi - math.pi / 2
    return first + t * way


def _alike(first: FloatArray, second: FloatArray, *, closed: bool) -> tuple[FloatArray, FloatArray]:
    """Both lines with as many points, each beside its counterpart; no corner is lost."""
    if closed and _turns(first) != _turns(second):
        second = second[::-1]
    if len(first) == len(second):
        return first, np.roll(second, -_shift(first, second), axis=0) if closed else second
    if closed:
        even = np.arange(_SAMPLES) / _SAMPLES
        shift = _shift(_along(first, even, closed=True), _along(second, even, closed=True))
        away = np.abs(_lengths(second, closed=True)[:-1] - shift / _SAMPLES)
        second = np.roll(second, -int(np.minimum(away, 1 - away).argmin()), axis=0)
    steps = np.union1d(_lengths(first, closed=closed), _lengths(second, closed=closed))
    if closed:
        steps = steps[:-1]
    return _along(first, steps, closed=closed), _along(second, steps, closed=closed)


def _turns(ring: FloatArray) -> bool:
    """Which way round a ring goes."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) >= 0


def _shift(first: FloatArray, second: FloatArray) -> int:
    """From which point of the second ring on the two lie nearest, apart from a move."""
    centred = second - second.mean(axis=0) + first.mean(axis=0)
    distances = [
        float(np.square(np.roll(centred, -shift, axis=0) - first).sum())
        for shift in range(len(second))
    ]
    return int(np.argmin(distances))


def _lengths(line: FloatArray, *, closed: bool) -> FloatArray:
    """How far along the line each point is, 0 to 1; a ring ends where it began."""
    path = np.concatenate([line, line[:1]]) if closed else line
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    return np.asarray(length / length[-1] if length[-1] > 0 else np.linspace(0, 1, len(length)))


def _along(line: FloatArray, steps: FloatArray, *, closed: bool) -> FloatArray:
    """The points at these lengths, 0 to 1."""
    path = np.concatenate([line, line[:1]]) if closed else line
    length = _lengths(line, closed=closed)
    return np.stack([np.interp(steps, length, path[:, i]) for i in (0, 1)], axis=1)


def is_key(annotation: Annotation) -> bool:
    """Whether shapes are interpolated from and to it."""
    return bool(annotation.flags & Flags.KEYFRAME) and annotation.state.is_label


def joined(before: Annotation, after: Annotation) -> bool:
    """Whether the object is also in the frames between two rows that follow each other."""
    return is_key(before) and is_key(after) and not before.flags & Flags.OUTSIDE


def interpolated(before: Annotation, after: Annotation, frame: int) -> Annotation:
    """The object in a frame between two joined rows of its track.

    It is stored nowhere: its id is the track's, below 0.
    """
    t = (frame - before.frame) / (after.frame - before.frame)
    # Up to an end marked as outside the last shape is held.
    goal = before.shape if after.flags & Flags.OUTSIDE else after.shape
    return replace(
        before,
        id=-(before.track_id or 0),
        frame=frame,
        pts=None,
        shape=between(before.shape, goal, t),
        flags=before.flags & ~Flags.KEYFRAME,
        state=State.EDITED,
        history=(),
    )


def filled(rows: Sequence[Annotation]) -> Iterator[Annotation]:
    """The rows of one track, by frame, with the frames between joined ones; none outside."""
    following: list[Annotation | None] = [*rows[1:], None]
    for before, after in zip(rows, following, strict=False):
        if not before.flags & Flags.OUTSIDE:
            yield before
        if after is not None and joined(before, after):
            for frame in range(before.frame + 1, after.frame):
                yield interpolated(before, after, frame)


def all_filled(rows: Iterable[Annotation]) -> Iterator[Annotation]:
    """The rows of a video with the interpolated ones of all its tracks, in no order."""
    tracks: dict[int, list[Annotation]] = {}
    for row in rows:
        if row.track_id is None:
            yield row
        else:
            tracks.setdefault(row.track_id, []).append(row)
    for track in tracks.values():
        yield from filled(sorted(track, key=lambda a: (a.frame, a.id)))
