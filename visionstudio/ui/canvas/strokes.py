"""Draws rows of columns into a tile, a batch at a time so that it can pause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from visionstudio.model.shapes import Mask
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import (
    dashes,
    draw_lines,
    draw_points,
    draw_rects,
    lines_within,
)
from visionstudio.ui.canvas.columns import Columns, Rows
from visionstudio.ui.canvas.masks import MaskImages
from visionstudio.ui.canvas.outline import outline_at

_BATCH = 6_000  # lines, a few milliseconds at most
_FINE_BATCH = 2_000  # anti-aliased ones
_FINE_RUNS = 100_000  # a mask of more has an outline like many shapes
_HUGE = 20_000  # points of a shape that is thinned for each zoom level
_RECTS = 8_000
_BESIDE = 20.0  # device pixels that strokes and dashes reach beyond their lines


@dataclass(frozen=True, slots=True)
class Look:
    """How a zoom level is drawn. `fine` is anti-aliased; many thousand shapes are not."""

    scale: float
    ratio: float
    fine: bool


def paint_rows(
    painter: QPainter, columns: Columns, rows: Rows, look: Look, masks: MaskImages
) -> Iterator[None]:
    """Draw rows in device pixels from the picture's origin; yields after each batch."""
    side = style.SMALL * look.ratio / look.scale
    boxes = columns.boxes[rows]
    small = ((boxes[:, 2] - boxes[:, 0]) < side) & ((boxes[:, 3] - boxes[:, 1]) < side)
    small &= ~columns.dots[rows]
    yield from _small(painter, columns, rows[small], look)
    rows = rows[~small]
    borders = []
    for row in rows[columns.masks[rows]].tolist():
        annotation = columns.annotations[row]
        if annotation is not None and isinstance(annotation.shape, Mask):
            colour = colour_of(columns, annotation.class_id)
            masks.draw(painter, annotation.shape, colour, look.scale)
            lines = masks.border(painter, annotation.shape, look.scale)
            # Of the whole mask, so that all tiles look the same.
            fine = look.fine and len(annotation.shape.counts) <= _FINE_RUNS
            borders.append((row, lines, replace(look, fine=fine)))
            yield
    batches = list(_batches(columns, rows))
    for halo in (True, False):
        for row, lines, its in borders:
            one = np.array([row])
            owner = np.zeros(len(lines), np.int64)
            yield from _outlines(painter, columns, one, its, (lines, owner), halo=halo)
        for batch in batches:
            drawn = _seen(painter, *_segments(columns, batch, look), look.scale)
            yield from _outlines(painter, columns, batch, look, drawn, halo=halo)
    dotted = rows[columns.dots[rows]]
    for batch in _batches(columns, dotted):
        _dots(painter, columns, batch, look)
        yield


def colour_of(columns: Columns, class_id: int) -> str:
    """The colour of a class, grey for one that is not known."""
    known = columns.classes.get(class_id)
    return known.colour if known else style.NO_CLASS


def _segments(columns: Columns, rows: Rows, look: Look) -> tuple[NDArray[np.float64], Rows]:
    """`Columns.segments`; of one shape with very many points those that can be told apart."""
    if len(rows) == 1 and columns.sizes[rows[0]] > _HUGE and columns.closed[rows[0]]:
        annotation = columns.annotations[rows[0]]
        if annotation is not None:
            line = outline_at(annotation.shape, None, look.scale)
            lines = np.concatenate([line.points, line.points[line.following]], axis=1)
            return lines, np.zeros(len(lines), np.int64)
    return columns.segments(rows)


def _seen(
    painter: QPainter, lines: NDArray[np.float64], owner: Rows, scale: float
) -> tuple[NDArray[np.float64], Rows]:
    """Lines of the picture in device pixels; of very many those near what is painted on."""
    if len(lines) <= _BATCH:
        return lines * scale, owner
    area = painter.worldTransform().inverted()[0].mapRect(QRectF(painter.window()))
    area = area.adjusted(-_BESIDE, -_BESIDE, _BESIDE, _BESIDE)
    edges = (v / scale for v in (area.left(), area.top(), area.right(), area.bottom()))
    near = lines_within(lines, *edges)
    return lines[near] * scale, owner[near]


