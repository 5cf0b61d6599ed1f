"""Class names and scores beside the shapes: thinned when many, never on what they name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPixmap

from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_fragments
from visionstudio.ui.canvas.columns import Columns, Rows
from visionstudio.ui.canvas.strokes import colour_of
from visionstudio.ui.canvas.view import MARGIN, View

_LEAST = 22.0  # widget units: smaller shapes have no label of their own
_MOST = 6000
_CELL = 90.0  # at most one label begins in a cell of this width
_BESIDE = 512  # device pixels around the view that are laid out too
_ATLAS = 2048
_PAD = 4.0
_WEIGHTS = np.array([1, 1 << 24, 1 << 44, 1 << 52], np.int64)  # of a label's place and text


@dataclass(frozen=True, slots=True)
class _Chip:
    x: float
    y: float
    width: float
    height: float


class LabelAtlas:
    """Every label text in use, drawn once into one pixmap."""

    def __init__(self, font: QFont) -> None:
        self._font = font
        self._metrics = QFontMetricsF(font)
        self.height = self._metrics.height() + 2
        self._ratio = 0.0
        self.clear(1.0)

    def clear(self, ratio: float) -> None:
        """Begin anew for a screen with `ratio` device pixels per unit."""
        self._ratio = ratio
        self.pixmap = QPixmap(_ATLAS, _ATLAS)
        self.pixmap.fill(Qt.GlobalColor.transparent)
        self._chips: dict[tuple[str, str], _Chip] = {}
        self._x = self._y = 0.0

    def chip(self, text: str, colour: str, ratio: float) -> _Chip:
        """Where a text on a colour lies in the pixmap, in device pixels."""
        if ratio != self._ratio:
            self.clear(ratio)
        key = (text, colour)
        found = self._chips.get(key)
        if found is None:
            found = self._draw(text, colour)
            self._chips[key] = found
        return found

    def _draw(self, text: str, colour: str) -> _Chip:
        ratio = self._ratio
        text = self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, 220)
        width = float(np.ceil((self._metrics.horizontalAdvance(text) + 2 * _PAD) * ratio))
        height = float(np.ceil(self.height * ratio))
        if self._x + width > _ATLAS:
            self._x, self._y = 0.0, self._y + height + 1
        if self._y + height > _ATLAS:
            self.clear(ratio)
        chip = _Chip(self._x, self._y, width, height)
        self._x += width + 1
        painter = QPainter(self.pixmap)
        painter.translate(chip.x, chip.y)
        painter.scale(ratio, ratio)
        paint_chip(painter, QRectF(0, 0, width / ratio, height / ratio), text, colour, self._font)
        painter.end()
        return chip


def paint_chip(painter: QPainter, place: QRectF, text: str, colour: str, font: QFont) -> None:
    """A text on a rounded patch of a colour."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    shade = QColor(colour)
    shade.setAlpha(225)
    painter.setBrush(shade)
    painter.drawRoundedRect(place, 3, 3)
    painter.setPen(style.text_on(colour))
    painter.setFont(font)
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


def label_text(columns: Columns, row: int) -> str:
    """The class's name, ? before one is chosen; for a proposal marked and with its score."""
    class_id = int(columns.class_ids[row])
    known = columns.classes.get(class_id)
    name = known.name if known else f"#{class_id}" if class_id else "?"
    if columns.proposed[row]:
        return f"◇ {name} {columns.scores[row]:.2f}"
    return name


