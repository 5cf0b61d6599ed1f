"""The overlay of shapes as tiles of one zoom level, filled in slices of a few milliseconds.

A tile that is empty costs nothing. A tile of which a part has become stale keeps
its old pixels until that part has been drawn again, so nothing flickers. While a
new zoom level fills, the last complete one is shown scaled.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QImage, QPainter, QPixmap

from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.columns import Columns, Rows
from visionstudio.ui.canvas.masks import MaskImages
from visionstudio.ui.canvas.strokes import Look, paint_rows
from visionstudio.ui.canvas.view import View

SIDE = 256
_FINE_LINES = 15_000  # more lines than this in the view are drawn without anti-aliasing
_MANY = 64  # stale places; more are not worth to be kept apart
Key = tuple[int, int]
FloatArray = NDArray[np.float64]


@dataclass(slots=True)
class _Tile:
    pixmap: QPixmap | None = None  # None: nothing on it
    filled: bool = False
    stale: QRect = field(default_factory=QRect)  # device pixels within the tile


@dataclass(slots=True)
class _Level:
    look: Look
    tiles: dict[Key, _Tile] = field(default_factory=dict)
    clean: set[Key] = field(default_factory=set)  # filled, and nothing on them is stale
    complete: bool = False  # what was in view has been filled at least once


class OverlayTiles:
    """Tiles of the shapes in `columns`."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._masks = MaskImages()
        self._level = _Level(Look(0.0, 1.0, True))
        self._last: _Level | None = None
        self._work: Generator[None] | None = None
        self._working: Key | None = None
        self.longest = 0.0  # seconds of the longest slice, for the benchmark

    def reset(self) -> None:
        """Forget all tiles: other shapes, other picture."""
        self._stop()
        self._level = _Level(self._level.look)
        self._last = None

    def invalidate(self, rows: Rows) -> None:
        """What these rows cover, or covered until now, is to be drawn again."""
        if len(rows):
            self.invalidate_boxes(self._columns.boxes[rows].astype(np.float64))

    def invalidate_boxes(self, boxes: FloatArray) -> None:
        """(n, 4) bounding boxes within which pixels are stale."""
        if len(boxes) == 0:
            return
        self._last = None
        scale, pad = self._level.look.scale, self._pad
        low = np.floor(boxes[:, :2] * scale - pad).astype(np.int64)
        high = np.ceil(boxes[:, 2:] * scale + pad).astype(np.int64)
        if len(boxes) > _MANY:
            low, high = low.min(axis=0)[None], high.max(axis=0)[None]
        areas: list[list[int]] = np.concatenate([low, high], axis=1).tolist()
        for x1, y1, x2, y2 in areas:
            area = QRect(x1, y1, x2 - x1 + 1, y2 - y1 + 1)
            for key, tile in self._level.tiles.items():
                place = place_of(key)
                if not place.intersects(area):
                    continue
                if tile.filled:
                    part = area.intersected(place).translated(-place.topLeft())
                    tile.stale = tile.stale.united(part)
                    self._level.clean.discard(key)
                if key == self._working:
                    self._stop()

    def use(self, view: View) -> bool:
        """Draw for this view from now on. Returns whether that is another zoom level."""
        look = self._level.look
        if look.scale == view.scale and look.ratio == view.ratio:
            return False
        self._stop()
        if self._level.complete or self._last is None:
            self._last = self._level
        self._level = _Level(Look(view.scale, view.ratio, True))
        return True

    def _choose_look(self, view: View) -> None:
        """One look for all tiles of a level, by how much is in view when it begins."""
        rows = self._columns.within(view.seen())
        fine = int(self._columns.sizes[rows].sum()) <= _FINE_LINES
        self._level.look = Look(view.scale, view.ratio, fine)

    # -- what is there

    def ready(self, key: Key) -> bool:
        """Whether a tile has been filled, be it with nothing."""
        tile = self._level.tiles.get(key)
        return tile is not None and tile.filled

    def fresh(self, key: Key) -> bool:
        """Whether a tile has been filled and nothing on it has changed since."""
        return key in self._level.clean

    def pixmap(self, key: Key) -> QPixmap | None:
        """What is on a tile; None for nothing."""
        tile = self._level.tiles.get(key)
        return None if tile is None else tile.pixmap

    def paint_last(self, painter: QPainter, view: View, area: QRect) -> None:
        """Draw the last complete level, scaled; device pixels from the picture's origin."""
        last = self._last
        if last is None or last.look.scale <= 0:
            return
        factor = view.scale / last.look.scale
        seen = QRectF(
            area.x() / factor, area.y() / factor, area.width() / factor, area.height() / factor
        )
        painter.save()
        painter.scale(factor, factor)
        for key, tile in last.tiles.items():
            place = place_of(key)
            if tile.pixmap is not None and seen.intersects(QRectF(place)):
                painter.drawPixmap(place.topLeft(), tile.pixmap)
        painter.restore()

    # -- filling

    @property
    def _pad(self) -> int:
        """Device pixels by which a stroke reaches beyond the bounding box."""
        return int((style.DOT + 2 * style.HALO + 2) * max(self._level.look.ratio, 1.0)) + 2

    def _wanted(self, view: View, margin: int = 0) -> Sequence[Key]:
        return keys_in(seen_area(view).adjusted(-margin, -margin, margin, margin))

    def pending(self, view: View, ahead: int) -> bool:
        """Whether tiles in view, or at most `ahead` pixels beside it, wait to be drawn."""
        return self._work is not None or self._next(view, ahead) is not None

    def _next(self, view: View, ahead: int) -> Key | None:
        """The tile to fill: stale ones in view, then missing ones, then neighbours; near first."""
        for margin in {0: None, ahead: None}:
            todo = [key for key in self._wanted(view, margin) if key not in self._level.clean]
            if todo:
                return nearest(todo, view)
        return None

    def _in_view(self, key: Key, view: View) -> bool:
        return place_of(key).intersects(seen_area(view))

    def fill(self, view: View, seconds: float, ahead: int) -> list[Key]:
        """Work for about `seconds`. Returns the tiles that are done."""
        begin = perf_counter()
        done: list[Key] = []
        if not self._level.tiles:
            self._choose_look(view)
        while perf_counter() - begin < seconds:
            if self._work is None:
                key = self._next(view, ahead)
                if key is None or not self._in_view(key, view):
                    self._level.complete = True
                if key is None:
                    break
                self._working = key
                self._work = self._fill_tile(key)
            if next(self._work, self) is self:
                if self._working is not None:
                    done.append(self._working)
                self._work = self._working = None
        self._drop_far(view)
        self.longest = max(self.longest, perf_counter() - begin)
        return done

    def _fill_tile(self, key: Key) -> Generator[None]:
        tile = self._level.tiles.setdefault(key, _Tile())
        place, look = place_of(key), self._level.look
        part = tile.stale if tile.filled else QRect(0, 0, SIDE, SIDE)
        area = part.translated(place.topLeft())
        pad = self._pad
        rows = self._columns.within(
            (
                (area.left() - pad) / look.scale,
                (area.top() - pad) / look.scale,
                (area.right() + 1 + pad) / look.scale,
                (area.bottom() + 1 + pad) / look.scale,
            )
        )
        whole = part.width() >= SIDE and part.height() >= SIDE
        if len(rows) == 0 and (whole or tile.pixmap is None):
            tile.pixmap, tile.filled, tile.stale = None, True, QRect()
            self._level.clean.add(key)
            return
        image = QImage(SIDE, SIDE, QImage.Format.Format_ARGB32_Premultiplied)
        if tile.pixmap is None or whole:
            image.fill(0)
        else:
            image = tile.pixmap.toImage().convertToFormat(image.format())
        painter = QPainter(image)
        try:
            painter.setClipRect(part)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
            painter.fillRect(part, 0)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
            painter.translate(-place.topLeft())
            yield from paint_rows(painter, self._columns, rows, look, self._masks)
        finally:
            painter.end()
        tile.pixmap = QPixmap.fromImage(image)
        tile.filled, tile.stale = True, QRect()
        self._level.clean.add(key)

    def _stop(self) -> None:
        """Leave the tile in work; it is begun anew when it is still wanted."""
        if self._work is not None:
            self._work.close()
        self._work = self._working = None

    def _drop_far(self, view: View) -> None:
        tiles = self._level.tiles
        most = 3 * len(self._wanted(view, SIDE)) + 32
        if len(tiles) > most:
            keep = set(self._wanted(view, 2 * SIDE))
            for key in [k for k in tiles if k not in keep and k != self._working]:
                del tiles[key]
                self._level.clean.discard(key)


def place_of(key: Key) -> QRect:
    """The device pixels from the picture's origin that a tile covers."""
    return QRect(key[0] * SIDE, key[1] * SIDE, SIDE, SIDE)


def seen_area(view: View) -> QRect:
    """The viewport in device pixels from the picture's origin."""
    return QRect(-view.left, -view.top, view.view_width, view.view_height)


def keys_in(area: QRect) -> Sequence[Key]:
    """The tiles that meet an area, row by row."""
    return _keys(
        area.left() // SIDE, area.top() // SIDE, area.right() // SIDE, area.bottom() // SIDE
    )


@lru_cache(maxsize=64)
def _keys(left: int, top: int, right: int, bottom: int) -> Sequence[Key]:
    return [(i, j) for j in range(top, bottom + 1) for i in range(left, right + 1)]


def nearest(keys: Iterable[Key], view: View) -> Key:
    """The tile nearest to the middle of the view."""
    cx = (view.view_width / 2 - view.left) / SIDE - 0.5
    cy = (view.view_height / 2 - view.top) / SIDE - 0.5
    return min(keys, key=lambda k: (k[0] - cx) ** 2 + (k[1] - cy) ** 2)
