"""The picture at the present scale as tiles, so that a repaint only copies pixels."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter

from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.view import View

SIDE = 512


class Backdrop:
    """RGB32 tiles of one picture at one scale, rendered when they are first seen."""

    def __init__(self) -> None:
        self._picture: Picture | None = None
        self._scale = 0.0
        self._tiles: dict[tuple[int, int], QImage] = {}

    def show(self, picture: Picture | None) -> None:
        """Draw another picture from now on."""
        self._picture = picture
        self._tiles.clear()

    def paint(self, painter: QPainter, view: View, area: QRect) -> None:
        """Draw the picture's part in `area`, device pixels of the viewport."""
        if self._picture is None:
            return
        if view.scale != self._scale:
            self._tiles.clear()
            self._scale = view.scale
        whole = QRect(0, 0, round(view.width * view.scale), round(view.height * view.scale))
        part = area.translated(-view.left, -view.top).intersected(whole)
        if part.isEmpty():
            return
        for j in range(part.top() // SIDE, part.bottom() // SIDE + 1):
            for i in range(part.left() // SIDE, part.right() // SIDE + 1):
                tile = self._tiles.get((i, j))
                if tile is None:
                    place = QRect(i * SIDE, j * SIDE, SIDE, SIDE).intersected(whole)
                    tile = self._picture.render(view.scale, place)
                    self._tiles[(i, j)] = tile
                painter.drawImage(i * SIDE + view.left, j * SIDE + view.top, tile)
        self._drop_far(view)

    def _drop_far(self, view: View) -> None:
        across, down = view.view_width // SIDE + 2, view.view_height // SIDE + 2
        if len(self._tiles) > 3 * across * down + 8:
            i, j = -view.left // SIDE, -view.top // SIDE
            self._tiles = {
                key: tile
                for key, tile in self._tiles.items()
                if i - 1 <= key[0] <= i + across and j - 1 <= key[1] <= j + down
            }
