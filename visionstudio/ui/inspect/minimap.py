"""The whole picture small in a corner, with the part that is seen; drag there to go elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from visionstudio.ui import theme
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.i18n import tr

_SIDE = 180
_MARGIN = 12


class Minimap(QWidget):
    """A child of the canvas; hidden while all of the picture is seen."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas.viewport())
        self.setObjectName("minimap")
        self.setAccessibleName(tr("Minimap"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._canvas = canvas
        self._picture: Picture | None = None
        self._pixmap = QPixmap()
        self._edge = 0
        self.on = False
        canvas.view_changed.connect(self.follow)
        canvas.viewport().installEventFilter(self)
        self.hide()

    def set_on(self, on: bool) -> None:
        """Whether it is wanted."""
        self.on = on
        self.follow()

    def keep_off(self, edge: int) -> None:
        """Leave so many units free at the left, where a ruler is."""
        self._edge = edge
        self.follow()

    def follow(self) -> None:
        """Show the picture and the part that is on screen."""
        picture, view = self._canvas.picture, self._canvas.view
        x1, y1, x2, y2 = view.seen()
        part = x1 > 0.5 or y1 > 0.5 or x2 < view.width - 0.5 or y2 < view.height - 0.5
        if not self.on or picture is None or not part:
            self.hide()
            return
        if picture is not self._picture:
            self._picture = picture
            self._render(picture)
        port = self._canvas.viewport()
        self.move(self._edge + _MARGIN, port.height() - self.height() - _MARGIN)
        self.show()
        self.raise_()
        self.update()

    def _render(self, picture: Picture) -> None:
        size = QSize(picture.width, picture.height)
        size.scale(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio)
        size = size.expandedTo(QSize(8, 8))
        ratio = self.devicePixelRatioF()
        wide, tall = round(size.width() * ratio), round(size.height() * ratio)
        scale = wide / picture.width
        image = picture.render(scale, QRect(0, 0, wide, tall))
        self._pixmap = QPixmap.fromImage(image)
        self._pixmap.setDevicePixelRatio(ratio)
        self.resize(size)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.follow()
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        view = self._canvas.view
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._pixmap)
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        fx, fy = self.width() / view.width, self.height() / view.height
        x1, y1, x2, y2 = view.seen()
        part = QRectF(QPointF(x1 * fx, y1 * fy), QPointF(x2 * fx, y2 * fy))
        part = part.intersected(QRectF(self.rect()).adjusted(1, 1, -2, -2))
        for colour, width in ((QColor(0, 0, 0, 160), 3.5), (QColor(style.ACCENT), 1.75)):
            painter.setPen(QPen(colour, width))
            painter.drawRect(part)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)

    def _go(self, event: QMouseEvent) -> None:
        view = self._canvas.view
        x = event.position().x() / self.width() * view.width
        y = event.position().y() / self.height() * view.height
        self._canvas.restore_view((self._canvas.zoom, x, y))
