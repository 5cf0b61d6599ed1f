"""Shapes as the simpler ones that a format has, with what is lost on the way counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import DatasetAnnotation, DatasetItem, Losses
from visionstudio.formats.outlines import mask_rings
from visionstudio.formats.output import copy_file
from visionstudio.model.annotations import Flags
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Polygon,
    RotatedBox,
    Shape,
    Skeleton,
)

FloatArray = NDArray[np.float64]

PLURAL = {
    "box": "boxes",
    "rotated_box": "rotated boxes",
    "polygon": "polygons",
    "ellipse": "ellipses",
    "mask": "masks",
    "polyline": "polylines",
    "points": "points",
    "skeleton": "skeletons",
    "tag": "tags",
}


def left_out(shape: Shape, losses: Losses) -> None:
    """Count a shape that the format has nothing for."""
    losses.add(f"{PLURAL[shape.kind]} are left out")


def became(shape: Shape, what: str, losses: Losses) -> None:
    """Count a shape that is written as another."""
    losses.add(f"{PLURAL[shape.kind]} became {what}")


def as_box(shape: Shape, losses: Losses) -> Box | None:
    """The upright box of a shape that has an inside, None for the rest."""
    if isinstance(shape, Box):
        if shape.area() == 0:
            losses.add("empty boxes are left out")
            return None
        return shape
    x1, y1, x2, y2 = shape.bounds()
    if shape.kind in ("tag", "points", "polyline") or x2 <= x1 or y2 <= y1:
        left_out(shape, losses)
        return None
    became(shape, "boxes", losses)
    return Box(x1, y1, x2, y2)


def as_polygon(shape: Shape, losses: Losses, *, boxes: bool = False) -> Polygon | None:
    """The outline of a shape that has an inside, None for the rest. Holes stay.

    With `boxes` upright boxes become polygons too: the format has nothing else.
    """
    match shape:
        case Polygon():
            return shape
        case Box() if boxes and shape.area() > 0:
            became(shape, "polygons", losses)
            return Polygon((shape.points(),))
        case RotatedBox() if shape.area() > 0:
            became(shape, "polygons", losses)
            return Polygon((shape.points(),))
        case Ellipse() if shape.area() > 0:
            became(shape, "polygons", losses)
            return Polygon((shape.outline(),))
        case Mask():
            rings, holes = mask_rings(shape.array())
            if rings:
                became(shape, "polygons", losses)
                return Polygon(tuple(r + (shape.x, shape.y) for r in rings), holes)
    left_out(shape, losses)
    return None


def as_rotated_box(shape: Shape, losses: Losses) -> RotatedBox | Box | None:
    """The smallest box at any angle around a shape that has an inside, None for the rest."""
    match shape:
        case RotatedBox() | Box() if shape.area() > 0:
            return shape
        case Ellipse() if shape.area() > 0:
            became(shape, "rotated boxes", losses)
            return RotatedBox(shape.cx, shape.cy, 2 * shape.rx, 2 * shape.ry, shape.angle)
        case Polygon() | Mask() | Skeleton():
            points = shape.points() if not isinstance(shape, Mask) else _mask_corners(shape)
            if isinstance(shape, Skeleton):
                points = points[np.array(shape.visibility) > 0]
            box = smallest_box(points)
            if box is not None:
                became(shape, "rotated boxes", losses)
                return box
    left_out(shape, losses)
    return None


def _mask_corners(mask: Mask) -> FloatArray:
    """The corners of a mask's outlines, as (n, 2) points of the picture."""
    rings, _ = mask_rings(mask.array())
    return np.concatenate(rings) + (mask.x, mask.y) if rings else np.zeros((0, 2))


