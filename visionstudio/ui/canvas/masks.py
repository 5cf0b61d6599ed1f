"""Masks as tinted bitmaps."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from visionstudio.model.shapes import Mask
from visionstudio.ui.canvas.columns import Columns

TINT = 90  # of 255
_CACHE_BYTES = 64 << 20


def tinted(mask: Mask, colour: str, alpha: int = TINT) -> QImage:
    """A mask as an Indexed8 bitmap: clear where unset, the colour see-through where set."""
    bits = mask.array()
    image = QImage(mask.width, mask.height, QImage.Format.Format_Indexed8)
    shade = QColor(colour)
    shade.setAlpha(alpha)
    image.setColorTable([0, shade.rgba()])
    rows = np.frombuffer(image.bits(), np.uint8).reshape(mask.height, image.bytesPerLine())
    rows[:, : mask.width] = bits
    return image


class MaskImages:
    """The bitmaps of the masks drawn last, so that panning does not decode them again."""

    def __init__(self) -> None:
        self._images: OrderedDict[tuple[Mask, str], QImage] = OrderedDict()
        self._bytes = 0

    def image(self, mask: Mask, colour: str) -> QImage:
        """The tinted bitmap of a mask."""
        key = (mask, colour)
        image = self._images.get(key)
        if image is None:
            image = tinted(mask, colour)
            self._images[key] = image
            self._bytes += image.sizeInBytes()
            while self._bytes > _CACHE_BYTES and len(self._images) > 1:
                _, old = self._images.popitem(last=False)
                self._bytes -= old.sizeInBytes()
        else:
            self._images.move_to_end(key)
        return image

    def draw(self, painter: QPainter, columns: Columns, row: int, scale: float) -> None:
        """Draw a row that holds a mask, in device pixels from the picture's origin."""
        annotation = columns.annotations[row]
        if annotation is None or not isinstance(annotation.shape, Mask):
            return
        known = columns.classes.get(annotation.class_id)
        self.draw_mask(painter, annotation.shape, known.colour if known else "#b0b0b0", scale)

    def draw_mask(self, painter: QPainter, mask: Mask, colour: str, scale: float) -> None:
        """Draw a mask in device pixels from the picture's origin."""
        if mask.width == 0 or mask.height == 0:
            return
        x1, y1, x2, y2 = (v * scale for v in mask.bounds())
        painter.drawImage(QRectF(x1, y1, x2 - x1, y2 - y1), self.image(mask, colour))
