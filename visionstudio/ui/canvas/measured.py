"""How measurements look on the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from visionstudio.model.measurements import MeasurementKind, Point
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.view import View

COLOUR = "#ffd166"
_ACTIVE = style.ACCENT
_ARC = 22.0
_MARK = 5.0


def paint_measurement(
    painter: QPainter,
    view: View,
    kind: MeasurementKind,
    points: Sequence[Point],
    text: str,
    *,
    active: bool = False,
    colour: str = "",
) -> None:
    """Draw one measurement in widget coordinates, with its result in words."""
    colour = _ACTIVE if active else colour or COLOUR
    places = [QPointF(*view.to_widget(*p)) for p in points]
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if kind is MeasurementKind.COUNT:
        _paint_mark(painter, places[0], colour)
        return
    line = QPolygonF(places)
    closed = kind is MeasurementKind.AREA and len(places) > 2
    if closed:
        fill = QColor(colour)
        fill.setAlpha(36)
        painter.setBrush(fill)
    for shade, width in ((style.halo(colour), style.LINE + 2 * style.HALO), (QColor(colour), 0)):
        painter.setPen(style.pen(shade, width or style.LINE))
        if closed:
            painter.drawPolygon(line)
        else:
            painter.drawPolyline(line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
    if kind in (MeasurementKind.SCALE, MeasurementKind.PROFILE) and len(places) == 2:
        _paint_ends(painter, places, colour)
    if kind is MeasurementKind.ANGLE and len(places) == 3:
        _paint_arc(painter, places, colour)
    for place in places:
        _paint_dot(painter, place, colour, large=active)
    if text:
        style.paint_note(painter, _beside(kind, places), text)


def _beside(kind: MeasurementKind, places: Sequence[QPointF]) -> QPointF:
    """Where the words stand: at the middle of lines, the corner of angles."""
    if kind is MeasurementKind.ANGLE:
        return places[1] + QPointF(10, 10)
    xs, ys = [p.x() for p in places], [p.y() for p in places]
    return QPointF(float(np.mean(xs)) + 8, float(np.mean(ys)) + 8)


def _paint_dot(painter: QPainter, place: QPointF, colour: str, *, large: bool) -> None:
    radius = 4.0 if large else 3.0
    painter.setPen(style.pen(style.halo(colour), 1.0))
    painter.setBrush(QColor(colour))
    painter.drawEllipse(place, radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_mark(painter: QPainter, place: QPointF, colour: str) -> None:
    """A cross in a circle: it says where, and hides little."""
    for shade, width in ((style.halo(colour), 3.5), (QColor(colour), 1.5)):
        painter.setPen(style.pen(shade, width))
        painter.drawEllipse(place, _MARK, _MARK)
        painter.drawLine(place - QPointF(_MARK + 3, 0), place - QPointF(_MARK - 3, 0))
        painter.drawLine(place + QPointF(_MARK - 3, 0), place + QPointF(_MARK + 3, 0))
        painter.drawLine(place - QPointF(0, _MARK + 3), place - QPointF(0, _MARK - 3))
        painter.drawLine(place + QPointF(0, _MARK - 3), place + QPointF(0, _MARK + 3))


def _paint_ends(painter: QPainter, places: Sequence[QPointF], colour: str) -> None:
    """Short strokes across both ends, as on a ruler."""
    step = places[1] - places[0]
    size = max((step.x() ** 2 + step.y() ** 2) ** 0.5, 1e-6)
    across = QPointF(-step.y() / size * 6, step.x() / size * 6)
    for shade, width in ((style.halo(colour), 3.5), (QColor(colour), 1.75)):
        painter.setPen(style.pen(shade, width))
        for place in places:
            painter.drawLine(place - across, place + across)


def _paint_arc(painter: QPainter, places: Sequence[QPointF], colour: str) -> None:
    corner = places[1]
    first, second = (
        float(np.degrees(np.arctan2(-(p.y() - corner.y()), p.x() - corner.x())))
        for p in (places[0], places[2])
    )
    span = (second - first + 180) % 360 - 180
    painter.setPen(style.pen(QColor(colour), 1.5))
    box = QRectF(corner.x() - _ARC, corner.y() - _ARC, 2 * _ARC, 2 * _ARC)
    painter.drawArc(box, round(first * 16), round(span * 16))
