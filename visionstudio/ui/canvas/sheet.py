"""Picture, shapes and labels composed into opaque tiles: a repaint is one copy of each pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPixmap, QRegion

from visionstudio.ui.canvas.backdrop import Backdrop, picture_area
from visionstudio.ui.canvas.columns import Columns
from visionstudio.ui.canvas.labels import LabelLayer
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.tiles import (
    SIDE,
    Key,
    OverlayTiles,
    keys_in,
    place_of,
    seen_area,
)
from visionstudio.ui.canvas.view import View


class Sheet:
    """All that does not change while the pointer moves. `around` is the colour beside it."""

    def __init__(self, columns: Columns, font: QFont, around: Callable[[], QColor]) -> None:
        self._columns = columns
        self._around = around
        self._backdrop = Backdrop()
        self._labels = LabelLayer(font)
        self._composed: dict[Key, QPixmap] = {}
        self._fresh = True  # nothing of this picture at this zoom has been painted
        self.tiles = OverlayTiles(columns)

    def show(self, picture: Picture | None) -> None:
        """Another picture under the same shapes."""
        self._backdrop.show(picture)
        self._composed.clear()
        self._fresh = True

    def reset(self) -> None:
        """All shapes are other ones."""
        self.tiles.reset()
        self._labels.invalidate()
        self._composed.clear()

    def recolour(self) -> None:
        """The colour beside the picture is another one."""
        self._composed.clear()

    def stale(self, boxes: NDArray[np.float64]) -> None:
        """Shapes within these (n, 4) bounding boxes have changed."""
        if len(boxes):
            self.tiles.invalidate_boxes(boxes)
            self._labels.invalidate()

    def use(self, view: View) -> None:
        """Draw for this view from now on."""
        if self.tiles.use(view):
            self._composed.clear()
            self._fresh = True

    def fill(self, view: View, seconds: float) -> list[QRect]:
        """Draw shapes for about `seconds`. Returns the device pixels of the viewport to repaint."""
        done = self.tiles.fill(view, seconds)
        for key in done:
            self._composed.pop(key, None)
        return [place_of(key).translated(view.left, view.top) for key in done]

    def paint(self, painter: QPainter, view: View, area: QRect) -> None:
        """Paint `area`, in device pixels of the viewport."""
        for x1, y1, x2, y2 in self._labels.lay_out(self._columns, view).tolist():
            for key in keys_in(QRect(int(x1), int(y1), int(x2 - x1) + 2, int(y2 - y1) + 2)):
                self._composed.pop(key, None)
        if self._fresh:
            # What may be gone with the next paint, when zooming or playing, is not worth composing.
            self._fresh = False
            self._paint_direct(painter, view, QRegion(area))
            return
        missing = QRegion()
        for key in keys_in(area.translated(-view.left, -view.top)):
            if self.tiles.ready(key):
                x, y = key[0] * SIDE + view.left, key[1] * SIDE + view.top
                painter.drawPixmap(x, y, self._composed.get(key) or self._compose(key, view))
            else:
                missing += place_of(key).translated(view.left, view.top)
        if not missing.isEmpty():
            self._paint_direct(painter, view, missing.intersected(area))
        self._forget_far(view)

    def _compose(self, key: Key, view: View) -> QPixmap:
        image = QImage(SIDE, SIDE, QImage.Format.Format_RGB32)
        place = place_of(key)
        below = self._backdrop.tile(key, view)
        painter = QPainter(image)
        if below is None or below.width() < SIDE or below.height() < SIDE:
            painter.fillRect(image.rect(), self._around())
        if below is not None:
            painter.drawImage(0, 0, below)
        shapes = self.tiles.pixmap(key)
        if shapes is not None:
            painter.drawPixmap(0, 0, shapes)
        painter.translate(-place.topLeft())
        self._labels.paint(painter, place)
        painter.end()
        made = QPixmap.fromImage(image)
        self._composed[key] = made
        return made

    def _paint_direct(self, painter: QPainter, view: View, region: QRegion) -> None:
        """Picture, shapes and labels one by one; for shapes not drawn yet the last zoom level."""
        painter.save()
        painter.setClipRegion(region)
        part = region.boundingRect()
        place = part.translated(-view.left, -view.top)
        if not picture_area(view).contains(place):
            painter.fillRect(part, self._around())
        painter.translate(view.left, view.top)
        self._backdrop.draw(painter, view, place)
        missing = QRegion()
        for key in keys_in(place):
            shapes = self.tiles.pixmap(key)
            if not self.tiles.ready(key):
                missing += place_of(key)
            elif shapes is not None:
                painter.drawPixmap(place_of(key).topLeft(), shapes)
        if not missing.isEmpty():
            painter.save()
            painter.setClipRegion(missing, Qt.ClipOperation.IntersectClip)
            self.tiles.paint_last(painter, view, missing.boundingRect())
            painter.restore()
        self._labels.paint(painter, place)
        painter.restore()

    def _forget_far(self, view: View) -> None:
        near = seen_area(view).adjusted(-2 * SIDE, -2 * SIDE, 2 * SIDE, 2 * SIDE)
        most = (near.width() // SIDE + 3) * (near.height() // SIDE + 3)
        if len(self._composed) > most:
            keep = set(keys_in(near))
            self._composed = {k: t for k, t in self._composed.items() if k in keep}
            self._backdrop.keep(keep)
