"""Files of several pictures as a video: pages, slices of a stack, animations, DICOM frames."""

from __future__ import annotations

import io
import threading
import warnings
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visionstudio.media import dicom
from visionstudio.media.cache import FrameCache
from visionstudio.media.decode import narrowed, resolved
from visionstudio.media.header import picture_header, register_formats
from visionstudio.media.identity import open_regular
from visionstudio.media.image import Pixels, looked_at, read_pixels, windows_of, with_windows
from visionstudio.media.orientation import upright
from visionstudio.model.display import Window
from visionstudio.model.errors import InvalidValue, MediaError

CACHE_BYTES = 192 * 2**20
STACK_FPS = 10.0
_MOVING = ("GIF", "WEBP", "AVIF", "PNG")


class StackReader:
    """The pages or frames of one picture file by number. Thread-safe: readers take turns.

    There is a clock only in animations; slices and pages count at ten per second.
    Width and height are those of the first; a page of another size keeps its own.
    """

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self.path = path
        header = picture_header(path)
        self.width, self.height = header.upright_size
        self.frames = header.frames
        self._header = header
        self._lock = threading.Lock()
        self._cache = FrameCache(cache_bytes)
        self._animation: Image.Image | None = None
        self._dataset: Any = None
        self._windows: tuple[Window, ...] | None = None  # of all frames of a DICOM file
        step = round(1000 / STACK_FPS)
        if header.format in _MOVING and header.frames > 1:
            step = int(self._open_animation().info.get("duration") or step) or step
        self.fps = 1000.0 / step
        self.time_base = Fraction(1, 1000)
        self.pts: NDArray[np.int64] = np.arange(self.frames, dtype=np.int64) * step

    def _open_animation(self) -> Image.Image:
        """Kept open: every frame of an animation is drawn upon the one before."""
        if self._animation is None:
            with open_regular(self.path) as handle:
                data = io.BytesIO(handle.read())
            register_formats()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._animation = Image.open(data)
                with suppress(OSError, SyntaxError, ValueError):
                    self._animation.load()  # some tell the duration only now
        return self._animation

    def key_before(self, n: int, /) -> int:
        """Every page stands for itself."""
        return n

    def source(self, n: int, /) -> Pixels:
        """Frame `n` from 0 in its source values. Raises MediaError, InvalidValue."""
        if not 0 <= n < self.frames:
            raise InvalidValue(f"frame {n} is not in the stack", where=f"0…{self.frames - 1}")
        with self._lock:
            found = self._cache.get(n)
            if found is None:
                found = self._decode(n)
                self._cache.put(n, found, found.values.nbytes)
        return found

    def read(self, n: int, /) -> NDArray[np.uint8]:
        """Frame `n` from 0, upright (H, W, 3) uint8 RGB. Raises MediaError, InvalidValue."""
        source = self.source(n)
        rgb = source.rgb()
        return rgb.copy() if np.shares_memory(rgb, source.values) else rgb

    def _decode(self, n: int) -> Pixels:
        if self._header.format == "DICOM":
            pixels = self._dicom_frame(n)
            if pixels.values.dtype == np.uint8 or pixels.window is not None:
                return pixels
            return with_windows(pixels, self._dicom_windows())
        if self._animation is None:
            return read_pixels(self.path, n)
        try:
            self._animation.seek(n)
            values: NDArray[Any] = resolved(self._animation.copy())
        except Exception as error:  # decoders of hostile bytes raise anything
            self._animation = None
            raise MediaError(
                f"frame {n} is damaged and cannot be decoded",
                where=str(self.path),
                next_step="go on with the next frame",
            ) from error
        values = upright(np.ascontiguousarray(values), self._header.orientation)
        mode = "grey" if values.ndim == 2 else {3: "rgb", 4: "rgba"}[values.shape[2]]
        return Pixels(values, self._header.bits, mode)

    def _dicom_windows(self) -> tuple[Window, ...]:
        """As `stack_windows`, of a file that has been read already."""
        if self._windows is None:
            found = []
            for n in looked_at(self.frames):
                with suppress(MediaError):
                    found.append(self._dicom_frame(n))
            self._windows = windows_of(found)
        return self._windows

    def _dicom_frame(self, n: int) -> Pixels:
        """A frame of a DICOM file, which is read once for all of them."""
        if self._dataset is None:
            with open_regular(self.path) as handle:
                self._dataset = dicom.read_dataset(handle, pixels=True)
        h = self._header
        try:
            values = np.ascontiguousarray(narrowed(dicom.frame_of(self._dataset, n)))
        except MediaError as error:
            raise MediaError(
                error.what, where=str(self.path), next_step="go on with the next frame"
            ) from error
        mode = "grey" if values.ndim == 2 else "rgb" if values.shape[2] == 3 else "channels"
        return Pixels(values, h.bits, mode, h.names, h.window, h.inverted, h.format)

    def close(self) -> None:
        """Drop all frames."""
        with self._lock:
            self._cache.clear()
            self._dataset = None
            self._animation = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
