"""The picture of a live source, on which boxes are drawn for a tracker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr

LEAST_SIDE = 2.0  # px of the picture; less was a click, and a tracker says what it needs


class Preview(QWidget):
    """The newest frame, as large as there is room; it stands still while a box is drawn.

    `began()` when the mouse is pressed, then `drawn(box)` with x1, y1, x2, y2 in pixels of the
    picture, or `given_up()`.
    """

    began = Signal()
    drawn = Signal(tuple)
    given_up = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("livePreview")
        self.setAccessibleName(tr("Live picture"))
        self.setMinimumSize(320, 200)
        self.image: QImage | None = None
        self._rgb: NDArray[np.uint8] | None = None  # the image's memory
        self._draws = False
        self._first: QPointF | None = None
        self._second = QPointF()

    def show_frame(self, rgb: NDArray[np.uint8] | None) -> None:
        """Show (H, W, 3) uint8 RGB, or that there is nothing."""
        if rgb is None:
            self.image = None
            self._end()
        elif self._first is None:
            height, width = rgb.shape[:2]
            self._rgb = rgb
            self.image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.update()

    def set_drawing(self, allowed: bool) -> None:
        """Whether boxes can be drawn."""
        self._draws = allowed
        self.setCursor(Qt.CursorShape.CrossCursor if allowed else Qt.CursorShape.ArrowCursor)
        if not allowed:
            self._end()

    @property
    def drawing(self) -> bool:
        """Whether a box is being drawn now."""
        return self._first is not None

    def give_up(self) -> None:
        """Draw no box after all."""
        if self._first is not None:
            self._end()
            self.given_up.emit()

    def _end(self) -> None:
        self._first = None
        self.update()

    def _place(self) -> QRectF:
        """Where the picture is in the widget."""
        if self.image is None:
            return QRectF()
        size = QSizeF(self.image.size()).scaled(
            QSizeF(self.size()), Qt.AspectRatioMode.KeepAspectRatio
        )
        left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        return QRectF(QPointF(left, top), size)

    def _inside(self, point: QPointF) -> QPointF:
        """The nearest point of the picture, in the widget."""
        place = self._place()
        return QPointF(
            min(max(point.x(), place.left()), place.right()),
            min(max(point.y(), place.top()), place.bottom()),
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._draws and self.image is not None and event.button() == Qt.MouseButton.LeftButton:
            self._first = self._second = self._inside(event.position())
            self.began.emit()
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._first is not None:
            self._second = self._inside(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._first is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._second = self._inside(event.position())
        box = self._box(self._first, self._second)
        if box[2] - box[0] < LEAST_SIDE or box[3] - box[1] < LEAST_SIDE:
            self.give_up()
            return
        self._end()
        self.drawn.emit(box)

    def _box(self, one: QPointF, other: QPointF) -> tuple[float, float, float, float]:
        """Two corners in the widget as a box in the picture."""
        place = self._place()
        scale = self.image.width() / place.width() if self.image is not None else 1.0
        xs = sorted((p.x() - place.left()) * scale for p in (one, other))
        ys = sorted((p.y() - place.top()) * scale for p in (one, other))
        return xs[0], ys[0], xs[1], ys[1]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.colour("canvas"))
        if self.image is None:
            painter.setPen(theme.colour("muted"))
            text = tr("Choose a camera, or type the address of a stream, and press Start.")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._place(), self.image)
        if self._first is not None:
            box = QRectF(self._first, self._second).normalized()
            for colour, width in (("canvas", 4.0), ("accent", 2.0)):
                painter.setPen(QPen(theme.colour(colour), width))
                painter.drawRect(box)
        painter.end()
