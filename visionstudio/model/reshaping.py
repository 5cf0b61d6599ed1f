"""Shapes made from shapes: turned, simplified, reversed, opened, closed, or of another kind.

Pure functions. Where a shape cannot become what is asked for, the answer is None.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionstudio.model import geometry, tracing
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
from visionstudio.model.spans import Spans

FloatArray = NDArray[np.float64]
ELLIPSE_POINTS = 64
_MANY, _DIRECTIONS = 1_000, 64


# -- turning


def centre(shape: Shape) -> tuple[float, float]:
    """The point that a shape turns about; turning leaves it where it is.

    That is the centroid of what has an area, else the mean of the points.
    """
    if isinstance(shape, RotatedBox | Ellipse):
        return shape.cx, shape.cy
    if isinstance(shape, Polygon):
        return _centroid(shape)
    if isinstance(shape, Box | Mask):
        x1, y1, x2, y2 = shape.bounds()
        return (x1 + x2) / 2, (y1 + y2) / 2
    points = shape.points()
    if isinstance(shape, Skeleton) and any(shape.visibility):
        points = points[np.array(shape.visibility) > 0]
    x, y = points.mean(axis=0) if len(points) else (0.0, 0.0)
    return float(x), float(y)


def _centroid(polygon: Polygon) -> tuple[float, float]:
    """The centre of gravity by the shoelace formula; holes count against it."""
    origin = polygon.rings[0][0]
    total, moment = 0.0, np.zeros(2)
    for ring, hole in zip(polygon.rings, polygon.holes, strict=True):
        a = ring - origin
        b = np.roll(a, -1, axis=0)
        cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        area = float(cross.sum() / 2)
        sign = math.copysign(1.0, area) * (-1 if hole else 1)
        total += sign * area
        moment += sign * (cross[:, None] * (a + b)).sum(axis=0) / 6
    if total <= 1e-9:
        x, y = polygon.points().mean(axis=0)
    else:
        x, y = origin + moment / total
    return float(x), float(y)


def turned(shape: Shape, angle: float, about: tuple[float, float] | None = None) -> Shape:
    """The shape turned by `angle` radians clockwise on screen, about its own centre by default.

    An upright box becomes a rotated one. Masks and tags stay as they are.
    """
    if angle == 0 or isinstance(shape, Mask | Tag):
        return shape
    middle = np.array(centre(shape) if about is None else about)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    if isinstance(shape, Box):
        shape = to_rotated_box(shape) or shape
    if isinstance(shape, RotatedBox | Ellipse):
        cx, cy = ((shape.cx, shape.cy) - middle) @ turn + middle
        return replace(shape, cx=float(cx), cy=float(cy), angle=_wrapped(shape.angle + angle))
    return shape.with_points((shape.points() - middle) @ turn + middle)


def _wrapped(angle: float) -> float:
    """The same direction in [-π, π)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


# -- fewer points


def simplified(shape: Shape, tolerance: float) -> Shape:
    """The outline with fewer points, at most `tolerance` pixels away from the old one.

    Polygons keep at least three points in each ring, and their holes.
    """
    if isinstance(shape, Polyline):
        return Polyline(geometry.simplify(shape.line, tolerance))
    if isinstance(shape, Polygon):
        return Polygon(tuple(_simplified_ring(r, tolerance) for r in shape.rings), shape.holes)
    return shape


def _simplified_ring(ring: FloatArray, tolerance: float) -> FloatArray:
    """Douglas–Peucker on the two halves between the vertices that lie farthest apart."""
    if len(ring) <= 3:
        return ring
    first = int(np.hypot(*(ring - ring.mean(axis=0)).T).argmax())
    rolled = np.roll(ring, -first, axis=0)
    far = int(np.hypot(*(rolled - rolled[0]).T).argmax())
    there = geometry.simplify(rolled[: far + 1], tolerance)
    back = geometry.simplify(np.concatenate([rolled[far:], rolled[:1]]), tolerance)
    kept = np.concatenate([there[:-1], back[:-1]])
    if len(kept) >= 3:
        return kept
    # Flatter than the tolerance: the vertex farthest from the line keeps it a ring.
    along = rolled[far] - rolled[0]
    away = np.abs(along[0] * (rolled - rolled[0])[:, 1] - along[1] * (rolled - rolled[0])[:, 0])
    away[[0, far]] = -1.0
    return np.asarray(rolled[np.sort([0, far, int(away.argmax())])])


# -- the order of points


def reversed_points(shape: Shape) -> Shape | None:
    """The shape drawn the other way round; a ring keeps its first vertex."""
    if isinstance(shape, Polyline):
        return Polyline(shape.line[::-1])
    if isinstance(shape, Points):
        return Points(shape.xy[::-1])
    if isinstance(shape, Polygon):
        return Polygon(tuple(np.roll(r[::-1], 1, axis=0) for r in shape.rings), shape.holes)
    return None


def closed(shape: Shape) -> Polygon | None:
    """The polygon of a polyline of three points or more."""
    if isinstance(shape, Polyline) and geometry.ring_area(shape.line) > 0:
        return Polygon((shape.line,))
    return None


