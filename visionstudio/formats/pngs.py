"""PNGs whose pixels are numbers: read with a cap on what they unpack to, and written."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.progress import tick
from visionstudio.formats.rows import RowFault

MAX_PIXELS = 1 << 28
Numbers = NDArray[Any]


def decode_png(source: Path | io.BytesIO, what: str) -> Numbers:
    """(H, W) numbers or palette places, or (H, W, 3) colours. Raises RowFault."""
    from PIL import Image, UnidentifiedImageError  # only formats with pictures of numbers need it

    tick(None, what)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source, formats=("PNG", "BMP", "TIFF", "GIF")) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise RowFault(f"{what} is of {width}x{height} pixels, too many")
                if picture.mode in ("RGBA", "LA", "PA"):
                    # What is see-through is drawn anyway: the numbers are in the colours.
                    return np.asarray(picture.convert("RGB" if picture.mode == "RGBA" else "L"))
                return np.asarray(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise RowFault(f"{what} is no PNG") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise RowFault(f"{what} cannot be read: {error}") from None


def encode_png(pixels: Numbers, palette: list[tuple[int, int, int]] | None = None) -> bytes:
    """A PNG of (H, W) bool, uint8 or uint16 numbers; with a palette of places in it."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    if palette is not None:
        picture.putpalette([channel for colour in palette for channel in colour])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
