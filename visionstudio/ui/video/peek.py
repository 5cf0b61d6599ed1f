"""A small picture of the frame under the pointer, above the slider, while one looks for a place."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from visionstudio.model.errors import VisionStudioError
from visionstudio.ui.i18n import tr

WIDTH = 192
_NEAR_SECONDS = 1.0  # a key frame so near stands for the frame: it is there at once
_KEPT = 400
_CACHE_BYTES = 32 * 2**20


class PeekThread(threading.Thread):
    """Decodes small pictures of one video with a reader of its own; the newest wish counts."""

    def __init__(self, path: Path, told: object) -> None:
        super().__init__(name=f"peek {path.name}", daemon=True)
        self._path = path
        self._told = told
        self._condition = threading.Condition()
        self._wanted: int | None = None
        self._stopped = False
        self._made: dict[int, NDArray[np.uint8]] = {}

    def ask(self, frame: int) -> None:
        with self._condition:
            self._wanted = frame
            self._condition.notify_all()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def run(self) -> None:
        from visionstudio.media.video import open_video

        try:
            video = open_video(
                self._path, cache_bytes=_CACHE_BYTES, cancelled=lambda: self._stopped
            )
        except VisionStudioError:
            return  # the player says what is wrong
        with video:
            reach = max(1, round(video.fps * _NEAR_SECONDS))
            while (frame := self._next()) is not None:
                frame = min(max(frame, 0), video.frames - 1)
                key = video.key_before(frame)
                source = key if frame - key <= reach else frame
                small = self._made.get(source)
                if small is None:
                    try:
                        small = _reduced(video.read(source))
                    except VisionStudioError:
                        continue
                    if len(self._made) >= _KEPT:
                        self._made.clear()
                    self._made[source] = small
                with contextlib.suppress(RuntimeError):  # the window has gone meanwhile
                    self._told.emit(self, frame, small)  # type: ignore[attr-defined]

    def _next(self) -> int | None:
        with self._condition:
            while self._wanted is None and not self._stopped:
                self._condition.wait()
            frame, self._wanted = self._wanted, None
            return None if self._stopped else frame


def _reduced(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    size = WIDTH, max(1, round(WIDTH * height / width))
    return np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))


class Peek(QWidget):
    """The picture and its frame and time. It takes no clicks and no keyboard."""

    _made = Signal(object, int, object)  # thread, frame, picture

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.ToolTip)
        self.setObjectName("videoPeek")
        self.setAccessibleName(tr("The frame under the pointer"))
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.picture, self.text = QLabel(), QLabel()
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.picture)
        layout.addWidget(self.text)
        self._thread: PeekThread | None = None
        self._left: list[PeekThread] = []
        self._path: Path | None = None
        self._anchor = QPoint()
        self.frame: int | None = None  # whose picture is shown
        self._made.connect(self._show_picture, Qt.ConnectionType.QueuedConnection)

    def set_path(self, path: Path | None) -> None:
        """Another video, which is opened with the first question about it."""
        if self._thread is not None:
            self._thread.stop()
            self._left = [t for t in self._left if t.is_alive()] + [self._thread]
            self._thread = None
        self._path = path
        self.hide()

    def show_at(self, frame: int, text: str, anchor: QPoint) -> None:
        """Show a frame above a place of the screen, as soon as it is decoded."""
        if self._path is None:
            return
        if self._thread is None:
            self._thread = PeekThread(self._path, self._made)
            self._thread.start()
        self._anchor = anchor
        self.text.setText(text)
        self._thread.ask(frame)
        if self.isVisible():
            self._place()

    def leave(self) -> None:
        """The pointer has gone elsewhere."""
        self._anchor = QPoint()
        self.hide()

    def _show_picture(self, thread: PeekThread, frame: int, rgb: NDArray[np.uint8]) -> None:
        if thread is not self._thread or self._anchor.isNull():
            return
        height, width = rgb.shape[:2]
        image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.picture.setPixmap(QPixmap.fromImage(image))
        self.frame = frame
        self.adjustSize()
        self._place()
        self.show()

    def _place(self) -> None:
        screen = QGuiApplication.screenAt(self._anchor) or QGuiApplication.primaryScreen()
        room = screen.availableGeometry()
        x = self._anchor.x() - self.width() // 2
        x = min(max(x, room.left()), room.right() - self.width())
        self.move(x, max(room.top(), self._anchor.y() - self.height() - 8))
