"""Shapes drawn at every repaint: what is selected, pointed at or being dragged."""

from __future__ import annotations

from dataclasses import dataclass

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
from visionstudio.ui.canvas.outline import Outline, outline_at
from visionstudio.ui.canvas.view import View

_FILL = 45  # of 255
_MANY = 500  # lines: of more, only those in view are drawn
_FINE = 4_000  # lines: more are drawn thin and without anti-aliasing
_DENSE = 5_000  # points of an outline that is not filled
_KEPT, _KEPT_LINES = 256, 500_000  # outlines at most, and their lines together
_SMOOTH = QPainter.RenderHint.Antialiasing
_NO_PEN = Qt.PenStyle.NoPen


@dataclass(frozen=True, slots=True)
class _Ready:
    """A shape's outline at a zoom level, in widget units from the picture's origin."""

    shape: Shape
    skeleton: SkeletonSpec | None
    lines: NDArray[np.float64]  # (n, 4)
    dots: NDArray[np.float64]  # (n, 2)
    rings: NDArray[np.float64]  # (n, 2), of the dots that are hollow
    inside: QPainterPath | None


class LivePainter:
    """Draws single shapes in widget coordinates, on top of the tiles.

    What was drawn last is kept: while the picture moves, only its place changes.
    """

    def __init__(self) -> None:
        self._masks = MaskImages()
        self._kept: dict[tuple[int, float, float], _Ready] = {}
        self._lines = 0  # of all that is kept

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
        part: QRectF | None = None,
    ) -> None:
        """Draw a shape; `strong` for selected, else as pointed at; `filled`: see-through inside.

        A mask is its inside: without `tinted` only its outline is drawn, on the tint below.
        `part` of the viewport is all that is painted now: of very many lines the others are
        left out.
        """
        painter.setRenderHint(_SMOOTH, True)
        width = style.SELECTED if strong else style.LINE
        if isinstance(shape, Mask):
            self._paint_mask(painter, view, shape, colour, width, tinted=tinted, dashed=dashed)
            return
        ready = self._get_ready(view, shape, skeleton)
        left, top = view.left / view.ratio, view.top / view.ratio
        painter.translate(left, top)
        if filled and ready.inside is not None:
            painter.setPen(_NO_PEN)
            fill = QColor(colour)
            fill.setAlpha(_FILL)
            painter.setBrush(fill)
            painter.drawPath(ready.inside)
        at = left, top
        _draw_outline(painter, view, ready.lines, at, colour, width, dashed=dashed, part=part)
        if len(ready.dots):
            for shade, extra in ((style.halo(colour), 2 * style.HALO), (colour, 0.0)):
                painter.setPen(style.pen(shade, style.DOT + extra + (2 if strong else 0)))
                draw_points(painter, ready.dots)
        if len(ready.rings):
            size = style.DOT - style.RING + (2 if strong else 0)
            painter.setPen(style.pen(style.halo(colour), size))
            draw_points(painter, ready.rings)
        painter.translate(-left, -top)

    def _get_ready(self, view: View, shape: Shape, skeleton: SkeletonSpec | None) -> _Ready:
        key = id(shape), view.scale, view.ratio
        ready = self._kept.get(key)
        if ready is not None and ready.shape is shape and ready.skeleton is skeleton:
            return ready
        self._drop(key)
        ready = _ready(shape, skeleton, view.scale, view.ratio)
        self._lines += len(ready.lines)
        while self._kept and (len(self._kept) >= _KEPT or self._lines > _KEPT_LINES):
            self._drop(next(iter(self._kept)))
        self._kept[key] = ready
        return ready

    def _drop(self, key: tuple[int, float, float]) -> None:
        old = self._kept.pop(key, None)
        self._lines -= 0 if old is None else len(old.lines)

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
        lines = self._masks.border(painter, mask, scale)
        _draw_outline(painter, view, lines, (left, top), colour, width, dashed=dashed)
        painter.restore()


def _ready(shape: Shape, skeleton: SkeletonSpec | None, scale: float, ratio: float) -> _Ready:
    """The outline at a scale, of one with very many points those that can be told apart."""
    line = outline_at(shape, skeleton, scale)
    points = line.points * (scale / ratio)
    runs = line.following != np.arange(len(points))
    return _Ready(
        shape,
        skeleton,
        np.concatenate([points[runs], points[line.following[runs]]], axis=1),
        points[~runs] if line.dots else points[:0],
        points[len(points) - line.hollow :],
        _path(points, line) if line.closed and len(points) <= _DENSE else None,
    )


def _draw_outline(
    painter: QPainter,
    view: View,
    lines: NDArray[np.float64],
    at: tuple[float, float],
    colour: str,
    width: float,
    *,
    dashed: bool,
    part: QRectF | None = None,
) -> None:
    """Draw (n, 4) lines in widget units from the picture's origin, which is `at`, with a halo."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    room = QRectF(0, 0, view.view_width / view.ratio, view.view_height / view.ratio)
    if len(lines) > _MANY:
        lines = lines[_near(lines, room, at)]
    if not len(lines):
        return
    fine = len(lines) <= _FINE  # of all that is in view, so that every part looks the same
    if part is not None and len(lines) > _MANY and not part.contains(room):
        lines = lines[_near(lines, part, at)]
    if dashed:
        lines = dashes(lines, *style.DASH)
    painter.setRenderHint(_SMOOTH, fine)
    for shade, extra in ((style.halo(colour), 2 * style.HALO), (QColor(colour), 0.0)):
        if fine:
            painter.setPen(style.pen(shade, width + extra, flat=dashed))
        else:
            painter.setPen(style.fast_pen(shade, 3 if extra else 1))
        draw_lines(painter, lines)
    painter.setRenderHint(_SMOOTH, True)


def _near(lines: NDArray[np.float64], room: QRectF, at: tuple[float, float]) -> NDArray[np.bool_]:
    """Which of (n, 4) lines in widget units from the picture's origin meet a part of the widget."""
    room = room.adjusted(-10, -10, 10, 10).translated(-at[0], -at[1])
    return lines_within(lines, room.left(), room.top(), room.right(), room.bottom())


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
