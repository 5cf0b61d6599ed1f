"""The picture at the present scale as tiles, so that a repaint only copies pixels."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter

from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.tiles import Key, place_of
from visionstudio.ui.canvas.view import View


class Backdrop:
    """RGB32 tiles of one picture at one scale, rendered when they are first seen."""

    def __init__(self) -> None:
        self._picture: Picture | None = None
        self._scale = 0.0
        self._tiles: dict[Key, QImage] = {}

    def show(self, picture: Picture | None) -> None:
        """Draw another picture from now on."""
        self._picture = picture
        self._tiles.clear()

    def draw(self, painter: QPainter, view: View, area: QRect) -> None:
        """Draw without tiles, in device pixels from the picture's origin: once is faster so."""
        if self._picture is not None:
            self._picture.draw(painter, view.scale, area)

    def tile(self, key: Key, view: View) -> QImage | None:
        """The picture under a tile; smaller at its edges, None beside it.

        Its top left is the tile's, for the picture begins with the first tile.
        """
        if self._picture is None:
            return None
        if view.scale != self._scale:
            self._tiles.clear()
            self._scale = view.scale
        tile = self._tiles.get(key)
        if tile is None:
            place = place_of(key).intersected(picture_area(view))
            if place.isEmpty():
                return None
            tile = self._picture.render(view.scale, place)
            self._tiles[key] = tile
        return tile

    def forget(self, keys: set[Key]) -> None:
        """Render these tiles anew: the picture can be drawn better there."""
        for key in keys:
            self._tiles.pop(key, None)

    def keep(self, keys: set[Key]) -> None:
        """Forget all other tiles."""
        self._tiles = {k: t for k, t in self._tiles.items() if k in keys}


def picture_area(view: View) -> QRect:
    """Device pixels from the picture's origin that it covers."""
    return QRect(0, 0, round(view.width * view.scale), round(view.height * view.scale))
