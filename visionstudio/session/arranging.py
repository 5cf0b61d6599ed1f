"""Order, alignment and size of objects in a picture, as edits.

Pure functions from rows to an `Edit`; None where nothing would change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Edit
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
    Tag,
)
from visionstudio.session import editing

Step = Literal["raise", "lower", "top", "bottom"]
Side = Literal["left", "centre", "right", "top", "middle", "bottom"]
Axis = Literal["across", "down"]
Extent = Literal["width", "height", "size"]
Size = tuple[float, float]

_TITLES: dict[Step, str] = {
    "raise": "Raise",
    "lower": "Lower",
    "top": "Bring to front",
    "bottom": "Send to back",
}


# Order


def restack(rows: Sequence[Annotation], ids: Collection[int], step: Step) -> Edit | None:
    """Draw some of a frame's annotations above or below others.

    `rows` are all of the frame in drawing order. One step up or down passes the
    nearest object that overlaps, so that every step can be seen.
    """
    drawn = [a for a in rows if a.state is not State.REJECTED and not isinstance(a.shape, Tag)]
    block = [a for a in drawn if a.id in ids]
    if not block:
        return None
    upwards = step in ("raise", "top")
    order = drawn if upwards else drawn[::-1]
    place = len(order) - 1 if step in ("top", "bottom") else _passed(order, ids)
    if place is None:
        return None
    block = block if upwards else block[::-1]
    before = [a for a in order[: place + 1] if a.id not in ids]
    after = [a for a in order[place + 1 :] if a.id not in ids]
    heights = _heights([*before, *block, *after], 1 if upwards else -1)
    pairs = [(a, replace(a, z=heights[a.id])) for a in drawn if heights[a.id] != a.z]
    return edits.replace(_TITLES[step], pairs) if pairs else None


def _passed(order: Sequence[Annotation], ids: Collection[int]) -> int | None:
    """Where in `order` the first object lies that hides one of `ids` before it."""
    waiting: list[Bounds] = []
    for place, a in enumerate(order):
        bounds = a.shape.bounds()
        if a.id in ids:
            waiting.append(bounds)
        elif any(_meet(bounds, other) for other in waiting):
            return place
    return None


def _meet(a: Bounds, b: Bounds) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _heights(order: Sequence[Annotation], sign: int) -> dict[int, int]:
    """A z for every id so that (z, id) sorts as `order`, or reversed for sign −1.

    Keeps the z of as many as it can.
    """
    heights: dict[int, int] = {}
    before: Annotation | None = None
    for a in order:
        z = a.z
        if before is not None:
            least = heights[before.id]
            if (a.id - before.id) * sign < 0:
                least += sign
            z = max(z, least) if sign > 0 else min(z, least)
        heights[a.id] = z
        before = a
    return heights


# Place


def align(rows: Sequence[Annotation], side: Side) -> Edit | None:
    """Move annotations so that a side or the middle of all lies on one line."""
    placed = _placed(rows)
    if len(placed) < 2:
        return None
    boxes = _boxes(placed)
    x1, y1 = boxes[:, :2].min(axis=0)
    x2, y2 = boxes[:, 2:].max(axis=0)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    dx, dy = np.zeros(len(placed)), np.zeros(len(placed))
    match side:
        case "left":
            dx = x1 - boxes[:, 0]
        case "right":
            dx = x2 - boxes[:, 2]
        case "centre":
            dx = (x1 + x2) / 2 - centre[:, 0]
        case "top":
            dy = y1 - boxes[:, 1]
        case "bottom":
            dy = y2 - boxes[:, 3]
        case "middle":
            dy = (y1 + y2) / 2 - centre[:, 1]
    moved = [a.shape.translated(x, y) for a, x, y in zip(placed, dx, dy, strict=True)]
    return _reshaped("Align", zip(placed, moved, strict=True))


def distribute(rows: Sequence[Annotation], axis: Axis) -> Edit | None:
    """Move all but the outermost annotations so that the gaps between them are equal."""
    placed = _placed(rows)
    if len(placed) < 3:
        return None
    first = 0 if axis == "across" else 1
    boxes = _boxes(placed)
    low, high = boxes[:, first], boxes[:, first + 2]
    order = np.argsort(low + high, kind="stable")
    room = float(high[order[-1]] - low[order[0]] - (high - low).sum())
    gap = room / (len(placed) - 1)
    pairs = []
    at = float(low[order[0]])
    for i in order.tolist():
        step = at - float(low[i])
        moved = placed[i].shape.translated(*((step, 0.0) if first == 0 else (0.0, step)))
        pairs.append((placed[i], moved))
        at += float(high[i] - low[i]) + gap
    return _reshaped("Distribute", pairs)


# Size


def same_size(
    rows: Sequence[Annotation], model: Annotation, extent: Extent, picture: Size
) -> Edit | None:
    """Give annotations the width, the height or both of `model`, about their own middle.

    They stay inside a picture of (width, height). Masks and tags keep their size.
    """
    width, height = _size(model.shape)
    pairs = []
    for a in _placed(rows):
        w, h = _size(a.shape)
        wanted = (width if extent != "height" else w, height if extent != "width" else h)
        sized = resized(a.shape, *wanted)
        if sized is not None and a.id != model.id:
            pairs.append((a, moved_inside(sized, picture)))
    return _reshaped("Same size", pairs)


def resized(shape: Shape, width: float, height: float) -> Shape | None:
    """The shape scaled to a width and height about its middle; None where that cannot be.

    A rotated box or ellipse is sized along its own axes.
    """
    match shape:
        case RotatedBox():
            return replace(shape, width=width, height=height)
        case Ellipse():
            return replace(shape, rx=width / 2, ry=height / 2)
        case Box() | Polygon() | Polyline() | Points() | Skeleton():
            x1, y1, x2, y2 = shape.bounds()
            middle = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
            factor = np.array(
                [width / (x2 - x1) if x2 > x1 else 1.0, height / (y2 - y1) if y2 > y1 else 1.0]
            )
            return shape.with_points((shape.points() - middle) * factor + middle)
    return None


def _size(shape: Shape) -> Size:
    match shape:
        case RotatedBox():
            return shape.width, shape.height
        case Ellipse():
            return 2 * shape.rx, 2 * shape.ry
    x1, y1, x2, y2 = shape.bounds()
    return x2 - x1, y2 - y1


def moved_inside(shape: Shape, picture: Size) -> Shape:
    """Moved back into the picture by as much as it stands out of it, where it fits in."""
    x1, y1, x2, y2 = shape.bounds()
    width, height = picture
    dx = max(-x1, 0.0) if x1 < 0 else min(width - x2, 0.0)
    dy = max(-y1, 0.0) if y1 < 0 else min(height - y2, 0.0)
    return shape.translated(dx, dy) if dx or dy else shape


def _placed(rows: Iterable[Annotation]) -> list[Annotation]:
    return [a for a in rows if not isinstance(a.shape, Tag)]


def _boxes(rows: Sequence[Annotation]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([a.shape.bounds() for a in rows], dtype=np.float64)


def _reshaped(title: str, pairs: Iterable[tuple[Annotation, Shape]]) -> Edit | None:
    edit = editing.reshape(list(pairs))
    return None if edit is None else replace(edit, title=title)
