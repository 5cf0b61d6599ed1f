"""Picture, shapes and labels composed into opaque tiles: a repaint is one copy of each pixel.

Tiles are composed in slices, like the shapes on them. Until a tile is there, a
scaled copy of another zoom level stands in for it; one whose content has changed
stays until it has been composed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPixmap, QRegion

from visionstudio.ui.canvas.backdrop import Backdrop, picture_area
from visionstudio.ui.canvas.columns import Columns
from visionstudio.ui.canvas.labels import LabelLayer
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.stand_in import StandIn
from visionstudio.ui.canvas.tiles import (
    SIDE,
    Key,
    OverlayTiles,
    keys_in,
    nearest,
    place_of,
    seen_area,
)
from visionstudio.ui.canvas.view import View

AHEAD = SIDE // 2  # device pixels around the view that are drawn before they are seen


class Sheet:
    """All that does not change while the pointer moves. `around` is the colour beside it."""

    def __init__(self, columns: Columns, font: QFont, around: Callable[[], QColor]) -> None:
        self._columns = columns
        self._around = around
        self._backdrop = Backdrop()
        self._labels = LabelLayer(font)
        self._composed: dict[Key, QPixmap] = {}
        self._stale: set[Key] = set()  # of the composed ones: to be composed again
        self._complete = QRect()  # where nothing waits to be drawn, in device pixels of the level
        self._stand_in = StandIn()
        self._used: View | None = None
        self._fresh = True  # nothing of this picture has been painted
        self.tiles = OverlayTiles(columns)

    def show(self, picture: Picture | None) -> None:
        """Another picture under the same shapes."""
        self._backdrop.show(picture)
        self._forget()
        self._fresh = True

    def improve(self, view: View, part: QRect) -> None:
        """A part of the picture, in its own pixels, can be drawn better than before."""
        scale = view.scale
        place = QRectF(
            part.x() * scale - 1, part.y() * scale - 1,
            part.width() * scale + 2, part.height() * scale + 2,
        )  # fmt: skip
        near = place.toAlignedRect().intersected(seen_area(view).adjusted(-SIDE, -SIDE, SIDE, SIDE))
        keys = set() if near.isEmpty() else set(keys_in(near))
        self._backdrop.forget(keys)
        self._stale |= keys & self._composed.keys()
        self._complete = QRect()

    def reset(self) -> None:
        """All shapes are other ones."""
        self.tiles.reset()
        self._labels.invalidate()
        self._stale.update(self._composed)
        self._complete = QRect()
        self._stand_in.clear()

    def recolour(self) -> None:
        """The colour beside the picture is another one."""
        self._forget()

    def stale(self, boxes: NDArray[np.float64]) -> None:
        """Shapes within these (n, 4) bounding boxes have changed."""
        if len(boxes):
            self.tiles.invalidate_boxes(boxes)
            self._labels.invalidate()
            self._complete = QRect()
            self._stand_in.clear()

    def use(self, view: View) -> bool:
        """Draw for this view from now on. Returns whether that is another zoom level."""
        before, self._used = self._used, view
        if not self.tiles.use(view):
            return False
        if before is not None:
            tiles = {k: t for k, t in self._composed.items() if k not in self._stale}
            self._stand_in.take(before.scale, tiles, seen_area(before), picture_area(before))
        self._composed, self._stale, self._complete = {}, set(), QRect()
        return True

    def _forget(self) -> None:
        self._composed.clear()
        self._stale.clear()
        self._complete = QRect()
        self._stand_in.clear()

    # -- filling

    def pending(self, view: View, ahead: int = AHEAD) -> bool:
        """Whether something in view, or at most `ahead` pixels beside it, waits to be drawn."""
        area = seen_area(view).adjusted(-ahead, -ahead, ahead, ahead)
        if self._complete.contains(area):
            return False
        if self.tiles.pending(view, ahead) or self._next(view, ahead) is not None:
            return True
        if ahead:
            keys = keys_in(area)
            self._complete = place_of(keys[0]).united(place_of(keys[-1]))
        return False

    def fill(self, view: View, seconds: float, ahead: int = AHEAD) -> list[QRect]:
        """Draw for about `seconds`. Returns the device pixels of the viewport to repaint."""
        until = perf_counter() + seconds
        self._lay_out(view)
        done = self._compose_until(view, until, ahead)
        if perf_counter() < until:
            self._stale.update(self.tiles.fill(view, until - perf_counter(), ahead))
            done += self._compose_until(view, until, ahead) or self._compose_one(view, ahead)
        self._forget_far(view)
        return [place_of(key).translated(view.left, view.top) for key in done]

    def _lay_out(self, view: View) -> None:
        changed = self._labels.lay_out(self._columns, view)
        if len(changed):
            self._complete = QRect()
        if len(changed) and self._composed:
            # Thousands of labels lie on a few tiles.
            corners = np.floor(changed + (0, 0, 2, 2)).astype(np.int64) // SIDE
            for x1, y1, x2, y2 in np.unique(corners, axis=0).tolist():
                touched = {(x, y) for x in range(x1, x2 + 1) for y in range(y1, y2 + 1)}
                self._stale |= touched & self._composed.keys()

    def _next(self, view: View, ahead: int) -> Key | None:
        """The tile to compose: those in view first, near first."""
        composed, stale = self._composed, self._stale
        for margin in {0: None, ahead: None}:
            todo = [
                key
                for key in keys_in(seen_area(view).adjusted(-margin, -margin, margin, margin))
                if (key not in composed or key in stale) and self.tiles.fresh(key)
            ]
            if todo:
                return nearest(todo, view)
        return None

    def _compose_until(self, view: View, until: float, ahead: int) -> list[Key]:
        done: list[Key] = []
        while perf_counter() < until and (more := self._compose_one(view, ahead)):
            done += more
        return done

    def _compose_one(self, view: View, ahead: int) -> list[Key]:
        key = self._next(view, ahead)
        if key is None:
            return []
        self._composed[key] = self._compose(key, view)
        self._stale.discard(key)
        return [key]

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
        return QPixmap.fromImage(image)

    # -- painting

    def paint(self, painter: QPainter, view: View, area: QRect) -> None:
        """Paint `area`, in device pixels of the viewport."""
        if self._fresh:
            # What may be gone with the next paint, when playing, is not worth composing.
            self._fresh = False
            self._paint_direct(painter, view, QRegion(area))
            return
        missing = QRegion() if self._composed else QRegion(area)
        for key in keys_in(area.translated(-view.left, -view.top)) if self._composed else ():
            composed = self._composed.get(key)
            if composed is not None:
                painter.drawPixmap(key[0] * SIDE + view.left, key[1] * SIDE + view.top, composed)
            else:
                missing += place_of(key).translated(view.left, view.top)
        if missing.isEmpty():
            return
        missing = self._stand_in.paint(painter, view, missing.intersected(area))
        beside = missing - QRegion(picture_area(view).translated(view.left, view.top))
        for part in cast("Iterable[QRect]", beside):
            painter.fillRect(part, self._around())
        missing -= beside
        if not missing.isEmpty():
            self._paint_direct(painter, view, missing)

    def _paint_direct(self, painter: QPainter, view: View, region: QRegion) -> None:
        """Picture, shapes and labels one by one; for shapes not drawn yet the last zoom level."""
        self._lay_out(view)
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
            self._stale &= keep
            self._complete = QRect()
            self._backdrop.keep(keep)
