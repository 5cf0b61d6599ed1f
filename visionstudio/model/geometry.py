"""Plane geometry on numpy arrays. Pixels, origin at the top-left corner of pixel (0, 0)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def ring_area(ring: ArrayLike) -> float:
    """Unsigned area of a closed (n, 2) ring by the shoelace formula."""
    points = np.asarray(ring, dtype=np.float64)
    if len(points) < 3:
        return 0.0
    x, y = points[:, 0] - points[0, 0], points[:, 1] - points[0, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def contains(ring: ArrayLike, x: float, y: float) -> bool:
    """Whether (x, y) is inside a closed (n, 2) ring, by the even-odd rule."""
    points = np.asarray(ring, dtype=np.float64)
    x1, y1 = points[:, 0], points[:, 1]
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    crosses = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return bool(np.count_nonzero(crosses & (x < at)) % 2)


def distance_to_segments(start: FloatArray, end: FloatArray, x: float, y: float) -> FloatArray:
    """Distances from (x, y) to each of n segments given as two (n, 2) arrays."""
    point = np.array([x, y], dtype=np.float64)
    along = end - start
    length2 = np.maximum((along * along).sum(axis=1), 1e-18)
    t = np.clip(((point - start) * along).sum(axis=1) / length2, 0.0, 1.0)
    nearest = start + t[:, None] * along
    return np.asarray(np.hypot(nearest[:, 0] - x, nearest[:, 1] - y))


def box_iou(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Intersection over union of (n, 4) and (m, 4) boxes x1, y1, x2, y2 as an (n, m) array."""
    a = np.asarray(first, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.clip(high - low, 0, None)
    overlap = size[..., 0] * size[..., 1]
    area_a = np.prod(np.clip(a[:, 2:] - a[:, :2], 0, None), axis=1)
    area_b = np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1)
    union = area_a[:, None] + area_b[None, :] - overlap
    iou: FloatArray = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return iou


def crossings(
    rings: list[FloatArray], height: int | NDArray[np.int64], width: int | NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where closed rings cross the middle lines of pixel rows: ring, row and column of each.

    Height and width are those of the picture, or one for each ring.
    The column is the first pixel whose centre lies right of the crossing, within
    0…width. Between an odd crossing of a row and the next one lies the inside of
    a ring: a pixel belongs to it when its centre does, the rule under which the
    area of a box with whole-number corners equals its pixel count.
    """
    sizes = np.array([len(r) for r in rings], dtype=np.int64)
    none = np.zeros(0, np.int64)
    if not sizes.sum() or np.any(np.less_equal(height, 0)) or np.any(np.less_equal(width, 0)):
        return none, none, none
    if not isinstance(height, int):
        height = np.repeat(height, sizes)
    a = np.concatenate(rings)
    begin = np.cumsum(sizes) - sizes
    following = np.arange(1, len(a) + 1)
    some = sizes > 0
    following[begin[some] + sizes[some] - 1] = begin[some]
    b = a[following]
    # Per edge: the pixel rows whose centre line it crosses.
    low = np.where(a[:, 1:] < b[:, 1:], a, b)
    high = np.where(a[:, 1:] < b[:, 1:], b, a)
    first = np.clip(np.ceil(low[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(high[:, 1] - 0.5), 0, height).astype(np.int64)
    counts = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(a)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    slope = (high[edge, 0] - low[edge, 0]) / (high[edge, 1] - low[edge, 1])
    x = low[edge, 0] + (row + 0.5 - low[edge, 1]) * slope
    if not isinstance(width, int):
        width = np.repeat(width, sizes)[edge]
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    return np.repeat(np.arange(len(rings)), sizes)[edge], row, column


def rasterize(rings: list[FloatArray], height: int, width: int) -> NDArray[np.bool_]:
    """Even-odd fill of closed rings as a (height, width) mask, by the rule of `crossings`."""
    usable = [np.asarray(r, dtype=np.float64) for r in rings if len(r) >= 3]
    covered = np.zeros((max(height, 0), max(width, 0)), dtype=bool)
    _, row, column = crossings(usable, height, width)
    if len(row) == 0:
        return covered
    # Toggling at each crossing and summing along the row is the even-odd rule. Only the
    # bounding box is filled: a small shape in a large picture costs what it covers.
    top, bottom = int(row.min()), int(row.max()) + 1
    left, right = int(column.min()), int(column.max()) + 1
    span = right - left
    places = (row - top) * span + (column - left)
    toggles = np.bincount(places, minlength=(bottom - top) * span).reshape(-1, span)
    covered[top:bottom, left:right] = (np.cumsum(toggles, axis=1) % 2 == 1)[:, : width - left]
    return covered


def pixel_counts(rings: list[FloatArray], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many pixels each ring covers, by the rule of `rasterize`, without drawing it.

    `sizes` are the (n, 2) heights and widths of the rings' pictures, above 0 and
    below 2^24; at most 2^15 rings at a time.
    """
    ring, row, column = crossings(rings, sizes[:, 0], sizes[:, 1])
    # Behind each other by ring, row and column, crossings go in and out in turn.
    keys = np.sort((ring << 48) | (row << 24) | column)
    columns = keys & ((1 << 24) - 1)
    widths = columns[1::2] - columns[::2]
    return np.bincount(keys[::2] >> 48, weights=widths, minlength=len(rings)).astype(np.int64)


def simplify(points: ArrayLike, tolerance: float) -> FloatArray:
    """Douglas–Peucker (1973) on an open (n, 2) line; keeps both ends."""
    line = np.asarray(points, dtype=np.float64)
    keep = np.zeros(len(line), dtype=bool)
    if len(line) == 0:
        return line
    keep[[0, -1]] = True
    stack = [(0, len(line) - 1)]
    while stack:
        i, j = stack.pop()
        if j - i < 2:
            continue
        inner = line[i + 1 : j]
        along = line[j] - line[i]
        length2 = max(float(along @ along), 1e-18)
        t = np.clip(((inner - line[i]) @ along) / length2, 0, 1)
        gap = inner - (line[i] + t[:, None] * along)
        far = np.hypot(gap[:, 0], gap[:, 1])
        k = int(far.argmax())
        if far[k] > tolerance:
            middle = i + 1 + k
            keep[middle] = True
            stack += [(i, middle), (middle, j)]
    return np.asarray(line[keep])
