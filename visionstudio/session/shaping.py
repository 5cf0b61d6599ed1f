"""What people do to the shapes of annotations, as edits. Pure functions, like `editing`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from visionstudio.model import reshaping
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.shapes import Mask, Polygon, Polyline, Shape
from visionstudio.model.spans import Spans
from visionstudio.session import editing, pixels

Change = Callable[[Shape], Shape | None]


def changed(
    title: str,
    annotations: Sequence[Annotation],
    change: Callable[[Annotation], Shape | None],
) -> tuple[Edit | None, int]:
    """Change every shape that can be changed so.

    Returns the edit, and how many annotations it leaves out because their shape
    cannot become what is asked for.
    """
    pairs: list[tuple[Annotation, Shape]] = []
    left_out = 0
    for annotation in annotations:
        shape = change(annotation)
        if shape is None:
            left_out += 1
        else:
            pairs.append((annotation, shape))
    edit = editing.reshape(pairs)
    return (None if edit is None else Edit(title, edit.changes)), left_out


def turn_by(degrees: float) -> Change:
    """Turn about the shape's own centre, clockwise on screen. Masks and tags cannot be turned."""

    def turn(shape: Shape) -> Shape | None:
        turned = reshaping.turned(shape, math.radians(degrees))
        return None if turned is shape else turned

    return turn


def close_or_open(shape: Shape) -> Shape | None:
    """A polyline becomes a polygon, a polygon of one ring a polyline."""
    if isinstance(shape, Polyline):
        return reshaping.closed(shape)
    return reshaping.opened(shape) if isinstance(shape, Polygon) else None


def as_polygon(shape: Shape) -> Shape | None:
    """Boxes, rotated boxes, ellipses, lines and the borders of masks as polygons."""
    return reshaping.to_polygon(shape)


def as_box(shape: Shape) -> Shape | None:
    """The upright box around a shape."""
    return reshaping.to_box(shape)


def as_rotated_box(shape: Shape) -> Shape | None:
    """The rotated box of least area around a shape."""
    return reshaping.to_rotated_box(shape)


def without_holes(shape: Shape) -> Shape | None:
    """Polygons and masks with all their holes filled; None for one that has none."""
    if isinstance(shape, Mask):
        spans = Spans.of_mask(shape)
        filled = pixels.without_holes(spans)
        return filled.mask() if filled.area() > spans.area() else None
    if not isinstance(shape, Polygon) or not any(shape.holes):
        return None
    outer = [r for r, hole in zip(shape.rings, shape.holes, strict=True) if not hole]
    return Polygon(tuple(outer), (False,) * len(outer))


def can_simplify(shape: Shape) -> bool:
    """Whether a shape has points that could be spared; the border of a mask has."""
    if isinstance(shape, Mask):
        return shape.width > 0
    return isinstance(shape, Polygon | Polyline) and len(shape.points()) > 3
