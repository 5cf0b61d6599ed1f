"""Reading pictures: the one canonical decode.

What is displayed is what is trained on is what is exported: every part of the
program gets its pixels from here, upright and in the same colours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.media.colour import composite, display_range, to_rgb
from visionstudio.media.decode import decode
from visionstudio.media.header import PictureHeader, read_header
from visionstudio.media.identity import open_regular
from visionstudio.media.orientation import upright
from visionstudio.media.strips import comes_in_strips, read_in_strips
from visionstudio.model.display import Window
from visionstudio.model.errors import MediaError

Tell = Callable[[NDArray[np.uint8]], None]
_TOLD_SIDE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Upright source values of a picture.

    `values` is (H, W) grey or (H, W, C), uint8, uint16 or float32, channels in
    the order R, G, B, A; 8-bit colours are sRGB; palettes and CMYK are resolved to
    RGB. `bits` per sample as stored; `mode` is grey, grey+alpha, rgb, rgba, or
    channels where they are no colours. `names` are those of the channels, `window`
    the values shown as black and white, where the file tells or it is one of a stack of
    deep pages; `windows` are those of channels that are no colours, in such a stack.
    `inverted` says that high values are dark; `format` is the file's.
    """

    values: NDArray[Any]
    bits: int
    mode: str
    names: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    inverted: bool = False
    format: str = ""
    windows: tuple[Window, ...] = ()

    @property
    def colours(self) -> NDArray[Any]:
        """The values without their alpha: (H, W) or (H, W, C)."""
        if self.mode == "grey+alpha":
            return self.values[:, :, 0]
        return self.values[:, :, :3] if self.mode == "rgba" else self.values

    @property
    def channel_names(self) -> tuple[str, ...]:
        """A name for every channel of `values`."""
        count = 1 if self.values.ndim == 2 else self.values.shape[2]
        if len(self.names) == count:
            return self.names
        usual = {"grey": ("grey",), "grey+alpha": ("grey", "A"), "rgb": tuple("RGB")}
        usual["rgba"] = tuple("RGBA")
        return usual.get(self.mode) or tuple(str(n + 1) for n in range(count))

    def display_range(self) -> tuple[float, float]:
        """The values shown as black and white where no other window is chosen."""
        return self.window or display_range(self.colours)

    def rgb(self) -> NDArray[np.uint8]:
        """What is shown: (H, W, 3) uint8, as `read_rgb` gives it."""
        if self.mode == "channels":
            return composite(self.values, self.windows)
        return to_rgb(self.values, self.window, inverted=self.inverted)


def read_pixels(
    path: Path, page: int = 0, *, partial: bool = False, tell: Tell | None = None
) -> Pixels:
    """The source values of a picture, or of one page or frame of a file that has several.

    Raises MediaError with the reason when the file is missing, special, empty,
    no picture, too large to decode whole, damaged or cut off; `partial` shows
    what there is of a JPEG that was cut off, the rest grey. `tell` hears of large
    PNG and TIFF pictures what has come so far, as small copies (h, w, 3) uint8.
    """
    header, values = _read(Path(path), page=page, partial=partial, tell=tell)
    pixels = _pixels(header, values)
    if header.frames > 1 and pixels.values.dtype != np.uint8:
        return with_windows(pixels, stack_windows(Path(path), header.frames))
    return pixels


def with_windows(pixels: Pixels, windows: tuple[Window, ...]) -> Pixels:
    """The same, shown through the windows of its stack where the file names none."""
    if pixels.mode == "channels":
        return replace(pixels, windows=windows)
    return replace(pixels, window=pixels.window or windows[0]) if windows else pixels


def stack_windows(path: Path, frames: int) -> tuple[Window, ...]:
    """What is shown as black and white in all pages of a stack, so that none flickers.

    From its first, middle and last page: the widest of the windows that these would have.
    One for each channel where channels are no colours. None when all three are damaged.
    """
    found = path.stat()
    return _stack_windows(path, found.st_mtime_ns, found.st_size, frames)


