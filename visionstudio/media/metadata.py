"""What a file says about itself: EXIF, TIFF tags, OME, DICOM, video streams; and the scale."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from PIL import ExifTags, Image

from visionstudio.media import dicom
from visionstudio.media.header import read_header, register_formats
from visionstudio.media.identity import open_regular
from visionstudio.media.scan import kind_of
from visionstudio.model.errors import MediaError, VisionStudioError
from visionstudio.model.measurements import Calibration
from visionstudio.model.media import MediaKind

if TYPE_CHECKING:
    import tifffile

_LONG = 2000  # characters of a value that are kept
_MANY = 5000  # entries of a file that are kept
_SHORT = 200  # bytes of binary DICOM values that are shown
_BINARY = ("OB", "OW", "OF", "OD", "UN")
_SCREEN_DPI = frozenset({1.0, 72.0, 96.0})  # written by programs that know no resolution
_INCH_MM, _CM_MM = 25.4, 10.0
_SVS_MPP = re.compile(r"\bMPP\s*=\s*([0-9.]+)")


class Entry(NamedTuple):
    """One fact: where it stands, what it is called, what it says."""

    group: str
    name: str
    value: str


def read_metadata(path: Path) -> list[Entry]:
    """All facts that a file holds about itself, in its order. Blocks. Raises MediaError."""
    path = Path(path)
    if path.is_dir():
        return [Entry("File", "Folder", str(path))]
    with open_regular(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        found = [Entry("File", "Name", path.name), Entry("File", "Bytes", f"{size:,}")]
        if kind_of(path.name) is MediaKind.VIDEO:
            return found + list(_video(path))[:_MANY]
        header = read_header(handle, size, str(path), tiled=True)
        found += [
            Entry("File", "Format", header.format),
            Entry("File", "Size", f"{header.width} × {header.height}"),
            Entry("File", "Bits per sample", str(header.bits)),
            Entry("File", "Frames", str(header.frames)),
            Entry("File", "Orientation", str(header.orientation)),
        ]
        if header.names:
            found.append(Entry("File", "Channels", ", ".join(header.names)))
        for entry in _all(handle, header.format, path):
            found.append(entry)
            if len(found) >= _MANY:
                break
    return found


def _all(handle: IO[bytes], format_name: str, path: Path) -> Iterator[Entry]:
    """Facts by the file's format; what is damaged is left out."""
    try:
        if format_name == "DICOM":
            yield from _dicom(handle)
        elif format_name == "EXR":
            yield from _exr(path)
        elif format_name == "TIFF":
            yield from _tiff(handle)
        else:
            yield from _pillow(handle)
    except MediaError:
        raise
    except Exception as error:  # parsers of hostile bytes raise anything
        yield Entry("File", "Damaged", str(error) or type(error).__name__)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        shown = value[:64].hex(" ") if b"\0" in value[:200] else value[:_LONG].decode("latin-1")
        value = f"{shown} … ({len(value)} bytes)" if len(value) > _LONG else shown
    text = " ".join(str(value).split()) if not isinstance(value, str) else value.strip()
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _pillow(handle: IO[bytes]) -> Iterator[Entry]:
    handle.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        register_formats()
        image = Image.open(handle)
        exif = image.getexif()
        for tag, value in exif.items():
            yield Entry("EXIF", ExifTags.TAGS.get(tag, f"0x{tag:04x}"), _text(value))
        for name, ifd, names in (
            ("EXIF", ExifTags.IFD.Exif, ExifTags.TAGS),
            ("GPS", ExifTags.IFD.GPSInfo, ExifTags.GPSTAGS),
        ):
            for tag, value in exif.get_ifd(ifd).items():
                yield Entry(name, str(names.get(tag, f"0x{tag:04x}")), _text(value))
        for key, value in image.info.items():
            if key == "icc_profile":
                yield from _profile(value)
            elif key != "exif":
                yield Entry("Image", str(key), _text(value))


def _profile(data: bytes) -> Iterator[Entry]:
    import io

    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        yield Entry("Colour profile", "Name", ImageCms.getProfileDescription(profile).strip())
        yield Entry("Colour profile", "Space", profile.profile.xcolor_space.strip())


def _tiff(handle: IO[bytes]) -> Iterator[Entry]:
    import tifffile  # here: it takes long to load, and other pictures do without

    handle.seek(0)
    with tifffile.TiffFile(handle) as tiff:
        for n, page in enumerate(tiff.pages[:16]):
            group = f"Page {n}" if len(tiff.pages) > 1 else "TIFF"
            for tag in page.aspage().tags.values():
                if tag.name in ("StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts"):
                    continue
                value = getattr(tag.value, "name", tag.value)
                yield Entry(group, tag.name, _text(value))
        if tiff.is_ome and tiff.ome_metadata:
            yield from _flat("OME", tifffile.xml2dict(tiff.ome_metadata).get("OME", {}))
        if tiff.is_imagej and tiff.imagej_metadata:
            yield from _flat("ImageJ", tiff.imagej_metadata)