class LabelLayer:
    """Where the labels of a part of the picture are, in device pixels from its origin."""

    def __init__(self, font: QFont) -> None:
        self.atlas = LabelAtlas(font)
        self._scale = 0.0
        self._region = QRectF()  # the laid out part
        self._fragments = np.zeros((0, 10), np.float64)

    def invalidate(self) -> None:
        """The shapes have changed: lay out again."""
        self._region = QRectF()

    def lay_out(self, columns: Columns, view: View) -> NDArray[np.float64]:
        """See to it that the labels in view have their places.

        Returns the rectangles (n, 4) x1, y1, x2, y2 in which labels came or went.
        """
        seen = QRectF(-view.left, -view.top, view.view_width, view.view_height)
        if view.scale == self._scale and self._region.contains(seen):
            return np.zeros((0, 4))
        before = self._fragments if view.scale == self._scale else self._fragments[:0]
        self._scale = view.scale
        self._region = seen.adjusted(-_BESIDE, -_BESIDE, _BESIDE, _BESIDE)
        rows, places = thinned(columns, view, self.atlas.height)
        while True:
            atlas = self.atlas.pixmap
            fragments = self._fragments_of(columns, rows, places, view.ratio)
            if self.atlas.pixmap is atlas:
                break
            # The atlas was full and begun anew: with half as many it will do.
            rows, places = rows[len(rows) // 2 :], places[len(rows) // 2 :]
        self._fragments = fragments
        return _extents(_differing(before, fragments))

    def paint(self, painter: QPainter, area: QRect) -> None:
        """Draw the labels that meet an area, both in device pixels from the picture's origin."""
        if len(self._fragments) == 0:
            return
        x1, y1, x2, y2 = _extents(self._fragments).T
        meets = (x1 < area.right() + 1) & (x2 > area.left())
        meets &= (y1 < area.bottom() + 1) & (y2 > area.top())
        draw_fragments(painter, self._fragments[meets], self.atlas.pixmap)

    def _fragments_of(
        self, columns: Columns, rows: Rows, places: NDArray[np.float64], ratio: float
    ) -> NDArray[np.float64]:
        """The rows of `draw_fragments`. Rows with the same text are looked up once."""
        scores = np.where(columns.proposed[rows], np.rint(columns.scores[rows] * 100) + 1, 0)
        keys = columns.class_ids[rows] * 256 + scores.astype(np.int64)
        _, first, same = np.unique(keys, return_index=True, return_inverse=True)
        chips = np.zeros((len(first), 4), np.float64)
        for n, row in enumerate(rows[first].tolist()):
            colour = colour_of(columns, int(columns.class_ids[row]))
            chip = self.atlas.chip(label_text(columns, row), colour, ratio)
            chips[n] = chip.x, chip.y, chip.width, chip.height
        fragments = np.zeros((len(rows), 10), np.float64)
        fragments[:, [6, 7, 9]] = 1.0
        fragments[:, 2:6] = chips[same]
        # At whole device pixels, so that text stays sharp.
        fragments[:, :2] = np.round(places) + fragments[:, 4:6] / 2
        return fragments


def _extents(fragments: NDArray[np.float64]) -> NDArray[np.float64]:
    half = fragments[:, 4:6] / 2
    return np.concatenate([fragments[:, :2] - half, fragments[:, :2] + half], axis=1)


def _differing(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows that are in only one of both; a label is known by its place and text."""
    if len(before) == 0 or len(after) == 0:
        return before if len(after) == 0 else after
    old, new = (np.rint(f[:, :4] * 2).astype(np.int64) @ _WEIGHTS for f in (before, after))
    return np.concatenate([before[~np.isin(old, new)], after[~np.isin(new, old)]])


def thinned(columns: Columns, view: View, height: float) -> tuple[Rows, NDArray[np.float64]]:
    """Which rows get a label, and the top left of each in device pixels from the picture's origin.

    Looks at the view and a margin around it. A label sits on top of its shape's
    bounding box, or below it at the picture's upper edge. Of labels that would
    crowd one place, the one drawn last stays; the places are fixed to the
    picture, so that panning does not reshuffle them.
    """
    rows = columns.within(view.seen(_BESIDE))
    boxes = columns.bounds_of(rows)
    least = _LEAST * view.ratio / view.scale
    large = (boxes[:, 2] - boxes[:, 0] >= least) | (boxes[:, 3] - boxes[:, 1] >= least)
    large |= columns.dots[rows]
    rows, boxes = rows[large], boxes[large] * view.scale
    tall = np.ceil(height * view.ratio)
    gap = (style.LINE + style.HALO) * view.ratio
    x = boxes[:, 0] - gap / 2
    y = boxes[:, 1] - gap - tall
    y = np.where(y < -MARGIN * view.ratio, boxes[:, 3] + gap, y)
    cell = np.array([_CELL, height]) * view.ratio
    place = np.stack([x, y], axis=1)
    cells = np.floor(place / cell).astype(np.int64)
    key = (cells[:, 1] - cells[:, 1].min(initial=0)) * (1 << 32) + cells[:, 0]
    _, last = np.unique(key[::-1], return_index=True)
    keep = np.sort(len(rows) - 1 - last)[-_MOST:]
    return rows[keep], place[keep]


def chip_place(bounds: QRectF, width: float, height: float, room: QRectF) -> QPointF:
    """The top left of a label for a shape with these widget bounds: above it, else below."""
    gap = style.SELECTED + style.HALO
    y = bounds.top() - gap - height
    if y < room.top():
        y = min(bounds.bottom() + gap, room.bottom() - height)
    x = min(max(bounds.left(), room.left()), max(room.right() - width, room.left()))
    return QPointF(x, y)
