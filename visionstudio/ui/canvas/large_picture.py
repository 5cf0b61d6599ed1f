"""A picture that is too large for memory: a coarse copy, and tiles where one looks closely."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Self

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QPainter

from visionstudio.media.display import as_pixels, render
from visionstudio.media.pyramid import Pyramid
from visionstudio.media.tile_reader import SIDE, Tile, TileKey, TileReader
from visionstudio.model.display import Levels
from visionstudio.ui.canvas.picture import Bgra, Picture, as_bgra, as_image, value_words

_RENDERED = 48  # tiles as they are drawn, a megabyte each
Post = Callable[[Callable[[], None]], None]


class LargePicture(Picture):
    """Drawn from a pyramid. `post` runs a callback in the GUI thread.

    What is not read yet is drawn from a coarser level; `listen` says what is called
    when a part has come. Made in any thread, it blocks for the coarse copy and
    raises MediaError; all else is for the GUI thread.
    """

    in_memory = False

    def __init__(self, pyramid: Pyramid, post: Post, levels: Levels | None = None) -> None:
        self._tiles = TileReader(pyramid, self._arrived)
        self._post = post
        self._start(levels)

    def _start(self, levels: Levels | None) -> None:
        pyramid = self._tiles.pyramid
        overview = pyramid.overview
        rgb = pyramid.rgb(overview)
        plain = overview.dtype == np.uint8 and overview.shape == rgb.shape
        self._rendered: OrderedDict[TileKey, Bgra] = OrderedDict()
        self._listener: Callable[[QRect], None] | None = None
        size = (pyramid.width, pyramid.height)
        source = replace(as_pixels(overview), window=pyramid.window)
        self._build(as_bgra(rgb), size, None if plain else source, levels)

    @property
    def nbytes(self) -> int:
        """The memory that it takes at most."""
        return super().nbytes + self._tiles.nbytes + _RENDERED * 4 * SIDE * SIDE

    def with_levels(self, levels: Levels | None) -> Self:
        """The same picture through another window of values; None for as decoded."""
        other = super().with_levels(levels)
        other._rendered, other._listener = OrderedDict(), None
        return other

    @property
    def has_values(self) -> bool:
        return True  # those of the coarse copy

    def listen(self, heard: Callable[[QRect], None]) -> None:
        """`heard(part)` when a part, in the picture's pixels, has come."""
        self._listener = heard
        self._tiles.tell(self._arrived)

    def value_text(self, x: int, y: int) -> str:
        """The source values at a pixel, '' outside or until they have been read."""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return ""
        key = (0, x // SIDE, y // SIDE)
        tile = self._tiles.get(key)
        if tile is None:
            self._tiles.want([key], first=True)
            return ""
        return value_words(self.pixels, tile.values[y % SIDE, x % SIDE])

    def draw(self, painter: QPainter, scale: float, rect: QRect) -> None:
        """Draw at a scale at least the part `rect`, in device pixels from the picture's origin.

        Tiles that are missing for the best level are read; a coarser one is drawn.
        """
        best = self._level_for(scale)
        for level in range(best, self._overview_level()):
            crop = self._crop_of(level, scale, rect)
            missing = [k for k in _keys(level, crop) if self._tiles.get(k) is None]
            if not missing:
                self._draw_crop(painter, scale, level, crop)
                return
            if level == best:
                self._tiles.want(missing)
        super().draw(painter, scale, rect)

    def _overview_level(self) -> int:
        """The level that is in memory as a whole."""
        levels, width = self._tiles.pyramid.levels, self._plain[0].shape[1]
        return next(n for n, level in enumerate(levels) if level.width == width)

    def _level_for(self, scale: float) -> int:
        """The smallest level with a pixel for each of the screen's, else the largest."""
        fit = [
            n
            for n, level in enumerate(self._tiles.pyramid.levels)
            if level.width >= self.width * scale * 0.99
        ]
        return max(fit, default=0)

    def _crop_of(self, level: int, scale: float, rect: QRect) -> QRect:
        """The level's pixels for a part, with a rim for smoothing."""
        size = self._tiles.pyramid.levels[level]
        fx, fy = scale * self.width / size.width, scale * self.height / size.height
        x1, y1 = int(rect.left() / fx) - 2, int(rect.top() / fy) - 2
        x2, y2 = int((rect.right() + 1) / fx) + 3, int((rect.bottom() + 1) / fy) + 3
        crop = QRect(x1, y1, x2 - x1, y2 - y1)
        return crop.intersected(QRect(0, 0, size.width, size.height))

    def _draw_crop(self, painter: QPainter, scale: float, level: int, crop: QRect) -> None:
        if crop.isEmpty():
            return
        size = self._tiles.pyramid.levels[level]
        whole = np.empty((crop.height(), crop.width(), 4), np.uint8)
        for key in _keys(level, crop):
            place = QRect(key[1] * SIDE, key[2] * SIDE, SIDE, SIDE).intersected(crop)
            to = place.translated(-crop.topLeft())
            of = place.translated(-key[1] * SIDE, -key[2] * SIDE)
            whole[_rows(to), _columns(to)] = self._render_tile(key)[_rows(of), _columns(of)]
        painter.save()
        fx, fy = scale * self.width / size.width, scale * self.height / size.height
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, fx < 2.0)
        painter.scale(fx, fy)
        painter.drawImage(QPointF(crop.topLeft()), as_image(whole))
        painter.restore()

    def _render_tile(self, key: TileKey) -> Bgra:
        """A tile that is there as it is drawn."""
        found = self._rendered.get(key)
        if found is None:
            tile = self._tiles.get(key)
            found = np.zeros((SIDE, SIDE, 4), np.uint8) if tile is None else self._shown(tile)
            self._rendered[key] = found
            while len(self._rendered) > _RENDERED:
                self._rendered.popitem(last=False)
        self._rendered.move_to_end(key)
        return found

    def _shown(self, tile: Tile) -> Bgra:
        if self.levels is None:
            return as_bgra(tile.rgb)
        return render(tile.values, self.pixels.mode, self.levels)

    def _arrived(self, key: TileKey) -> None:
        """In the reading thread: a tile has come."""
        level = self._tiles.pyramid.levels[key[0]]
        fx, fy = self.width / level.width, self.height / level.height
        place = QRectF(key[1] * SIDE * fx, key[2] * SIDE * fy, SIDE * fx, SIDE * fy)

        def tell() -> None:
            if self._listener is not None:
                self._listener(place.toAlignedRect())

        self._post(tell)


def _keys(level: int, crop: QRect) -> list[TileKey]:
    """The tiles that a part of a level touches."""
    if crop.isEmpty():
        return []
    columns = range(crop.left() // SIDE, crop.right() // SIDE + 1)
    return [
        (level, i, j) for j in range(crop.top() // SIDE, crop.bottom() // SIDE + 1) for i in columns
    ]


def _rows(part: QRect) -> slice:
    return slice(part.top(), part.bottom() + 1)


def _columns(part: QRect) -> slice:
    return slice(part.left(), part.right() + 1)
