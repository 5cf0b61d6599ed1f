"""Decoding one picture file into source values: which decoder for which format, and why.

- 8-bit JPEG of one or three components and PNG: OpenCV, the fastest, and it lets
  other threads run meanwhile. The pixels equal Pillow's.
- TIFF: tifffile where data are raw or deflated, Pillow for other 8-bit ones,
  OpenCV for other deep ones.
- Radiance HDR and deep PPM: OpenCV. OpenEXR and DICOM: their own libraries.
  Everything else, and what moves: Pillow.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visionstudio.media import dicom, exr
from visionstudio.media.colour import convert_profile
from visionstudio.media.header import PictureHeader, register_formats
from visionstudio.media.pages import tiff_layout
from visionstudio.model.errors import MediaError

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# by which the sides are divided: how to ask OpenCV for it in grey and in colour
_REDUCTIONS = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR_RGB),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
}
_UPRIGHT_LATER = cv2.IMREAD_IGNORE_ORIENTATION
_RAW_TIFF = (1, 8, 32946)  # none, deflate, old deflate


def decode(
    handle: IO[bytes],
    header: PictureHeader,
    where: str,
    *,
    page: int = 0,
    reduce: int = 1,
    partial: bool = False,
) -> NDArray[Any]:
    """Stored values (H, W) or (H, W, C), channels in the order R, G, B, A; not yet upright.

    8-bit colours are sRGB, palettes and CMYK are resolved. `reduce` 2, 4 or 8
    lets a JPEG decoder skip detail: sizes are rounded up; other formats ignore
    it. `partial` shows what there is of a JPEG that was cut off. Raises MediaError.
    """
    try:
        if header.format == "TIFF":
            return _tiff(handle, header, page)
        if header.format == "DICOM":
            return _checked(narrowed(dicom.decode(handle, page)), header)
        if header.format == "EXR":
            return _checked(exr.decode(Path(where)), header)
        handle.seek(0)
        data = handle.read()
        if header.format == "JPEG":
            return _jpeg(data, header, reduce, partial)
        if header.format == "PNG" and not header.complete:
            raise MediaError("the file is cut off: its end is missing")
        still = header.format == "PNG" and header.frames == 1
        if still or header.format == "HDR" or (header.format == "PPM" and header.bits > 8):
            values = _opencv(data, cv2.IMREAD_UNCHANGED)
            return _checked(_with_profile(values, data), header)
        return _pillow(io.BytesIO(data), header, page=page)
    except MediaError as error:
        raise MediaError(
            error.what,
            where=error.where or where,
            next_step=error.next_step or "copy it again from its source",
        ) from error
    except MemoryError as error:
        raise MediaError(
            "there is not enough memory to decode it", where=where, next_step="close other programs"
        ) from error
    except Exception as error:  # decoders of hostile bytes raise anything
        raise MediaError(
            f"cannot be decoded: {' '.join(str(error).split()) or type(error).__name__}",
            where=where,
            next_step="copy it again from its source",
        ) from error


def _jpeg(data: bytes, header: PictureHeader, reduce: int, partial: bool) -> NDArray[Any]:
    if not _jpeg_complete(data):
        if not partial:
            raise MediaError("the file is cut off: its end is missing")
        data += b"\xff\xd9"  # an end: the decoder then makes do with what there is
    if header.mode not in ("L", "RGB"):
        return _pillow(io.BytesIO(data), header, reduce=reduce)
    grey, colour = _REDUCTIONS[reduce]
    found = _opencv(data, (grey if header.mode == "L" else colour) | _UPRIGHT_LATER)
    values = _checked(found, header if reduce == 1 else None)
    if b"ICC_PROFILE\0" not in data[: 1 << 20]:
        return values
    profile = Image.open(io.BytesIO(data), formats=("JPEG", "MPO")).info.get("icc_profile")
    return convert_profile(values, profile, "L" if values.ndim == 2 else "RGB")


def _jpeg_complete(data: bytes) -> bool:
    """Whether an end-of-image marker follows the first scan.

    Thumbnails in front have their own; inside coded data the two bytes cannot occur.
    """
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xDA:  # start of scan
            return data.rfind(b"\xff\xd9", position) > 0
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _opencv(data: bytes, flags: int) -> NDArray[Any] | None:
    """What OpenCV decodes, channels put in RGB order; None when it cannot."""
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    if values is None:
        return None
    in_order = flags >= 0 and bool(flags & cv2.IMREAD_COLOR_RGB)
    return values if in_order else _rgb_order(values)


def _rgb_order(values: NDArray[Any]) -> NDArray[Any]:
    """OpenCV's B, G, R[, A] as R, G, B[, A]; other arrays as they are."""
    channels = values.shape[2] if values.ndim == 3 else 1
    code = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(channels)
    return values if code is None else cv2.cvtColor(values, code)


