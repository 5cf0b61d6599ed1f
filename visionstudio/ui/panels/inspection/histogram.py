"""The histogram, with the window of values that is shown as a range to drag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.numbers import number

if TYPE_CHECKING:
    from visionstudio.media.statistics import Histogram

_CHANNELS = {
    1: ("muted",),
    2: ("#30a46c", "#d6409f"),
    3: ("#e5484d", "#30a46c", "#4c9ffe"),
}
_MORE = ("#e5484d", "#30a46c", "#4c9ffe", "#a0a0a0", "#00b8d9", "#d6409f", "#f0b429")
SCALES = ("linear", "square root", "logarithmic")
_REACH = 6


def channel_colour(n: int, count: int) -> QColor:
    """The colour of a channel's line in histograms and profiles."""
    names = _CHANNELS.get(count, _MORE)
    name = names[n % len(names)]
    return QColor(name) if name.startswith("#") else theme.colour(name)


class HistogramView(QWidget):
    """Counts per value, a line per channel; the window's ends and its middle can be dragged."""

    window_dragged = Signal(float, float)
    """The new window, while it is dragged."""
    auto_wanted = Signal()
    """A double click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("histogram")
        self.setAccessibleName(tr("Histogram"))
        self.setToolTip(
            tr("Drag the ends or the middle of the window; double-click for auto-contrast")
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._histogram: Histogram | None = None
        self._scale = SCALES[1]
        self._window = (0.0, 1.0)
        self._heights: NDArray[np.float64] = np.zeros((0, 0))
        self._drag: tuple[str, float, tuple[float, float]] | None = None
        theme.watcher().changed.connect(self.update)

    @property
    def histogram(self) -> Histogram | None:
        """What is drawn."""
        return self._histogram

    def show_histogram(self, histogram: Histogram | None) -> None:
        """Draw other counts, or none."""
        self._histogram = histogram
        self._measure()

    def set_scale(self, scale: str) -> None:
        """One of SCALES."""
        self._scale = scale
        self._measure()

    def set_window(self, low: float, high: float) -> None:
        """The window that is shown."""
        if (low, high) != self._window:
            self._window = (low, high)
            self.update()

    def _measure(self) -> None:
        if self._histogram is not None:
            counts = self._histogram.counts.astype(np.float64)
            if self._scale == SCALES[1]:
                counts = np.sqrt(counts)
            elif self._scale == SCALES[2]:
                counts = np.log1p(counts)
            self._heights = counts / max(float(counts.max()), 1e-12)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 140)

    def _area(self) -> QRectF:
        return QRectF(self.rect().adjusted(8, 8, -8, -22))

    def x_of(self, value: float) -> float:
        """Where a value lies, in widget units, kept inside the frame."""
        area, h = self._area(), self._histogram
        if h is None:
            return area.left()
        share = (value - h.low) / (h.high - h.low)
        return area.left() + min(max(share, 0.0), 1.0) * area.width()

    def _value_at(self, x: float) -> float:
        area, h = self._area(), self._histogram
        if h is None:
            return 0.0
        return h.low + (x - area.left()) / max(area.width(), 1.0) * (h.high - h.low)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("surface"))
        h = self._histogram
        if h is None:
            return
        area = self._area()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        count, bins = self._heights.shape
        x = area.left() + np.arange(bins) * (area.width() / max(bins - 1, 1))
        for n, row in enumerate(self._heights):
            colour = channel_colour(n, count)
            y = area.bottom() - row * area.height()
            points = [QPointF(a, b) for a, b in zip(x, y, strict=True)]
            line = QPolygonF(points)
            if count == 1:
                fill = QColor(colour)
                fill.setAlpha(70)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(fill)
                ends = [QPointF(area.right(), area.bottom()), QPointF(area.left(), area.bottom())]
                painter.drawPolygon(QPolygonF(points + ends))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour, 1.4))
            painter.drawPolyline(line)
        self._paint_window(painter, area)
        painter.setPen(theme.colour("muted"))
        below = QRectF(self.rect().adjusted(8, 0, -8, -3))
        bottom = Qt.AlignmentFlag.AlignBottom
        painter.drawText(below, bottom | Qt.AlignmentFlag.AlignLeft, number(h.low, 5))
        painter.drawText(below, bottom | Qt.AlignmentFlag.AlignRight, number(h.high, 5))

    def _paint_window(self, painter: QPainter, area: QRectF) -> None:
        low, high = (self.x_of(v) for v in self._window)
        shade = QColor(theme.colour("window"))
        shade.setAlpha(150)
        painter.fillRect(QRectF(area.left(), area.top(), low - area.left(), area.height()), shade)
        painter.fillRect(QRectF(high, area.top(), area.right() - high, area.height()), shade)
        painter.setPen(QPen(theme.colour("accent"), 1.5))
        for x in (low, high):
            painter.drawLine(QPointF(x, area.top() - 4), QPointF(x, area.bottom()))
        painter.setBrush(theme.colour("accent"))
        for x in (low, high):
            painter.drawRoundedRect(QRectF(x - 3, area.top() - 6, 6, 10), 2, 2)

    # -- dragging

    def _part_at(self, x: float) -> str:
        """What a press takes: the low or high end, whichever is near, or the middle."""
        low, high = (self.x_of(v) for v in self._window)
        to_low, to_high = abs(x - low), abs(x - high)
        if min(to_low, to_high) <= _REACH:
            return "low" if to_low < to_high or (to_low == to_high and x < low) else "high"
        return "middle" if low < x < high else "low" if x < low else "high"

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._histogram is None or event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        self._drag = (self._part_at(x), self._value_at(x), self._window)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._drag is None:
            part = self._part_at(x) if self._histogram is not None else ""
            shapes = {"middle": Qt.CursorShape.SizeAllCursor, "": Qt.CursorShape.ArrowCursor}
            self.setCursor(shapes.get(part, Qt.CursorShape.SplitHCursor))
            return
        part, start, (low, high) = self._drag
        by = self._value_at(x) - start
        step = 1e-6 * max(abs(high - low), 1e-9)
        if part == "low":
            low = min(low + by if abs(self.x_of(low) - self.x_of(start)) <= _REACH else start + by,
                      high - step)  # fmt: skip
        elif part == "high":
            near = abs(self.x_of(high) - self.x_of(start)) <= _REACH
            high = max(high + by if near else start + by, low + step)
        else:
            low, high = low + by, high + by
        self.window_dragged.emit(low, high)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._drag = None
        self.auto_wanted.emit()
