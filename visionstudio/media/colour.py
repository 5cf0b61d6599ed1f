"""From source values to what a screen shows: 8-bit sRGB, the same everywhere.

- Alpha is composited on white, so that what lies hidden beneath transparent
  pixels neither shows nor trains.
- Grey values of more than 8 bits and floats are stretched between their 0.1 and
  99.9 percentiles; colour of more than 8 bits keeps black and its balance and is
  scaled by the number of bits in use. A window that the file names comes first.
- Channels that are no colours are stretched one by one and added up in colours.
- The pages of a stack have one window (`image.stack_windows`).
- 8-bit colours with an ICC profile other than sRGB are converted by LittleCMS
  (relative colorimetric).
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

LOW_PERCENTILE, HIGH_PERCENTILE = 0.1, 99.9
_SAMPLES = 1_000_000  # enough pixels for percentiles; the rest is skipped over evenly
_TRANSFORMS = 8

_lock = threading.Lock()
_transforms: OrderedDict[tuple[bytes, str], ImageCms.ImageCmsTransform | None] = OrderedDict()


_COMPOSITE = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 255, 255), (255, 0, 255),
    (255, 255, 0),
)  # fmt: skip
_TWO = ((0, 255, 0), (255, 0, 255))  # green and magenta tell two stains apart for all eyes


def to_rgb(
    values: NDArray[Any], window: tuple[float, float] | None = None, *, inverted: bool = False
) -> NDArray[np.uint8]:
    """What is shown of source values (H, W) or (H, W, C): (H, W, 3) uint8 RGB, contiguous.

    C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; of more channels the first
    three. Alpha of integers spans their whole range, of floats 0 to 1. `window`
    are the values shown as black and white, `inverted` exchanges them.
    """
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    alpha = None
    if values.ndim == 3 and values.shape[2] in (2, 4):
        alpha = values[:, :, -1]
        values = values[:, :, 0] if values.shape[2] == 2 else values[:, :, :3]
    elif values.ndim == 3 and values.shape[2] > 4:
        values = values[:, :, :3]
    eight = _to_eight_bits(values, window)
    if inverted:
        eight = np.uint8(255) - eight
    if eight.ndim == 2:
        eight = np.asarray(cv2.cvtColor(eight, cv2.COLOR_GRAY2RGB), np.uint8)
    rgb = np.ascontiguousarray(eight)
    return rgb if alpha is None else _on_white(rgb, alpha)


def composite_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """The colours in which channels that are no colours are added up."""
    if count == 2:
        return _TWO
    return _COMPOSITE[:count] if count <= len(_COMPOSITE) else _COMPOSITE[:3]


def composite(
    values: NDArray[Any], windows: Sequence[tuple[float, float]] = ()
) -> NDArray[np.uint8]:
    """(H, W, C) channels, each stretched by itself and added up in its colour: (H, W, 3) uint8.

    `windows` are what is black and white in each, where that is known. Of more than
    seven channels the first three are shown as red, green and blue.
    """
    total = np.zeros((*values.shape[:2], 3), np.uint8)
    for n, colour in enumerate(composite_colours(values.shape[2])):
        eight = _to_eight_bits(values[:, :, n], windows[n] if n < len(windows) else None)
        for c, share in enumerate(colour):
            if share:
                total[:, :, c] = cv2.add(total[:, :, c], eight)
    return total


def display_range(values: NDArray[Any]) -> tuple[float, float]:
    """The source values shown as black and white, low < high, always finite."""
    if values.dtype == np.uint8:
        return 0.0, 255.0
    sample = values[:: max(1, int(np.sqrt(values.size / _SAMPLES)))] if values.ndim else values
    if np.issubdtype(values.dtype, np.floating):
        sample = sample[np.isfinite(sample)]
        if sample.size == 0:
            return 0.0, 1.0
    elif values.ndim == 3:
        bits = max(8, int(values.max(initial=0)).bit_length())
        return 0.0, float(2**bits - 1)
    low, high = (float(v) for v in np.percentile(sample, (LOW_PERCENTILE, HIGH_PERCENTILE)))
    if values.ndim == 3:
        low = min(low, 0.0)  # colour keeps its black
    if high <= low:  # nearly everything has one value: show what differs from it
        low, high = float(sample.min()), float(sample.max())
    return (low, high) if high > low else (low, low + 1.0)


def _to_eight_bits(values: NDArray[Any], window: tuple[float, float] | None) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 and window is None:
        return np.asarray(values, np.uint8)
    low, high = window or display_range(values)
    if values.dtype == np.uint16:
        ramp = (np.arange(65536, dtype=np.float64) - low) * (255.0 / (high - low))
        table = np.clip(np.rint(ramp), 0, 255).astype(np.uint8)
        return np.take(table, values)
    out = np.empty(values.shape, np.uint8)
    rows = max(1, 4_000_000 // max(1, values[:1].size))  # bounds the float copies
    for start in range(0, values.shape[0], rows):
        part = values[start : start + rows].astype(np.float64)
        part = np.nan_to_num((part - low) * (255.0 / (high - low)), nan=0.0)
        out[start : start + rows] = np.clip(np.rint(part), 0, 255)
    return out


def _on_white(rgb: NDArray[np.uint8], alpha: NDArray[Any]) -> NDArray[np.uint8]:
    if np.issubdtype(alpha.dtype, np.integer):
        full = int(np.iinfo(alpha.dtype).max)
        if int(alpha.min()) >= full:
            return rgb
        opacity = alpha.astype(np.uint32) * 255 // full if full != 255 else alpha
    else:
        opacity = np.clip(np.nan_to_num(alpha) * 255, 0, 255)
    a = opacity.astype(np.uint16)[:, :, None]
    # 255·v divided by 255 with rounding, so that opaque pixels stay as they are
    mixed = rgb.astype(np.uint16) * a + 255 * (255 - a) + 127
    return (mixed // 255).astype(np.uint8)


def convert_profile(
    values: NDArray[np.uint8], profile: bytes | None, mode: str
) -> NDArray[np.uint8]:
    """8-bit values of Pillow mode L, RGB or CMYK in sRGB.

    (H, W) stays grey. Without a profile, with sRGB, or with one that is damaged or
    of another kind of colour, L and RGB come back as they are and CMYK is
    converted by the plain rule that the inks subtract.
    """
    transform = _transform(profile, mode) if profile else None
    if transform is not None:
        image = transform.apply(Image.fromarray(values, mode))
        return np.asarray(image)
    if mode == "CMYK":
        return np.asarray(Image.fromarray(values, "CMYK").convert("RGB"))
    return values


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The conversion to sRGB, None where there is nothing to convert. Cached by profile."""
    key = (profile, mode)
    with _lock:
        if key in _transforms:
            _transforms.move_to_end(key)
            return _transforms[key]
    transform = _make_transform(profile, mode)
    with _lock:
        _transforms[key] = transform
        while len(_transforms) > _TRANSFORMS:
            _transforms.popitem(last=False)
    return transform


def _make_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    from PIL import ImageCms  # few pictures have a profile

    expected = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}[mode]
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != expected:
            return None
        if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        target = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(
            source,
            target,
            mode,
            "L" if mode == "L" else "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # a damaged profile does not make a picture unreadable
