"""Draw polygons point by point or free-hand."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from visionstudio.model.geometry import ring_area
from visionstudio.model.shapes import Polygon
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer, distance
from visionstudio.ui.tools.path import PathTool
from visionstudio.ui.tools.steps import Point


class PolygonTool(PathTool):
    """Each click adds a point; the first point, a double click or Enter closes."""

    name = "polygon"
    least = 3
    _closing = False  # the pointer is at the first point

    def hint(self) -> str:
        if not self.busy:
            return tr("Click or drag to begin a polygon, Esc to leave")
        if self._closing:
            return tr("Click to close the polygon")
        if self._way:
            return tr("Click to follow the border, F the other way round, Shift straight")
        if len(self._steps) < self.least:
            return tr("Click to add points, Backspace takes one back, Esc cancels")
        return tr("Enter, double-click or the first point closes; Backspace takes a point back")

    def ends_here(self) -> bool:
        return self._closing

    def _look(self, pointer: Pointer) -> None:
        first = self._steps.points[0] if len(self._steps) >= self.least else None
        near = first is not None and distance(self.host.view, pointer, *first) <= style.REACH
        self._closing = near
        if near:
            self._snapper.drop()
            self._next, self._way = first, []
        else:
            super()._look(pointer)

    def complete(self, points: list[Point]) -> bool:
        ring = np.array(points)
        if len(ring) < self.least or ring_area(ring) <= 0:
            self.host.hint(tr("A polygon needs at least three points that span an area"))
            return False
        self._closing = False
        self.host.drawn(Polygon((ring,)))
        return True

    def _end(self) -> None:
        self._closing = False
        super()._end()

    def _back(self, changed: bool) -> bool:
        self._closing = False
        return super()._back(changed)

    def paint_inside(self, painter: QPainter, line: list[QPointF], colour: str) -> None:
        fill = QColor(colour)
        fill.setAlpha(40)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(line))
