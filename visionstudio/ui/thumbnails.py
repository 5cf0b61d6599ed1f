"""Thumbnails in the background: the newest wish first, old wishes forgotten."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap

from visionstudio.model.errors import VisionStudioError

_log = logging.getLogger(__name__)
_KEPT = 2000
_WAITING = 120


class ThumbnailLoader(QObject):
    """Pictures for list rows. `get` never blocks; `ready(media id)` follows when one has come."""

    ready = Signal(int)
    _loaded = Signal(int, object, int)

    def __init__(self, side: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.side = side
        self._pixmaps: OrderedDict[int, QPixmap | None] = OrderedDict()
        self._waiting: OrderedDict[int, Path] = OrderedDict()
        self._wake = threading.Condition()
        self._closed = False
        self._round = 0
        self._thread: threading.Thread | None = None
        # Not at once: the thread would hold up the painting that asks for them.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._begin)
        self._loaded.connect(self._keep)

    def get(self, media_id: int, path: Path) -> QPixmap | None:
        """The thumbnail, or None while it is not there; then it has been asked for."""
        if media_id in self._pixmaps:
            self._pixmaps.move_to_end(media_id)
            return self._pixmaps[media_id]
        with self._wake:
            self._waiting[media_id] = path
            self._waiting.move_to_end(media_id)
            while len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
        if not self._soon.isActive():
            self._soon.start()
        return None

    def _begin(self) -> None:
        """Have the thread read what has been asked for."""
        with self._wake:
            self._wake.notify()
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)
            self._thread.start()

    def clear(self, side: int | None = None) -> None:
        """Forget everything: another project, or another size in pixels."""
        with self._wake:
            self._waiting.clear()
            self._round += 1
        self._pixmaps.clear()
        self.side = side or self.side

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._soon.stop()
        with self._wake:
            self._closed = True
            self._waiting.clear()
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        # Loads the decoders: not at the start of the window.
        from visionstudio.media.thumbnails import Thumbnails

        thumbnails = Thumbnails()
        while True:
            with self._wake:
                while not self._waiting and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                media_id, path = self._waiting.popitem(last=True)
                side, number = self.side, self._round
            image = None
            try:
                rgb = thumbnails.get(path, side)
                height, width = rgb.shape[:2]
                # A copy: the array goes away with this turn of the loop.
                image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
                image = image.convertToFormat(QImage.Format.Format_RGB32)
            except VisionStudioError:
                image = None
            except Exception:
                _log.exception("thumbnail of %s", path)
            if self._closed:
                return
            self._loaded.emit(media_id, image, number)

    def _keep(self, media_id: int, image: QImage | None, number: int) -> None:
        if number != self._round:
            return
        self._pixmaps[media_id] = None if image is None else QPixmap.fromImage(image)
        while len(self._pixmaps) > _KEPT:
            self._pixmaps.popitem(last=False)
        self.ready.emit(media_id)
