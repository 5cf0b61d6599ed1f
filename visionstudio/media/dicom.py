"""DICOM pictures: stored values with their rescaling, the window that the file names, frames.

Needs pydicom (the `dicom` extra); compressed data need its decoders too.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

MAGIC_AT = 128
SUFFIXES = (".dcm", ".dicom")
_SHORT = 512  # so much of an element is read for a header; the pixels stay in the file


def is_marked(head: bytes) -> bool:
    """Whether the first 132 bytes of a file carry DICOM's mark."""
    return head[MAGIC_AT : MAGIC_AT + 4] == b"DICM"


def is_dicom(head: bytes, where: str) -> bool:
    """Whether a file whose first 132 bytes are `head` is DICOM, by its mark or else its name."""
    return is_marked(head) or PurePath(where).suffix.lower() in SUFFIXES


@contextmanager
def _quiet() -> Iterator[None]:
    """What pydicom has to say about odd files is said by our errors."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_dataset(handle: IO[bytes], *, pixels: bool) -> Dataset:
    """The elements of an open file. Raises MediaError without DICOM in it, or without pydicom."""
    try:
        import pydicom
    except ImportError as error:
        raise MediaError(
            "is a DICOM picture, for which pydicom is not installed",
            next_step="install it with: pip install 'visionstudio[dicom]'",
        ) from error
    handle.seek(0)
    with _quiet():
        try:
            dataset = pydicom.dcmread(handle, force=True, defer_size=None if pixels else _SHORT)
        except Exception as error:  # parsers of hostile bytes raise anything
            raise MediaError(f"is a damaged DICOM file: {error}") from error
    if not len(dataset) and not len(getattr(dataset, "file_meta", ())):
        raise MediaError("is no DICOM file, though its name says so")
    return dataset


def facts(handle: IO[bytes]) -> tuple[int, int, int, int, int]:
    """Width, height, samples, bits stored and frames. Raises MediaError without a picture."""
    dataset = read_dataset(handle, pixels=False)
    with _quiet():
        holds = any(k in dataset for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
        if not holds or "Rows" not in dataset or "Columns" not in dataset:
            raise MediaError(_no_picture(dataset), next_step="open the series' own pictures")
        try:
            samples = int(dataset.get("SamplesPerPixel") or 1)
            bits = int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 8)
            frames = int(dataset.get("NumberOfFrames") or 1)
            return int(dataset.Columns), int(dataset.Rows), samples, bits, max(1, frames)
        except (TypeError, ValueError) as error:
            raise MediaError(f"is a damaged DICOM file: {error}") from error


def _no_picture(dataset: Dataset) -> str:
    meta = getattr(dataset, "file_meta", {})
    kind = getattr(meta.get("MediaStorageSOPClassUID", dataset.get("SOPClassUID")), "name", "")
    return f"is a DICOM file without a picture ({kind})" if kind else (
        "is a DICOM file without a picture"
    )  # fmt: skip


def decode(handle: IO[bytes], frame: int) -> NDArray[Any]:
    """One frame (H, W) or (H, W, 3) of an open file. Raises MediaError with the reason."""
    return frame_of(read_dataset(handle, pixels=True), frame)


def frame_of(dataset: Dataset, frame: int) -> NDArray[Any]:
    """One frame (H, W) or (H, W, 3): grey values rescaled as the file says, colours as RGB.

    Raises MediaError with the reason.
    """
    from pydicom.pixels.processing import apply_color_lut, apply_rescale
    from pydicom.pixels.utils import pixel_array

    with _quiet():
        try:
            values = pixel_array(dataset, index=frame)
            if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
                values = apply_color_lut(values, dataset)
                if values.dtype == np.uint16:  # palettes are of 16 bits, their colours of 8
                    values = (values >> 8).astype(np.uint8)
            elif values.ndim == 2:
                values = np.asarray(apply_rescale(values, dataset))
            return _native(values)
        except MemoryError:
            raise
        except Exception as error:  # decoders of hostile bytes raise anything
            raise MediaError(_reason(error)) from error


def _native(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "12-bit" in text:
        return "holds JPEG data of 12 bits, for which there is no decoder here"
    if "missing dependencies" in text or ("plugins" in text and "install" in text):
        return "holds compressed data for which no decoder is installed"
    if "fewer bytes" in text or "less than expected" in text:
        return "the file is cut off: its end is missing"
    return f"the picture data are damaged: {text[:160] or type(error).__name__}"


def display(handle: IO[bytes]) -> tuple[tuple[float, float] | None, bool]:
    """The window (low, high) of rescaled values that the file names, and whether 0 is white."""
    dataset = read_dataset(handle, pixels=False)
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    with _quiet():
        centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
        if centre is None or width is None:
            return None, inverted
        try:
            c = float(centre[0] if isinstance(centre, list | tuple) or _many(centre) else centre)
            w = float(width[0] if isinstance(width, list | tuple) or _many(width) else width)
        except (TypeError, ValueError, IndexError):
            return None, inverted
    if not (np.isfinite(c) and np.isfinite(w)) or w < 1:
        return None, inverted
    # PS3.3 C.11.2.1.2: black up to c - 0.5 - (w - 1) / 2, white from c - 0.5 + (w - 1) / 2
    half = max((w - 1) / 2, 0.5)
    return (c - 0.5 - half, c - 0.5 + half), inverted


def _many(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def spacing(handle: IO[bytes]) -> tuple[float, float] | None:
    """Millimetres per pixel across and down; None where the file does not tell."""
    dataset = read_dataset(handle, pixels=False)
    with _quiet():
        for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
            value = dataset.get(name)
            if value is None or not _many(value) or len(value) != 2:
                continue
            down, across = float(value[0]), float(value[1])
            if down > 0 and across > 0:
                return across, down
    return None
