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

from PIL import ExifTags, Image, UnidentifiedImageError

from visionstudio.media import dicom, exr
from visionstudio.media.identity import open_regular
from visionstudio.media.pages import tiff_layout
from visionstudio.model.errors import MediaError

# Larger pictures would need over 2 GB decoded: they need tiles, not a whole decode.
MAX_PIXELS = 400_000_000
MAX_DECODED_BYTES = 2 * 2**30
# What is read by tiles may be larger: the largest scans are about a tenth of this.
MAX_TILED_PIXELS = 100_000_000_000
TILED_FORMATS = ("TIFF", "JPEG", "PNG", "PPM", "WEBP")
# Deflate packs 1 : 1032 at most, so one-bit PNG reaches 8256 pixels per byte. Beyond
# that, from a size that is worth an attack, a header is not believed.
BOMB_PIXELS = 20_000_000
BOMB_PIXELS_PER_BYTE = 10_000

# What it has to say about damaged files is said by our errors.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)
# Ours is the check that counts; Pillow's would only warn, or refuse large photographs.
Image.MAX_IMAGE_PIXELS = None

# Those that are recognised by a clear signature come first; TGA has none.
_FORMATS = (
    "JPEG", "WEBP", "AVIF", "GIF", "BMP", "JPEG2000", "PPM", "SGI", "ICO", "CUR", "TGA"
)  # fmt: skip
_ANIMATED = ("GIF", "WEBP", "AVIF")
_JPEG_MAGIC = b"\xff\xd8\xff"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_EXR_MAGIC = b"v/1\x01"
_HEAD = 132  # DICOM has its mark at the end of these
_CHANNELS = {"1": 1, "L": 1, "P": 3, "LA": 4, "PA": 4, "I;16": 2, "I": 4, "F": 4}


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Facts of one picture (or page) as stored, before turning it upright.

    `format` is Pillow's name, or HDR, EXR, DICOM. `mode` is Pillow's mode as it would
    decode, 'C' for each channel that is no colour; `bits` are bits per sample as
    stored; `orientation` is EXIF's 1 to 8. `frames` counts pages and frames of the
    file. `names` are those of the channels, `window` the values to be shown as black
    and white, where the file tells; `inverted` says that high values are dark.
    """

    format: str
    mode: str
    bits: int
    width: int
    height: int
    orientation: int = 1
    complete: bool = True
    frames: int = 1
    names: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    inverted: bool = False

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height after turning."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def picture_header(path: Path) -> PictureHeader:
    """The header of a picture file, also of one that can only be read by tiles.

    Raises MediaError.
    """
    with open_regular(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        return read_header(handle, size, str(path), tiled=True)


def picture_size(path: Path) -> tuple[int, int]:
    """Upright width and height of a picture file, read from its header. Raises MediaError."""
    return picture_header(path).upright_size


def read_header(
    handle: IO[bytes], size: int, where: str, page: int = 0, *, tiled: bool = False
) -> PictureHeader:
    """The header of an open picture file of `size` bytes, checked against the caps above.

    `tiled` lets through what is too large to decode whole. Raises MediaError when it
    is no picture that can be decoded, or claims a size that is refused. The handle's
    position afterwards is undefined.
    """
    handle.seek(0)
    magic = handle.read(_HEAD)
    try:
        if magic[:4] in _TIFF_MAGIC and not dicom.is_marked(magic):  # which may carry both marks
            header = _tiff(handle, page)
        elif magic.startswith((b"#?RADIANCE", b"#?RGBE")):
            header = _radiance(handle)
        elif magic.startswith(_EXR_MAGIC):
            header = _exr(Path(where))
        elif dicom.is_dicom(magic, where):
            header = _dicom(handle)
        elif magic.startswith(_PNG_MAGIC):
            header = _png(handle)
        else:
            header = _pillow(handle)
    except MediaError as error:
        next_step = error.next_step or "copy it again from its source"
        raise MediaError(error.what, where=error.where or where, next_step=next_step) from error
    except UnidentifiedImageError as error:
        handle.seek(0)
        raise MediaError(
            what_instead(handle.read(4096)), where=where, next_step="open it with its own program"
        ) from error
    except Exception as error:  # parsers of hostile bytes raise anything
        raise MediaError(
            f"the header is damaged: {error or type(error).__name__}",
            where=where,
            next_step="copy it again from its source",
        ) from error
    if page >= header.frames:
        pages = f"{header.frames} pages" if header.frames > 1 else "one page only"
        raise MediaError(
            f"has {pages}, there is no page {page}", where=where, next_step="choose page 0"
        )
    _check(header, size, where, tiled=tiled)
    return header


def _check(header: PictureHeader, size: int, where: str, *, tiled: bool) -> None:
    width, height = header.width, header.height
    pixels = width * height
    if pixels <= 0:
        raise MediaError(f"the header claims {width}×{height} pixels", where=where)
    if header.frames > size:
        raise MediaError(
            f"claims {header.frames:,} frames in {size:,} bytes, which no real file has",
            where=where,
            next_step="do not trust this file",
        )
    depth = 1 if header.bits <= 8 else 2 if header.bits <= 16 else 4
    channels = _CHANNELS.get(header.mode, len(header.mode))
    tiled = tiled and header.format in TILED_FORMATS and pixels <= MAX_TILED_PIXELS
    too_large = pixels > MAX_PIXELS or pixels * depth * channels > MAX_DECODED_BYTES
    if too_large and not tiled:
        raise MediaError(
            f"{width}×{height} pixels are more than can be decoded whole"
            f" (limit {MAX_PIXELS // 1_000_000} megapixels)",
            where=where,
            next_step="scale it down or cut it into smaller pictures",
        )
    if pixels > BOMB_PIXELS and pixels > size * BOMB_PIXELS_PER_BYTE:
        raise MediaError(
            f"claims {width}×{height} pixels in {size} bytes, which no real picture has",
            where=where,
            next_step="do not trust this file",
        )


def _pillow(handle: IO[bytes]) -> PictureHeader:
    handle.seek(0)
    if handle.read(3) != _JPEG_MAGIC:
        register_formats()
    handle.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(handle, formats=_FORMATS)
    # MPO is a JPEG with more JPEGs behind it: the first one is the picture.
    name = "JPEG" if image.format in ("JPEG", "MPO") else str(image.format)
    bits = 16 if image.mode.startswith("I") else 8
    if name == "PPM" and _ppm_maximum(handle) > 255:
        bits = 16
    turned = exif_orientation(image.info.get("exif"))
    frames = _frames(image) if name in _ANIMATED else 1
    return PictureHeader(name, image.mode, bits, *image.size, turned, frames=frames)


def register_formats() -> None:
    """Let Pillow open every format that is read by it: it comes with the commonest only.

    They take long to load, and most folders do without.
    """
    from PIL import (
        AvifImagePlugin,  # noqa: F401
        CurImagePlugin,  # noqa: F401
        IcoImagePlugin,  # noqa: F401
        Jpeg2KImagePlugin,  # noqa: F401
        SgiImagePlugin,  # noqa: F401
        TgaImagePlugin,  # noqa: F401
        TiffImagePlugin,  # noqa: F401
        WebPImagePlugin,  # noqa: F401
    )


def _frames(image: Image.Image) -> int:
    """How many frames an animation has; 1 where its end is damaged."""
    try:
        return max(1, int(getattr(image, "n_frames", 1)))
    except (OSError, ValueError, EOFError, SyntaxError):
        return 1


def _exr(path: Path) -> PictureHeader:
    width, height, names = exr.facts(path)
    colours = names in (("R", "G", "B"), ("R", "G", "B", "A"))
    mode = "".join(names) if colours else "L" if len(names) == 1 else "C" * len(names)
    return PictureHeader("EXR", mode, 32, width, height, names=() if colours else names)


def _dicom(handle: IO[bytes]) -> PictureHeader:
    width, height, samples, bits, frames = dicom.facts(handle)
    window, inverted = dicom.display(handle)
    if window is None and bits < 8:
        window = 0.0, float(2**bits - 1)
    mode = {1: "L", 3: "RGB"}.get(samples, "C" * samples)
    return PictureHeader(
        "DICOM", mode, bits, width, height, frames=frames, window=window, inverted=inverted
    )


def _png(handle: IO[bytes]) -> PictureHeader:
    """PNG by its chunks: Pillow would decode the whole picture to look for EXIF behind it."""
    handle.seek(8)
    width = height = bits = colour = 0
    orientation, transparent, complete, data, frames = 1, False, False, False, 1
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
        elif kind == b"acTL":  # APNG: how many frames
            frames = max(1, int.from_bytes(handle.read(4), "big"))
            length -= 4
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
    whole = complete and data
    return PictureHeader("PNG", mode, bits, width, height, orientation, whole, frames)


def _tiff(handle: IO[bytes], page: int) -> PictureHeader:
    import tifffile  # here: it takes long to load, and other pictures do without

    handle.seek(0)
    with tifffile.TiffFile(handle) as tiff:
        layout = tiff_layout(tiff)
        p = layout.pages(min(page, layout.frames - 1))[0]
        photometric = p.photometric
        samples = p.samplesperpixel
        plain = photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)
        if layout.channels > 1:
            mode = "C" * layout.channels
        elif photometric == tifffile.PHOTOMETRIC.PALETTE:
            mode = "P"
        elif photometric == tifffile.PHOTOMETRIC.SEPARATED:
            mode = "CMYK"
        elif samples in (3, 4) and not plain:
            mode = "RGBA" if samples == 4 else "RGB"
        elif samples == 2 and p.extrasamples:
            mode = "LA"
        else:
            mode = "L" * samples
        tag = p.tags.get(274)
        orientation = tag.value if tag is not None and tag.value in range(1, 9) else 1
        bits, width, height = int(p.bitspersample), int(p.imagewidth), int(p.imagelength)
        return PictureHeader(
            "TIFF", mode, bits, width, height, orientation, True, layout.frames, layout.names
        )


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


def what_instead(head: bytes) -> str:
    """Why a file that begins with `head` and that no decoder knows is none of ours."""
    known = {
        b"%PDF": "is a PDF document, not a picture",
        b"PK\x03\x04": "is a ZIP archive, not a picture",
        b"\x1f\x8b": "is packed by gzip (a drawing or an archive), not a picture",
        b"\x00\x00\x01\x5c": "is the header of an Analyze volume, whose pixels lie elsewhere",
    }
    for start, what in known.items():
        if head.startswith(start):
            return what
    if head[36:40] == b"acsp":
        return "is a colour profile, not a picture"
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"avif", b"avis"):
            return "is an AVIF picture that its decoder refuses"
        return "is a video or a HEIF picture, which cannot be decoded as a picture"
    if b"<svg" in head:
        return "is an SVG drawing, not a picture of pixels"
    printable = all(c in b"\t\r\n" or 32 <= c < 127 for c in head[:16])
    return "is text, not a picture" if printable else "is no picture of a known format"