def _with_profile(values: NDArray[Any] | None, data: bytes) -> NDArray[Any] | None:
    """PNG colours in sRGB."""
    if values is None or values.dtype != np.uint8 or b"iCCP" not in data[: 1 << 20]:
        return values
    profile = Image.open(io.BytesIO(data), formats=("PNG",)).info.get("icc_profile")
    if values.ndim == 2:
        return convert_profile(values, profile, "L")
    colours = convert_profile(np.ascontiguousarray(values[:, :, :3]), profile, "RGB")
    return colours if values.shape[2] == 3 else np.dstack([colours, values[:, :, 3]])


def _checked(values: NDArray[Any] | None, header: PictureHeader | None) -> NDArray[Any]:
    """The values, if the decoder gave any and of the announced size."""
    if values is None:
        raise MediaError("the picture data are damaged")
    if header is not None and values.shape[:2] != (header.height, header.width):
        raise MediaError("the picture data are not of the size that the header announces")
    return values


def _pillow(
    handle: IO[bytes], header: PictureHeader, *, page: int = 0, reduce: int = 1
) -> NDArray[Any]:
    register_formats()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handle.seek(0)
        image = Image.open(handle)
        if page:
            image.seek(page)
        if reduce > 1:
            image.draft(None, (-(-header.width // reduce), -(-header.height // reduce)))
        try:
            image.load()
        except OSError as error:
            if "truncated" in str(error):
                raise MediaError("the file is cut off: its end is missing") from error
            raise
    return resolved(image)


def resolved(image: Image.Image) -> NDArray[Any]:
    """Palette, alpha and ink modes of Pillow as plain arrays in sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("PA", "La", "RGBa"):
        image = image.convert("RGBA")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    values = np.asarray(image)
    if image.mode in ("L", "RGB", "CMYK"):
        return convert_profile(values, profile, image.mode)
    if image.mode == "RGBA" and profile:
        colours = convert_profile(np.ascontiguousarray(values[:, :, :3]), profile, "RGB")
        return np.dstack([colours, values[:, :, 3]])
    return values


def _tiff(handle: IO[bytes], header: PictureHeader, page: int) -> NDArray[Any]:
    import tifffile  # here: it takes long to load, and other pictures do without

    handle.seek(0)
    with tifffile.TiffFile(handle) as tiff:
        layout = tiff_layout(tiff)
        pages = layout.pages(page)
        if layout.plane is not None:
            planes = layout.plane(page)
        else:
            planes = [_tiff_page(handle, header, p) for p in pages]
        planes = [narrowed(plane) for plane in planes]
    return planes[0] if len(planes) == 1 else np.dstack(planes)


def _tiff_page(handle: IO[bytes], header: PictureHeader, p: Any) -> NDArray[Any]:
    import tifffile

    plain = p.photometric in (
        tifffile.PHOTOMETRIC.MINISBLACK,
        tifffile.PHOTOMETRIC.MINISWHITE,
        tifffile.PHOTOMETRIC.RGB,
    )
    raw = p.compression in _RAW_TIFF and plain and p.iccprofile is None
    if raw and p.bitspersample in (1, 8, 16, 32, 64) and p.planarconfig == 1:
        values = np.atleast_2d(p.asarray())
        values = values.reshape(p.imagelength, p.imagewidth, -1)
        if p.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            return _inverted(values, p.bitspersample)
        if p.bitspersample == 1:
            return values.astype(np.uint8) * np.uint8(255)
        return values
    handle.seek(0)
    if header.bits <= 8:
        return _pillow(handle, header, page=p.index)
    ok, found = cv2.imdecodemulti(
        np.frombuffer(handle.read(), np.uint8),
        cv2.IMREAD_UNCHANGED,
        range=(p.index, p.index + 1),
    )
    return _rgb_order(_checked(found[0] if ok and found else None, header))


def _inverted(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Grey values of a picture in which 0 means white."""
    if bits == 1:
        return (1 - values.astype(np.uint8)) * np.uint8(255)
    if np.issubdtype(values.dtype, np.unsignedinteger):
        return np.asarray(np.iinfo(values.dtype).max - values)
    return -values


def narrowed(values: NDArray[Any]) -> NDArray[Any]:
    """uint8, uint16 or float32, whichever holds the values; one channel as (H, W)."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype in (np.uint8, np.uint16, np.float32):
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.itemsize <= 2 and values.min(initial=0) >= 0:
        return values.astype(np.uint8 if values.dtype.itemsize == 1 else np.uint16)
    return values.astype(np.float32)
