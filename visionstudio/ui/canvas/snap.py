"""Where a point snaps to: vertices first, then edges of other shapes, then the picture's border."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.shapes import Box, Ellipse, Mask, Points, Polygon, Polyline
from visionstudio.ui.canvas.columns import Columns, Rows

SAME_PLACE = 0.01  # pixels; vertices nearer to each other than this are at one place
_ANGULAR = (Polygon, Polyline, Box, Points)  # whose outline is made of their own points
_MOST = 2000  # more candidates than this cannot be told apart by eye


@dataclass(frozen=True, slots=True)
class Snap:
    """A point of the picture to snap to; `target` is the annotation it belongs to."""

    x: float
    y: float
    kind: Literal["vertex", "edge", "border"]
    target: int | None = None


def find(columns: Columns, size: tuple[int, int], x: float, y: float, reach: float) -> Snap | None:
    """What lies at most `reach` picture pixels from (x, y), None where nothing does.

    Looks at what is shown; shapes that are lifted to be dragged are not. Masks
    have no vertices or edges here, ellipses only an edge.
    """
    rows = columns.within((x - reach, y - reach, x + reach, y + reach))[-_MOST:]
    rows = rows[~columns.masks[rows]]
    if len(rows):
        places = columns.places(rows)
        snap = _vertex(columns, rows, places, x, y, reach)
        snap = snap or _edge(columns, rows, places, x, y, reach)
        if snap is not None:
            return snap
    return _border(size, x, y, reach)


def _vertex(
    columns: Columns, rows: Rows, places: tuple[Rows, Rows], x: float, y: float, reach: float
) -> Snap | None:
    index, ends = places
    # Across first: of thousands of points few are left, and only these are looked up.
    near = np.flatnonzero(np.abs(columns.points[index, 0] - x) <= reach)
    near = near[np.abs(columns.points[index[near], 1] - y) <= reach]
    owner = rows[np.searchsorted(ends, near, "right")]
    angular = [type(_shape(columns, row)) is not Ellipse for row in owner.tolist()]
    kept = np.array(angular, dtype=bool)
    points, owner = columns.points[index[near[kept]]], owner[kept]
    if len(points) == 0:
        return None
    away = np.hypot(points[:, 0] - x, points[:, 1] - y)
    # Of vertices at one place the one drawn last: it is what the eye sees.
    nearest = len(away) - 1 - int(away[::-1].argmin())
    if away[nearest] > reach:
        return None
    target = _id(columns, int(owner[nearest]))
    return Snap(float(points[nearest, 0]), float(points[nearest, 1]), "vertex", target)


def _edge(
    columns: Columns, rows: Rows, places: tuple[Rows, Rows], x: float, y: float, reach: float
) -> Snap | None:
    index, ends = places
    following = columns.following[index]
    from_x, to_x = columns.points[index, 0], columns.points[following, 0]
    beside = (np.minimum(from_x, to_x) <= x + reach) & (np.maximum(from_x, to_x) >= x - reach)
    near = np.flatnonzero(beside & (following != index))
    lines = np.concatenate([columns.points[index[near]], columns.points[following[near]]], axis=1)
    from_y, to_y = lines[:, 1], lines[:, 3]
    level = (np.minimum(from_y, to_y) <= y + reach) & (np.maximum(from_y, to_y) >= y - reach)
    lines, near = lines[level], near[level]
    if len(lines) == 0:
        return None
    foot = _feet(lines, x, y)
    away = np.hypot(foot[:, 0] - x, foot[:, 1] - y)
    nearest = int(away.argmin())
    if away[nearest] > reach:
        return None
    owner = int(np.searchsorted(ends, near[nearest], "right"))
    target = _id(columns, int(rows[owner]))
    return Snap(float(foot[nearest, 0]), float(foot[nearest, 1]), "edge", target)


def _feet(lines: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    """The point of each (n, 4) segment that is nearest to (x, y)."""
    start, along = lines[:, :2], lines[:, 2:] - lines[:, :2]
    length2 = np.maximum((along * along).sum(axis=1), 1e-18)
    t = np.clip((((x, y) - start) * along).sum(axis=1) / length2, 0.0, 1.0)
    return np.asarray(start + t[:, None] * along)


def _border(size: tuple[int, int], x: float, y: float, reach: float) -> Snap | None:
    width, height = size
    at_x = min((0.0, float(width)), key=lambda v: abs(v - x))
    at_y = min((0.0, float(height)), key=lambda v: abs(v - y))
    near_x, near_y = abs(at_x - x) <= reach, abs(at_y - y) <= reach
    within = -reach <= x <= width + reach and -reach <= y <= height + reach
    if not within or not (near_x or near_y):
        return None
    to_x = at_x if near_x else min(max(x, 0.0), float(width))
    to_y = at_y if near_y else min(max(y, 0.0), float(height))
    return Snap(to_x, to_y, "border")


def vertices_at(columns: Columns, points: NDArray[np.float64]) -> Iterator[tuple[int, int, int]]:
    """The vertices of polygons, lines, boxes and point sets that lie at one of (n, 2) points.

    Yields annotation, vertex and the number of the point.
    """
    if len(points) == 0:
        return
    low, high = points.min(axis=0) - SAME_PLACE, points.max(axis=0) + SAME_PLACE
    rows = columns.within((*low.tolist(), *high.tolist()))
    rows = rows[[isinstance(_shape(columns, row), _ANGULAR) for row in rows.tolist()]]
    vertices, owner = columns.vertices(rows)
    begin = np.cumsum(columns.sizes[rows]) - columns.sizes[rows]
    near = np.flatnonzero(((vertices >= low) & (vertices <= high)).all(axis=1))
    near = near[np.argsort(vertices[near, 0], kind="stable")]
    x = vertices[near, 0]
    first = np.searchsorted(x, points[:, 0] - SAME_PLACE, "left")
    end = np.searchsorted(x, points[:, 0] + SAME_PLACE, "right")
    for n in np.flatnonzero(end > first).tolist():
        for index in near[first[n] : end[n]].tolist():
            if abs(vertices[index, 1] - points[n, 1]) <= SAME_PLACE:
                row = owner[index]
                target = _id(columns, int(rows[row]))
                if target is not None:
                    yield target, int(index - begin[row]), n


def _shape(columns: Columns, row: int) -> object:
    annotation = columns.annotations[row]
    return Mask if annotation is None else annotation.shape


def _id(columns: Columns, row: int) -> int | None:
    annotation = columns.annotations[row]
    return None if annotation is None else annotation.id