def _flat(group: str, values: Any, name: str = "") -> Iterator[Entry]:
    """Nested values as one entry each, under names like Image.Pixels.SizeX."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _flat(group, value, f"{name}.{key}" if name else str(key))
    elif isinstance(values, list) and values and isinstance(values[0], dict):
        for n, value in enumerate(values):
            yield from _flat(group, value, f"{name}[{n}]")
    else:
        yield Entry(group, name, _text(values))


def _dicom(handle: IO[bytes]) -> Iterator[Entry]:
    dataset = dicom.read_dataset(handle, pixels=False)
    for part in (getattr(dataset, "file_meta", ()), dataset):
        yield from _elements(part, "")


def _elements(dataset: Any, before: str) -> Iterator[Entry]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for element in dataset:
            name = f"{before}{element.name}"
            if element.VR == "SQ":
                for n, item in enumerate(element.value or ()):
                    yield from _elements(item, f"{name}[{n}] / ")
            elif (
                element.VR not in ("OB", "OW", "OF", "OD", "UN") or len(element.value or b"") < 200
            ):
                yield Entry(f"DICOM {element.tag}", name, _text(element.value))


def _exr(path: Path) -> Iterator[Entry]:
    import OpenEXR

    for name, value in OpenEXR.File(str(path), header_only=True).header().items():
        yield Entry("EXR", str(name), _text(value))


def _video(path: Path) -> Iterator[Entry]:
    import av

    try:
        with av.open(str(path)) as container:
            yield Entry("Container", "Format", container.format.long_name)
            for name, value in container.metadata.items():
                yield Entry("Container", name, _text(value))
            for stream in container.streams:
                group = f"Stream {stream.index} ({stream.type})"
                yield Entry(group, "Codec", str(stream.codec_context.name))
                for name in ("width", "height", "pix_fmt", "sample_rate", "average_rate", "frames"):
                    known = getattr(stream, name, None) or getattr(stream.codec_context, name, None)
                    if known:
                        yield Entry(group, name, _text(known))
                for name, value in stream.metadata.items():
                    yield Entry(group, name, _text(value))
    except (av.FFmpegError, OSError) as error:
        yield Entry("Container", "Damaged", str(error))


def read_calibration(path: Path) -> Calibration | None:
    """The size of a pixel as a picture file tells it; None where it does not. Blocks.

    From DICOM's pixel spacing, OME's physical size, a slide's microns per pixel, ImageJ's
    unit, or the resolution of a TIFF; resolutions that screens have say nothing.
    """
    if path.is_dir() or kind_of(path.name) is MediaKind.VIDEO:
        return None
    try:
        with open_regular(path) as handle:
            size = os.fstat(handle.fileno()).st_size
            header = read_header(handle, size, str(path), tiled=True)
            if header.format == "DICOM":
                found = dicom.spacing(handle)
                calibration = Calibration(*found, "mm", "DICOM") if found else None
            elif header.format == "TIFF":
                import tifffile

                handle.seek(0)
                with tifffile.TiffFile(handle) as tiff:
                    calibration = _tiff_calibration(tiff)
            else:
                return None
    except VisionStudioError:
        return None
    except Exception:  # damaged facts are no facts
        return None
    if calibration is not None and header.orientation >= 5:
        return Calibration(calibration.y, calibration.x, calibration.unit, calibration.origin)
    return calibration


def _tiff_calibration(tiff: tifffile.TiffFile) -> Calibration | None:
    page = tiff.pages.first
    if tiff.is_ome:
        import tifffile

        images = tifffile.xml2dict(tiff.ome_metadata or "")["OME"]["Image"]
        pixels = (images[0] if isinstance(images, list) else images)["Pixels"]
        if "PhysicalSizeX" in pixels:
            x = float(pixels["PhysicalSizeX"])
            y = float(pixels.get("PhysicalSizeY", x))
            return Calibration(x, y, str(pixels.get("PhysicalSizeXUnit", "µm")), "OME")
    if tiff.is_svs:
        match = _SVS_MPP.search(page.description)
        if match:
            return Calibration(float(match[1]), float(match[1]), "µm", "slide")
    across, down = _resolution(page, "XResolution"), _resolution(page, "YResolution")
    if across is None or down is None:
        return None
    if tiff.is_imagej:
        unit = str((tiff.imagej_metadata or {}).get("unit", ""))
        unit = {"micron": "µm", "um": "µm", "\\u00B5m": "µm"}.get(unit, unit)
        return (
            Calibration(1 / across, 1 / down, unit, "ImageJ") if unit and unit != "pixel" else None
        )
    unit_tag = page.tags.get("ResolutionUnit")
    millimetres = {2: _INCH_MM, 3: _CM_MM}.get(int(unit_tag.value) if unit_tag else 0)
    if millimetres is None or across in _SCREEN_DPI:
        return None
    return Calibration(millimetres / across, millimetres / down, "mm", "TIFF")


def _resolution(page: Any, name: str) -> float | None:
    """Pixels per unit of a TIFF's page."""
    tag = page.tags.get(name)
    if tag is None:
        return None
    above, below = tag.value
    return float(above) / float(below) if above and below else None
