"""Masks as tinted bitmaps with outlines, from their runs: the part and the detail that are seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from visionstudio.model.shapes import Mask
from visionstudio.model.spans import Spans

TINT = 90  # of 255
_DENSE = 100_000  # runs: the border of a mask of more is drawn as pixels where these are small
_REACH = 6.0  # units of the painter that a stroke reaches at most
FloatArray = NDArray[np.float64]


class MaskImages:
    """Draws masks. Keeps what was looked at last, for it is drawn several times."""

    def __init__(self) -> None:
        # By identity: comparing large masks costs as much as drawing them.
        self._last: tuple[Mask, tuple[int, ...], NDArray[np.uint8]] | None = None
        self._border: tuple[Mask, tuple[int, ...], float, FloatArray] | None = None

    def draw(self, painter: QPainter, mask: Mask, colour: str, scale: float) -> None:
        """Tint the pixels of a mask, in device pixels from the picture's origin."""
        part = _part(painter, mask, scale)
        if part is not None:
            bits = self._bits(mask, part)
            draw_bits(painter, bits, part[0], part[1], part[4], scale, colour)

    def border(self, painter: QPainter, mask: Mask, scale: float) -> FloatArray:
        """The outline of what is seen of a mask, in as much detail as is seen: (n, 4) lines.

        In device pixels from the picture's origin.
        """
        part = _part(painter, mask, scale)
        if part is None:
            return np.zeros((0, 4))
        last = self._border
        if last is not None and last[0] is mask and last[1:3] == (part, scale):
            return last[3]
        x, y, _, _, step = part
        bits = self._bits(mask, part)
        lines = border_of(bits)
        # Along the rim the mask goes on: there it ends only for what is drawn now.
        height, width = bits.shape
        upright = lines[:, 0] == lines[:, 2]
        rim = upright & ((lines[:, 0] == 0) | (lines[:, 0] == width))
        rim |= ~upright & ((lines[:, 1] == 0) | (lines[:, 1] == height))
        lines = np.asarray((lines[~rim] * step + (x, y, x, y)) * scale)
        self._border = mask, part, scale, lines
        return lines

    def draw_rim(
        self, painter: QPainter, mask: Mask, colours: tuple[QColor, QColor], scale: float, dash: int
    ) -> None:
        """Draw the outline as pixels with a halo: costs what the viewport has, not the mask.

        `colours` are the halo's and the line's; of `dash` units every second piece is drawn,
        with 0 all of it. In device pixels from the picture's origin.
        """
        part = _part(painter, mask, scale)
        if part is None:
            return
        x, y, _, _, step = part
        rim = rim_of(self._bits(mask, part))
        if dash:
            down, across = np.arange(rim.shape[0])[:, None], np.arange(rim.shape[1])
            rim &= (down + across) // dash % 2 == 0
        pixels = halo_of(rim) | rim << 1
        height, width = pixels.shape
        image = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8)
        halo, line = (c.rgba() for c in colours)
        image.setColorTable([0, halo, line, line])
        size = step * scale
        painter.drawImage(QRectF(x * scale, y * scale, width * size, height * size), image)

    def _bits(self, mask: Mask, part: tuple[int, int, int, int, int]) -> NDArray[np.uint8]:
        if self._last is None or self._last[0] is not mask or self._last[1] != part:
            x1, y1, x2, y2, step = part
            bits = Spans.of_mask(mask).raster(x1, y1, x2 - x1, y2 - y1, step)
            self._last = mask, part, bits
        return self._last[2]


def is_dense(mask: Mask, scale: float) -> bool:
    """Whether a mask's outline is better drawn as pixels than as lines, wherever one looks."""
    return len(mask.counts) > _DENSE and scale <= 1.0


def rim_of(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ones of (H, W) that have a zero beside, above or below them; 0 and 1."""
    inside = bits.copy()
    inside[1:] &= bits[:-1]
    inside[:-1] &= bits[1:]
    inside[:, 1:] &= bits[:, :-1]
    inside[:, :-1] &= bits[:, 1:]
    return bits ^ inside


def halo_of(rim: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ones, and all that touch one, even by a corner."""
    tall = rim.copy()
    tall[1:] |= rim[:-1]
    tall[:-1] |= rim[1:]
    halo = tall.copy()
    halo[:, 1:] |= tall[:, :-1]
    halo[:, :-1] |= tall[:, 1:]
    return halo


def border_of(bits: NDArray[np.uint8]) -> FloatArray:
    """Lines (n, 4) between the ones and the zeros of (H, W), and around it.

    They are as long as they can be.
    """
    height, width = bits.shape
    inside = np.zeros((height + 2, width + 2), np.uint8)
    inside[1:-1, 1:-1] = bits
    x1, x2, y = _level_lines(inside)
    top, bottom, x = _level_lines(np.ascontiguousarray(inside.T))
    level = np.stack([x1, y, x2, y], axis=1)
    return np.concatenate([level, np.stack([x, top, x, bottom], axis=1)]).astype(np.float64)


def _level_lines(inside: NDArray[np.uint8]) -> tuple[NDArray[np.int64], ...]:
    """Begin, end and height of the level lines of a picture with a margin of zeros."""
    edges = inside[1:] != inside[:-1]
    # Nothing differs at the margin, so that in every row they begin and end in turn.
    turns = np.flatnonzero(edges[:, 1:] != edges[:, :-1])
    row, place = np.divmod(turns, edges.shape[1] - 1)
    return place[0::2], place[1::2], row[0::2]


def _part(painter: QPainter, mask: Mask, scale: float) -> tuple[int, int, int, int, int] | None:
    """What is seen of a mask, with as much around it as a stroke reaches."""
    part = seen_part(painter, tuple(map(int, mask.bounds())), scale)  # type: ignore[arg-type]
    if part is None:
        return None
    x1, y1, x2, y2, step = part
    # Whole steps, so that the same pixels stand for the rest wherever the part begins.
    margin = 1 + math.ceil(_REACH / (step * scale))
    across, down = -(-(x2 - x1) // step) + 2 * margin, -(-(y2 - y1) // step) + 2 * margin
    x1, y1 = x1 - margin * step, y1 - margin * step
    return x1, y1, x1 + across * step, y1 + down * step, step


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