def smallest_box(points: FloatArray) -> RotatedBox | None:
    """The rotated box of the least area around (n, 2) points, None when they lie in a line.

    One of its sides lies on an edge of the convex hull (Freeman and Shapira, 1975).
    """
    hull = _hull(points)
    if len(hull) < 3:
        return None
    edges = np.roll(hull, -1, axis=0) - hull
    along = edges / np.hypot(edges[:, 0], edges[:, 1])[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    u, v = hull @ along.T, hull @ across.T
    widths, heights = np.ptp(u, axis=0), np.ptp(v, axis=0)
    best = int(np.argmin(widths * heights))
    middle = (u[:, best].max() + u[:, best].min()) / 2, (v[:, best].max() + v[:, best].min()) / 2
    cx, cy = middle[0] * along[best] + middle[1] * across[best]
    angle = float(np.arctan2(along[best, 1], along[best, 0]))
    return RotatedBox(float(cx), float(cy), float(widths[best]), float(heights[best]), angle)


def _hull(points: FloatArray) -> FloatArray:
    """The convex hull of (n, 2) points, without points inside its edges (Andrew, 1979)."""
    unique = np.unique(points, axis=0)
    if len(unique) < 3:
        return unique

    def half(rows: list[list[float]]) -> list[list[float]]:
        kept: list[list[float]] = []
        for x, y in rows:
            while len(kept) > 1 and (kept[-1][0] - kept[-2][0]) * (y - kept[-2][1]) <= (
                kept[-1][1] - kept[-2][1]
            ) * (x - kept[-2][0]):
                kept.pop()
            kept.append([x, y])
        return kept[:-1]

    rows = unique.tolist()
    return np.array(half(rows) + half(rows[::-1]))


def simple_rings(polygon: Polygon, losses: Losses) -> list[FloatArray]:
    """The rings of a polygon for a format that knows no holes: those are filled, and counted."""
    losses.add("holes of polygons were filled", int(any(polygon.holes)))
    return [r for r, hole in zip(polygon.rings, polygon.holes, strict=True) if not hole]


def one_ring(polygon: Polygon, losses: Losses) -> FloatArray:
    """A polygon as a single ring that covers the same pixels: parts and holes by bridges.

    A bridge is walked there and back again, so that it has no area. Counted, as
    the way back makes one ring of what were several.
    """
    rings = list(polygon.rings)
    if len(rings) == 1:
        return rings[0]
    losses.add("polygons of several rings became one ring")
    outline = rings[0]
    for ring, hole in zip(rings[1:], polygon.holes[1:], strict=True):
        turned = _turned(ring, _signed(outline) > 0 if not hole else _signed(outline) <= 0)
        gaps = ((outline[:, None] - turned[None]) ** 2).sum(axis=2)
        here, there = divmod(int(gaps.argmin()), len(turned))
        loop = np.concatenate([turned[there:], turned[: there + 1]])
        outline = np.concatenate([outline[: here + 1], loop, outline[here:]])
    return outline


def _signed(ring: FloatArray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _turned(ring: FloatArray, positive: bool) -> FloatArray:
    return ring if (_signed(ring) > 0) == positive else ring[::-1]


def count_unsaid(
    annotation: DatasetAnnotation,
    losses: Losses,
    *,
    score: bool = False,
    group: bool = False,
    track: bool = False,
    attributes: bool = False,
    flags: Flags = Flags.NONE,
) -> None:
    """Count the fields of a row that are not written; the named ones the format has."""
    if annotation.score is not None and not score:
        losses.add("scores are left out")
    if annotation.group is not None and not group:
        losses.add("groups are left out")
    if annotation.track is not None and not track:
        losses.add("track numbers are left out")
    if annotation.attributes and not attributes:
        losses.add("attributes are left out")
    missing = annotation.flags & ~flags
    if missing & (Flags.DIFFICULT | Flags.OCCLUDED | Flags.TRUNCATED):
        losses.add("marks (difficult, occluded, truncated) are left out")
    if missing & Flags.CROWD:
        losses.add("crowd marks are left out")


def pictures_only(items: Iterable[DatasetItem], losses: Losses) -> Iterator[DatasetItem]:
    """The pictures; annotations of videos are counted as left out."""
    for item in items:
        if item.kind is MediaKind.IMAGE:
            yield item
        else:
            losses.add("annotations in video frames are left out", len(item.annotations))


def copied(item: DatasetItem, target: Path, losses: Losses) -> list[Path]:
    """Copy a picture; its target, or nothing, counted, where it was not there."""
    if item.file is None or not item.file.is_file():
        losses.add("pictures were not there to be copied")
        return []
    copy_file(item.file, target)
    return [target]