def opened(shape: Shape) -> Polyline | None:
    """The line along a polygon's only ring, from its first vertex round to its last."""
    if isinstance(shape, Polygon) and len(shape.rings) == 1:
        return Polyline(shape.rings[0])
    return None


# -- other kinds


def to_box(shape: Shape) -> Box | None:
    """The smallest upright box around a shape."""
    return None if isinstance(shape, Tag) else Box(*shape.bounds())


def to_polygon(shape: Shape) -> Polygon | None:
    """The same area as a polygon; an ellipse gets 64 points, a line is closed.

    A mask becomes the border of its pixels, with holes: exactly the same pixels.
    """
    if isinstance(shape, Mask):
        return tracing.polygon_of(Spans.of_mask(shape))
    if isinstance(shape, Polygon):
        return shape
    if isinstance(shape, Box | RotatedBox):
        return Polygon((shape.points(),))
    if isinstance(shape, Ellipse):
        return Polygon((shape.outline(ELLIPSE_POINTS),))
    return closed(shape)


def to_rotated_box(shape: Shape) -> RotatedBox | None:
    """The rotated box of least area around a shape."""
    if isinstance(shape, RotatedBox):
        return shape
    if isinstance(shape, Box):
        return RotatedBox(*centre(shape), shape.width, shape.height, 0.0)
    if isinstance(shape, Ellipse):
        return RotatedBox(shape.cx, shape.cy, 2 * shape.rx, 2 * shape.ry, shape.angle)
    points = _mask_corners(shape) if isinstance(shape, Mask) else shape.points()
    if isinstance(shape, Skeleton) and any(shape.visibility):
        points = points[np.array(shape.visibility) > 0]
    return least_rotated_box(points) if len(points) else None


def _mask_corners(mask: Mask) -> FloatArray:
    """The corners of the first and last pixel of every row: all that a hull needs."""
    rows, starts, ends = Spans.of_mask(mask).runs()
    if len(rows) == 0:
        return np.zeros((0, 2))
    new = np.flatnonzero(np.diff(rows, prepend=rows[0] - 1))
    rows, left, right = rows[new], starts[new], ends[np.append(new[1:], len(rows)) - 1]
    x = np.concatenate([left, left, right, right])
    y = np.concatenate([rows, rows + 1, rows, rows + 1])
    return np.stack([x, y], axis=1).astype(np.float64)


def least_rotated_box(points: ArrayLike) -> RotatedBox:
    """The rotated box of least area around (n ≥ 1, 2) points, its angle in [-π/4, π/4).

    One of its sides lies on an edge of the convex hull (Freeman and Shapira, 1975).
    """
    around = hull(points)
    edges = np.roll(around, -1, axis=0) - around
    length = np.hypot(edges[:, 0], edges[:, 1])
    angles = np.arctan2(edges[:, 1], edges[:, 0])[length > 0]
    if len(angles) == 0:
        angles = np.zeros(1)
    angles = np.unique((angles + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    axes = np.stack([np.cos(angles), np.sin(angles)])  # (2, edges)
    along, across = around @ axes, around @ np.stack([-axes[1], axes[0]])
    wide, high = np.ptp(along, axis=0), np.ptp(across, axis=0)
    best = int((wide * high).argmin())
    u, v = axes[:, best], np.array([-axes[1, best], axes[0, best]])
    middle = u * (along[:, best].min() + along[:, best].max()) / 2
    middle = middle + v * (across[:, best].min() + across[:, best].max()) / 2
    x, y, width, height = (float(v) for v in (*middle, wide[best], high[best]))
    return RotatedBox(x, y, width, height, float(angles[best]))


def hull(points: ArrayLike) -> FloatArray:
    """The corners of the convex hull of (n, 2) points, by Andrew's monotone chain (1979)."""
    array = np.unique(np.asarray(points, dtype=np.float64), axis=0)  # sorted by x, then y
    if len(array) <= 2:
        return array
    if len(array) > _MANY:
        array = _outer(array)

    def chain(ordered: list[list[float]]) -> list[list[float]]:
        kept: list[list[float]] = []
        for x, y in ordered:
            while len(kept) >= 2:
                (ax, ay), (bx, by) = kept[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                kept.pop()
            kept.append([x, y])
        return kept[:-1]

    ordered = array.tolist()
    return np.array(chain(ordered) + chain(ordered[::-1]))


def _outer(points: FloatArray) -> FloatArray:
    """Points without those inside a polygon of extreme ones (Akl and Toussaint, 1978)."""
    angles = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    ways = np.stack([np.cos(angles), np.sin(angles)])
    corners = points[np.unique((points @ ways).argmax(axis=0))]
    middle = corners.mean(axis=0)
    turn = np.arctan2(*(corners - middle).T[::-1])
    ring = corners[np.argsort(turn)]
    inside = np.ones(len(points), bool)
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        side = (bx - ax) * (points[:, 1] - ay) - (by - ay) * (points[:, 0] - ax)
        inside &= side > 1e-9
    return np.asarray(points[~inside])
