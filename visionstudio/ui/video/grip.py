"""The edge above a timeline, which makes it higher or lower."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.video.timeline import Timeline
from visionstudio.ui.video.timeline_paint import LINE


class Grip(QWidget):
    """The edge above a timeline: dragged, it makes that higher or lower."""

    dragged = Signal(int)  # lines

    def __init__(self, timeline: Timeline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("videoTimelineGrip")
        self.setAccessibleName(tr("Height of the timeline"))
        self.setFixedHeight(5)
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self._timeline = timeline
        self._from: tuple[float, int] | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        shown = min(len(self._timeline.lines), self._timeline.wanted_lines)
        self._from = event.globalPosition().y(), shown

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is not None:
            y, lines = self._from
            self._timeline.set_wanted_lines(lines + round((y - event.globalPosition().y()) / LINE))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._from = None
        self.dragged.emit(self._timeline.wanted_lines)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.colour("line" if self.underMouse() else "window"))
        painter.end()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.update()
        super().leaveEvent(event)
