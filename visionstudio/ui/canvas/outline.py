"""Every kind of shape as line segments, which is all that drawing and hitting need."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.labels import SkeletonSpec
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
    Tag,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


class Outline(NamedTuple):
    """`points` (n, 2) and for each the index of the point that its segment leads to.

    A point that leads to itself ends a line. `closed` shapes have an inside by
    the even-odd rule. `dots` are drawn as markers of a constant size.
    """

    points: FloatArray
    following: IntArray
    closed: bool
    dots: bool = False


_NONE = Outline(np.zeros((0, 2)), np.zeros(0, np.int32), False)
_RINGS: dict[int, IntArray] = {}


def ring(count: int) -> IntArray:
    """0 → 1 → … → count − 1 → 0."""
    made = _RINGS.get(count)
    if made is None:
        made = np.arange(1, count + 1, dtype=np.int32)
        made[-1] = 0
        if len(_RINGS) < 4096:
            _RINGS[count] = made
    return made


def outline(shape: Shape, skeleton: SkeletonSpec | None = None) -> Outline:
    """The segments of a shape. Masks follow the edges of their pixels exactly."""
    match shape:
        case Polygon(rings) if len(rings) == 1:
            return Outline(rings[0], ring(len(rings[0])), True)
        case Box() | RotatedBox():
            return Outline(shape.points(), ring(4), True)
        case Polygon(rings):
            starts = np.cumsum([0] + [len(r) for r in rings[:-1]])
            parts = [ring(len(r)) + int(s) for r, s in zip(rings, starts, strict=True)]
            return Outline(np.concatenate(rings), np.concatenate(parts).astype(np.int32), True)
        case Polyline(line):
            following = np.arange(1, len(line) + 1, dtype=np.int32)
            following[-1] -= 1
            return Outline(line, following, False)
        case Ellipse():
            return Outline(shape.outline(48), ring(48), True)
        case Points(xy):
            return Outline(xy, np.arange(len(xy), dtype=np.int32), False, dots=True)
        case Skeleton():
            return _skeleton(shape, skeleton)
        case Mask():
            return _mask(shape)
        case Tag():
            return _NONE
    return _NONE


def _skeleton(shape: Skeleton, spec: SkeletonSpec | None) -> Outline:
    """Its bones, then its labelled points, each on its own."""
    seen = np.array(shape.visibility) > 0
    edges = np.array(spec.edges if spec else (), dtype=np.int64).reshape(-1, 2)
    inside = (edges >= 0).all(axis=1) & (edges < len(seen)).all(axis=1)
    edges = edges[inside]
    edges = edges[seen[edges].all(axis=1)]
    bones = shape.xy[edges].reshape(-1, 2)
    dots = shape.xy[seen]
    following = np.arange(len(bones) + len(dots), dtype=np.int32)
    following[0 : len(bones) : 2] += 1
    return Outline(np.concatenate([bones, dots]), following, False, dots=True)


def _mask(shape: Mask) -> Outline:
    lines = pixel_edges(shape.array()) + np.array([shape.x, shape.y] * 2, dtype=np.float64)
    following = np.arange(2 * len(lines), dtype=np.int32)
    following[::2] += 1
    return Outline(lines.reshape(-1, 2), following, True)


def pixel_edges(mask: NDArray[np.bool_]) -> FloatArray:
    """The border of a (H, W) bitmap along pixel edges: (n, 4) straight runs x1, y1, x2, y2."""
    if mask.size == 0:
        return np.zeros((0, 4))
    padded = np.pad(mask, 1)
    across = _runs(padded[1:, :] != padded[:-1, :])  # rows: y, from x, to x
    down = _runs((padded[:, 1:] != padded[:, :-1]).T)  # rows: x, from y, to y
    horizontal = np.stack([across[:, 1] - 1, across[:, 0], across[:, 2] - 1, across[:, 0]], axis=1)
    vertical = np.stack([down[:, 0], down[:, 1] - 1, down[:, 0], down[:, 2] - 1], axis=1)
    return np.concatenate([horizontal, vertical]).astype(np.float64)


def _runs(edges: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n, 3) of row, first, end for every run of set values in the rows of a bitmap."""
    flat = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    turns = np.diff(flat, axis=1)
    rows, first = np.nonzero(turns == 1)
    _, end = np.nonzero(turns == -1)
    return np.stack([rows, first, end], axis=1)
