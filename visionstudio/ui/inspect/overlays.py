"""Overlays over the picture: scale bar, grid and rulers, in the unit of the scale."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from visionstudio.model.measurements import Calibration
from visionstudio.ui import theme
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.view import View
from visionstudio.ui.inspect.numbers import number

RULER = 20.0  # widget units
_APART = 64.0  # between two labelled lines
_PIXEL_GRID = 10.0  # widget units per pixel from which pixels are told apart
_MARGIN = 16.0

Scale = Callable[[], Calibration]


def nice_step(least: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below `least`."""
    if least <= 0 or not math.isfinite(least):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * f for f in (1, 2, 5, 10) if power * f >= least * (1 - 1e-9))


class ScaleBar:
    """A bar of a round length at the lower right."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    def length(self, view: View) -> tuple[float, float, str]:
        """Its length in units and in widget units, and the unit: about a sixth of the view."""
        scale = self._scale()
        per_unit = view.scale / view.ratio / scale.x
        room = view.view_width / view.ratio
        length = nice_step(room / 12 / per_unit)
        return length, length * per_unit, scale.unit

    def paint(self, painter: QPainter, view: View) -> None:
        length, wide, unit = self.length(view)
        right = view.view_width / view.ratio - _MARGIN
        bottom = view.view_height / view.ratio - _MARGIN
        text = f"{number(length)} {unit}"
        metrics = QFontMetricsF(painter.font())
        tall = metrics.height()
        box = QRectF(right - max(wide, metrics.horizontalAdvance(text)) - 16, bottom - tall - 18,
                     max(wide, metrics.horizontalAdvance(text)) + 16, tall + 18)  # fmt: skip
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 150))
        painter.drawRoundedRect(box, 4, 4)
        middle = box.center().x()
        painter.fillRect(QRectF(middle - wide / 2, bottom - 10, wide, 4), QColor("#ffffff"))
        painter.setPen(QColor("#ffffff"))
        place = QRectF(box.left(), box.top() + 2, box.width(), tall)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


class Grid:
    """Lines at round distances; between pixels where these are large enough."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    def paint(self, painter: QPainter, view: View) -> None:
        zoom = view.scale / view.ratio
        if zoom >= _PIXEL_GRID:
            self._lines(painter, view, 1.0, 1.0, QColor(128, 128, 128, 90))
        scale = self._scale()
        across = nice_step(_APART / zoom * scale.x) / scale.x
        down = nice_step(_APART / zoom * scale.y) / scale.y
        self._lines(painter, view, across, down, QColor(255, 255, 255, 110), dark=True)

    def _lines(
        self,
        painter: QPainter,
        view: View,
        across: float,
        down: float,
        colour: QColor,
        *,
        dark: bool = False,
    ) -> None:
        """Lines every `across` and `down` pixels within the picture."""
        x1, y1, x2, y2 = view.seen()
        left, right = max(x1, 0.0), min(x2, float(view.width))
        top, bottom = max(y1, 0.0), min(y2, float(view.height))
        if right <= left or bottom <= top:
            return
        pens = [QPen(colour, 1.0)]
        if dark:  # seen on bright pictures too
            pens.insert(0, QPen(QColor(0, 0, 0, 90), 2.5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for pen in pens:
            painter.setPen(pen)
            for n in range(math.ceil(left / across), math.floor(right / across) + 1):
                x, _ = view.to_widget(n * across, 0)
                painter.drawLine(QPointF(x, view.to_widget(0, top)[1]),
                                 QPointF(x, view.to_widget(0, bottom)[1]))  # fmt: skip
            for n in range(math.ceil(top / down), math.floor(bottom / down) + 1):
                _, y = view.to_widget(0, n * down)
                painter.drawLine(QPointF(view.to_widget(left, 0)[0], y),
                                 QPointF(view.to_widget(right, 0)[0], y))  # fmt: skip


class Rulers:
    """Scales along the upper and left edge, with a mark at the pointer."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self.pointer: tuple[float, float] | None = None  # in pixels of the picture

    def paint(self, painter: QPainter, view: View) -> None:
        wide, tall = view.view_width / view.ratio, view.view_height / view.ratio
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.fillRect(QRectF(0, 0, wide, RULER), theme.colour("raised"))
        painter.fillRect(QRectF(0, RULER, RULER, tall - RULER), theme.colour("raised"))
        font = painter.font()
        font.setPointSizeF(max(font.pointSizeF() * 0.85, 7.0))
        painter.setFont(font)
        painter.setPen(theme.colour("muted"))
        scale = self._scale()
        zoom = view.scale / view.ratio
        self._ticks(painter, view, nice_step(_APART / zoom * scale.x), scale.x, across=True)
        self._ticks(painter, view, nice_step(_APART / zoom * scale.y), scale.y, across=False)
        painter.fillRect(QRectF(0, 0, RULER, RULER), theme.colour("raised"))
        painter.drawText(QRectF(0, 0, RULER, RULER), Qt.AlignmentFlag.AlignCenter, scale.unit)
        if self.pointer is not None:
            x, y = view.to_widget(*self.pointer)
            painter.setPen(QPen(QColor(style.ACCENT), 1.5))
            painter.drawLine(QPointF(x, 0), QPointF(x, RULER))
            painter.drawLine(QPointF(0, y), QPointF(RULER, y))

    def _ticks(
        self, painter: QPainter, view: View, step: float, size: float, *, across: bool
    ) -> None:
        """Ticks every `step` units of `size` per pixel, labelled, and five between them."""
        x1, y1, x2, y2 = view.seen()
        first, last = (x1, x2) if across else (y1, y2)
        small = step / 5
        for n in range(math.ceil(first * size / small), math.floor(last * size / small) + 1):
            value = n * small
            x, y = view.to_widget(value / size, value / size)
            place = x if across else y
            if place < RULER:
                continue
            long = n % 5 == 0
            reach = RULER * (0.45 if long else 0.25)
            if across:
                painter.drawLine(QPointF(x, RULER - reach), QPointF(x, RULER))
            else:
                painter.drawLine(QPointF(RULER - reach, y), QPointF(RULER, y))
            if not long:
                continue
            text = number(value, 6)
            if across:
                painter.drawText(QPointF(x + 2, RULER * 0.55), text)
            else:
                painter.save()
                painter.translate(RULER * 0.55, y - 2)
                painter.rotate(-90)
                painter.drawText(QPointF(0, 0), text)
                painter.restore()
