"""Draw polygons point by point."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from visionstudio.model.geometry import ring_area
from visionstudio.model.shapes import Polygon
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped, distance

_SAME = 1.5  # widget units: a second click this near is the same point


class PolygonTool(Tool):
    """Each click adds a point; the first point, a double click or Enter closes."""

    name = "polygon"
    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._points: list[tuple[float, float]] = []
        self._next: tuple[float, float] | None = None
        self._snapped = False

    @property
    def busy(self) -> bool:
        return bool(self._points)

    def hint(self) -> str:
        if not self._points:
            return tr("Click to set the first point of a polygon, Esc to leave")
        if self._snapped:
            return tr("Click to close the polygon")
        if len(self._points) < 3:
            return tr("Click to add points, Backspace takes one back, Esc cancels")
        return tr("Enter, double-click or the first point closes; Backspace takes a point back")

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        if pointer.button == Qt.MouseButton.RightButton:
            self.undo_point()
            return
        self._look(pointer)
        if self._snapped:
            self.finish()
            return
        last = self._points[-1] if self._points else None
        if last is None or distance(self.host.view, pointer, *last) > _SAME:
            self._points.append(clipped(self.host.view, pointer.x, pointer.y))
        self.host.hint(self.hint())
        self.host.refresh()

    def move(self, pointer: Pointer) -> None:
        before = self._snapped
        self._look(pointer)
        if self._snapped != before:
            self.host.hint(self.hint())
        if self._points:
            self.host.refresh()

    def double_click(self, pointer: Pointer) -> None:
        # The first click of the two has added its point already.
        self.finish()

    def finish(self) -> bool:
        if not self._points:
            return False
        points = np.array(self._points)
        if len(points) < 3 or ring_area(points) <= 0:
            self.host.hint(tr("A polygon needs at least three points that span an area"))
            return True
        self._end()
        self.host.drawn(Polygon((points,)))
        return True

    def undo_point(self) -> bool:
        if not self._points:
            return False
        self._points.pop()
        self._snapped = False
        self.host.hint(self.hint())
        self.host.refresh()
        return True

    def cancel(self) -> bool:
        if not self._points:
            return False
        self._end()
        return True

    def _end(self) -> None:
        self._points, self._snapped = [], False
        self.host.hint(self.hint())
        self.host.refresh()

    def _look(self, pointer: Pointer) -> None:
        view = self.host.view
        near = bool(self._points) and distance(view, pointer, *self._points[0]) <= style.REACH
        self._snapped = near and len(self._points) >= 3
        self._next = self._points[0] if self._snapped else clipped(view, pointer.x, pointer.y)

    def paint(self, painter: QPainter) -> None:
        if not self._points:
            return
        view, colour = self.host.view, self.host.drawing_colour
        placed = [QPointF(*view.to_widget(*p)) for p in self._points]
        line = placed + ([QPointF(*view.to_widget(*self._next))] if self._next else [])
        fill = QColor(colour)
        fill.setAlpha(40)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for shade, width in (
            (style.halo(colour), style.LINE + 2 * style.HALO),
            (QColor(colour), style.LINE),
        ):
            painter.setPen(style.pen(shade, width))
            painter.drawPolyline(QPolygonF(line))
        for n, point in enumerate(placed):
            first = n == 0 and len(placed) >= 3
            style.paint_handle(painter, point, colour, round_=True, hot=first and self._snapped)
