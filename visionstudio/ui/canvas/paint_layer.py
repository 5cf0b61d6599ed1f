"""The pixels that are being painted, over the picture, redrawn where they change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QPainter

from visionstudio.model.brush import Point, Tip
from visionstudio.model.spans import Spans
from visionstudio.ui.canvas.masks import draw_bits, seen_part
from visionstudio.ui.canvas.view import View

Area = tuple[int, int, int, int]
_TINT = 140  # of 255, stronger than masks at rest


class PaintLayer:
    """One byte per pixel of a picture of width × height. Memory is used where it is painted."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = np.zeros((height, width), np.uint8)
        self.spans = Spans.empty()
        """What is stored: the layer without the stroke under way."""
        self.dirty: Area | None = None
        """What the stroke under way may have changed."""

    def load(self, spans: Spans) -> None:
        """Show these pixels and no others."""
        if self.spans or self.dirty:
            x1, y1, x2, y2 = _around(self.spans.bounds(), self.dirty)
            self._bits[max(y1, 0) : y2, max(x1, 0) : x2] = 0
        self.spans, self.dirty = spans, None
        x1, y1, x2, y2 = self._inside(*spans.bounds())
        if x1 < x2 and y1 < y2:
            self._bits[y1:y2, x1:x2] = spans.raster(x1, y1, x2 - x1, y2 - y1)

    def sweep(self, tip: Tip, start: Point, end: Point, value: int) -> Area | None:
        """Set what the tip covers on its way to 1 or 0. Returns where that was."""
        top, first, last = tip.swept(start, end)
        x1, y1, x2, y2 = self._inside(int(first.min()), top, int(last.max()), top + len(first))
        if x1 >= x2 or y1 >= y2:
            return None
        rows = slice(y1 - top, y2 - top)
        columns = np.arange(x1, x2)
        covered = (columns >= first[rows, None]) & (columns < last[rows, None])
        np.copyto(self._bits[y1:y2, x1:x2], np.uint8(value), where=covered)
        area = x1, y1, x2, y2
        self.dirty = _around(area, self.dirty)
        return area

    def result(self) -> Spans:
        """The pixels with the stroke; costs what the stroke covers, however large the rest."""
        if self.dirty is None:
            return self.spans
        x1, y1, x2, y2 = self.dirty
        fresh = Spans.of_array(self._bits[y1:y2, x1:x2], x1, y1)
        return self.spans - _block(x1, y1, x2, y2) | fresh

    def keep(self, spans: Spans) -> None:
        """The stroke has become part of what is stored."""
        self.spans, self.dirty = spans, None

    def take_back(self) -> None:
        """Forget the stroke under way."""
        if self.dirty is not None:
            x1, y1, x2, y2 = self.dirty
            self._bits[y1:y2, x1:x2] = self.spans.raster(x1, y1, x2 - x1, y2 - y1)
            self.dirty = None

    def bits(self, x1: int, y1: int, x2: int, y2: int, step: int = 1) -> NDArray[np.uint8]:
        """A part of the layer, every `step`-th pixel of it."""
        return np.ascontiguousarray(self._bits[y1:y2:step, x1:x2:step])

    def paint(self, painter: QPainter, view: View, colour: str) -> None:
        """Draw in widget coordinates what lies in the painter's clip."""
        scale = view.scale / view.ratio
        painter.save()
        painter.translate(view.left / view.ratio, view.top / view.ratio)
        part = seen_part(painter, (0, 0, self.width, self.height), scale)
        if part is not None:
            x1, y1, x2, y2, step = part
            draw_bits(painter, self.bits(x1, y1, x2, y2, step), x1, y1, step, scale, colour, _TINT)
        painter.restore()

    def _inside(self, x1: int, y1: int, x2: int, y2: int) -> Area:
        return max(x1, 0), max(y1, 0), min(x2, self.width), min(y2, self.height)


def _around(first: Area, second: Area | None) -> Area:
    if second is None or second[0] >= second[2]:
        return first
    if first[0] >= first[2]:
        return second
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )


def _block(x1: int, y1: int, x2: int, y2: int) -> Spans:
    rows = np.arange(y1, y2)
    return Spans.of_runs(rows, np.full(len(rows), x1), np.full(len(rows), x2))
