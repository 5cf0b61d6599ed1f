"""What is shown of a zoom level that has not been drawn yet: another one, scaled."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QPainter, QPixmap, QRegion

from visionstudio.ui.canvas.tiles import SIDE, Key, keys_in, place_of
from visionstudio.ui.canvas.view import View

_WHOLE = 96  # at most so many tiles of a level that shows all of the picture are kept


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Part of a level: its scale, where it lies in the level's pixels, and what it shows."""

    scale: float
    place: QRect
    pixmap: QPixmap


class StandIn:
    """The last zoom level, and one that shows all of the picture for what lies around it.

    A scaled copy without smoothing is nearly as fast as a plain one: zooming costs
    a copy of the viewport, and what is sharp follows when it is ready.
    """

    def __init__(self) -> None:
        self._last: _Drawn | None = None
        self._whole: _Drawn | None = None

    def clear(self) -> None:
        """What the tiles show is no longer so."""
        self._last = self._whole = None

    def take(self, scale: float, tiles: dict[Key, QPixmap], seen: QRect, picture: QRect) -> None:
        """Keep a level that is being left, if all of it that was in view is there.

        `seen` and `picture` are the viewport and the picture in the level's pixels.
        """
        wanted = keys_in(seen.intersected(picture))
        if not wanted or not all(key in tiles for key in wanted):
            return
        self._last = _drawn(scale, {key: tiles[key] for key in wanted})
        everything = keys_in(picture) if _count(picture) <= _WHOLE else []
        if everything and all(key in tiles for key in everything):
            same = len(everything) == len(wanted)
            whole = {key: tiles[key] for key in everything}
            self._whole = self._last if same else _drawn(scale, whole)

    def paint(self, painter: QPainter, view: View, region: QRegion) -> QRegion:
        """Paint a region of the viewport as far as there is something. Returns the rest."""
        for drawn in (self._last, self._whole):
            if drawn is None or region.isEmpty():
                continue
            covered = _place(drawn, view).intersected(region.boundingRect())
            if covered.isEmpty():
                continue
            painter.save()
            if region.rectCount() > 1:
                painter.setClipRegion(region)
            _paint(painter, view, drawn, covered)
            painter.restore()
            region = region - QRegion(covered)
        return region


def _drawn(scale: float, tiles: dict[Key, QPixmap]) -> _Drawn:
    """Tiles of a rectangle as one picture."""
    place = QRect()
    for key in tiles:
        place = place.united(place_of(key))
    pixmap = QPixmap(place.size())
    painter = QPainter(pixmap)
    for key, tile in tiles.items():
        painter.drawPixmap(place_of(key).topLeft() - place.topLeft(), tile)
    painter.end()
    return _Drawn(scale, place, pixmap)


def _place(drawn: _Drawn, view: View) -> QRect:
    """The whole device pixels of the viewport that it covers at the view's scale."""
    factor, place = view.scale / drawn.scale, drawn.place
    left, top = round(place.x() * factor), round(place.y() * factor)
    right = int((place.x() + place.width()) * factor)
    bottom = int((place.y() + place.height()) * factor)
    return QRect(left, top, right - left, bottom - top).translated(view.left, view.top)


def _paint(painter: QPainter, view: View, drawn: _Drawn, part: QRect) -> None:
    """Only what is seen, however much it is enlarged."""
    factor = view.scale / drawn.scale
    source = QRectF(
        (part.x() - view.left) / factor - drawn.place.x(),
        (part.y() - view.top) / factor - drawn.place.y(),
        part.width() / factor,
        part.height() / factor,
    )
    painter.drawPixmap(QRectF(part), drawn.pixmap, source)


def _count(area: QRect) -> int:
    return (area.width() // SIDE + 2) * (area.height() // SIDE + 2)
