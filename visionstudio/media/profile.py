"""Values along a line: how they change from one point of a picture to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.measurements import Point

MAX_WIDTH = 200
MAX_SAMPLES = 200_000


def line_profile(
    values: NDArray[Any], start: Point, end: Point, width: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances in pixels (n,) and values (n, C) along a line, one sample per pixel of its length.

    Points are pixels with (0, 0) at the corner of the first pixel. Values lie between
    pixel centres by bilinear interpolation; outside the picture they are NaN. `width`
    averages over so many lines side by side.
    """
    planes = np.asarray(values if values.ndim == 3 else values[:, :, None])
    (x1, y1), (x2, y2) = start, end
    length = float(np.hypot(x2 - x1, y2 - y1))
    count = min(round(length) + 1, MAX_SAMPLES)
    along = np.linspace(0.0, 1.0, max(count, 2)) if length else np.zeros(1)
    xs, ys = x1 + along * (x2 - x1) - 0.5, y1 + along * (y2 - y1) - 0.5
    lines = max(1, min(round(width), MAX_WIDTH))
    offsets = np.arange(lines) - (lines - 1) / 2
    nx, ny = (-(y2 - y1) / length, (x2 - x1) / length) if length else (0.0, 0.0)
    total = np.zeros((len(along), planes.shape[2]))
    for offset in offsets:
        total += bilinear(planes, xs + offset * nx, ys + offset * ny)
    return along * length, total / lines


def bilinear(
    planes: NDArray[Any], xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values (n, C) of (H, W, C) at points that count from pixel centres; NaN outside.

    Within half a pixel of the border the nearest pixel's value holds.
    """
    height, width = planes.shape[:2]
    inside = (xs >= -0.5) & (ys >= -0.5) & (xs <= width - 0.5) & (ys <= height - 0.5)
    x, y = np.clip(xs, 0, width - 1), np.clip(ys, 0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    upper = planes[top, left] * (1 - fx) + planes[top, right] * fx
    lower = planes[bottom, left] * (1 - fx) + planes[bottom, right] * fx
    found = np.asarray(upper * (1 - fy) + lower * fy, np.float64)
    found[~inside] = np.nan
    return found
