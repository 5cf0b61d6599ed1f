"""Draw boxes: drag from corner to corner, or click one and then the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from visionstudio.model.shapes import Box, Shape
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.outline import outline
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, distance
from visionstudio.ui.tools.snapping import Snapper
from visionstudio.ui.tools.steps import Point, points_from

LEAST = 3.0  # widget units; smaller ones are slips of the hand


class TwoCornerTool(Tool):
    """A shape from two opposite corners, clipped to the picture."""

    cursor = Qt.CursorShape.CrossCursor
    draws = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._start: Point | None = None
        self._end: Point = (0.0, 0.0)
        self._clicked = False  # the first corner was set by a click: the second click ends
        self._pointer: QPointF | None = None
        self._keys = Qt.KeyboardModifier.NoModifier
        self._snapper = Snapper(host)

    @property
    def busy(self) -> bool:
        return self._start is not None

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        corner = self._snapper.place(pointer)
        if self._start is None:
            self._start = self._end = corner
            self._clicked = False
        else:
            self._end = corner
        self._changed()

    def move(self, pointer: Pointer) -> None:
        self._pointer, self._keys = pointer.place, pointer.keys
        corner = self._snapper.place(pointer)
        if self._start is not None:
            self._end = corner
        self.host.refresh()

    def release(self, pointer: Pointer) -> None:
        if self._start is None:
            return
        self._keys = pointer.keys
        self._end = self._snapper.place(pointer)
        if not self._clicked and distance(self.host.view, pointer, *self._start) < LEAST:
            self._clicked = True
            self._changed()
            return
        self.finish()

    def pointer_left(self) -> None:
        self._pointer = None
        self._snapper.drop()
        self.host.refresh()

    def finish(self) -> bool:
        if self._start is None:
            return False
        shape = self.shape(self._start, self._end)
        x1, y1, x2, y2 = shape.bounds()
        self._start, self._clicked = None, False
        self._changed()
        if min(x2 - x1, y2 - y1) < self.host.view.reach(LEAST):
            self.host.hint(self.too_small())
        else:
            self.done(shape)
        return True

    def shape(self, start: Point, end: Point) -> Shape:
        """What the corners make."""
        raise NotImplementedError

    def too_small(self) -> str:
        """What is said of a shape that cannot have been meant."""
        raise NotImplementedError

    def note(self, shape: Shape) -> str:
        """The size that is shown beside the shape."""
        x1, y1, x2, y2 = shape.bounds()
        return f"{x2 - x1:.0f} × {y2 - y1:.0f}"

    def done(self, shape: Shape) -> None:
        """A shape has been drawn."""
        self.host.drawn(shape)

    def cancel(self) -> bool:
        if self._start is None:
            return False
        self._start, self._clicked = None, False
        self._changed()
        return True

    def leave(self) -> None:
        super().leave()
        self._snapper.drop()

    def undo_point(self) -> bool:
        return self.cancel()

    def colour(self) -> str:
        """What the shape is drawn in."""
        return self.host.drawing_colour

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self.host.touched()
        self.host.refresh()

    def unfinished(self) -> dict[str, Any] | None:
        return None if self._start is None else {"points": [self._start, self._end]}

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        points = points_from(drawn.get("points"))
        if not points or len(points) != 2:
            return False
        (self._start, self._end), self._clicked = points, True
        self._changed()
        return True

    def paint(self, painter: QPainter) -> None:
        if self._pointer is not None:
            self._guides(painter, self._place_of_guides(self._pointer))
        if self._start is not None:
            shape = self.shape(self._start, self._end)
            paint_drawn(painter, self.host, shape, self.colour(), self.note(shape))
        self._snapper.paint(painter)

    def _place_of_guides(self, pointer: QPointF) -> QPointF:
        found = self._snapper.found
        return pointer if found is None else QPointF(*self.host.view.to_widget(found.x, found.y))

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


class BoxTool(TwoCornerTool):
    """An upright box."""

    name = "box"

    def hint(self) -> str:
        if self._clicked:
            return tr("Click the opposite corner, Esc to cancel")
        if self.busy:
            return tr("Release to finish the box, Esc to cancel")
        return tr("Drag or click two corners to draw a box, Esc to leave")

    def shape(self, start: Point, end: Point) -> Box:
        return Box(*start, *end)

    def too_small(self) -> str:
        return tr("Too small for a box: nothing was added")


def paint_drawn(painter: QPainter, host: Host, shape: Shape, colour: str, note: str) -> None:
    """A closed shape under way, with a note at its lower right."""
    ring = host.view.widget_points(outline(shape).points)
    polygon = QPolygonF([QPointF(x, y) for x, y in ring.tolist()])
    fill = QColor(colour)
    fill.setAlpha(40)
    painter.setBrush(fill)
    painter.setPen(style.pen(style.halo(colour), style.LINE + 2 * style.HALO))
    painter.drawPolygon(polygon)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(style.pen(colour, style.LINE))
    painter.drawPolygon(polygon)
    style.paint_note(painter, polygon.boundingRect().bottomRight() + QPointF(8, 8), note)
