"""Sizes of stored shapes, many at once and without making the shapes.

What `Shape.bounds` and `Shape.area` say of one shape, these say of thousands,
from the bytes that `shape_codec.encode` made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import InvalidValue
from visionstudio.model.shape_codec import decode
from visionstudio.model.shapes import KINDS

FloatArray = NDArray[np.float64]
_ONE_RING = b"\1\0\0\0"
_MASK_HEAD = 16  # bytes of x, y, width, height


class Sizes(NamedTuple):
    """Bounding boxes and the area inside, in pixels, one per shape."""

    width: FloatArray
    height: FloatArray
    area: FloatArray
    left: FloatArray
    top: FloatArray


def sizes(kinds: Sequence[int], geometries: Sequence[bytes]) -> Sizes:
    """The sizes of shapes by their stored kinds and geometries.

    NaN for tags, which have none, and for what is damaged.
    """
    result = np.zeros((len(Sizes._fields), len(kinds)))
    codes = np.asarray(kinds, dtype=np.int64)
    for code in np.unique(codes).tolist():
        places = np.flatnonzero(codes == code)
        data = [geometries[i] for i in places.tolist()]
        kind = KINDS[code]
        measure = _MEASURES.get(kind, partial(_one_by_one, kind))
        try:
            result[:, places] = measure(data)
        except ValueError:  # one of them is damaged
            result[:, places] = _one_by_one(kind, data)
    return Sizes(*result)


def _one_by_one(kind: str, data: Sequence[bytes]) -> FloatArray:
    found = np.full((len(data), len(Sizes._fields)), np.nan)
    for n, geometry in enumerate(data):
        with contextlib.suppress(InvalidValue, ValueError):
            shape = decode(kind, geometry)
            x1, y1, x2, y2 = shape.bounds()
            found[n] = x2 - x1, y2 - y1, shape.area(), x1, y1
    return found.T


def _numbers(data: Sequence[bytes], count: int) -> FloatArray:
    """(n, count) numbers of geometries of one length."""
    return np.frombuffer(b"".join(data), dtype="<f8").reshape(len(data), count)


def _boxes(data: Sequence[bytes]) -> FloatArray:
    x1, y1, x2, y2 = _numbers(data, 4).T
    width, height = x2 - x1, y2 - y1
    return np.stack([width, height, width * height, x1, y1])


def _rotated_boxes(data: Sequence[bytes]) -> FloatArray:
    x, y, width, height, angle = _numbers(data, 5).T
    cos, sin = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    wide, high = width * cos + height * sin, width * sin + height * cos
    return np.stack([wide, high, width * height, x - wide / 2, y - high / 2])


def _ellipses(data: Sequence[bytes]) -> FloatArray:
    x, y, rx, ry, angle = _numbers(data, 5).T
    cos, sin = np.cos(angle), np.sin(angle)
    wide, high = np.hypot(rx * cos, ry * sin), np.hypot(rx * sin, ry * cos)
    return np.stack([2 * wide, 2 * high, np.pi * rx * ry, x - wide, y - high])


def _polygons(data: Sequence[bytes]) -> FloatArray:
    """Polygons of one ring together, the others one by one."""
    several = np.array([g[:4] != _ONE_RING for g in data])
    if several.any():
        found = np.zeros((len(Sizes._fields), len(data)))
        simple = [g for g, other in zip(data, several, strict=True) if not other]
        rest = [g for g, other in zip(data, several, strict=True) if other]
        found[:, ~several] = _polygons(simple) if simple else 0
        found[:, several] = _one_by_one("polygon", rest)
        return found
    points, starts = _points([g[8:] for g in data])
    width, height, left, top = _extents(points, starts)
    following = np.roll(points, -1, axis=0)
    ends = np.append(starts[1:], len(points)) - 1
    following[ends] = points[starts]
    # Far from the origin, products of coordinates lose digits: measure from the ring's first.
    origin = np.repeat(points[starts], np.diff(np.append(starts, len(points))), axis=0)
    near, far = points - origin, following - origin
    cross = near[:, 0] * far[:, 1] - far[:, 0] * near[:, 1]
    area = np.abs(np.add.reduceat(cross, starts)) / 2
    return np.stack([width, height, area, left, top])


def _lines(data: Sequence[bytes]) -> FloatArray:
    width, height, left, top = _extents(*_points(data))
    return np.stack([width, height, np.zeros(len(data)), left, top])


def _masks(data: Sequence[bytes]) -> FloatArray:
    heads = np.frombuffer(b"".join(g[:_MASK_HEAD] for g in data), dtype="<i4").reshape(-1, 4)
    area = [np.frombuffer(g, dtype="<u4", offset=_MASK_HEAD)[1::2].sum() for g in data]
    left, top, width, height = heads.T
    return np.stack([width, height, np.array(area), left, top]).astype(np.float64)


def _tags(data: Sequence[bytes]) -> FloatArray:
    return np.full((len(Sizes._fields), len(data)), np.nan)


def _points(data: Sequence[bytes]) -> tuple[FloatArray, NDArray[np.int64]]:
    """All points behind each other, and where each shape's begin."""
    counts = np.array([len(g) for g in data], dtype=np.int64) // 16
    if not counts.all():
        raise ValueError("a shape without points")
    points = np.frombuffer(b"".join(data), dtype="<f8").reshape(-1, 2)
    return points, np.cumsum(counts) - counts


def _extents(points: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
    """(4, n) width, height, left and top of each shape's points."""
    low = np.minimum.reduceat(points, starts, axis=0)
    high = np.maximum.reduceat(points, starts, axis=0)
    return np.concatenate([(high - low).T, low.T])


_MEASURES: Mapping[str, Callable[[Sequence[bytes]], FloatArray]] = {
    "box": _boxes,
    "rotated_box": _rotated_boxes,
    "ellipse": _ellipses,
    "polygon": _polygons,
    "polyline": _lines,
    "points": _lines,
    "mask": _masks,
    "tag": _tags,
}
