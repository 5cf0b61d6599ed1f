"""What of a shape can be grabbed, and the shape after it has been dragged. No drawing here."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionstudio.model import reshaping
from visionstudio.model.geometry import distance_to_segments
from visionstudio.model.shapes import (
    Bounds,
    Box,
    Ellipse,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
)
from visionstudio.session.skeletons import with_visibility
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.view import View

FloatArray = NDArray[np.float64]
_ROOM = 28.0  # widget units: shorter edges have no handle in the middle
_STALK = 26.0  # widget units from a shape to the handle that turns it
# Of the shape that was asked for last, which is asked for with every repaint and move.
_last: tuple[Shape, float, tuple[FloatArray, NDArray[np.int64]]] | None = None
_TURNABLE = (RotatedBox, Ellipse, Polygon, Polyline, Skeleton)


class Grip(NamedTuple):
    """What can be grabbed, by its place `at` among `points()`.

    A vertex, a side of a box, the middle of an edge, or the handle that turns the shape.
    """

    kind: Literal["vertex", "side", "middle", "turn"]
    at: int


def turn_handle(shape: Shape, view: View) -> tuple[FloatArray, FloatArray] | None:
    """Where the handle that turns a shape begins and ends, in widget units.

    It stands on the first side of a rotated box, else above the shape; below
    where there is no room above. None for shapes that are not turned by hand.
    """
    if not isinstance(shape, _TURNABLE):
        return None
    points = shape.points()
    if isinstance(shape, RotatedBox):
        foot, middle = points[:2].mean(axis=0), points.mean(axis=0)
        foots = [foot, 2 * middle - foot]
    elif isinstance(shape, Ellipse):
        foots = [points[3], points[1]]
    else:
        x1, y1, x2, y2 = shape.bounds()
        foots = [np.array([(x1 + x2) / 2, y1]), np.array([(x1 + x2) / 2, y2])]
    placed = view.widget_points(np.array([*foots, (foots[0] + foots[1]) / 2]))
    centre = placed[2]
    ways = []
    for n, foot in enumerate(placed[:2]):
        away = foot - centre
        length = float(np.hypot(*away))
        unit = away / length if length > 1e-6 else np.array([0.0, -1.0 if n == 0 else 1.0])
        ways.append((foot, foot + unit * _STALK))
    room = np.array([view.view_width, view.view_height]) / view.ratio
    inside = [bool(((tip > 4) & (tip < room - 4)).all()) for _, tip in ways]
    return ways[1] if inside[1] and not inside[0] else ways[0]


def middles(shape: Shape, view: View) -> tuple[FloatArray, NDArray[np.int64]]:
    """Middles of the edges long enough for a handle, (n, 2), and each edge's first vertex."""
    global _last
    reach = view.reach(_ROOM)
    if _last is not None and _last[0] is shape and _last[1] == reach:
        return _last[2]
    begin, end = _edges(shape)
    index = np.flatnonzero(np.hypot(*(end - begin).T) >= reach)
    found = (begin[index] + end[index]) / 2, index
    _last = shape, reach, found
    return found