def _batches(columns: Columns, rows: Rows) -> Iterator[Rows]:
    """Rows in pieces of about as many lines as can be drawn without a pause."""
    ends = np.cumsum(columns.sizes[rows])
    if len(rows):
        cuts = np.searchsorted(ends, np.arange(_BATCH, int(ends[-1]), _BATCH))
        yield from (part for part in np.split(rows, np.unique(cuts)) if len(part))


def _groups(columns: Columns, rows: Rows) -> Iterator[tuple[str, bool, NDArray[np.bool_]]]:
    """Colour, whether proposed, and which of the rows, for every look among them."""
    keys = columns.class_ids[rows] * 4 + columns.proposed[rows] * 2 + columns.marked[rows]
    for key in np.unique(keys).tolist():
        colour = style.ACCENT if key & 1 else colour_of(columns, key >> 2)
        yield colour, bool(key & 2), keys == key


def _outlines(
    painter: QPainter,
    columns: Columns,
    rows: Rows,
    look: Look,
    drawn: tuple[NDArray[np.float64], Rows],
    *,
    halo: bool,
) -> Iterator[None]:
    """Draw (n, 4) lines in device pixels, each with the place in `rows` that it belongs to."""
    lines, owner = drawn
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, look.fine)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, proposed, member in _groups(columns, rows):
        part = lines[member[owner]]
        if proposed:
            on, off = style.DASH
            part = dashes(part, on * look.ratio, off * look.ratio, owner[member[owner]])
        shade = style.halo(colour) if halo else QColor(colour)
        if look.fine:
            width = style.LINE + (2 * style.HALO if halo else 0)
            painter.setPen(style.pen(shade, width * look.ratio, flat=proposed))
        else:
            painter.setPen(style.fast_pen(shade, 3 if halo else 1))
        count = _FINE_BATCH if look.fine else _BATCH
        for begin in range(0, len(part), count):
            draw_lines(painter, part[begin : begin + count])
            yield


def _small(painter: QPainter, columns: Columns, rows: Rows, look: Look) -> Iterator[None]:
    """Filled rectangles with a dark or bright rim, at most one per pixel."""
    if len(rows) == 0:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    boxes = columns.bounds_of(rows) * look.scale
    place = np.floor(boxes[:, :2])
    sizes = np.clip(np.round(boxes[:, 2:] - boxes[:, :2]), 1, None)
    rects = np.concatenate([place, sizes], axis=1)
    rim = max(1.0, round(look.ratio))
    for halo in (True, False):
        for colour, proposed, member in _groups(columns, rows):
            part = _distinct(rects[member])
            if halo:
                part = part + (-rim, -rim, 2 * rim, 2 * rim)
            shade = style.halo(colour) if halo else QColor(colour)
            if proposed and not halo:
                shade.setAlpha(150)
            painter.setBrush(shade)
            for begin in range(0, len(part), _RECTS):
                draw_rects(painter, part[begin : begin + _RECTS])
                yield


def _distinct(rects: NDArray[np.float64]) -> NDArray[np.float64]:
    """One rectangle per pixel: what lies on top of each other cannot be told apart."""
    if len(rects) < 1000:
        return rects
    corner = rects[:, :2] - rects[:, :2].min(axis=0)
    key = corner[:, 1].astype(np.int64) * (1 << 24) + corner[:, 0].astype(np.int64)
    _, first = np.unique(key, return_index=True)
    return np.asarray(rects[first])


def _dots(painter: QPainter, columns: Columns, rows: Rows, look: Look) -> None:
    dots, owner = columns.marks(rows)
    dots = dots * look.scale
    rings, ring_owner = columns.rings(rows)
    rings = rings * look.scale
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for colour, _, member in _groups(columns, rows):
        part = dots[member[owner]]
        painter.setPen(style.pen(style.halo(colour), (style.DOT + 2 * style.HALO) * look.ratio))
        draw_points(painter, part)
        painter.setPen(style.pen(colour, style.DOT * look.ratio))
        draw_points(painter, part)
        painter.setPen(style.pen(style.halo(colour), (style.DOT - style.RING) * look.ratio))
        draw_points(painter, rings[member[ring_owner]])
