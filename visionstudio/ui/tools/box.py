"""Draw boxes: drag from corner to corner, or click one and then the other."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from visionstudio.model.shapes import Box
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer, Tool, clipped, distance

LEAST = 3.0  # widget units; smaller ones are slips of the hand


class BoxTool(Tool):
    """A box from two corners, clipped to the picture."""

    name = "box"
    cursor = Qt.CursorShape.CrossCursor

    _start: tuple[float, float] | None = None
    _end: tuple[float, float] = (0.0, 0.0)
    _clicked = False  # the first corner was set by a click: the second click ends
    _pointer: QPointF | None = None

    @property
    def busy(self) -> bool:
        return self._start is not None

    def hint(self) -> str:
        if self._clicked:
            return tr("Click the opposite corner, Esc to cancel")
        if self.busy:
            return tr("Release to finish the box, Esc to cancel")
        return tr("Drag or click two corners to draw a box, Esc to leave")

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        corner = clipped(self.host.view, pointer.x, pointer.y)
        if self._start is None:
            self._start = self._end = corner
            self._clicked = False
        else:
            self._end = corner
        self.host.hint(self.hint())
        self.host.refresh()

    def move(self, pointer: Pointer) -> None:
        self._pointer = pointer.place
        if self._start is not None:
            self._end = clipped(self.host.view, pointer.x, pointer.y)
        self.host.refresh()

    def release(self, pointer: Pointer) -> None:
        if self._start is None:
            return
        self._end = clipped(self.host.view, pointer.x, pointer.y)
        if not self._clicked and distance(self.host.view, pointer, *self._start) < LEAST:
            self._clicked = True
            self.host.hint(self.hint())
            return
        self.finish()

    def pointer_left(self) -> None:
        self._pointer = None
        self.host.refresh()

    def finish(self) -> bool:
        box = self._box()
        if box is None:
            return False
        self._start, self._clicked = None, False
        self.host.refresh()
        view = self.host.view
        if min(box.width, box.height) < view.reach(LEAST):
            self.host.hint(tr("Too small for a box: nothing was added"))
        else:
            self.host.hint(self.hint())
            self.done(box)
        return True

    def done(self, box: Box) -> None:
        """A box has been drawn."""
        self.host.drawn(box)

    def cancel(self) -> bool:
        if self._start is None:
            return False
        self._start, self._clicked = None, False
        self.host.hint(self.hint())
        self.host.refresh()
        return True

    def undo_point(self) -> bool:
        return self.cancel()

    def colour(self) -> str:
        """What the box is drawn in."""
        return self.host.drawing_colour

    def _box(self) -> Box | None:
        return None if self._start is None else Box(*self._start, *self._end)

    def paint(self, painter: QPainter) -> None:
        box = self._box()
        if self._pointer is not None:
            self._guides(painter, self._pointer)
        if box is None:
            return
        view, colour = self.host.view, self.colour()
        place = QRectF(
            QPointF(*view.to_widget(box.x1, box.y1)), QPointF(*view.to_widget(box.x2, box.y2))
        )
        fill = QColor(colour)
        fill.setAlpha(40)
        painter.setBrush(fill)
        painter.setPen(style.pen(style.halo(colour), style.LINE + 2 * style.HALO))
        painter.drawRect(place)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(style.pen(colour, style.LINE))
        painter.drawRect(place)
        style.paint_note(
            painter, place.bottomRight() + QPointF(8, 8), f"{box.width:.0f} × {box.height:.0f}"
        )

    def _guides(self, painter: QPainter, at: QPointF) -> None:
        """Lines through the pointer, to place a corner exactly."""
        view = self.host.view
        right, bottom = view.view_width / view.ratio, view.view_height / view.ratio
        for colour, offset in (("#000000", 0.0), ("#ffffff", 4.0)):
            pen = QPen(QColor(colour), 1)
            pen.setDashPattern([4, 4])
            pen.setDashOffset(offset)
            painter.setPen(pen)
            painter.setOpacity(0.55)
            painter.drawLine(QLineF(0, at.y(), right, at.y()))
            painter.drawLine(QLineF(at.x(), 0, at.x(), bottom))
        painter.setOpacity(1.0)