@lru_cache(maxsize=64)
def _stack_windows(path: Path, _changed: int, _size: int, frames: int) -> tuple[Window, ...]:
    pages = []
    for page in looked_at(frames):
        with suppress(MediaError):
            pages.append(_pixels(*_read(path, page=page)))
    return windows_of(pages)


def looked_at(frames: int) -> list[int]:
    """The pages that stand for a stack."""
    return sorted({0, frames // 2, frames - 1})


def windows_of(pages: Sequence[Pixels]) -> tuple[Window, ...]:
    """The widest windows of some pages of a stack, see `stack_windows`."""
    each = []
    for page in pages:
        channels = page.values.shape[2] if page.mode == "channels" else 0
        planes = [page.values[:, :, n] for n in range(channels)] or [page.colours]
        each.append([display_range(plane) for plane in planes])
    wide = [windows for windows in each if len(windows) == len(each[0])]
    return tuple(
        (min(low for low, _ in same), max(high for _, high in same))
        for same in zip(*wide, strict=True)
    )


def _pixels(header: PictureHeader, values: NDArray[Any]) -> Pixels:
    if values.ndim == 2:
        mode = "grey"
    elif header.mode.startswith("C") and header.mode != "CMYK":
        mode = "channels"
    elif values.shape[2] == 2 and header.mode != "LL":
        mode = "grey+alpha"
    else:
        mode = {3: "rgb", 4: "rgba"}.get(values.shape[2], "channels")
    return Pixels(
        values,
        header.bits,
        mode,
        header.names,
        header.window,
        header.inverted,
        header.format,
    )


def read_rgb(path: Path, page: int = 0, *, partial: bool = False) -> NDArray[np.uint8]:
    """The picture as it is shown: upright (H, W, 3) uint8 sRGB, contiguous.

    Alpha is composited on white, deep values are scaled as `media.colour` says.
    Raises MediaError as `read_pixels` does.
    """
    return read_pixels(path, page, partial=partial).rgb()


def read_reduced(path: Path, max_side: int) -> NDArray[np.uint8]:
    """A smaller copy whose longer side is `max_side`, never larger than the picture.

    (h, w, 3) uint8 upright sRGB, fast: a JPEG is decoded at a half, a quarter or
    an eighth where that is enough. For display only. Raises MediaError.
    """
    if max_side < 1:
        raise ValueError(f"max_side is at least 1, got {max_side}")
    header, values = _read(Path(path), max_side=max_side)
    width, height = header.upright_size
    return shrink(_pixels(header, values).rgb(), max_side, of=(width, height))


def read_quick(path: Path, side: int) -> NDArray[np.uint8]:
    """What can be shown first: as `read_reduced`, but as the decoder gives it.

    The longer side is `side` or up to twice that, or the picture's own.
    """
    return _pixels(*_read(Path(path), max_side=side)).rgb()


def shrink(
    rgb: NDArray[np.uint8], max_side: int, of: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """The picture with its longer side at most `max_side`, averaged over areas.

    `of` is (width, height) of the whole picture when `rgb` is a reduced decode.
    """
    width, height = of or (rgb.shape[1], rgb.shape[0])
    scale = min(1.0, max_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (rgb.shape[1], rgb.shape[0]):
        return rgb
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read(
    path: Path,
    *,
    page: int = 0,
    partial: bool = False,
    max_side: int = 0,
    tell: Tell | None = None,
) -> tuple[PictureHeader, NDArray[Any]]:
    """Header and upright values; reduced where `max_side` allows it."""
    with open_regular(path) as handle:
        header = read_header(handle, os.fstat(handle.fileno()).st_size, str(path), page)
        reduce = 1
        if max_side:
            ratio = max(header.width, header.height) // max_side
            reduce = next((r for r in (8, 4, 2) if r <= ratio), 1)
        values = None
        if tell is not None and page == 0 and comes_in_strips(path, header):
            values = read_in_strips(path, header, _TOLD_SIDE, tell)
        if values is None:
            values = decode(handle, header, str(path), page=page, reduce=reduce, partial=partial)
    return header, upright(np.ascontiguousarray(values), header.orientation)
