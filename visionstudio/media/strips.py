"""Large PNG and TIFF pictures read from the top, so that what has come can be shown.

libvips decodes line by line what OpenCV and Pillow give as a whole. Only kinds of
file are read so for which the values are the same to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.media.colour import to_rgb
from visionstudio.media.header import PictureHeader
from visionstudio.model.errors import MediaError

LEAST_PIXELS = 30_000_000
_LINES = 256
_TELL_SECONDS = 0.2
_UNREAD = 128
_PACKED = (5, 8, 32946)  # LZW, deflate, old deflate


def comes_in_strips(path: Path, header: PictureHeader) -> bool:
    """Whether `read_in_strips` can read a picture."""
    plain = header.mode in ("L", "RGB", "RGBA") and header.bits in (8, 16)
    one = header.frames == 1 and header.orientation == 1 and header.complete
    if not plain or not one or header.width * header.height < LEAST_PIXELS:
        return False
    if header.format == "TIFF":
        import tifffile  # here: it takes long to load, and other pictures do without

        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0].aspage()
            ordinary = page.photometric in (
                tifffile.PHOTOMETRIC.MINISBLACK,
                tifffile.PHOTOMETRIC.RGB,
            )
            return bool(
                ordinary
                and page.compression in _PACKED
                and page.planarconfig == 1
                and page.iccprofile is None
            )
    return header.format == "PNG" and not _has_profile(path)


def _has_profile(path: Path) -> bool:
    with path.open("rb") as handle:
        return b"iCCP" in handle.read(1 << 20)


def read_in_strips(
    path: Path,
    header: PictureHeader,
    side: int,
    tell: Callable[[NDArray[np.uint8]], None],
) -> NDArray[Any] | None:
    """The source values (H, W) or (H, W, C), None when the file is of another kind after all.

    `tell` gets a smaller copy (h, w, 3) uint8 with the longer side about `side` a few
    times, grey where nothing has come yet. Raises MediaError.
    """
    import pyvips

    try:
        image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="error")
        kind = {"uchar": np.uint8, "ushort": np.uint16}.get(image.format)
        size = (image.width, image.height, image.bands)
        if kind is None or size != (header.width, header.height, len(header.mode)):
            return None
        region = pyvips.Region.new(image)
        values = np.empty((image.height, image.width, image.bands), kind)
        step = max(1, max(image.width, image.height) // side)
        small = np.full((-(-image.height // step), -(-image.width // step), image.bands), 0, kind)
        told = time.monotonic()
        for top in range(0, image.height, _LINES):
            lines = min(_LINES, image.height - top)
            data = region.fetch(0, top, image.width, lines)
            values[top : top + lines] = np.frombuffer(data, kind).reshape(lines, *values.shape[1:])
            if time.monotonic() - told > _TELL_SECONDS:
                _tell(values, small, top + lines, step, tell)
                told = time.monotonic()
    except pyvips.Error as error:
        raise MediaError(
            f"cannot be decoded: {' '.join(str(error).split())}",
            where=str(path),
            next_step="copy it again from its source",
        ) from error
    return values[:, :, 0] if header.mode == "L" else values


def _tell(
    values: NDArray[Any],
    small: NDArray[Any],
    lines: int,
    step: int,
    tell: Callable[[NDArray[np.uint8]], None],
) -> None:
    """Hand out what there is so far, every `step`-th pixel of it."""
    part = values[:lines:step, ::step]
    small[: len(part), : part.shape[1]] = part
    shown = np.full((*small.shape[:2], 3), _UNREAD, np.uint8)
    shown[: len(part)] = to_rgb(np.ascontiguousarray(small[: len(part)]))
    tell(shown)
