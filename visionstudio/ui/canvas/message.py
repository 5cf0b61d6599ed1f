"""What is shown instead of a picture: nothing open, loading, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from visionstudio.ui import theme

Kind = Literal["empty", "loading", "error"]


@dataclass(frozen=True, slots=True)
class Message:
    """A title, a line of detail (a reason and the next step), and what kind of state it is."""

    title: str
    detail: str = ""
    kind: Kind = "empty"


def paint_message(painter: QPainter, room: QRectF, message: Message, font: QFont) -> None:
    """The message in the middle of a room; loading as an empty frame where the picture will be."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    if message.kind == "loading":
        frame = room.adjusted(48, 48, -48, -48)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("surface"))
        painter.drawRoundedRect(frame, 8, 8)
    large = QFont(font)
    large.setPointSizeF(font.pointSizeF() * 1.5)
    large.setWeight(QFont.Weight.DemiBold)
    width = min(room.width() - 48, 640.0)
    wrap = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
    most = QRectF(0, 0, width, 4000)
    title = QFontMetricsF(large).boundingRect(most, int(wrap), message.title).height()
    detail = QFontMetricsF(font).boundingRect(most, int(wrap), message.detail).height()
    mark = 44.0 if message.kind == "error" else 0.0
    top = room.center().y() - (mark + title + 10 + detail) / 2
    left = room.center().x() - width / 2
    if mark:
        _warning(painter, room.center().x(), top + 14)
    painter.setFont(large)
    painter.setPen(theme.colour("muted" if message.kind == "loading" else "text"))
    painter.drawText(QRectF(left, top + mark, width, title + 4), int(wrap), message.title)
    painter.setFont(font)
    painter.setPen(theme.colour("muted"))
    place = QRectF(left, top + mark + title + 10, width, detail + 4)
    painter.drawText(place, int(wrap), message.detail)


def _warning(painter: QPainter, x: float, y: float) -> None:
    """A ring with an exclamation mark, so that failure is not told by colour alone."""
    colour = QColor(theme.colour("danger"))
    painter.setPen(QPen(colour, 2.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QRectF(x - 14, y - 14, 28, 28))
    pen = QPen(colour, 3.0)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawLine(int(x), int(y - 6), int(x), int(y + 1))
    painter.drawPoint(int(x), int(y + 7))
