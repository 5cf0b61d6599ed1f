"""What a picture file says about itself, and whether that can be true: read before any decoding.

Decoders believe headers: 74 bytes of PNG make some of them allocate gigabytes.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import tifffile
from PIL import (  # the plugins register their formats when imported
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    ExifTags,
    GifImagePlugin,  # noqa: F401
    IcoImagePlugin,  # noqa: F401
    Image,
    Jpeg2KImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    SgiImagePlugin,  # noqa: F401
    TgaImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from visionstudio.media.identity import open_regular
from visionstudio.model.errors import MediaError

# Larger pictures would need over 2 GB decoded: they need tiles, not a whole decode.
MAX_PIXELS = 400_000_000
MAX_DECODED_BYTES = 2 * 2**30
# Deflate packs 1 : 1032 at most, so one-bit PNG reaches 8256 pixels per byte. Beyond
# that, from a size that is worth an attack, a header is not believed.
BOMB_PIXELS = 20_000_000
BOMB_PIXELS_PER_BYTE = 10_000

# What it has to say about damaged files is said by our errors.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)
# Ours is the check that counts; Pillow's would only warn, or refuse large photographs.
Image.MAX_IMAGE_PIXELS = None

# Those that are recognised by a clear signature come first; TGA has none.
_FORMATS = ("JPEG", "WEBP", "AVIF", "GIF", "BMP", "JPEG2000", "PPM", "SGI", "ICO", "TGA")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {"1": 1, "L": 1, "P": 3, "LA": 4, "PA": 4, "I;16": 2, "I": 4, "F": 4}


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Facts of one picture (or page) as stored, before turning it upright.

    `format` is Pillow's name, or HDR. `mode` is Pillow's mode as it would decode;
    `bits` are bits per sample as stored; `orientation` is EXIF's 1 to 8.
    """

    format: str
    mode: str
    bits: int
    width: int
    height: int
    orientation: int = 1
    complete: bool = True

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height after turning."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def picture_size(path: Path) -> tuple[int, int]:
    """Upright width and height of a picture file, read from its header. Raises MediaError."""
    with open_regular(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        return read_header(handle, size, str(path)).upright_size


def read_header(handle: IO[bytes], size: int, where: str, page: int = 0) -> PictureHeader:
    """The header of an open picture file of `size` bytes, checked against the caps above.

    Raises MediaError when it is no picture that can be decoded, or claims a
    size that is refused. The handle's position afterwards is undefined.
    """
    handle.seek(0)
    magic = handle.read(16)
    try:
        if magic[:4] in _TIFF_MAGIC:
            header = _tiff(handle, page)
        elif magic.startswith((b"#?RADIANCE", b"#?RGBE")):
            header = _radiance(handle)
        elif page:
            raise MediaError("has one page only", where=where, next_step="choose page 0")
        elif magic.startswith(_PNG_MAGIC):
            header = _png(handle)
        else:
            header = _pillow(handle)
    except MediaError:
        raise
    except UnidentifiedImageError as error:
        raise MediaError(
            _what_instead(magic), where=where, next_step="open it with its own program"
        ) from error
    except Exception as error:  # parsers of hostile bytes raise anything
        raise MediaError(
            f"the header is damaged: {error or type(error).__name__}",
            where=where,
            next_step="copy it again from its source",
        ) from error
    _check(header, size, where)
    return header


def _check(header: PictureHeader, size: int, where: str) -> None:
    width, height = header.width, header.height
    pixels = width * height
    if pixels <= 0:
        raise MediaError(f"the header claims {width}×{height} pixels", where=where)
    depth = 1 if header.bits <= 8 else 2 if header.bits <= 16 else 4
    channels = _CHANNELS.get(header.mode, len(header.mode))
    if pixels > MAX_PIXELS or pixels * depth * channels > MAX_DECODED_BYTES:
        raise MediaError(
            f"{width}×{height} pixels are more than can be decoded whole"
            f" (limit {MAX_PIXELS // 1_000_000} megapixels)",
            where=where,
            next_step="scale it down or cut it into tiles",
        )
    if pixels > BOMB_PIXELS and pixels > size * BOMB_PIXELS_PER_BYTE:
        raise MediaError(
            f"claims {width}×{height} pixels in {size} bytes, which no real picture has",
            where=where,
            next_step="do not trust this file",
        )


def _pillow(handle: IO[bytes]) -> PictureHeader:
    handle.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(handle, formats=_FORMATS)
    # MPO is a JPEG with more JPEGs behind it: the first one is the picture.
    name = "JPEG" if image.format in ("JPEG", "MPO") else str(image.format)
    bits = 16 if image.mode.startswith("I") else 8
    if name == "PPM" and _ppm_maximum(handle) > 255:
        bits = 16
    return PictureHeader(
        name, image.mode, bits, *image.size, exif_orientation(image.info.get("exif"))
    )


def _png(handle: IO[bytes]) -> PictureHeader:
    """PNG by its chunks: Pillow would decode the whole picture to look for EXIF behind it."""
    handle.seek(8)
    width = height = bits = colour = 0
    orientation, transparent, complete, data = 1, False, False, False
    while len(head := handle.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IHDR":
            body = handle.read(13)
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            bits, colour = body[8], body[9]
            length -= 13
        elif kind == b"eXIf" and length <= 2**20:
            orientation = exif_orientation(handle.read(length))
            length = 0
        elif kind == b"tRNS":
            transparent = True
        elif kind == b"IDAT":
            data = True
        elif kind == b"IEND":
            complete = True
            break
        handle.seek(length + 4, 1)
    if not width:
        raise ValueError("no IHDR chunk")
    modes = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
    if colour not in modes or bits not in (1, 2, 4, 8, 16):
        raise ValueError(f"colour type {colour} with {bits} bits")
    mode = "RGBA" if transparent and colour else modes[colour]
    return PictureHeader("PNG", mode, bits, width, height, orientation, complete and data)


def _tiff(handle: IO[bytes], page: int) -> PictureHeader:
    handle.seek(0)
    with tifffile.TiffFile(handle) as tiff:
        pages = len(tiff.pages)
        if not 0 <= page < pages:
            raise MediaError(f"has {pages} pages, there is no page {page}")
        p = tiff.pages[page].aspage()
        photometric = p.photometric
        samples = p.samplesperpixel
        if photometric == tifffile.PHOTOMETRIC.PALETTE:
            mode = "P"
        elif photometric == tifffile.PHOTOMETRIC.SEPARATED:
            mode = "CMYK"
        elif samples in (3, 4) and photometric not in (
            tifffile.PHOTOMETRIC.MINISBLACK,
            tifffile.PHOTOMETRIC.MINISWHITE,
        ):
            mode = "RGBA" if samples == 4 else "RGB"
        else:
            mode = "L" * samples
        tag = p.tags.get(274)
        orientation = tag.value if tag is not None and tag.value in range(1, 9) else 1
        bits, width, height = int(p.bitspersample), int(p.imagewidth), int(p.imagelength)
        return PictureHeader("TIFF", mode, bits, width, height, orientation)


def _radiance(handle: IO[bytes]) -> PictureHeader:
    handle.seek(0)
    text = handle.read(4096)
    for line in text.split(b"\n"):
        part = line.split()
        if len(part) == 4 and part[0] in (b"-Y", b"+Y") and part[2] in (b"-X", b"+X"):
            return PictureHeader("HDR", "RGB", 32, int(part[3]), int(part[1]))
    raise ValueError("no resolution line")


def _ppm_maximum(handle: IO[bytes]) -> int:
    """The largest sample value a PPM or PGM file announces."""
    handle.seek(0)
    lines = handle.read(1024).split(b"\n")
    words = b" ".join(line.split(b"#")[0] for line in lines).split()
    return int(words[3]) if words[0] in (b"P2", b"P3", b"P5", b"P6") else 255


def exif_orientation(data: bytes | None) -> int:
    """EXIF's orientation 1 to 8 in a block of EXIF data; 1 when there is none or it is damaged."""
    if not data:
        return 1
    try:
        exif = Image.Exif()
        exif.load(data)
        value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF never stops a picture from being shown
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _what_instead(magic: bytes) -> str:
    """Why a file that no decoder knows is none of ours."""
    known = {
        b"%PDF": "is a PDF document, not a picture",
        b"v/1\x01": "is an OpenEXR picture, which cannot be decoded here",
        b"PK\x03\x04": "is a ZIP archive, not a picture",
        b"<svg": "is an SVG drawing, not a picture of pixels",
    }
    for start, what in known.items():
        if magic.startswith(start):
            return what
    if magic[4:8] == b"ftyp":
        return "is a video or a HEIF picture, which cannot be decoded as a picture"
    printable = all(c in b"\t\r\n" or 32 <= c < 127 for c in magic)
    return "is text, not a picture" if printable else "is no picture of a known format"
