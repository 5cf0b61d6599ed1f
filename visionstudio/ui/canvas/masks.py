"""Masks as tinted bitmaps, drawn from their runs: only the part and the detail that are seen."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from visionstudio.model.shapes import Mask
from visionstudio.model.spans import Spans
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.columns import Columns

TINT = 90  # of 255
_KEPT = 512  # masks whose runs are kept


class MaskImages:
    """Draws masks. Keeps the runs of the last ones, and what was drawn last."""

    def __init__(self) -> None:
        # By identity: hashing a large mask costs as much as drawing it. Holding it keeps its id.
        self._spans: OrderedDict[int, tuple[Mask, Spans]] = OrderedDict()
        self._last: tuple[object, NDArray[np.uint8]] | None = None

    def spans(self, mask: Mask) -> Spans:
        """The runs of a mask."""
        known = self._spans.get(id(mask))
        if known is None:
            known = mask, Spans.of_mask(mask)
            self._spans[id(mask)] = known
            if len(self._spans) > _KEPT:
                self._spans.popitem(last=False)
        else:
            self._spans.move_to_end(id(mask))
        return known[1]

    def draw(self, painter: QPainter, columns: Columns, row: int, scale: float) -> None:
        """Draw a row that holds a mask, in device pixels from the picture's origin."""
        annotation = columns.annotations[row]
        if annotation is None or not isinstance(annotation.shape, Mask):
            return
        known = columns.classes.get(annotation.class_id)
        self.draw_mask(painter, annotation.shape, known.colour if known else style.NO_CLASS, scale)

    def draw_mask(self, painter: QPainter, mask: Mask, colour: str, scale: float) -> None:
        """Draw a mask in device pixels from the picture's origin."""
        bounds = (mask.x, mask.y, mask.x + mask.width, mask.y + mask.height)
        part = seen_part(painter, bounds, scale)
        if part is None:
            return
        x1, y1, x2, y2, step = part
        key = (id(mask), part)
        if self._last is not None and self._last[0] == key:
            bits = self._last[1]
        else:
            bits = self.spans(mask).raster(x1, y1, x2 - x1, y2 - y1, step)
            self._last = key, bits
        draw_bits(painter, bits, x1, y1, step, scale, colour)


def seen_part(
    painter: QPainter, bounds: tuple[int, int, int, int], scale: float
) -> tuple[int, int, int, int, int] | None:
    """The part x1, y1, x2, y2 of a rectangle of pixels that a painter draws, and the step.

    The painter's units are those of the picture times `scale`. Only every
    `step`-th pixel need be looked at; x1 and y1 are multiples of it, so that
    nothing flickers while the picture moves. None when nothing is seen.
    """
    back, fine = painter.worldTransform().inverted()
    area = back.mapRect(QRectF(painter.window()))
    if painter.hasClipping():
        area = area.intersected(painter.clipBoundingRect())
    if not fine or area.isEmpty():
        return None
    step = max(1, int(1 / scale))
    x1 = max(bounds[0], math.floor(area.left() / scale)) // step * step
    y1 = max(bounds[1], math.floor(area.top() / scale)) // step * step
    x2 = min(bounds[2], math.ceil(area.right() / scale) + 1)
    y2 = min(bounds[3], math.ceil(area.bottom() / scale) + 1)
    return (x1, y1, x2, y2, step) if x1 < x2 and y1 < y2 else None


def draw_bits(
    painter: QPainter,
    bits: NDArray[np.uint8],
    x: int,
    y: int,
    step: int,
    scale: float,
    colour: str,
    alpha: int = TINT,
) -> None:
    """Draw (H, W) zeros and ones, clear and tinted, with the top left at the pixel (x, y)."""
    height, width = bits.shape
    shade = QColor(colour)
    shade.setAlpha(alpha)
    image = QImage(bits.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable([0, shade.rgba()])
    size = step * scale
    painter.drawImage(QRectF(x * scale, y * scale, width * size, height * size), image)
