"""Join, subtract, intersect, cut and punch: exact on polygons, on pixels with a mask.

Shapely (BSD, on GEOS) does the polygons. As soon as one of the shapes is a mask
the result is one: its pixels are what there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionstudio.model import reshaping
from visionstudio.model.brush import Tip
from visionstudio.model.shapes import Mask, Polygon, Shape
from visionstudio.model.spans import Spans
from visionstudio.session import pixels

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Size = tuple[int, int]  # width and height of the picture
_LEAST = 1e-6  # square pixels: what is smaller is left over from rounding


def joined(shapes: Sequence[Shape], size: Size) -> Shape | None:
    """Everything that one of the shapes covers."""
    if _on_pixels(shapes):
        spans = Spans.empty()
        for shape in shapes:
            spans = spans | pixels.pixels_of(shape, *size)
        return _mask(spans)
    import shapely

    return _polygon(shapely.union_all([_geometry(s) for s in shapes]))


def subtracted(first: Shape, others: Sequence[Shape], size: Size) -> Shape | None:
    """What of the first shape none of the others covers; None when nothing is left.

    The first shape itself where they do not overlap.
    """
    if _on_pixels([first, *others]):
        whole = spans = pixels.pixels_of(first, *size)
        for shape in others:
            spans = spans - pixels.pixels_of(shape, *size)
        return first if spans.area() == whole.area() else _mask(spans)
    import shapely

    rest = shapely.union_all([_geometry(s) for s in others])
    area = _geometry(first)
    left = area.difference(rest)
    return first if area.area - left.area < _LEAST else _polygon(left)


def intersected(shapes: Sequence[Shape], size: Size) -> Shape | None:
    """What all of the shapes cover; None when there is no such place."""
    if _on_pixels(shapes):
        spans = pixels.pixels_of(shapes[0], *size)
        for shape in shapes[1:]:
            spans = spans & pixels.pixels_of(shape, *size)
        return _mask(spans)
    common = _geometry(shapes[0])
    for shape in shapes[1:]:
        common = common.intersection(_geometry(shape))
    return _polygon(common)


def cut(shape: Shape, line: ArrayLike) -> list[Shape]:
    """The parts into which an (n, 2) line cuts a shape, largest first.

    One part, the shape itself, when the line does not go all the way through.
    A mask loses the pixels under the line, one across; they go to the largest part.
    """
    way = np.asarray(line, dtype=np.float64)
    if isinstance(shape, Mask):
        return _cut_pixels(shape, way)
    if not pixels.covers(shape):
        return [shape]
    import shapely
    from shapely import ops

    parts: list[Any] = []
    for part in _pieces(_geometry(shape)):
        border = shapely.union_all([part.boundary, shapely.LineString(way)])
        cells = [c for c in ops.polygonize(border) if part.covers(c.representative_point())]
        parts += cells or [part]
    if len(parts) <= len(_pieces(_geometry(shape))):
        return [shape]
    parts.sort(key=lambda p: -p.area)
    return [p for p in (_polygon(p) for p in parts) if p is not None]


def punched(shape: Shape, ring: ArrayLike, size: Size) -> Shape | None:
    """The shape with a hole of the form of an (n, 2) ring; None when nothing is left."""
    return subtracted(shape, [Polygon((np.asarray(ring, dtype=np.float64),))], size)


def without_hole(shape: Shape, x: float, y: float) -> Shape | None:
    """The shape with the hole at a point closed; None where there is no hole."""
    if isinstance(shape, Mask):
        spans = Spans.of_mask(shape)
        inside = pixels.hole_at(spans, int(np.floor(x)), int(np.floor(y)))
        return (spans | inside).mask() if inside else None
    if not isinstance(shape, Polygon):
        return None
    from visionstudio.model.geometry import contains

    for n, (ring, hole) in enumerate(zip(shape.rings, shape.holes, strict=True)):
        if hole and contains(ring, x, y):
            rings = shape.rings[:n] + shape.rings[n + 1 :]
            return Polygon(rings, shape.holes[:n] + shape.holes[n + 1 :])
    return None


def parts(shape: Shape) -> list[Shape]:
    """The separate objects in a shape, the largest first; the shape itself when it is one."""
    if isinstance(shape, Mask):
        found = pixels.objects(Spans.of_mask(shape))
        return [s.mask() for s in found] if len(found) > 1 else [shape]
    if not isinstance(shape, Polygon) or shape.holes.count(False) < 2:
        return [shape]
    starts = [n for n, hole in enumerate(shape.holes) if not hole]
    ends = [*starts[1:], len(shape.rings)]
    each = [Polygon(shape.rings[a:b], shape.holes[a:b]) for a, b in zip(starts, ends, strict=True)]
    return sorted(each, key=lambda p: -p.area())


def grown(shape: Shape, by: float, size: Size) -> Shape | None:
    """The shape grown by a distance in pixels, or shrunk by a negative one, in the picture.

    A mask by whole pixels, anything else as a polygon with round corners. None
    when nothing is left.
    """
    if isinstance(shape, Mask):
        return _mask(pixels.grown(Spans.of_mask(shape), round(by), *size))
    import shapely

    return _polygon(_geometry(shape).buffer(by, quad_segs=4) & shapely.box(0, 0, *size))


# -- pixels


def _on_pixels(shapes: Sequence[Shape]) -> bool:
    return any(isinstance(s, Mask) for s in shapes)


def _mask(spans: Spans) -> Mask | None:
    return spans.mask() if spans else None


def _cut_pixels(mask: Mask, way: NDArray[np.float64]) -> list[Shape]:
    spans = Spans.of_mask(mask)
    tip = Tip(2)  # two across: a thinner line has gaps at its corners
    blade = Spans.empty()
    for start, end in zip(way[:-1].tolist(), way[1:].tolist(), strict=True):
        top, first, last = tip.swept((start[0], start[1]), (end[0], end[1]))
        blade |= Spans.of_runs(top + np.arange(len(first)), first, last)
    before = len(pixels.objects(spans))
    left = pixels.objects(spans - blade)
    if len(left) <= before:
        return [mask]
    left[0] = left[0] | (spans & blade)
    # What the blade gave back may touch the others; it is theirs no more.
    return [s.mask() for s in left]


# -- polygons


def _geometry(shape: Shape) -> BaseGeometry:
    """A shape in shapely; what crosses itself is taken by the even-odd rule."""
    import shapely

    polygon = reshaping.to_polygon(shape) if pixels.covers(shape) else None
    if polygon is None:
        return shapely.MultiPolygon()
    pieces = []
    for part in parts(polygon):
        if isinstance(part, Polygon):
            made = shapely.Polygon(part.rings[0], part.rings[1:])
            pieces.append(made if made.is_valid else shapely.make_valid(made))
    return shapely.union_all(pieces)


def _pieces(geometry: BaseGeometry) -> list[Any]:
    """The areas in a geometry; points and lines that are left over are dropped."""
    import shapely

    flat = shapely.get_parts(geometry).tolist()
    found: list[Any] = []
    for part in flat:
        if part.geom_type == "Polygon":
            found += [part] if part.area > _LEAST else []
        elif part.geom_type != geometry.geom_type:
            found += _pieces(part)
    return found


def _polygon(geometry: BaseGeometry) -> Polygon | None:
    rings: list[NDArray[np.float64]] = []
    holes: list[bool] = []
    for part in sorted(_pieces(geometry), key=lambda p: -p.area):
        for n, ring in enumerate((part.exterior, *part.interiors)):
            rings.append(np.asarray(ring.coords)[:-1, :2])
            holes.append(n > 0)
    return Polygon(tuple(rings), tuple(holes)) if rings else None
