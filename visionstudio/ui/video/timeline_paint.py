"""Painting a timeline: its lines as one image, the ruler, the play head and what is dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF

from visionstudio.ui import theme
from visionstudio.ui.video import raster
from visionstudio.ui.video.lines import HEADER

if TYPE_CHECKING:
    from visionstudio.ui.video.timeline import Timeline

LINE = 20  # pixels of a line
RULER = 22
GUTTER = 132  # the names at the left
MIDDLE = 0.37  # of a line's height, where the bars have their middle
_KEY = 4.5  # half a key frame's diamond
_APART = 7.0  # pixels between two diamonds; what is nearer is ticked


def lanes_image(timeline: Timeline) -> QPixmap:
    """The lines in sight, names included."""
    area = timeline.lane_rect()
    ratio = timeline.devicePixelRatioF()
    width, height = max(1, round(area.width() * ratio)), max(1, round(area.height() * ratio))
    scroll = timeline.verticalScrollBar().value()
    first = scroll // LINE
    seen = range(first, min(len(timeline.lines), -(-(scroll + area.height()) // LINE)))
    tall = round(LINE * ratio)
    # Whole lines are painted; the part of the first one that is scrolled away is left out below.
    skip = round((scroll - first * LINE) * ratio)
    image = np.full((max(height, len(seen) * tall) + tall, width), 0, np.uint32)
    image[:] = theme.colour("surface").rgb()
    keys = _lanes(timeline, image, list(seen), tall, ratio)
    shown = image[skip : skip + height]
    picture = QImage(shown.data, width, len(shown), 4 * width, QImage.Format.Format_RGB32)
    pixmap = QPixmap.fromImage(picture)  # a copy: the array may go
    pixmap.setDevicePixelRatio(ratio)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for line in seen:
        _name(painter, timeline, line, line * LINE - scroll)
    painter.setClipRect(QRectF(GUTTER - _KEY, 0, area.width(), area.height()))
    painter.translate(0, -skip / ratio)
    _diamonds(painter, keys, ratio)
    painter.end()
    return pixmap


def _lanes(
    timeline: Timeline, image: raster.Image, seen: list[int], tall: int, ratio: float
) -> list[tuple[float, float, bool]]:
    """Fill the bars in; the places of key frames, and whether one may be a diamond."""
    lines, axis = timeline.lines, timeline.axis
    left = round(GUTTER * ratio)
    keys: list[tuple[float, float, bool]] = []
    step = axis.step / ratio
    ending = (axis.frames - axis.first) / step  # where the video ends
    width = int(np.clip(np.ceil(ending), 0, image.shape[1] - left))
    if not seen or width < 1:
        return keys
    lanes = [n for n in seen if lines.lane[n] != HEADER]
    which = {line: n for n, line in enumerate(lanes)}
    cover = raster.coverage(lines.lanes, lines.lane[lanes], axis.first, step, width)
    faint = _rgb(theme.colour("muted"))
    for n, line in enumerate(seen):
        strip = image[n * tall : (n + 1) * tall]
        chosen = lines.track(line) in timeline.selected
        token = "selection" if chosen else "surface" if line in which else "window"
        behind, colour = theme.colour(token), _rgb(QColor(lines.label(line).colour))
        strip[:] = behind.rgb()
        strip[-1] = theme.colour("line").rgb()
        time = strip[:, left : left + width]
        if line in which:
            raster.paint_lane(time, cover, which[line], colour, faint, _rgb(behind))
            keys += _key_places(timeline, cover.key[which[line]], n * tall, tall, left, step)
        elif int(lines.group[line]) in lines.folded:
            inside = lines.members[int(lines.group[line])]
            first, last = lines.lanes.first[inside], lines.lanes.last[inside]
            raster.paint_crowd(time, first, last, axis.first, step, colour, _rgb(behind))
    return keys


def _key_places(
    timeline: Timeline, key: np.ndarray, top: int, tall: int, left: int, step: float
) -> list[tuple[float, float, bool]]:
    """Places of key frames in image pixels; the first of those that are too near is a diamond."""
    found = []
    before = -1e9
    y = top + MIDDLE * tall
    # Zoomed in, a key frame is as wide as its frame: one mark in its middle.
    columns = np.flatnonzero(key & ~np.concatenate([[False], key[:-1]])) if step < 1 else None
    if columns is None:
        places = np.flatnonzero(key) + 0.5
    else:
        frames = np.floor(timeline.axis.first + columns * step)
        runs = np.flatnonzero(np.diff(np.concatenate([[0], key.view(np.int8), [0]])) == -1)
        every = [
            np.arange(a, np.floor(timeline.axis.first + (b - 1) * step) + 1)
            for a, b in zip(frames, runs, strict=True)
        ]
        all_frames = np.concatenate(every) if every else np.zeros(0)
        places = (all_frames + 0.5 - timeline.axis.first) / step
    for x in places.tolist():
        apart = x - before >= _APART
        found.append((left + x, y, apart))
        if apart:
            before = x
    return found


def _diamonds(painter: QPainter, keys: list[tuple[float, float, bool]], ratio: float) -> None:
    painter.setPen(QPen(theme.colour("surface"), 1))
    painter.setBrush(theme.colour("text"))
    corners = ((0, -_KEY), (_KEY, 0), (0, _KEY), (-_KEY, 0))
    diamond = QPolygonF([QPointF(*c) for c in corners])
    for x, y, alone in keys:
        if alone:
            painter.drawPolygon(diamond.translated(x / ratio, y / ratio))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    colour = theme.colour("text")
    for x, y, alone in keys:
        if not alone:
            painter.fillRect(QRectF(x / ratio, y / ratio - 3, 1, 6), colour)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def _name(painter: QPainter, timeline: Timeline, line: int, top: float) -> None:
    lines = timeline.lines
    is_header = lines.lane[line] == HEADER
    box = QRectF(0, top, GUTTER, LINE - 1)
    chosen = lines.track(line) in timeline.selected
    painter.fillRect(box, theme.colour("selection" if chosen else "window"))
    middle = top + LINE / 2
    x = 6.0
    if is_header:
        folded = int(lines.group[line]) in lines.folded
        corners = [(-3, -4), (4, 0), (-3, 4)] if folded else [(-4, -3), (4, -3), (0, 4)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("muted"))
        painter.drawPolygon(QPolygonF([QPointF(x + 5 + a, middle + b) for a, b in corners]))
    else:
        x += 10 if len(lines.lanes) > 1 else 0
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(lines.label(line).colour))
    painter.drawRoundedRect(QRectF(x + 14 - 4 * (not is_header), middle - 4, 8, 8), 2, 2)
    painter.setPen(theme.colour("text" if is_header or chosen else "muted"))
    place = QRectF(x + 28 - 4 * (not is_header), top, GUTTER - x - 30, LINE)
    text = painter.fontMetrics().elidedText(
        lines.name(line), Qt.TextElideMode.ElideMiddle, int(place.width())
    )
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def draw_ruler(painter: QPainter, timeline: Timeline) -> None:
    """Times or frame numbers, and what is played over and over."""
    width = timeline.viewport().width()
    painter.fillRect(QRectF(0, 0, width, RULER), theme.colour("window"))
    painter.setPen(QPen(theme.colour("line"), 1))
    painter.drawLine(0, RULER - 1, width, RULER - 1)
    if timeline.loop is not None:
        a, b = timeline.loop
        left = GUTTER + timeline.axis.place_of(a)
        right = GUTTER + timeline.axis.place_of(b + 1)
        band = theme.colour("accent")
        band.setAlpha(90)
        painter.save()
        painter.setClipRect(QRectF(GUTTER, 0, width, RULER), Qt.ClipOperation.IntersectClip)
        painter.fillRect(QRectF(left, 2, max(2.0, right - left), RULER - 4), band)
        painter.restore()
    font = painter.font()
    font.setPointSizeF(max(7.0, font.pointSizeF() - 1))
    painter.setFont(font)
    for x, text in timeline.axis.ticks():
        at = GUTTER + x
        painter.setPen(QPen(theme.colour("disabled"), 1))
        painter.drawLine(QPointF(at, RULER - 6), QPointF(at, RULER - 1))
        painter.setPen(theme.colour("muted"))
        painter.drawText(QPointF(at + 3, RULER - 7), text)


def draw_marks(painter: QPainter, timeline: Timeline) -> None:
    """Damaged frames, a dragged key frame, the play head."""
    axis, height = timeline.axis, timeline.viewport().height()
    painter.save()
    room = QRectF(GUTTER - _KEY, 0, timeline.viewport().width(), height)
    painter.setClipRect(room, Qt.ClipOperation.IntersectClip)
    painter.setPen(QPen(theme.colour("danger"), 2))
    for frame in timeline.damaged:
        x = GUTTER + axis.place_of(frame + 0.5)
        painter.drawLine(QPointF(x, 0), QPointF(x, height))
    if timeline.drag is not None and timeline.drag.moving:
        at = timeline.key_place(timeline.drag.track, timeline.drag.to)
        if at is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("accent_text"), 1))
            painter.setBrush(theme.colour("accent"))
            size = _KEY + 1.5
            corners = ((0, -size), (size, 0), (0, size), (-size, 0))
            painter.drawPolygon(QPolygonF([QPointF(*c) for c in corners]).translated(at))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(theme.colour("accent"), 2))
    x = GUTTER + axis.place_of(timeline.frame + 0.5)
    painter.drawLine(QPointF(x, 0), QPointF(x, height))
    painter.restore()


def _rgb(colour: QColor) -> raster.Colour:
    return colour.red(), colour.green(), colour.blue()
