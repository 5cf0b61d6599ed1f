"""Shapes as pixels, and what can be done to them: pure functions on `Spans`.

Work is done on runs, or on tiles along the border, so that it costs what the
border does and not what the object or the picture covers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.shapes import Mask, Shape
from visionstudio.model.spans import Bools, Spans
from visionstudio.session import components

Bits = NDArray[np.uint8]
Size = tuple[int, int]
_TILE = 512
_AREAS = frozenset({"mask", "polygon", "box", "rotated_box", "ellipse"})
_SLACK = 1e-6


def covers(shape: Shape) -> bool:
    """Whether a shape has an inside that pixels can lie in. A tag has none of its own."""
    return shape.kind in _AREAS


def pixels_of(shape: Shape, width: int, height: int) -> Spans:
    """The pixels whose centre a shape covers in a picture of width × height; of masks all."""
    return Spans.of_shape(shape, width, height) if covers(shape) else Spans.empty()


def as_mask(shape: Shape, width: int, height: int) -> Mask | None:
    """The shape as a mask; None for one without an inside, or that covers no pixel."""
    spans = pixels_of(shape, width, height)
    return spans.mask() if spans else None


def iou(first: Spans, second: Spans) -> float:
    """Pixels in both over pixels in either; 1 when both are empty."""
    either = (first | second).area()
    return (first & second).area() / either if either else 1.0


def objects(spans: Spans) -> list[Spans]:
    """The connected objects, corners included, the largest first."""
    return components.split(spans, corners=True) if spans else []


def without_holes(spans: Spans, most: int = 0) -> Spans:
    """Holes filled: places that the pixels enclose, of at most `most` pixels; 0 for all."""
    if not spans:
        return spans
    x1, y1, x2, y2 = spans.bounds()
    free = Spans.block(x1 - 1, y1 - 1, x2 + 1, y2 + 1) - spans
    number, labels = components.labels(free, corners=False)
    fills = np.ones(number, bool)
    fills[labels[0]] = False  # what is connected with the empty rim is outside
    if most:
        fills &= components.areas(free, number, labels) <= most
    return spans | components.chosen(free, fills[labels])


def without_specks(spans: Spans, least: int) -> Spans:
    """Without connected objects of fewer than `least` pixels."""
    if not spans:
        return spans
    number, labels = components.labels(spans, corners=True)
    keeps = components.areas(spans, number, labels) >= least
    return components.chosen(spans, keeps[labels])


def grown(spans: Spans, by: int, width: int, height: int) -> Spans:
    """Grown by a distance in pixels, or shrunk by a negative one, within the picture.

    Distances are Euclidean from centre to centre; beyond the picture's edge an
    object is taken to go on, so that shrinking does not take it off the edge.
    """
    import cv2

    if not spans or by == 0:
        return spans
    kind, size = cv2.DIST_L2, cv2.DIST_MASK_PRECISE

    def near(bits: Bits) -> Bools:
        if by > 0:
            return np.asarray(cv2.distanceTransform(1 - bits, kind, size) <= by + _SLACK)
        return np.asarray(cv2.distanceTransform(bits, kind, size) > -by + _SLACK)

    picture = (width, height) if by < 0 else None
    return _by_tiles(spans, abs(by) + 1, near, picture).clipped(0, 0, width, height)


def smoothed(spans: Spans, radius: int, width: int, height: int) -> Spans:
    """The border evened out: a pixel stays where most of those around it are set.

    Those around it are weighted by a Gaussian with a standard deviation of `radius`.
    """
    import cv2

    if not spans or radius <= 0:
        return spans

    def most(bits: Bits) -> Bools:
        return np.asarray(cv2.GaussianBlur(bits.astype(np.float32), (0, 0), radius) > 0.5)

    # OpenCV's kernel for floats reaches four deviations far.
    found = _by_tiles(spans, 4 * radius + 1, most, (width, height))
    return found.clipped(0, 0, width, height)


def _by_tiles(
    spans: Spans, margin: int, work: Callable[[Bits], Bools], picture: Size | None
) -> Spans:
    """The pixels after `work` on arrays of them, tile by tile with a margin around each.

    With a `picture` (width, height) what lies on its edge is taken to go on beyond it.
    Tiles without a border in them stay as they are: a large object costs what its
    border does, and memory is that of a row of tiles.
    """
    x1, y1, x2, y2 = spans.bounds()
    x1, y1, x2, y2 = x1 - margin, y1 - margin, x2 + margin, y2 + margin
    parts = []
    for top in range(y1, y2, _TILE):
        high = min(_TILE, y2 - top)
        left, upper = x1 - margin, top - margin
        bits = spans.raster(left, upper, x2 - x1 + 2 * margin, high + 2 * margin)
        if picture is not None:
            bits = _continued(bits, left, upper, *picture)
        band = np.zeros((high, x2 - x1), bool)
        for at in range(0, x2 - x1, _TILE):
            tile = bits[:, at : at + _TILE + 2 * margin]
            target = band[:, at : at + _TILE]
            if tile.all():
                target[:] = True
            elif tile.any():
                wide = target.shape[1]
                found = work(np.ascontiguousarray(tile))
                target[:] = found[margin : margin + high, margin : margin + wide]
        parts.append(Spans.of_array(band, x1, top).edges)
    return Spans(np.concatenate(parts))


def _continued(bits: Bits, left: int, top: int, width: int, height: int) -> Bits:
    """The array with the picture's edge pixels repeated beyond the edge."""
    y = np.clip(np.arange(top, top + bits.shape[0]), 0, height - 1) - top
    x = np.clip(np.arange(left, left + bits.shape[1]), 0, width - 1) - left
    if y[0] == 0 and x[0] == 0 and y[-1] == len(y) - 1 and x[-1] == len(x) - 1:
        return bits
    inside_y = np.clip(y, 0, bits.shape[0] - 1)
    inside_x = np.clip(x, 0, bits.shape[1] - 1)
    return np.ascontiguousarray(bits[inside_y][:, inside_x])


def hole_at(spans: Spans, x: int, y: int) -> Spans:
    """The hole around a pixel that the pixels enclose; empty where there is none."""
    x1, y1, x2, y2 = spans.bounds()
    free = Spans.block(x1 - 1, y1 - 1, x2 + 1, y2 + 1) - spans
    if not spans or not free.contains(x, y):
        return Spans.empty()
    _, labels = components.labels(free, corners=False)
    own = labels[free.run_at(x, y)]
    # What is connected with the empty rim is outside.
    return Spans.empty() if own == labels[0] else components.chosen(free, labels == own)


def enclosed(walls: Spans, x: int, y: int, width: int, height: int) -> Spans:
    """The place around a pixel that walls and the edge of the picture close off.

    Empty where they do not: a place that holds all of the picture's edge is the
    outside. Walls that touch at corners only are closed.
    """
    free = Spans.block(0, 0, width, height) - walls
    if not free.contains(x, y):
        return Spans.empty()
    _, labels = components.labels(free, corners=False)
    place = components.chosen(free, labels == labels[free.run_at(x, y)])
    rim = Spans.block(0, 0, width, height) - Spans.block(1, 1, width - 1, height - 1)
    return Spans.empty() if not rim - place else place
