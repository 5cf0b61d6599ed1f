"""Every kind of shape as line segments, which is all that drawing and hitting need."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.labels import SkeletonSpec
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
IntArray = NDArray[np.int32]


class Outline(NamedTuple):
    """`points` (n, 2) and for each the index of the point that its segment leads to.

    A point that leads to itself ends a line. `closed` shapes have an inside by
    the even-odd rule. `dots` are drawn as markers of a constant size, the last
    `hollow` of them as rings.
    """

    points: FloatArray
    following: IntArray
    closed: bool
    dots: bool = False
    hollow: int = 0


MANY_POINTS = 2_000  # of more, only those that can be told apart are drawn
_GRAIN = 1.0  # device pixels at which they can
_VERY_MANY = 50_000  # of more, only every second pixel counts
_KEPT: deque[tuple[Shape, float, Outline]] = deque(maxlen=3)  # tiles ask again and again
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
    """The segments of a shape; none of a mask, whose outline `MaskImages` draws."""
    match shape:
        case Polygon(rings) if len(rings) == 1:
            return Outline(rings[0], ring(len(rings[0])), True)
        case Box() | RotatedBox():
            return Outline(shape.points(), ring(4), True)
        case Polygon(rings):
            sizes = np.array([len(r) for r in rings])
            last = np.cumsum(sizes) - 1
            following = np.arange(1, last[-1] + 2, dtype=np.int32)
            following[last] = last - sizes + 1
            return Outline(shape.points(), following, True)
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
    return _NONE


def _skeleton(shape: Skeleton, spec: SkeletonSpec | None) -> Outline:
    """Its bones, then its visible points, then the hidden ones, each on its own."""
    seen = np.array(shape.visibility) > 0
    edges = np.array(spec.edges if spec else (), dtype=np.int64).reshape(-1, 2)
    inside = (edges >= 0).all(axis=1) & (edges < len(seen)).all(axis=1)
    edges = edges[inside]
    edges = edges[seen[edges].all(axis=1)]
    bones = shape.xy[edges].reshape(-1, 2)
    hidden = np.array(shape.visibility) == 1
    dots = np.concatenate([shape.xy[seen & ~hidden], shape.xy[hidden]])
    following = np.arange(len(bones) + len(dots), dtype=np.int32)
    following[0 : len(bones) : 2] += 1
    points = np.concatenate([bones, dots])
    return Outline(points, following, False, dots=True, hollow=int(hidden.sum()))


def outline_at(shape: Shape, skeleton: SkeletonSpec | None, scale: float) -> Outline:
    """The outline; of one with very many points those that can be told apart at a scale.

    `scale` is device pixels per pixel of the picture. To be asked in the GUI thread.
    """
    for known, at, line in _KEPT:
        if known is shape and at == scale:
            return line
    line = outline(shape, skeleton)
    if line.closed and len(line.points) > MANY_POINTS:
        line = thinned(line, _GRAIN / scale)
        if len(line.points) > _VERY_MANY:
            line = thinned(line, 2 * _GRAIN / scale)
        _KEPT.append((shape, scale, line))
    return line


def thinned(line: Outline, grain: float) -> Outline:
    """Closed rings without the points that lie within `grain` pixels of the one before."""
    points, following = line.points, line.following
    ends = np.flatnonzero(following <= np.arange(len(points)))
    starts = np.concatenate([[0], ends[:-1] + 1])
    kept = np.ones(len(points), bool)
    x, y = (np.rint(points[:, axis] * (1 / grain)) for axis in (0, 1))
    kept[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1])
    kept[starts] = True
    first = np.cumsum(kept)[starts] - 1
    count = int(kept.sum())
    after = np.arange(1, count + 1, dtype=np.int32)
    after[np.append(first[1:], count) - 1] = first
    return line._replace(points=points[kept], following=after)
