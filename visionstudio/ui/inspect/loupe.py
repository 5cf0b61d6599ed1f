"""The pixels around the pointer, large, with their values."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from visionstudio.ui import theme
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.i18n import tr

PIXELS = 15  # across and down
_SIZE = 13  # widget units each
_TEXT = 40
_MARGIN = 12
_TOP = 56  # below the strip of the tool's options


class Loupe(QWidget):
    """A child of the canvas in a corner that the pointer is not in."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas.viewport())
        self.setObjectName("loupe")
        self.setAccessibleName(tr("Loupe"))
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.resize(PIXELS * _SIZE + 2, PIXELS * _SIZE + 2 + _TEXT)
        self._canvas = canvas
        self.on = False
        self.at: QPoint | None = None
        self.text = ""
        canvas.pixel_hovered.connect(self._hovered)
        canvas.view_changed.connect(self.update)
        self.hide()

    def set_on(self, on: bool) -> None:
        """Whether it is wanted."""
        self.on = on
        self.setVisible(on and self.at is not None)

    def _hovered(self, x: int, y: int, text: str) -> None:
        if not self.on:
            return
        if x < 0:
            self.hide()
            self.at = None
            return
        self.at, self.text = QPoint(x, y), text
        port = self._canvas.viewport()
        px, py = self._canvas.view.to_widget(x, y)
        right = port.width() - self.width() - _MARGIN
        near = px > right - _MARGIN and py < _TOP + self.height() + 2 * _MARGIN
        self.move(_MARGIN if near else right, _TOP)
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        picture = self._canvas.picture
        if picture is None or self.at is None:
            return
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("raised"))
        half, ratio = PIXELS // 2, self.devicePixelRatioF()
        scale = _SIZE * ratio
        side = round(PIXELS * scale)
        left, top = self.at.x() - half, self.at.y() - half
        whole = QRect(0, 0, round(picture.width * scale), round(picture.height * scale))
        wanted = QRect(round(left * scale), round(top * scale), side, side).intersected(whole)
        image = picture.render(scale, wanted)
        image.setDevicePixelRatio(ratio)
        x, y = wanted.x() / ratio - left * _SIZE + 1, wanted.y() / ratio - top * _SIZE + 1
        painter.drawImage(QRectF(x, y, wanted.width() / ratio, wanted.height() / ratio), image)
        painter.setPen(QPen(QColor(128, 128, 128, 70), 1))
        for n in range(PIXELS + 1):
            painter.drawLine(1 + n * _SIZE, 1, 1 + n * _SIZE, 1 + PIXELS * _SIZE)
            painter.drawLine(1, 1 + n * _SIZE, 1 + PIXELS * _SIZE, 1 + n * _SIZE)
        centre = QRectF(1 + half * _SIZE, 1 + half * _SIZE, _SIZE, _SIZE)
        for colour, width in ((QColor(0, 0, 0, 190), 4.0), (QColor(style.ACCENT), 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawRect(centre)
        painter.setPen(theme.colour("text"))
        words = QRectF(6, PIXELS * _SIZE + 4, self.width() - 12, _TEXT - 6)
        painter.drawText(
            words,
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap,
            f"{self.at.x()}, {self.at.y()}\n{self.text}",
        )
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
