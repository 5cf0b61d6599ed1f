"""The way along the border of a shape from one point on it to another. No Qt here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.shapes import Box, Polygon, Polyline, RotatedBox, Shape

FloatArray = NDArray[np.float64]
Point = tuple[float, float]
_ON = 1e-3  # pixels; points that were snapped to a border lie this near to it


def along(shape: Shape, start: Point, end: Point, *, longer: bool = False) -> list[Point]:
    """The vertices of a border strictly between two points of it, the shorter way round.

    Empty where the points are not on one border, and for shapes without vertices.
    `longer` takes the other way, where the border is closed.
    """
    for ring, is_closed in _borders(shape):
        begin, stop = _place(ring, start, is_closed), _place(ring, end, is_closed)
        if begin is None or stop is None:
            continue
        ways = [_between(ring, begin, stop)]
        if is_closed:
            ways = [_onward(ring, begin, stop), _onward(ring, stop, begin)[::-1]]
            ways.sort(key=lambda way: _length(np.array([start, *way, end])))
        return [(float(x), float(y)) for x, y in ways[-1 if longer else 0]]
    return []


def _borders(shape: Shape) -> list[tuple[FloatArray, bool]]:
    if isinstance(shape, Polygon):
        return [(ring, True) for ring in shape.rings]
    if isinstance(shape, Box | RotatedBox):
        return [(shape.points(), True)]
    return [(shape.line, False)] if isinstance(shape, Polyline) else []


def _place(ring: FloatArray, point: Point, is_closed: bool) -> float | None:
    """Where on a border a point lies: vertex number plus the part of the edge behind it."""
    start = ring if is_closed else ring[:-1]
    edge = (np.roll(ring, -1, axis=0) if is_closed else ring[1:]) - start
    length2 = np.maximum((edge * edge).sum(axis=1), 1e-18)
    t = np.clip(((point - start) * edge).sum(axis=1) / length2, 0.0, 1.0)
    away = np.hypot(*(start + t[:, None] * edge - point).T)
    nearest = int(away.argmin())
    return float(nearest + t[nearest]) if away[nearest] <= _ON else None


def _between(line: FloatArray, begin: float, end: float) -> list[FloatArray]:
    low, high = sorted((begin, end))
    inner = [line[i] for i in range(len(line)) if low < i < high]
    return inner if begin <= end else inner[::-1]


def _onward(ring: FloatArray, begin: float, end: float) -> list[FloatArray]:
    """The vertices passed from one place to another in the order of the ring."""
    count = len(ring)
    begin, end = begin % count, end % count
    if end < begin:
        end += count
    return [ring[i % count] for i in range(int(begin) + 1, int(np.ceil(end)))]


def _length(points: FloatArray) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())
