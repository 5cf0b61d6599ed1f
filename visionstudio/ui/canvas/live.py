"""Shapes drawn at every repaint: what is selected, pointed at or being dragged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF

from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Mask, Shape
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import dashes, draw_lines, draw_points, lines_within
from visionstudio.ui.canvas.labels import chip_place, paint_chip
from visionstudio.ui.canvas.masks import MaskImages, is_dense
from visionstudio.ui.canvas.outline import Outline, outline
from visionstudio.ui.canvas.view import View

_FILL = 45  # of 255
_MANY = 500  # lines: of more, only those in view are drawn
_FINE = 4_000  # lines: more are drawn thin and without anti-aliasing
_MANY_POINTS = 2_000  # of more, only those that can be told apart are drawn
_GRAIN = 1.0  # device pixels at which they can
_DENSE = 5_000  # points of an outline that is not filled


class LivePainter:
    """Draws single shapes in widget coordinates, on top of the tiles."""

    def __init__(self) -> None:
        self._masks = MaskImages()
        self._thinned: tuple[Shape, float, Outline] | None = None

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
        tinted: bool = True,
        skeleton: SkeletonSpec | None = None,
    ) -> None:
        """Draw a shape; `strong` for selected, else as pointed at; `filled`: see-through inside.

        A mask is its inside: without `tinted` only its outline is drawn, on the tint below.
        """
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        width = style.SELECTED if strong else style.LINE
        if isinstance(shape, Mask):
            self._paint_mask(painter, view, shape, colour, width, tinted=tinted, dashed=dashed)
            return
        line = self._outline(view, shape, skeleton)
        points = view.widget_points(line.points)
        if line.closed and filled and len(points) <= _DENSE:
            painter.setPen(Qt.PenStyle.NoPen)
            fill = QColor(colour)
            fill.setAlpha(_FILL)
            painter.setBrush(fill)
            painter.drawPath(_path(points, line))
        index = np.arange(len(points))
        runs = line.following != index
        lines = np.concatenate([points[runs], points[line.following[runs]]], axis=1)
        _draw_outline(painter, view, lines, colour, width, dashed=dashed)
        alone = points[~runs] if line.dots else points[:0]
        for shade, extra in ((style.halo(colour), 2 * style.HALO), (QColor(colour), 0.0)):
            painter.setPen(style.pen(shade, style.DOT + extra + (2 if strong else 0)))
            draw_points(painter, alone)
        if line.hollow:
            size = style.DOT - style.RING + (2 if strong else 0)
            painter.setPen(style.pen(style.halo(colour), size))
            draw_points(painter, points[len(points) - line.hollow :])

    def _outline(self, view: View, shape: Shape, skeleton: SkeletonSpec | None) -> Outline:
        """The outline, of one with very many points those that can be told apart."""
        known = self._thinned
        if known is not None and known[0] is shape and known[1] == view.scale:
            return known[2]
        line = outline(shape, skeleton)
        if not line.closed or len(line.points) <= _MANY_POINTS:
            return line
        line = thinned(line, _GRAIN / view.scale)
        self._thinned = shape, view.scale, line
        return line

    def _paint_mask(
        self,
        painter: QPainter,
        view: View,
        mask: Mask,
        colour: str,
        width: float,
        *,
        tinted: bool,
        dashed: bool,
    ) -> None:
        scale, left, top = (v / view.ratio for v in (view.scale, view.left, view.top))
        painter.save()
        painter.translate(left, top)
        if tinted:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            self._masks.draw(painter, mask, colour, scale)
        if is_dense(mask, scale):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            shades = style.halo(colour), QColor(colour)
            self._masks.draw_rim(painter, mask, shades, scale, int(style.DASH[0]) * dashed)
            painter.restore()
            return
        lines = self._masks.border(painter, mask, scale) + (left, top, left, top)
        painter.restore()
        _draw_outline(painter, view, lines, colour, width, dashed=dashed)


def thinned(line: Outline, grain: float) -> Outline:
    """Closed rings without the points that lie within `grain` pixels of the one before."""
    points, following = line.points, line.following
    ends = np.flatnonzero(following <= np.arange(len(points)))
    starts = np.concatenate([[0], ends[:-1] + 1])
    cells = np.round(points / grain)
    kept = np.append(True, (cells[1:] != cells[:-1]).any(axis=1))
    kept[starts] = True
    first = np.cumsum(kept)[starts] - 1
    count = int(kept.sum())
    after = np.arange(1, count + 1, dtype=np.int32)
    after[np.append(first[1:], count) - 1] = first
    return line._replace(points=points[kept], following=after)


def _draw_outline(
    painter: QPainter,
    view: View,
    lines: NDArray[np.float64],
    colour: str,
    width: float,
    *,
    dashed: bool,
) -> None:
    """Draw (n, 4) lines in widget coordinates, with a halo."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if len(lines) > _MANY:
        lines = lines[_near(lines, view)]
    fine = len(lines) <= _FINE
    if dashed:
        lines = dashes(lines, *style.DASH)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, fine)
    for shade, extra in ((style.halo(colour), 2 * style.HALO), (QColor(colour), 0.0)):
        pen = style.pen(shade, width + extra) if fine else style.fast_pen(shade, 3 if extra else 1)
        if dashed:
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        draw_lines(painter, lines)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)


def _near(lines: NDArray[np.float64], view: View) -> NDArray[np.bool_]:
    """Which of (n, 4) lines in widget coordinates meet the viewport."""
    right, bottom = view.view_width / view.ratio + 10, view.view_height / view.ratio + 10
    return lines_within(lines, -10.0, -10.0, right, bottom)


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
