"""Shapes drawn at every repaint: what is selected, pointed at or being dragged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF

from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Mask, Shape
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import dashes, draw_lines, draw_points
from visionstudio.ui.canvas.labels import chip_place, paint_chip
from visionstudio.ui.canvas.masks import MaskImages
from visionstudio.ui.canvas.outline import Outline, outline
from visionstudio.ui.canvas.view import View

_FILL = 45  # of 255
_MANY = 500  # lines: of more, only those in view are drawn


class LivePainter:
    """Draws single shapes in widget coordinates, on top of the tiles."""

    def __init__(self) -> None:
        self._masks = MaskImages()

    def paint(
        self,
        painter: QPainter,
        view: View,
        shape: Shape,
        colour: str,
        *,
        dashed: bool = False,
        strong: bool = True,
        filled: bool = True,
        skeleton: SkeletonSpec | None = None,
    ) -> None:
        """Draw a shape; `strong` for selected, else as pointed at; `filled`: see-through inside.

        A mask is its inside, and always has it.
        """
        line = outline(shape, skeleton)
        points = view.widget_points(line.points)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if isinstance(shape, Mask):
            self._paint_mask(painter, view, shape, colour)
        elif line.closed and filled:
            painter.setPen(Qt.PenStyle.NoPen)
            fill = QColor(colour)
            fill.setAlpha(_FILL)
            painter.setBrush(fill)
            painter.drawPath(_path(points, line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        index = np.arange(len(points))
        runs = line.following != index
        lines = np.concatenate([points[runs], points[line.following[runs]]], axis=1)
        if len(lines) > _MANY:
            lines = lines[_near(lines, view)]
        if dashed:
            lines = dashes(lines, *style.DASH)
        width = style.SELECTED if strong else style.LINE
        alone = points[~runs] if line.dots else points[:0]
        for shade, extra in ((style.halo(colour), 2 * style.HALO), (QColor(colour), 0.0)):
            pen = style.pen(shade, width + extra)
            if dashed:
                pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            draw_lines(painter, lines)
            painter.setPen(style.pen(shade, style.DOT + extra + (2 if strong else 0)))
            draw_points(painter, alone)
        if line.hollow:
            size = style.DOT - style.RING + (2 if strong else 0)
            painter.setPen(style.pen(style.halo(colour), size))
            draw_points(painter, points[len(points) - line.hollow :])

    def _paint_mask(self, painter: QPainter, view: View, mask: Mask, colour: str) -> None:
        painter.save()
        painter.translate(view.left / view.ratio, view.top / view.ratio)
        self._masks.draw_mask(painter, mask, colour, view.scale / view.ratio)
        painter.restore()


def _near(lines: NDArray[np.float64], view: View) -> NDArray[np.bool_]:
    """Which of (n, 4) lines in widget coordinates meet the viewport."""
    low = np.minimum(lines[:, :2], lines[:, 2:])
    high = np.maximum(lines[:, :2], lines[:, 2:])
    room = np.array([view.view_width, view.view_height]) / view.ratio
    return np.asarray(((high >= -10) & (low <= room + 10)).all(axis=1))


def paint_label(painter: QPainter, view: View, shape: Shape, text: str, colour: str) -> None:
    """A label by the shape that is always there, whatever the thinning of the others."""
    x1, y1, x2, y2 = shape.bounds()
    bounds = QRectF(QPointF(*view.to_widget(x1, y1)), QPointF(*view.to_widget(x2, y2)))
    room = QRectF(0, 0, view.view_width / view.ratio, view.view_height / view.ratio)
    if bounds.contains(room) or not bounds.adjusted(-9, -9, 9, 9).intersects(room):
        return
    metrics = painter.fontMetrics()
    width, height = metrics.horizontalAdvance(text) + 8.0, metrics.height() + 2.0
    place = chip_place(bounds, width, height, room)
    chip = QRectF(place.x(), place.y(), width, height)
    paint_chip(painter, chip, text, colour, painter.font())


def _path(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]], line: Outline) -> QPainterPath:
    """The rings of an outline as one path with holes by the even-odd rule."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    # A ring ends where a point leads back to the first of its ring.
    last = np.flatnonzero(line.following <= np.arange(len(points)))
    begin = 0
    for end in last.tolist():
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in points[begin : end + 1].tolist()]))
        path.closeSubpath()
        begin = end + 1
    return path
