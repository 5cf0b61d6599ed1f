"""Numpy arrays to QPainter without a Python loop: Qt reads the array's own memory."""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
import shiboken6
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QPainter, QPixmap

FloatArray = NDArray[np.float64]
_MANY_POINTS = 2_000
_MANY_SQUARES = 4_000_000
_T = TypeVar("_T")


def _first(packed: FloatArray, kind: type[_T]) -> _T:
    """The array's memory as its first Qt value. The array must outlive the use."""
    return cast("_T", shiboken6.wrapInstance(packed.ctypes.data, kind))


def _packed(array: FloatArray) -> FloatArray:
    return np.ascontiguousarray(array, dtype=np.float64)


def draw_lines(painter: QPainter, lines: FloatArray) -> None:
    """Draw (n, 4) lines x1, y1, x2, y2 with the current pen."""
    if len(lines):
        packed = _packed(lines)
        painter.drawLines(_first(packed, QLineF), len(packed))


def draw_rects(painter: QPainter, rects: FloatArray) -> None:
    """Draw (n, 4) rectangles x, y, width, height with the current pen and brush."""
    if len(rects):
        packed = _packed(rects)
        painter.drawRects(_first(packed, QRectF), len(packed))


def draw_points(painter: QPainter, points: FloatArray) -> None:
    """Draw (n, 2) points with the current pen; a round cap makes them discs."""
    if len(points):
        packed = _packed(points)
        painter.drawPoints(_first(packed, QPointF), len(packed))


def spread(points: FloatArray, apart: float) -> FloatArray:
    """(n, 2) points; of very many the first in each square of `apart` across."""
    if len(points) <= _MANY_POINTS:
        return points
    x, y = np.floor(points / apart).astype(np.int64).T
    across, down = int(np.ptp(x)) + 1, int(np.ptp(y)) + 1
    if across * down > _MANY_SQUARES:
        _, first = np.unique((y << 32) + x, return_index=True)
    else:  # what is seen at a time: a place for every square needs no sorting
        firsts = np.full(across * down, -1, np.int64)
        firsts[((y - y.min()) * across + x - x.min())[::-1]] = np.arange(len(points))[::-1]
        first = firsts[firsts >= 0]
    return np.asarray(points[np.sort(first)])


def lines_within(
    lines: FloatArray, left: float, top: float, right: float, bottom: float
) -> NDArray[np.bool_]:
    """Which of (n, 4) lines may meet a rectangle, by their bounding boxes."""
    x1, y1, x2, y2 = lines.T
    near = (np.maximum(x1, x2) >= left) & (np.minimum(x1, x2) <= right)
    near &= (np.maximum(y1, y2) >= top) & (np.minimum(y1, y2) <= bottom)
    return np.asarray(near)


def draw_fragments(painter: QPainter, fragments: FloatArray, pixmap: QPixmap) -> None:
    """Draw parts of a pixmap: (n, 10) rows in the order of QPainter.PixmapFragment.

    That is x, y of the middle, source x, y, width, height, scales, rotation, opacity.
    """
    if len(fragments):
        packed = _packed(fragments)
        first = _first(packed, QPainter.PixmapFragment)
        painter.drawPixmapFragments(first, len(packed), pixmap)


def dashes(
    lines: FloatArray, on: float, off: float, owner: NDArray[np.int64] | None = None
) -> FloatArray:
    """Lines cut into dashes that run on from each line to the next, as (m, 4).

    Qt would begin anew at every line, so that short ones would look solid. They
    begin anew where `owner` (n,), sorted, changes: a shape looks the same whatever
    is drawn with it.
    """
    if len(lines) == 0:
        return lines
    step = on + off
    along = lines[:, 2:] - lines[:, :2]
    length = np.hypot(along[:, 0], along[:, 1])
    begin = np.cumsum(length) - length
    if owner is not None:
        begin -= begin[np.searchsorted(owner, owner)]
    end = begin + length
    first = np.floor(begin / step).astype(np.int64)
    count = np.maximum(np.ceil(end / step).astype(np.int64) - first, 1)
    line = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    start = (first[line] + nth) * step
    a = np.clip(start, begin[line], end[line])
    b = np.clip(start + on, begin[line], end[line])
    drawn = b > a
    line, a, b = line[drawn], a[drawn], b[drawn]
    unit = along[line] / np.maximum(length[line], 1e-12)[:, None]
    origin = lines[line, :2]
    at_a = origin + unit * (a - begin[line])[:, None]
    at_b = origin + unit * (b - begin[line])[:, None]
    return np.concatenate([at_a, at_b], axis=1)
