"""Pictures of grid cells in the background: the newest wish first, sizes in steps."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.shapes import Bounds
from visionstudio.ui.grid.item import PictureSource

_log = logging.getLogger(__name__)
STEPS = (128, 256, 512, 1024)
_KEPT_BYTES = 192 * 2**20
_WAITING = 400
_DECODED = 3  # whole pictures that crops are cut from
_THREADS = 2
_OUTSIDE = 24  # grey value around a picture


@dataclass(slots=True)
class _Entry:
    side: int
    pixmap: QPixmap | None  # None: cannot be read
    nbytes: int


class GridPictures(QObject):
    """`get` never blocks; `ready(key)` follows when a better picture has come."""

    ready = Signal(object)
    _loaded = Signal(object, int, object, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._bytes = 0
        self._waiting: OrderedDict[int, tuple[PictureSource, int]] = OrderedDict()
        self._wake = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._round = 0
        self._loaded.connect(self._keep)

    def get(self, key: int, source: PictureSource, side: int) -> QPixmap | None:
        """The best picture there is; one of at least `side` pixels is asked for."""
        wanted = next((s for s in STEPS if s >= side), STEPS[-1])
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        known = source.path is not None or source.pixels is not None
        if known and (entry is None or entry.side < wanted):
            self._ask(key, source, wanted)
        return None if entry is None else entry.pixmap

    def failed(self, key: int) -> bool:
        """Whether the picture cannot be read."""
        entry = self._entries.get(key)
        return entry is not None and entry.pixmap is None

    def _ask(self, key: int, source: PictureSource, side: int) -> None:
        with self._wake:
            self._waiting[key] = source, side
            self._waiting.move_to_end(key)
            while len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
            self._wake.notify()
        if not self._threads and not self._closed:
            self._threads = [
                threading.Thread(target=self._run, name=f"grid-{n}", daemon=True)
                for n in range(_THREADS)
            ]
            for thread in self._threads:
                thread.start()

    def forget(self, key: int) -> None:
        """Read this picture anew: it is another one now."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.nbytes

    def clear(self) -> None:
        """Forget everything: other items."""
        with self._wake:
            self._waiting.clear()
            self._round += 1
        self._entries.clear()
        self._bytes = 0

    def close(self) -> None:
        """Stop the threads and wait for them."""
        with self._wake:
            self._closed = True
            self._waiting.clear()
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _run(self) -> None:
        reader = _Reader()
        try:
            self._serve(reader)
        finally:
            reader.close()

    def _serve(self, reader: _Reader) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                key, (source, side) = self._waiting.popitem(last=True)
                number = self._round
            image = None
            try:
                rgb = np.ascontiguousarray(reader.read(source, side))
                height, width = rgb.shape[:2]
                image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
                # A copy: the array goes away with this turn of the loop.
                image = image.convertToFormat(QImage.Format.Format_RGB32)
            except VisionStudioError:
                image = None
            except Exception:
                _log.exception("picture of a grid cell: %s", source.path)
            if self._closed:
                return
            self._loaded.emit(key, side, image, number)

    def _keep(self, key: int, side: int, image: QImage | None, number: int) -> None:
        if number != self._round:
            return
        self.forget(key)
        pixmap = None if image is None else QPixmap.fromImage(image)
        nbytes = 0 if image is None else image.sizeInBytes()
        # What is as large as it gets, or cannot be read, is not asked for again.
        small = image is None or max(image.width(), image.height()) < side
        self._entries[key] = _Entry(STEPS[-1] if small else side, pixmap, nbytes)
        self._bytes += nbytes
        while self._bytes > _KEPT_BYTES and len(self._entries) > 1:
            self._bytes -= self._entries.popitem(last=False)[1].nbytes
        self.ready.emit(key)


class _Reader:
    """Pixels for cells, of one thread."""

    def __init__(self) -> None:
        # Load the decoders: not at the start of the window.
        from visionstudio.engine.frames import FrameReader
        from visionstudio.media.thumbnails import Thumbnails

        self._thumbnails = Thumbnails()
        self._frames = FrameReader()
        self._decoded: OrderedDict[tuple[Path, int], NDArray[np.uint8]] = OrderedDict()

    def read(self, source: PictureSource, side: int) -> NDArray[Any]:
        """(h, w, 3) uint8 with the longer side `side` or less. Raises MediaError."""
        from visionstudio.media.image import shrink

        if source.pixels is not None:
            return shrink(source.pixels, side)
        assert source.path is not None
        if source.crop is None and source.frame == 0:
            return self._thumbnails.get(source.path, side)
        whole = self._whole(source, source.path)
        return shrink(whole if source.crop is None else cut(whole, source.crop), side)

    def _whole(self, source: PictureSource, path: Path) -> NDArray[np.uint8]:
        from visionstudio.engine.requests import FrameRef

        key = path, source.frame
        if key not in self._decoded:
            ref = FrameRef(path.name, str(path), source.kind, source.frame)
            self._decoded[key] = self._frames.read(ref)
            while len(self._decoded) > _DECODED:
                self._decoded.popitem(last=False)
        self._decoded.move_to_end(key)
        return self._decoded[key]

    def close(self) -> None:
        """Close the videos."""
        self._frames.close()


def cut(picture: NDArray[np.uint8], crop: Bounds) -> NDArray[np.uint8]:
    """A part of (H, W, 3) uint8, of exactly the crop's size; outside of the picture it is dark."""
    height, width = picture.shape[:2]
    x1, y1 = math.floor(crop[0]), math.floor(crop[1])
    x2, y2 = max(math.ceil(crop[2]), x1 + 1), max(math.ceil(crop[3]), y1 + 1)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if (left, top, right, bottom) == (x1, y1, x2, y2):
        return np.ascontiguousarray(picture[y1:y2, x1:x2])
    out = np.full((y2 - y1, x2 - x1, 3), _OUTSIDE, np.uint8)
    if left < right and top < bottom:
        out[top - y1 : bottom - y1, left - x1 : right - x1] = picture[top:bottom, left:right]
    return out
