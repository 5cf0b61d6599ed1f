"""What the values of a picture or of a region in it come to: histograms and figures per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.media.image import Pixels

BINS = 256
_COUNTED = 100_000  # values from which counting them is faster than sorting
_EXACT = 2**24  # OpenCV's counts are floats, exact below this
Array = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """Figures of one channel in source values; `sd` is that of the sample (n − 1)."""

    name: str
    count: int
    mean: float
    sd: float
    minimum: float
    maximum: float
    median: float
    p1: float
    p99: float


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """`counts` (channels, BINS) over the values from `low` to `high`, and the figures."""

    counts: NDArray[np.int64]
    low: float
    high: float
    channels: tuple[ChannelFigures, ...]


def figures(name: str, values: Array) -> ChannelFigures:
    """The figures of values in any shape; what is no number does not count."""
    flat = values.ravel()
    if flat.dtype.kind == "f":
        flat = flat[np.isfinite(flat)]
    count = int(flat.size)
    if count == 0:
        nothing = float("nan")
        return ChannelFigures(name, 0, *(nothing,) * 7)
    mean = float(flat.mean(dtype=np.float64))
    sd = float(flat.std(dtype=np.float64, ddof=1)) if count > 1 else 0.0
    median, p1, p99 = (float(v) for v in np.percentile(flat, (50, 1, 99)))
    return ChannelFigures(
        name, count, mean, sd, float(flat.min()), float(flat.max()), median, p1, p99
    )


def measured(pixels: Pixels) -> tuple[tuple[str, Array], ...]:
    """The channels that are measured, by name: all but alpha."""
    if pixels.values.ndim == 2:
        return ((pixels.channel_names[0], pixels.values),)
    alpha = pixels.mode in ("rgba", "grey+alpha")
    count = pixels.values.shape[2] - (1 if alpha else 0)
    return tuple((pixels.channel_names[c], pixels.values[:, :, c]) for c in range(count))


def histogram(pixels: Pixels, mask: Mask | None = None) -> Histogram:
    """Histogram and figures of a picture, or of the pixels where `mask` (H, W) is true."""
    planes = measured(pixels)
    low, high = _span(pixels)
    counts = [_counts(plane, mask, low, high) for _, plane in planes]
    channels = [_channel(name, plane, mask) for name, plane in planes]
    return Histogram(np.stack(counts), low, high, tuple(channels))


def _channel(name: str, plane: Array, mask: Mask | None) -> ChannelFigures:
    """The figures of a channel; of many whole numbers by counting them, which is faster."""
    if plane.dtype not in (np.uint8, np.uint16) or plane.size < _COUNTED:
        return figures(name, plane if mask is None else plane[mask])
    size = 256**plane.dtype.itemsize
    counts = np.zeros(size, np.int64)
    rows = max(1, (_EXACT - 1) // max(1, plane.shape[1]))
    for start in range(0, plane.shape[0], rows):
        part = np.ascontiguousarray(plane[start : start + rows])
        inside = None if mask is None else mask[start : start + rows].astype(np.uint8)
        found = cv2.calcHist([part], [0], inside, [size], [0, size])
        counts += np.asarray(found).ravel().astype(np.int64)
    return figures_of_counts(name, counts)


def figures_of_counts(name: str, counts: NDArray[np.int64]) -> ChannelFigures:
    """The figures of whole numbers from 0 that occur so many times each."""
    count = int(counts.sum())
    if count == 0:
        return figures(name, np.zeros(0))
    numbers = np.arange(len(counts), dtype=np.float64)
    mean = float((counts * numbers).sum() / count)
    spread = float((counts * (numbers - mean) ** 2).sum())
    seen = np.flatnonzero(counts)
    up_to = np.cumsum(counts)

    def percentile(percent: float) -> float:
        """Between the two nearest ranks, as numpy has it."""
        place = (count - 1) * percent / 100
        rank = int(place)
        low, high = np.searchsorted(up_to, (rank, min(rank + 1, count - 1)), side="right")
        return float(low + (high - low) * (place - rank))

    return ChannelFigures(
        name,
        count,
        mean,
        float(np.sqrt(spread / (count - 1))) if count > 1 else 0.0,
        float(seen[0]),
        float(seen[-1]),
        percentile(50),
        percentile(1),
        percentile(99),
    )


def _span(pixels: Pixels) -> tuple[float, float]:
    """The values that the bins cover: all of 8 bits, of others those that occur."""
    if pixels.values.dtype == np.uint8 and pixels.bits >= 8:
        return 0.0, 256.0
    values = pixels.colours
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if pixels.values.dtype.kind == "u":
        high += 1.0
    return (low, high) if high > low else (low, low + 1.0)


def _counts(plane: Array, mask: Mask | None, low: float, high: float) -> NDArray[np.int64]:
    values = np.ascontiguousarray(plane)
    if values.dtype not in (np.uint8, np.uint16, np.float32):
        values = values.astype(np.float32)
    inside = None if mask is None else mask.astype(np.uint8)
    if values.dtype.kind == "f":
        # The upper end belongs to the last bin; what is no number belongs to none.
        top = float(np.nextafter(np.float32(high), np.float32(np.inf)))
        values = np.nan_to_num(values, nan=low - 1.0, posinf=low - 1.0, neginf=low - 1.0)
        found = cv2.calcHist([values], [0], inside, [BINS], [low, top])
    else:
        found = cv2.calcHist([values], [0], inside, [BINS], [low, high])
    return np.asarray(found).ravel().astype(np.int64)
