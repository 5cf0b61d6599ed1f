"""Select, move and edit shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from visionstudio.model.shapes import Box, Shape
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points, draw_rects
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped
from visionstudio.ui.tools.vertices import (
    Grip,
    dragged,
    find_grip,
    held_inside,
    middles,
    union,
    without_vertex,
)

_SLACK = 3.0  # widget units that a click may move without being a drag
_SHIFT, _CTRL, _ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


@dataclass(slots=True)
class _Drag:
    kind: Literal["grip", "move", "band"]
    start: Pointer
    shapes: dict[int, Shape] = field(default_factory=dict)
    grip: Grip | None = None
    moved: bool = False
    narrow: int | None = None  # without a drag, the click selects this one alone


class SelectTool(Tool):
    """Click selects, dragging moves; vertices, sides and edges of what is selected can be dragged.

    Alt+click on a vertex deletes it, dragging the middle of an edge adds one.
    Dragging from an empty place selects what lies wholly in the rectangle.
    """

    name = "select"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._hot: tuple[int, Grip] | None = None
        self._drag: _Drag | None = None
        self._at = (0.0, 0.0)
        self._nudged: tuple[dict[int, Shape], float, float] | None = None

    @property
    def busy(self) -> bool:
        return (self._drag is not None and self._drag.moved) or self._nudged is not None

    def hint(self) -> str:
        if self._hot is not None:
            if self._hot[1].kind == "middle":
                return tr("Drag to add a vertex")
            if self._hot[1].kind == "side":
                return tr("Drag to move this side")
            return tr("Drag to move the vertex, Alt+click deletes it")
        if self.host.selection:
            return tr("Drag to move, arrow keys nudge, double-click zooms to the object")
        return tr("Click an object to select it, drag to select several")

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        self._settle_nudge()
        if pointer.button != Qt.MouseButton.LeftButton:
            target = self.host.hit_at(pointer.x, pointer.y)
            if target is not None and target not in self.host.selection:
                self.host.request_selection((target,), "replace")
            return
        self._look(pointer)
        if self._hot is not None:
            target, grip = self._hot
            if pointer.held(_ALT) and grip.kind == "vertex":
                self.delete_vertex()
                return
            if self.host.selection != {target}:
                self.host.request_selection((target,), "replace")
            shape = self.host.shape_of(target)
            if shape is not None:
                self._drag = _Drag("grip", pointer, {target: shape}, grip)
            return
        found = self.host.hit_at(pointer.x, pointer.y)
        if found is None:
            self._drag = _Drag("band", pointer)
        elif pointer.held(_ALT):
            self.host.request_selection((found,), "member")
        elif pointer.held(_SHIFT) or pointer.held(_CTRL):
            self.host.request_selection((found,), "toggle")
        else:
            self._begin_move(found, pointer)

    def _begin_move(self, found: int, pointer: Pointer) -> None:
        ids = self.host.selection
        if found not in ids:
            self.host.request_selection((found,), "replace")
            ids = self.host.selection | {found}
        shapes = {i: s for i in ids if (s := self._editable(i)) is not None}
        self._drag = _Drag("move", pointer, shapes, narrow=found if len(ids) > 1 else None)

    def move(self, pointer: Pointer) -> None:
        self._at = pointer.x, pointer.y
        drag = self._drag
        if drag is None:
            self._look(pointer)
            return
        if not drag.moved:
            step = pointer.place - drag.start.place
            if step.manhattanLength() < _SLACK:
                return
            drag.moved = True
        if drag.kind == "band":
            self.host.refresh()
        elif drag.shapes:
            self.host.lift(self._dragged(drag, pointer.x, pointer.y))

    def release(self, pointer: Pointer) -> None:
        drag, self._drag = self._drag, None
        if drag is None or pointer.button != Qt.MouseButton.LeftButton:
            return
        if drag.kind == "band":
            self._end_band(drag, pointer)
        elif drag.moved and drag.shapes:
            self._settle(drag.shapes, self._dragged(drag, pointer.x, pointer.y))
        elif drag.narrow is not None:
            self.host.request_selection((drag.narrow,), "replace")
        self._look(pointer)
        self.host.refresh()

    def double_click(self, pointer: Pointer) -> None:
        self._drag = None
        found = self.host.hit_at(pointer.x, pointer.y)
        if found is not None:
            self.host.request_selection((found,), "member")
            self.host.focus_on(found)

    def pointer_left(self) -> None:
        if self._drag is None:
            self._hot = None
            self.host.hover(None)

    def selection_changed(self) -> None:
        if self._drag is None:
            self._hot = None
        self.host.hint(self.hint())

    def shapes_replaced(self) -> None:
        self._drag, self._nudged, self._hot = None, None, None

    def _end_band(self, drag: _Drag, pointer: Pointer) -> None:
        adding = drag.start.held(_SHIFT) or drag.start.held(_CTRL)
        if drag.moved:
            band = Box(drag.start.x, drag.start.y, pointer.x, pointer.y)
            self.host.request_selection(
                self.host.inside(band.bounds()), "add" if adding else "replace"
            )
        elif not adding and self.host.selection:
            self.host.request_selection((), "replace")

    def _dragged(self, drag: _Drag, x: float, y: float) -> dict[int, Shape]:
        view = self.host.view
        if drag.grip is not None:
            at = clipped(view, x, y)
            return {i: dragged(s, drag.grip, *at) for i, s in drag.shapes.items()}
        return self._moved(drag.shapes, x - drag.start.x, y - drag.start.y)

    def _moved(self, shapes: dict[int, Shape], dx: float, dy: float) -> dict[int, Shape]:
        step = held_inside(union(list(shapes.values())), dx, dy, self.host.view)
        return {i: s.translated(*step) for i, s in shapes.items()}

    def _settle(self, before: dict[int, Shape], after: dict[int, Shape]) -> None:
        """End a gesture: what really differs is an edit."""
        self.host.settle({i: s for i, s in after.items() if s != before[i]})

    # -- what is under the pointer

    def _editable(self, annotation_id: int) -> Shape | None:
        annotation = self.host.annotation(annotation_id)
        if annotation is None or not self.host.editable or self.host.is_locked(annotation):
            return None
        return self.host.shape_of(annotation_id)

    def _look(self, pointer: Pointer) -> None:
        """Find what a click would take, and show it."""
        before = self._hot
        self._at = pointer.x, pointer.y
        found = self.host.hit_at(pointer.x, pointer.y)
        self._hot = self._grip_of(self.host.focused) or self._grip_of(found, vertices_only=True)
        self.host.hover(self._hot[0] if self._hot else found)
        self.host.point_at(self._cursor(found))
        if self._hot != before:
            self.host.hint(self.hint())
            self.host.refresh_shapes({hot[0] for hot in (before, self._hot) if hot is not None})

    def _grip_of(
        self, annotation_id: int | None, *, vertices_only: bool = False
    ) -> tuple[int, Grip] | None:
        shape = None if annotation_id is None else self._editable(annotation_id)
        if shape is None or annotation_id is None:
            return None
        grip = find_grip(shape, self.host.view, *self._at)
        if grip is None or (vertices_only and grip.kind != "vertex"):
            return None
        return annotation_id, grip

    def _cursor(self, found: int | None) -> Qt.CursorShape:
        if self._hot is None:
            if found is None:
                return Qt.CursorShape.ArrowCursor
            chosen = found in self.host.selection and self._editable(found) is not None
            return Qt.CursorShape.SizeAllCursor if chosen else Qt.CursorShape.PointingHandCursor
        target, grip = self._hot
        if isinstance(self.host.shape_of(target), Box):
            if grip.kind == "side":
                across = grip.at % 2 == 0
                return Qt.CursorShape.SizeVerCursor if across else Qt.CursorShape.SizeHorCursor
            falling = grip.at % 2 == 0
            return Qt.CursorShape.SizeFDiagCursor if falling else Qt.CursorShape.SizeBDiagCursor
        return Qt.CursorShape.CrossCursor

    # -- keys

    def wants(self, key: int) -> bool:
        if key in _ARROWS:
            return any(self._editable(i) is not None for i in self.host.selection)
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            return self._vertex_hot()
        return super().wants(key)

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        arrow = _ARROWS.get(Qt.Key(key))
        if arrow is not None:
            step = 10 if keys & _SHIFT else 1
            return self._nudge(arrow[0] * step, arrow[1] * step)
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._vertex_hot():
            return self.delete_vertex()
        return super().key(key, keys)

    def key_up(self, key: int) -> bool:
        return key in _ARROWS and self._settle_nudge()

    def _nudge(self, dx: int, dy: int) -> bool:
        """Move by whole pixels; all steps until the key is let go are one edit."""
        if self._nudged is None:
            shapes = {i: s for i in self.host.selection if (s := self._editable(i)) is not None}
            if not shapes:
                return False
            self._nudged = shapes, 0.0, 0.0
        shapes, x, y = self._nudged
        x, y = held_inside(union(list(shapes.values())), x + dx, y + dy, self.host.view)
        self._nudged = shapes, x, y
        self.host.lift({i: s.translated(x, y) for i, s in shapes.items()})
        return True

    def _settle_nudge(self) -> bool:
        if self._nudged is None:
            return False
        shapes, x, y = self._nudged
        self._nudged = None
        self._settle(shapes, {i: s.translated(x, y) for i, s in shapes.items()})
        return True

    def _vertex_hot(self) -> bool:
        return self._hot is not None and self._hot[1].kind == "vertex"

    def delete_vertex(self) -> bool:
        if self._hot is None or self._hot[1].kind != "vertex":
            return False
        target, grip = self._hot
        shape = self._editable(target)
        fewer = None if shape is None else without_vertex(shape, grip.at)
        self._hot = None
        if fewer is None:
            self.host.hint(tr("This shape cannot do with fewer vertices"))
        else:
            self.host.settle({target: fewer})
        self.host.refresh()
        return True

    def cancel(self) -> bool:
        under_way = self.busy
        self._drag, self._nudged = None, None
        if under_way:
            self.host.lift({})
            self.host.refresh()
        return under_way

    def leave(self) -> None:
        self._settle_nudge()
        self.cancel()
        self._hot = None
        self.host.hover(None)

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        focused = self.host.focused
        if focused is not None and (shape := self._editable(focused)) is not None:
            self._paint_handles(painter, shape)
        if self._hot is not None and self._drag is None:
            self._paint_hot(painter, *self._hot)
        drag = self._drag
        if drag is not None and drag.kind == "band" and drag.moved:
            view = self.host.view
            corner = QPointF(*view.to_widget(*self._at))
            pen = QPen(QColor(style.ACCENT), 1)
            painter.setPen(pen)
            painter.setBrush(QColor(76, 159, 254, 40))
            painter.drawRect(QRectF(drag.start.place, corner).normalized())

    def _paint_handles(self, painter: QPainter, shape: Shape) -> None:
        view = self.host.view
        placed = view.widget_points(shape.points())
        room = (view.view_width / view.ratio + 20, view.view_height / view.ratio + 20)
        seen = ((placed > -20) & (placed < room)).all(axis=1)
        side = style.HANDLE if len(placed) <= 200 else style.HANDLE / 2
        corners = placed[seen] - side / 2
        rects = np.concatenate([corners, np.full_like(corners, side)], axis=1)
        centres, _ = middles(shape, view)
        painter.setPen(style.pen("#000000", style.HANDLE / 2 + 2))
        draw_points(painter, view.widget_points(centres))
        painter.setPen(style.pen("#ffffff", style.HANDLE / 2))
        draw_points(painter, view.widget_points(centres))
        painter.setPen(QPen(QColor("#000000"), 1))
        painter.setBrush(QColor("#ffffff"))
        draw_rects(painter, rects)

    def _paint_hot(self, painter: QPainter, target: int, grip: Grip) -> None:
        shape = self.host.shape_of(target)
        if shape is None or grip.at >= len(shape.points()):
            return
        points = shape.points()
        view = self.host.view
        if grip.kind == "vertex":
            at = points[grip.at]
            style.paint_handle(painter, QPointF(*view.to_widget(*at)), "#ffffff", hot=True)
        elif grip.kind == "side":
            ends = view.widget_points(points[[grip.at, (grip.at + 1) % len(points)]])
            painter.setPen(style.pen(style.ACCENT, style.SELECTED + 2))
            painter.drawLine(QPointF(*ends[0]), QPointF(*ends[1]))
        else:
            centres, index = middles(shape, view)
            for centre in centres[index == grip.at]:
                place = QPointF(*view.to_widget(*centre))
                style.paint_handle(painter, place, "#ffffff", round_=True, hot=True)
