"""What comparing paints over the picture: the other one, their difference, a cross."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from visionstudio.model.annotations import State
from visionstudio.ui import theme
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.live import LivePainter
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.view import View
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.ui.inspect.compare_control import CompareControl, Other

_MOST_SHAPES = 2000


def subtracted(first: Picture, second: Picture) -> Picture:
    """The absolute difference of two pictures, stretched so that it can be seen.

    Of source values where both are of one kind, else of what is shown; the second is
    scaled to the first.
    """
    import cv2

    from visionstudio.media.display import as_pixels, auto_levels

    a, b = first.pixels.colours, second.pixels.colours
    if a.ndim != b.ndim or a.shape[2:] != b.shape[2:] or a.dtype != b.dtype:
        a, b = first.pixels.rgb(), second.pixels.rgb()
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    if a.shape[:2] != b.shape[:2]:
        b = cv2.resize(b, (a.shape[1], a.shape[0]), interpolation=cv2.INTER_AREA)
    found: Any = cv2.absdiff(a, b)
    pixels = as_pixels(np.asarray(found))
    levels = auto_levels(pixels)
    high = max(levels.high, 8.0 if found.dtype.kind == "u" else 1e-6)
    shown = type(levels)(0.0, high)
    return Picture(pixels.rgb(), (first.width, first.height), pixels, shown)


class Cross:
    """The pixel under the pointer of the other canvas."""

    def __init__(self, at: tuple[int, int]) -> None:
        self._at = at

    def paint(self, painter: QPainter, view: View) -> None:
        x, y = view.to_widget(self._at[0] + 0.5, self._at[1] + 0.5)
        for colour, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(style.ACCENT), 1.25)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x - 12, y), QPointF(x + 12, y))
            painter.drawLine(QPointF(x, y - 12), QPointF(x, y + 12))


class CompareOverlay:
    """Paints the other picture over this one: a part, now and then, or the difference."""

    def __init__(self, control: CompareControl) -> None:
        self._control = control
        self._live = LivePainter()
        self.held = False

    def paint(self, painter: QPainter, view: View) -> None:
        control, other = self._control, self._control.other
        if other is None:
            return
        wide, tall = view.view_width / view.ratio, view.view_height / view.ratio
        if control.mode == "difference":
            if control.difference is not None:
                self._picture(painter, view, control.difference, QRectF(0, 0, wide, tall))
            return
        if control.mode == "blink" and not control.shown_b:
            self._note(painter, wide, tr("A: this picture"))
            return
        left = control.split * wide if control.mode == "swipe" else 0.0
        part = QRectF(left, 0, wide - left, tall)
        painter.save()
        painter.setClipRect(part, Qt.ClipOperation.IntersectClip)
        self._picture(painter, view, other.picture, part)
        self._shapes(painter, view, other)
        painter.restore()
        if control.mode == "swipe":
            for colour, width in ((QColor(0, 0, 0, 150), 4.0), (QColor("#ffffff"), 1.5)):
                painter.setPen(QPen(colour, width))
                painter.drawLine(QPointF(left, 0), QPointF(left, tall))
            painter.setBrush(QColor("#ffffff"))
            painter.drawEllipse(QPointF(left, tall / 2), 6, 6)
        self._note(painter, wide, f"B: {other.title}")

    def _picture(self, painter: QPainter, view: View, picture: Picture, part: QRectF) -> None:
        """The picture stretched over the place of the one beneath."""
        painter.save()
        painter.setClipRect(part, Qt.ClipOperation.IntersectClip)
        painter.fillRect(part, theme.colour("canvas"))
        painter.scale(1 / view.ratio, 1 / view.ratio)
        painter.translate(view.left, view.top)
        across = view.width / picture.width
        down = view.height / picture.height
        painter.scale(1.0, down / across)
        scale = view.scale * across
        whole = QRectF(-view.left, -view.top, view.view_width, view.view_height).toAlignedRect()
        picture.draw(painter, scale, whole)
        painter.restore()

    def _shapes(self, painter: QPainter, view: View, other: Other) -> None:
        session = self._control._session
        if session is None:
            return
        colours = {c.id: c.colour for c in session.classes}
        if other.picture.width != view.width or other.picture.height != view.height:
            return  # shapes of a picture of another size have no place here
        for annotation in other.annotations[:_MOST_SHAPES]:
            self._live.paint(
                painter,
                view,
                annotation.shape,
                colours.get(annotation.class_id, style.NO_CLASS),
                dashed=annotation.state is State.PROPOSED,
                strong=False,
            )

    def _note(self, painter: QPainter, wide: float, text: str) -> None:
        metrics = painter.fontMetrics()
        style.paint_note(painter, QPointF(wide - metrics.horizontalAdvance(text) - 24, 12), text)
