"""Shapes as pixels, and what can be done to them: pure functions on `Spans`.

Work is done on the smallest rectangle that holds what changes, so that it costs
what the object covers and not what the picture does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.shapes import Mask, Shape, to_mask
from visionstudio.model.spans import Spans

Bits = NDArray[np.uint8]
_AREAS = frozenset({"mask", "polygon", "box", "rotated_box", "ellipse"})
_SLACK = 1e-6


def covers(shape: Shape) -> bool:
    """Whether a shape has an inside that pixels can lie in. A tag has none of its own."""
    return shape.kind in _AREAS


def pixels_of(shape: Shape, width: int, height: int) -> Spans:
    """The pixels whose centre a shape covers in a picture of width × height; of masks all."""
    if isinstance(shape, Mask):
        return Spans.of_mask(shape)
    if not covers(shape):
        return Spans.empty()
    # Only around the shape: the picture may have a hundred megapixels.
    x1, y1, x2, y2 = shape.bounds()
    left, top = max(int(np.floor(x1)), 0), max(int(np.floor(y1)), 0)
    right, bottom = min(int(np.ceil(x2)), width), min(int(np.ceil(y2)), height)
    if left >= right or top >= bottom:
        return Spans.empty()
    part = to_mask(shape.translated(-left, -top), bottom - top, right - left)
    return Spans.of_array(part, left, top)


def as_mask(shape: Shape, width: int, height: int) -> Mask | None:
    """The shape as a mask; None for one without an inside, or that covers no pixel."""
    spans = pixels_of(shape, width, height)
    return spans.mask() if spans else None


def iou(first: Spans, second: Spans) -> float:
    """Pixels in both over pixels in either; 1 when both are empty."""
    either = (first | second).area()
    return (first & second).area() / either if either else 1.0


def _crop(spans: Spans, margin: int) -> tuple[Bits, int, int]:
    """The pixels in an array with an empty margin, and where its top left is."""
    x1, y1, x2, y2 = spans.bounds()
    left, top = x1 - margin, y1 - margin
    return spans.raster(left, top, x2 - x1 + 2 * margin, y2 - y1 + 2 * margin), left, top


def objects(spans: Spans) -> list[Spans]:
    """The connected objects, corners included, the largest first."""
    import cv2

    if not spans:
        return []
    bits, left, top = _crop(spans, 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bits, connectivity=8)
    order = np.argsort(-stats[1:count, cv2.CC_STAT_AREA], kind="stable") + 1
    found = []
    for n in order.tolist():
        x, y, w, h = (int(v) for v in stats[n, :4])
        part = labels[y : y + h, x : x + w] == n
        found.append(Spans.of_array(part, left + x, top + y))
    return found


def without_holes(spans: Spans, most: int = 0) -> Spans:
    """Holes filled: places that the pixels enclose, of at most `most` pixels; 0 for all."""
    import cv2

    if not spans:
        return spans
    bits, left, top = _crop(spans, 1)
    # The corner of the empty margin is outside, and so is all that is connected with it.
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - bits, connectivity=4)
    fills = np.ones(count, bool)
    fills[[0, labels[0, 0]]] = False
    if most:
        fills &= stats[:, cv2.CC_STAT_AREA] <= most
    return spans | Spans.of_array(fills[labels], left, top)


def without_specks(spans: Spans, least: int) -> Spans:
    """Without connected objects of fewer than `least` pixels."""
    import cv2

    if not spans:
        return spans
    bits, left, top = _crop(spans, 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bits, connectivity=8)
    keeps = stats[:count, cv2.CC_STAT_AREA] >= least
    keeps[0] = False
    return Spans.of_array(keeps[labels], left, top)


def grown(spans: Spans, by: int, width: int, height: int) -> Spans:
    """Grown by a distance in pixels, or shrunk by a negative one, within the picture.

    Distances are Euclidean from centre to centre; beyond the picture's edge an
    object is taken to go on, so that shrinking does not take it off the edge.
    """
    import cv2

    if not spans or by == 0:
        return spans
    bits, left, top = _crop(spans, abs(by) + 1)
    if by < 0:
        bits = _continued(bits, left, top, width, height)
    away = cv2.distanceTransform(1 - bits if by > 0 else bits, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = away <= by + _SLACK if by > 0 else away > -by + _SLACK
    return Spans.of_array(near, left, top).clipped(0, 0, width, height)


def smoothed(spans: Spans, radius: int, width: int, height: int) -> Spans:
    """The border evened out: a pixel stays where most of those around it are set.

    Those around it are weighted by a Gaussian with a standard deviation of `radius`.
    """
    import cv2

    if not spans or radius <= 0:
        return spans
    bits, left, top = _crop(spans, 3 * radius + 1)
    bits = _continued(bits, left, top, width, height)
    soft = cv2.GaussianBlur(bits.astype(np.float32), (0, 0), radius)
    return Spans.of_array(soft > 0.5, left, top).clipped(0, 0, width, height)


def _continued(bits: Bits, left: int, top: int, width: int, height: int) -> Bits:
    """The array with the picture's edge pixels repeated beyond the edge."""
    y = np.clip(np.arange(top, top + bits.shape[0]), 0, height - 1) - top
    x = np.clip(np.arange(left, left + bits.shape[1]), 0, width - 1) - left
    inside_y = np.clip(y, 0, bits.shape[0] - 1)
    inside_x = np.clip(x, 0, bits.shape[1] - 1)
    return np.ascontiguousarray(bits[inside_y][:, inside_x])


def enclosed(walls: Spans, x: int, y: int) -> Spans:
    """The place around a pixel that the walls close off; empty where they do not.

    Walls that touch at corners only are closed. The picture's edge is no wall.
    """
    import cv2

    x1, y1, x2, y2 = walls.bounds()
    if walls.contains(x, y) or not (x1 <= x < x2 and y1 <= y < y2):
        return Spans.empty()
    bits, left, top = _crop(walls, 1)
    # Four neighbours: the corner between two walls lets nothing through.
    cv2.floodFill(bits, None, (x - left, y - top), 2, flags=4)
    if bits[0, 0] == 2:
        return Spans.empty()
    return Spans.of_array(bits == 2, left, top)
