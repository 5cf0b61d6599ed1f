"""Source values as they are shown: window, gamma, colour map, inversion, channel."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.media.colour import composite_colours, display_range
from visionstudio.media.image import Pixels
from visionstudio.model.display import SATURATION, Display, Levels, Window

Array = NDArray[Any]
Bgra = NDArray[np.uint8]
_SAMPLES = 1_000_000
_MAPS = {
    "viridis": cv2.COLORMAP_VIRIDIS,
    "inferno": cv2.COLORMAP_INFERNO,
    "magma": cv2.COLORMAP_MAGMA,
    "plasma": cv2.COLORMAP_PLASMA,
    "cividis": cv2.COLORMAP_CIVIDIS,
    "turbo": cv2.COLORMAP_TURBO,
    "hot": cv2.COLORMAP_HOT,
    "bone": cv2.COLORMAP_BONE,
    "twilight": cv2.COLORMAP_TWILIGHT,
}


def levels_of(display: Display, pixels: Pixels) -> Levels | None:
    """What a choice comes to for a picture; None where that is the picture as decoded.

    Reads at most a million values: not for the GUI thread while pictures pass by.
    """
    channel = display.channel
    if channel is not None and not _has(pixels, channel):
        channel = None
    if replace(display, channel=channel).is_plain:
        return None
    low, high = window_of(display, pixels, channel)
    windows: tuple[Window, ...] = ()
    if pixels.mode == "channels" and channel is None and display.window != "fixed":
        shown = len(composite_colours(channel_count(pixels)))
        windows = tuple(window_of(display, pixels, n) for n in range(shown))
    invert = display.invert != pixels.inverted
    return Levels(low, high, display.gamma, display.colours, invert, channel, windows)


def kind_of_pixels(pixels: Pixels) -> str:
    """Pictures that are looked at alike: by format, mode, type and number of channels."""
    count = channel_count(pixels)
    return f"{pixels.format or 'any'} {pixels.mode} {pixels.values.dtype} {count}"


def window_of(display: Display, pixels: Pixels, channel: int | None) -> Window:
    """The window that a choice comes to in a picture, or in one channel of it."""
    if display.window == "fixed":
        return display.low, max(display.high, display.low + 1e-9)
    values = plane(pixels, channel) if channel is not None else pixels.colours
    if display.window == "default":
        if channel is None or pixels.mode != "channels":
            return pixels.display_range()
        known = channel < len(pixels.windows)
        return pixels.windows[channel] if known else display_range(values)
    if display.window == "full":
        return full_range(pixels)
    clip = {"auto": SATURATION, "range": 0.0, "percentile": 1.0}[display.window]
    return saturated(values, clip)


def saturated(values: Array, clip: float = SATURATION) -> Window:
    """The window that leaves `clip` per cent of the values black and as many white.

    Looks at no more than a million values, evenly spread, unless `clip` is 0.
    """
    if clip == 0.0:
        sample = values
    else:
        step = max(1, int(np.sqrt(values.size / _SAMPLES)))
        sample = values[::step, ::step]
    if values.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    if clip == 0.0:
        low, high = float(sample.min()), float(sample.max())
    else:
        low, high = (float(v) for v in np.percentile(sample, (clip, 100 - clip)))
    return (low, high) if high > low else (low, low + 1.0)


def full_range(pixels: Pixels) -> Window:
    """All that the samples can hold; for floats all that they do."""
    if pixels.values.dtype.kind == "f":
        return saturated(pixels.colours, 0.0)
    return 0.0, float(2 ** max(1, min(pixels.bits, 8 * pixels.values.dtype.itemsize)) - 1)


def plane(pixels: Pixels, channel: int) -> Array:
    """One channel (H, W) of a picture."""
    return pixels.values if pixels.values.ndim == 2 else pixels.values[:, :, channel]


def channel_count(pixels: Pixels) -> int:
    return 1 if pixels.values.ndim == 2 else int(pixels.values.shape[2])


def _has(pixels: Pixels, channel: int) -> bool:
    return pixels.values.ndim == 3 and 0 <= channel < pixels.values.shape[2]


def as_pixels(values: Array) -> Pixels:
    """Bare values with what their shape says of them."""
    count = 1 if values.ndim == 2 else values.shape[2]
    modes = {1: "grey", 2: "grey+alpha", 3: "rgb", 4: "rgba"}
    return Pixels(values, 8 * values.dtype.itemsize, modes.get(count, "channels"))


def auto_levels(source: Array | Pixels) -> Levels:
    """The levels of auto-contrast."""
    pixels = source if isinstance(source, Pixels) else as_pixels(source)
    found = levels_of(Display(window="auto"), pixels)
    return found if found is not None else Levels(*pixels.display_range())


def render(values: Array, mode: str, levels: Levels) -> Bgra:
    """Source values (H, W[, C]) of a mode as `Pixels` has it, shown: (H, W, 4) uint8 B, G, R, 255.

    One look-up for integers.
    """
    if values.ndim == 3 and levels.channel is not None:
        values = values[:, :, levels.channel]
    elif mode == "grey+alpha":
        values = values[:, :, 0]
    elif mode == "rgba":
        values = values[:, :, :3]
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim == 2:
        return _banded(values, levels)
    if mode == "channels" or values.shape[2] != 3:
        return _added(values, levels)
    eight = _windowed(np.ascontiguousarray(values), (levels.low, levels.high), levels)
    return np.asarray(cv2.cvtColor(eight, cv2.COLOR_RGB2BGRA), np.uint8)


def _banded(values: Array, levels: Levels) -> Bgra:
    """A single band in its colour map."""
    if levels.colours == "labels" and values.dtype.kind == "u":
        colours = label_colours()
        numbers = np.take(colours, values & 255)
        return np.asarray(numbers.view(np.uint8).reshape(*values.shape, 4))
    eight = _windowed(np.ascontiguousarray(values), (levels.low, levels.high), levels)
    if levels.colours == "grey":
        return np.asarray(cv2.cvtColor(eight, cv2.COLOR_GRAY2BGRA), np.uint8)
    packed = np.take(colour_table(levels.colours), eight)
    return packed.view(np.uint8).reshape(*values.shape, 4)


def _added(values: Array, levels: Levels) -> Bgra:
    """Channels that are no colours, each through its window, added up in theirs."""
    total = np.zeros((*values.shape[:2], 4), np.uint8)
    total[:, :, 3] = 255
    for n, colour in enumerate(composite_colours(values.shape[2])):
        window = levels.windows[n] if n < len(levels.windows) else (levels.low, levels.high)
        eight = _windowed(np.ascontiguousarray(values[:, :, n]), window, levels)
        for c, share in enumerate(reversed(colour)):
            if share:
                total[:, :, c] = cv2.add(total[:, :, c], eight)
    return total


def _windowed(values: Array, window: Window, levels: Levels) -> NDArray[np.uint8]:
    """Values of any shape as 0 to 255 through a window, gamma and inversion."""
    low, high = window
    if values.dtype == np.uint8 or values.dtype == np.uint16:
        return _look_up(
            values, _ramp(low, high, levels.gamma, levels.invert, values.dtype.itemsize)
        )
    span = max(high - low, 1e-12)
    scale = 65535.0 / span
    # Saturates, and makes a black pixel of what is no number.
    numbers = np.clip(values.astype(np.float32, copy=False), low, high)
    steps = cv2.addWeighted(numbers, scale, numbers, 0.0, -low * scale, dtype=cv2.CV_16U)
    return _look_up(
        np.asarray(steps).reshape(values.shape), _ramp(0, 65535, levels.gamma, levels.invert, 2)
    )


def _look_up(values: Array, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 or _deep_look_up():
        return np.asarray(cv2.LUT(values, table), np.uint8)
    return np.take(table, values)


@lru_cache(maxsize=1)
def _deep_look_up() -> bool:
    """Whether this OpenCV looks 16-bit values up; older ones take 8 bits only."""
    try:
        cv2.LUT(np.zeros((1, 1), np.uint16), np.zeros((1, 65536), np.uint8))
    except cv2.error:
        return False
    return True


@lru_cache(maxsize=16)
def _ramp(low: float, high: float, gamma: float, invert: bool, itemsize: int) -> NDArray[np.uint8]:
    """What every value of an integer type is shown as: (1, n) uint8."""
    values = np.arange(256**itemsize, dtype=np.float64)
    share = np.clip((values - low) / max(high - low, 1e-12), 0.0, 1.0)
    if gamma != 1.0:
        share = share ** (1.0 / gamma)
    if invert:
        share = 1.0 - share
    return (share * 255.0 + 0.5).astype(np.uint8).reshape(1, -1)


@lru_cache(maxsize=32)
def colour_table(name: str) -> NDArray[np.uint32]:
    """The 256 colours of a map, packed as RGB32 has them."""
    steps = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    bgra = np.zeros((256, 4), np.uint8)
    bgra[:, 3] = 255
    plain = {"blue": (0,), "green": (1,), "red": (2,), "grey": (0, 1, 2)}
    if name in _MAPS:
        bgra[:, :3] = cv2.applyColorMap(steps, _MAPS[name]).reshape(256, 3)
    else:
        for c in plain.get(name, (0, 1, 2)):
            bgra[:, c] = steps[:, 0]
    return np.ascontiguousarray(bgra).view(np.uint32).reshape(256)


@lru_cache(maxsize=1)
def label_colours() -> NDArray[np.uint32]:
    """Black for 0, then hues a golden angle apart, so that neighbours differ."""
    numbers = np.arange(256)
    hsv = np.zeros((256, 1, 3), np.uint8)
    hsv[:, 0, 0] = (numbers * 111.246) % 180
    hsv[:, 0, 1] = 150 + (numbers % 3) * 45
    hsv[:, 0, 2] = 255 - (numbers % 4) * 30
    bgra = np.full((256, 4), 255, np.uint8)
    bgra[:, :3] = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[:, 0]
    bgra[0, :3] = 0
    return np.ascontiguousarray(bgra).view(np.uint32).reshape(256)
