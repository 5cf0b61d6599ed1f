"""How shapes look: class colours with a thin contrast halo, readable on dark and bright."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

LINE = 1.75  # widget units
SELECTED = 2.5
HALO = 1.0  # on each side
DASH = (6.0, 4.0)
DOT = 7.0
RING = 3.5  # how much smaller the middle of a hollow dot is
SMALL = 6.0  # shapes below this side are drawn as rectangles
HANDLE = 8.0
REACH = 7.0  # how far from a handle or an outline a click still takes it
SNAP = 10.0  # how far from a vertex, an edge or the border a point is drawn to it
ACCENT = "#4c9ffe"
SNAPPED = "#ff3ec9"
NO_CLASS = "#b0b0b0"


@lru_cache(maxsize=4096)
def halo(colour: str) -> QColor:
    """Nearly black around bright colours, nearly white around dark ones.

    Opaque: Qt blends see-through lines at a quarter of the speed.
    """
    return QColor("#f2f2f2") if luminance(colour) < 0.18 else QColor("#161616")


@lru_cache(maxsize=4096)
def text_on(colour: str) -> QColor:
    """Black or white, whichever is easier to read on a colour."""
    return QColor("#000000") if luminance(colour) > 0.18 else QColor("#ffffff")


@lru_cache(maxsize=4096)
def luminance(colour: str) -> float:
    """Relative luminance in [0, 1] of a '#rrggbb' (WCAG 2.1)."""
    c = QColor(colour)

    def linear(v: float) -> float:
        return v / 12.92 if v <= 0.04045 else float(((v + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def pen(colour: QColor | str, width: float, *, flat: bool = False) -> QPen:
    """A round pen, so that joints of separate lines close; `flat` ends for dashes.

    Pens are shared, for making one takes longer than drawing with it: change none.
    """
    return _pen(colour if isinstance(colour, str) else colour.rgba(), width, flat)


def fast_pen(colour: QColor | str, width: int) -> QPen:
    """A pen for many thousand lines: flat caps, whole pixels."""
    made = QPen(QColor(colour), width)
    made.setCapStyle(Qt.PenCapStyle.FlatCap)
    return made


@lru_cache(maxsize=512)
def _pen(colour: int | str, width: float, flat: bool) -> QPen:
    made = QPen(QColor(colour) if isinstance(colour, str) else QColor.fromRgba(colour), width)
    made.setCapStyle(Qt.PenCapStyle.FlatCap if flat else Qt.PenCapStyle.RoundCap)
    made.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return made


def paint_handle(
    painter: QPainter, at: QPointF, colour: str, *, round_: bool = False, hot: bool = False
) -> None:
    """A vertex that can be dragged: a white square, or disc; larger and filled when it is hot."""
    side = HANDLE + (5.0 if hot else 0.0)
    place = QRectF(at.x() - side / 2, at.y() - side / 2, side, side)
    painter.setBrush(QColor(ACCENT) if hot else QColor("#ffffff"))
    for shade, width in ((halo(colour), 1.5 + 2.0), (QColor(colour), 1.5)):
        painter.setPen(QPen(shade, width))
        if round_:
            painter.drawEllipse(place)
        else:
            painter.drawRect(place)


def paint_note(painter: QPainter, at: QPointF, text: str) -> None:
    """A short text on a dark patch with its top left at a point."""
    metrics = QFontMetricsF(painter.font())
    place = QRectF(at.x(), at.y(), metrics.horizontalAdvance(text) + 10, metrics.height() + 4)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 190))
    painter.drawRoundedRect(place, 3, 3)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
