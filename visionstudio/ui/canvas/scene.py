"""Everything that a repaint puts together, from the backdrop up to the handles."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QFont, QPainter

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.shapes import Bounds, Shape
from visionstudio.ui import theme
from visionstudio.ui.canvas.columns import Columns
from visionstudio.ui.canvas.groups import group_extents, paint_groups
from visionstudio.ui.canvas.labels import label_text
from visionstudio.ui.canvas.live import LivePainter, paint_label
from visionstudio.ui.canvas.message import Message, paint_message
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.sheet import Sheet
from visionstudio.ui.canvas.strokes import colour_of
from visionstudio.ui.canvas.view import View

LIVE = 200  # more selected shapes than this are drawn in the tiles


class Scene:
    """The sheet of picture, shapes and labels, and the shapes drawn live on it."""

    def __init__(self, columns: Columns, font: QFont) -> None:
        self.columns = columns
        self.font = QFont(font)
        self.font.setPointSizeF(max(font.pointSizeF() * 0.9, 7.5))
        self.sheet = Sheet(columns, self.font, lambda: theme.colour("canvas"))
        self.live = LivePainter()
        self.message: Message | None = Message("")
        self.hovered: int | None = None
        self.lifted: dict[int, Shape] = {}
        self._bounds: dict[int, tuple[Shape, Bounds]] = {}

    def show(self, picture: Picture) -> None:
        """A picture instead of a message."""
        self.message = None
        self.sheet.show(picture)

    def say(self, message: Message) -> None:
        """A message instead of a picture."""
        self.message = message
        self.sheet.show(None)

    def extent(self, view: View, shape: Shape | None) -> QRect:
        """The device pixels that a shape drawn live may touch, label and handles included."""
        if shape is None:
            return QRect()
        x1, y1, x2, y2 = (v * view.scale for v in self._bounds_of(shape))
        pad = int(42 * view.ratio)  # the handle that turns it stands off
        left, top = int(x1) + view.left - pad, int(y1) + view.top - pad
        wide = max(int(x2 - x1), int(240 * view.ratio))
        return QRect(left, top, wide + 2 * pad, int(y2 - y1) + 2 * pad)

    def _bounds_of(self, shape: Shape) -> Bounds:
        """Asked for several times in a frame, of the same few shapes."""
        known = self._bounds.get(id(shape))
        if known is None or known[0] is not shape:
            if len(self._bounds) >= 2 * LIVE:
                self._bounds.clear()
            known = self._bounds[id(shape)] = shape, shape.bounds()
        return known[1]

    def paint(
        self, painter: QPainter, view: View, areas: Iterable[QRect], selection: frozenset[int]
    ) -> None:
        """Paint `areas` of the viewport (widget units), all but the tool's own marks.

        The painter's clip is expected to be these areas.
        """
        if self.message is not None:
            room = QRectF(0, 0, view.view_width / view.ratio, view.view_height / view.ratio)
            painter.fillRect(room, theme.colour("canvas"))
            paint_message(painter, room, self.message, self.font)
            return
        painter.save()
        painter.scale(1 / view.ratio, 1 / view.ratio)
        seen = QRect()
        for area in areas:
            device = QRectF(
                area.x() * view.ratio,
                area.y() * view.ratio,
                area.width() * view.ratio,
                area.height() * view.ratio,
            ).toAlignedRect()
            self.sheet.paint(painter, view, device)
            seen = seen.united(device)
        painter.restore()
        self._paint_live(painter, view, seen, selection)

    def _paint_live(
        self, painter: QPainter, view: View, seen: QRect, selection: frozenset[int]
    ) -> None:
        """Paint the shapes that reach into the device pixels `seen`."""
        chosen = selection if len(selection) <= LIVE else frozenset()
        wanted = [*(i for i in chosen if i != self.hovered)]
        if self.hovered is not None:
            wanted.append(self.hovered)
        wanted += [i for i in self.lifted if i not in wanted]
        painter.setFont(self.font)
        paint_groups(painter, view, group_extents(self.columns, selection, self.lifted))
        for annotation_id in wanted:
            row = self.columns.row_of.get(annotation_id)
            annotation = self.columns.get(annotation_id)
            if row is None or annotation is None:
                continue
            shape = self.lifted.get(annotation_id)
            reach = self.extent(view, annotation.shape if shape is None else shape)
            if reach.intersects(seen) and (shape is not None or self.columns.shown[row]):
                strong = annotation_id in selection or shape is not None
                self._paint_one(painter, view, seen, row, annotation, shape, strong)

    def _paint_one(
        self,
        painter: QPainter,
        view: View,
        seen: QRect,
        row: int,
        annotation: Annotation,
        lifted: Shape | None,
        strong: bool,
    ) -> None:
        columns = self.columns
        shape = annotation.shape if lifted is None else lifted
        known = columns.classes.get(annotation.class_id)
        colour = colour_of(columns, annotation.class_id)
        self.live.paint(
            painter,
            view,
            shape,
            colour,
            dashed=annotation.state is State.PROPOSED,
            strong=strong,
            tinted=lifted is not None,  # at rest the tiles below have the tint
            skeleton=known.skeleton if known else None,
            part=QRectF(
                seen.x() / view.ratio,
                seen.y() / view.ratio,
                seen.width() / view.ratio,
                seen.height() / view.ratio,
            ),
        )
        paint_label(painter, view, shape, label_text(columns, row), colour)