def _edges(shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Both ends of the edges of a line or polygon, (n, 2) each, in the order of their vertices."""
    if isinstance(shape, Polyline):
        return shape.line[:-1], shape.line[1:]
    if isinstance(shape, Polygon):
        points = shape.points()
        sizes = np.array([len(r) for r in shape.rings])
        last = np.cumsum(sizes) - 1
        end = np.roll(points, -1, axis=0)
        end[last] = points[last - sizes + 1]
        return points, end
    return np.zeros((0, 2)), np.zeros((0, 2))


def find_grip(shape: Shape, view: View, x: float, y: float, *, absent: bool = False) -> Grip | None:
    """What a click at the picture's (x, y) would grab: vertices first, then sides and middles.

    `absent` are the keypoints of a skeleton that are not there: they can be grabbed to set them.
    """
    reach = view.reach(style.REACH)
    points = shape.points()
    if len(points) == 0:
        return None
    away = np.hypot(points[:, 0] - x, points[:, 1] - y)
    if isinstance(shape, Skeleton) and not absent:
        away[np.array(shape.visibility) == 0] = np.inf
    nearest = int(away.argmin())
    if away[nearest] <= reach:
        return Grip("vertex", nearest)
    handle = turn_handle(shape, view)
    if handle is not None and math.dist(handle[1], view.to_widget(x, y)) <= style.REACH + 2:
        return Grip("turn", 0)
    if isinstance(shape, Box | RotatedBox):
        away = distance_to_segments(points, np.roll(points, -1, axis=0), x, y)
        nearest = int(away.argmin())
        return Grip("side", nearest) if away[nearest] <= 0.7 * reach else None
    centres, index = middles(shape, view)
    if len(centres):
        away = np.hypot(centres[:, 0] - x, centres[:, 1] - y)
        nearest = int(away.argmin())
        if away[nearest] <= reach:
            return Grip("middle", int(index[nearest]))
    return None


def dragged(shape: Shape, grip: Grip, x: float, y: float) -> Shape:
    """The shape after what was gripped has been dragged to (x, y).

    A side moves across only; the middle of an edge becomes a new vertex.
    """
    if grip.kind == "middle":
        return with_vertex(shape, grip.at, x, y)
    if grip.kind == "side" and isinstance(shape, RotatedBox):
        return _side_moved(shape, grip.at, x, y)
    points = shape.points().copy()
    if grip.kind == "vertex":
        points[grip.at] = x, y
        if isinstance(shape, Skeleton) and shape.visibility[grip.at] == 0:
            shape = with_visibility(shape, grip.at, 2)
    else:
        axis = 1 if grip.at % 2 == 0 else 0
        points[[grip.at, (grip.at + 1) % 4], axis] = (x, y)[axis]
    return shape.with_points(points)


def _side_moved(box: RotatedBox, side: int, x: float, y: float) -> RotatedBox:
    """The box with a side moved across to (x, y), the opposite one kept."""
    cos, sin = math.cos(box.angle), math.sin(box.angle)
    out = np.array([(sin, -cos), (cos, sin), (-sin, cos), (-cos, -sin)][side])
    size = box.height if side % 2 == 0 else box.width
    opposite = np.array([box.cx, box.cy]) - out * size / 2
    size = float(((x, y) - opposite) @ out)
    cx, cy = (float(v) for v in opposite + out * size / 2)
    if side % 2 == 0:
        return replace(box, cx=cx, cy=cy, height=abs(size))
    return replace(box, cx=cx, cy=cy, width=abs(size))


def turned_to(
    shape: Shape, start: tuple[float, float], end: tuple[float, float], *, steps: bool
) -> Shape:
    """The shape turned about its centre as a drag from `start` to `end` means.

    With `steps` it stops at multiples of 15°.
    """
    cx, cy = reshaping.centre(shape)
    angle = math.atan2(end[1] - cy, end[0] - cx) - math.atan2(start[1] - cy, start[0] - cx)
    if steps:
        now = angle_of(shape)
        step = math.radians(15)
        angle = round((now + angle) / step) * step - now
    return reshaping.turned(shape, angle)


def angle_of(shape: Shape) -> float:
    """The angle that a shape stores, in radians; 0 for others."""
    return shape.angle if isinstance(shape, RotatedBox | Ellipse) else 0.0


def nearest_edge(
    shape: Shape, x: float, y: float, reach: float
) -> tuple[int, tuple[float, float]] | None:
    """The edge at most `reach` from (x, y): its first vertex, and the point on it nearest by."""
    begin, end = _edges(shape)
    if len(begin) == 0:
        return None
    away = distance_to_segments(begin, end, x, y)
    at = int(away.argmin())
    if away[at] > reach:
        return None
    along = end[at] - begin[at]
    t = float(np.clip(((x, y) - begin[at]) @ along / max(float(along @ along), 1e-18), 0, 1))
    px, py = (begin[at] + t * along).tolist()
    return at, (px, py)


def extended(shape: Shape, x: float, y: float) -> Shape | None:
    """A line made longer at its nearer end, or a set with one more point; None for others."""
    new = np.array([(x, y)])
    if isinstance(shape, Points):
        return Points(np.concatenate([shape.xy, new]))
    if not isinstance(shape, Polyline):
        return None
    first, last = (math.dist(shape.line[n], (x, y)) for n in (0, -1))
    return Polyline(np.concatenate([new, shape.line] if first < last else [shape.line, new]))


def with_vertex(shape: Shape, after: int, x: float, y: float) -> Shape:
    """The shape with a new vertex behind the one at index `after`."""
    if isinstance(shape, Polyline):
        return Polyline(np.insert(shape.line, after + 1, (x, y), axis=0))
    if isinstance(shape, Polygon):
        rings = list(shape.rings)
        for n, ring in enumerate(rings):
            if after < len(ring):
                rings[n] = np.insert(ring, after + 1, (x, y), axis=0)
                break
            after -= len(ring)
        return Polygon(tuple(rings), shape.holes)
    return shape


def without_vertex(shape: Shape, index: int) -> Shape | None:
    """The shape without a vertex; None where it would be no shape any more.

    A hole that loses its third vertex goes as a whole; a keypoint is marked as not there.
    """
    if isinstance(shape, Polyline):
        return Polyline(np.delete(shape.line, index, axis=0)) if len(shape.line) > 2 else None
    if isinstance(shape, Skeleton):
        left = sum(v > 0 for v in shape.visibility) - (shape.visibility[index] > 0)
        return with_visibility(shape, index, 0) if left else None
    if isinstance(shape, Points):
        return Points(np.delete(shape.xy, index, axis=0)) if len(shape.xy) > 1 else None
    if not isinstance(shape, Polygon):
        return None
    rings, holes = list(shape.rings), list(shape.holes)
    for n, ring in enumerate(rings):
        if index < len(ring):
            if len(ring) > 3:
                rings[n] = np.delete(ring, index, axis=0)
            elif holes[n]:
                del rings[n], holes[n]
            else:
                return None
            return Polygon(tuple(rings), tuple(holes))
        index -= len(ring)
    return None


def held_inside(bounds: Bounds, dx: float, dy: float, view: View) -> tuple[float, float]:
    """The part of a move that keeps what was in the picture in it."""
    x1, y1, x2, y2 = bounds
    low_x, high_x = min(0.0, -x1), max(0.0, view.width - x2)
    low_y, high_y = min(0.0, -y1), max(0.0, view.height - y2)
    return min(max(dx, low_x), high_x), min(max(dy, low_y), high_y)


def union(shapes: list[Shape]) -> Bounds:
    """The bounding box of several shapes."""
    boxes = np.array([s.bounds() for s in shapes])
    x1, y1 = boxes[:, :2].min(axis=0).tolist()
    x2, y2 = boxes[:, 2:].max(axis=0).tolist()
    return x1, y1, x2, y2
