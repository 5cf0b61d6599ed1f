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
_SIDE = 512  # of a tile
_TINT = 140  # of 255, stronger than masks at rest


class PaintLayer:
    """One byte per pixel of a picture of width × height, known where it is painted.

    Tiles are filled from what is stored when a stroke comes to them: beginning to
    paint on a mask of a hundred megapixels costs what a dab on it covers.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = np.zeros((height, width), np.uint8)
        self._known = np.zeros((-(-height // _SIDE), -(-width // _SIDE)), bool)
        self._touched: dict[int, tuple[int, int]] = {}  # by row of tiles: first and end tile
        self._rows = (height, 0)  # of pixels, that the stroke under way came to
        self.spans = Spans.empty()
        """What is stored: the layer without the stroke under way."""

    def load(self, spans: Spans) -> None:
        """Show these pixels and no others."""
        self._known[:] = False
        self.keep(spans)

    def sweep(self, tip: Tip, start: Point, end: Point, value: int) -> Area | None:
        """Set what the tip covers on its way to 1 or 0. Returns where that was."""
        top, first, last = tip.swept(start, end)
        x1, y1, x2, y2 = self._inside(int(first.min()), top, int(last.max()), top + len(first))
        if x1 >= x2 or y1 >= y2:
            return None
        self._touch(x1, y1, x2, y2)
        self._rows = min(self._rows[0], y1), max(self._rows[1], y2)
        rows = slice(y1 - top, y2 - top)
        columns = np.arange(x1, x2)
        covered = (columns >= first[rows, None]) & (columns < last[rows, None])
        np.copyto(self._bits[y1:y2, x1:x2], np.uint8(value), where=covered)
        return x1, y1, x2, y2

    def _touch(self, x1: int, y1: int, x2: int, y2: int) -> None:
        """Have the stroke come to these pixels: their tiles are known from now on."""
        for down in range(y1 // _SIDE, (y2 - 1) // _SIDE + 1):
            first, end = x1 // _SIDE, (x2 - 1) // _SIDE + 1
            low, high = self._touched.get(down, (first, end))
            low, high = min(low, first), max(high, end)
            self._touched[down] = low, high
            for across in (np.flatnonzero(~self._known[down, low:high]) + low).tolist():
                self._known[down, across] = True
                x, y, right, bottom = self._place(down, across, across + 1)
                bits = self.spans.raster(x, y, right - x, bottom - y)
                self._bits[y:bottom, x:right] = bits

    def _place(self, down: int, first: int, end: int) -> Area:
        return self._inside(first * _SIDE, down * _SIDE, end * _SIDE, (down + 1) * _SIDE)

    def _parts(self) -> list[Area]:
        """Where the stroke under way may have changed something, from the top down."""
        top, bottom = self._rows
        places = [self._place(down, *self._touched[down]) for down in sorted(self._touched)]
        return [(x1, max(y1, top), x2, min(y2, bottom)) for x1, y1, x2, y2 in places]

    def result(self) -> Spans:
        """The pixels with the stroke; costs what the stroke covers, however large the rest."""
        parts = self._parts()
        if not parts:
            return self.spans
        blocks = [Spans.block(*part).edges for part in parts]
        fresh = [Spans.of_array(self._bits[b:d, a:c], a, b).edges for a, b, c, d in parts]
        top, bottom = parts[0][1], parts[-1][3]
        beside = self.spans.within(top, bottom) - Spans(np.concatenate(blocks))
        return self.spans.with_rows(top, bottom, beside | Spans(np.concatenate(fresh)))

    def keep(self, spans: Spans) -> None:
        """The stroke has become part of what is stored."""
        self.spans = spans
        self._touched.clear()
        self._rows = self.height, 0

    def take_back(self) -> None:
        """Forget the stroke under way."""
        for down, (first, end) in self._touched.items():
            self._known[down, first:end] = False
        self.keep(self.spans)

    def bits(self, x1: int, y1: int, x2: int, y2: int, step: int = 1) -> NDArray[np.uint8]:
        """A part of the layer, every `step`-th pixel of it."""
        found = self.spans.raster(x1, y1, x2 - x1, y2 - y1, step)
        for left, top, right, bottom in self._parts():
            left, top = max(left, x1), max(top, y1)
            right, bottom = min(right, x2), min(bottom, y2)
            # The first of every `step`-th pixel that lies in the part.
            across, down = -(-(left - x1) // step), -(-(top - y1) // step)
            painted = self._bits[
                y1 + down * step : bottom : step, x1 + across * step : right : step
            ]
            if left < right and top < bottom and painted.size:
                height, width = painted.shape
                found[down : down + height, across : across + width] = painted
        return found

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
