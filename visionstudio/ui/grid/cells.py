"""How a cell of the grid looks: picture, overlay, marks, caption; painted once and kept."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPixmap

from visionstudio.ui import icons, theme
from visionstudio.ui.canvas.labels import paint_chip
from visionstudio.ui.canvas.live import LivePainter
from visionstudio.ui.canvas.view import View
from visionstudio.ui.grid.item import GridItem
from visionstudio.ui.grid.pictures import GridPictures

CAPTION = 20
_CAPTION_FROM = 88  # widget units: smaller cells have no caption
_CHIPS_FROM = 56
_OVERLAY_FROM = 48
_FULL_LINES = 280  # from this size on lines are as wide as on the canvas
_PIXELS_FROM = 6
_KEPT_PIXELS = 24_000_000
_MOST_SHAPES = 400  # of one cell; more could not be told apart


class Cells:
    """Painted cells of one size."""

    def __init__(self, pictures: GridPictures, font: QFont) -> None:
        self._pictures = pictures
        self._font = font
        self._live = LivePainter()
        self._kept: OrderedDict[int, tuple[QPixmap, bool]] = OrderedDict()
        self._side, self._ratio = 128, 1.0
        self.overlays = True

    def use(self, side: int, ratio: float) -> None:
        """Paint cells of this size from now on."""
        if (side, ratio) != (self._side, self._ratio):
            self._side, self._ratio = side, ratio
            self.clear()

    @property
    def size(self) -> QSize:
        """Of a cell, in widget units."""
        return QSize(self._side, self._side + (CAPTION if self._side >= _CAPTION_FROM else 0))

    def clear(self) -> None:
        """Paint all anew."""
        self._kept.clear()

    def forget(self, key: int) -> None:
        """Paint this one anew."""
        self._kept.pop(key, None)

    def has(self, key: int) -> bool:
        """Whether a cell has been painted, so that it is there at once."""
        return key in self._kept

    def cell(self, item: GridItem) -> QPixmap:
        """The item as it is shown."""
        found = self._kept.get(item.key)
        if found is not None:
            self._kept.move_to_end(item.key)
            if not found[1]:  # a better picture is on its way, or has been pushed out
                self._pictures.get(item.key, item.picture, self._wanted)
            return found[0]
        picture = None
        if not item.problem:
            picture = self._pictures.get(item.key, item.picture, self._wanted)
        made = self._paint(item, picture)
        sharp = picture is not None
        self._kept[item.key] = made, sharp or bool(item.problem)
        most = max(64, int(_KEPT_PIXELS / (made.width() * made.height() + 1)))
        while len(self._kept) > most:
            self._kept.popitem(last=False)
        return made

    @property
    def _wanted(self) -> int:
        return int(self._side * self._ratio)

    def _paint(self, item: GridItem, picture: QPixmap | None) -> QPixmap:
        size = self.size * self._ratio
        cell = QPixmap(size)
        cell.setDevicePixelRatio(self._ratio)
        cell.fill(theme.colour("window"))
        painter = QPainter(cell)
        painter.setFont(self._font)
        room = marks = QRect(0, 0, self._side, self._side)
        failed = bool(item.problem) or self._pictures.failed(item.key)
        if picture is not None and not picture.isNull():
            place = self._picture_place(item, picture, room)
            # Much enlarged: pixel by pixel, as on the canvas.
            smooth = place.width() * self._ratio < _PIXELS_FROM * picture.width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawPixmap(place, picture)
            marks = QRect(room.left(), place.top(), room.width(), place.height())
            if self.overlays and self._side >= _OVERLAY_FROM:
                self._overlay(painter, item, place)
        else:
            painter.fillRect(room, theme.colour("surface"))
            if failed:
                inset = self._side // 3
                box = room.adjusted(inset, inset, -inset, -inset)
                icons.paint(painter, box, "image-broken-variant", "danger")
        self._marks(painter, item, marks)
        if self._side >= _CAPTION_FROM:
            self._caption(painter, item, failed)
        painter.end()
        return cell

    def _picture_place(self, item: GridItem, picture: QPixmap, room: QRect) -> QRect:
        """Where the picture goes: fitted, small ones enlarged up to eight times."""
        size = QSize(*item.size) if all(item.size) and item.picture.crop is None else picture.size()
        whole = size.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        if size.width() * 8 < whole.width():
            whole = size * 8
        place = QRect(0, 0, max(whole.width(), 1), max(whole.height(), 1))
        place.moveCenter(room.center())
        return place

    def _overlay(self, painter: QPainter, item: GridItem, place: QRect) -> None:
        crop = item.picture.crop
        x, y = (crop[0], crop[1]) if crop is not None else (0.0, 0.0)
        width = crop[2] - crop[0] if crop is not None else item.size[0]
        if width <= 0 or not item.overlay:
            return
        # Lines of a small picture are thin ones.
        thin = min(max(self._side / _FULL_LINES, 0.45), 1.0)
        scale = place.width() / width / thin
        view = View(
            width=max(1, round(width)),
            height=max(1, item.size[1]),
            view_width=round(self._side / thin),
            view_height=round(self._side / thin),
            scale=scale,
            left=round(place.x() / thin - x * scale),
            top=round(place.y() / thin - y * scale),
        )
        painter.save()
        painter.setClipRect(place)
        painter.scale(thin, thin)
        for one in item.overlay[:_MOST_SHAPES]:
            self._live.paint(
                painter,
                view,
                one.shape,
                one.colour,
                dashed=one.proposed,
                strong=False,
                filled=one.filled,
            )
        painter.restore()

    def _marks(self, painter: QPainter, item: GridItem, room: QRect) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self._font)
        if item.mark is not None:
            side = min(22, max(12, self._side // 5))
            box = QRect(room.right() - side - 3, room.top() + 4, side, side)
            painter.setPen(Qt.PenStyle.NoPen)
            behind = theme.colour("surface")  # on which the icon's colours can be seen
            behind.setAlpha(225)
            painter.setBrush(behind)
            painter.drawEllipse(box.adjusted(-2, -2, 2, 2))
            icons.paint(painter, box, *item.mark)
        if item.badge and self._side >= _CHIPS_FROM:
            width = metrics.horizontalAdvance(item.badge) + 12
            place = QRectF(4, room.top() + 4, width, metrics.height() + 2)
            colour = theme.tokens().accent
            paint_chip(painter, place, item.badge, colour, self._font)
        if self._side >= _CHIPS_FROM:
            self._chips(painter, item, room, metrics)

    def _chips(self, painter: QPainter, item: GridItem, room: QRect, metrics: QFontMetrics) -> None:
        left, height = 4.0, metrics.height() + 2.0
        top = room.bottom() - height - 3
        for text, colour in item.chips:
            space = room.right() - 4 - left
            if space < 24:
                return
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(space) - 10)
            width = metrics.horizontalAdvance(shown) + 10.0
            paint_chip(painter, QRectF(left, top, width, height), shown, colour, self._font)
            left += width + 3

    def _caption(self, painter: QPainter, item: GridItem, failed: bool) -> None:
        place = QRect(4, self._side, self._side - 8, CAPTION)
        metrics = QFontMetrics(self._font)
        text = metrics.elidedText(item.title, Qt.TextElideMode.ElideMiddle, place.width())
        painter.setFont(self._font)
        painter.setPen(theme.colour("danger" if failed else "text"))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


def paint_frame(painter: QPainter, place: QRect, *, chosen: bool, current: bool) -> None:
    """The frame around a selected cell, and the one at which the keyboard is."""
    if not chosen and not current:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    colour = theme.colour("accent") if chosen else theme.colour("muted")
    painter.setPen(colour)
    for inset in range(1, 4 if chosen else 2):
        painter.drawRect(place.adjusted(-inset, -inset, inset - 1, inset - 1))
    if chosen and current:
        painter.setPen(theme.colour("text"))
        painter.drawRect(place.adjusted(0, 0, -1, -1))
