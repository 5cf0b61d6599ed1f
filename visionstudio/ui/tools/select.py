"""Select, move and edit shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from visionstudio.model.shapes import Bounds, Box, Ellipse, RotatedBox, Shape, Skeleton
from visionstudio.session.skeletons import with_visibility
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.snap import Snap
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools import shared
from visionstudio.ui.tools.base import Host, Pointer, Tool
from visionstudio.ui.tools.handles import (
    paint_band,
    paint_handles,
    paint_hot,
    paint_keypoint_name,
)
from visionstudio.ui.tools.key_moves import KeyMoves, moved
from visionstudio.ui.tools.shared import Partner
from visionstudio.ui.tools.snapping import Snapper
from visionstudio.ui.tools.vertices import (
    Grip,
    angle_of,
    dragged,
    find_grip,
    turn_handle,
    turned_to,
    without_vertex,
)

_SLACK = 3.0  # widget units that a click may move without being a drag
_SHIFT, _CTRL, _ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)


@dataclass(slots=True)
class _Drag:
    kind: Literal["grip", "move", "band"]
    start: Pointer
    shapes: dict[int, Shape] = field(default_factory=dict)
    grip: Grip | None = None
    others: dict[int, Partner] = field(default_factory=dict)  # what shares vertices with it
    moved: bool = False
    narrow: int | None = None  # without a drag, the click selects this one alone


class SelectTool(Tool):
    """Click selects, dragging moves; vertices, sides and edges of what is selected can be dragged.

    Alt+click on a vertex deletes it, dragging the middle of an edge adds one. Arrow
    keys move, Z and X turn; what is done until the key is let go is one edit.
    Dragging from an empty place selects what lies wholly in the rectangle.
    """

    name = "select"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._hot: tuple[int, Grip] | None = None
        self._drag: _Drag | None = None
        self._at = (0.0, 0.0)
        self._keys = KeyMoves(host, self._editable)
        self._snapper = Snapper(host)

    @property
    def busy(self) -> bool:
        return (self._drag is not None and self._drag.moved) or self._keys.under_way

    def hint(self) -> str:
        if self._hot is not None:
            if self._hot[1].kind == "middle":
                return tr("Drag to add a vertex")
            if self._hot[1].kind == "side":
                return tr("Drag to move this side")
            if self._keypoint() is not None:
                return tr("Drag to move the point, right click or H hides it, Del takes it away")
            if self._hot[1].kind == "turn":
                return tr("Drag to turn the shape, Shift holds to steps of 15°")
            return tr("Drag to move the vertex, Alt+click deletes it")
        if self.host.selection:
            return tr("Drag to move, arrow keys nudge, double-click zooms to the object")
        return tr("Click an object to select it, drag to select several")

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        self._keys.settle()
        if pointer.button != Qt.MouseButton.LeftButton:
            if self._keypoint() is not None:
                self._next_visibility()
                return
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
                if grip.kind != "turn":
                    others = shared.partners(self.host, self._drag.shapes, self._editable)
                    self._drag.others = others
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
            before = self._snapper.found
            self.host.lift(self._dragged(drag, pointer))
            if drag.grip is not None and drag.grip.kind == "turn":
                self.host.refresh()  # the angle beside it
            for mark in (before, self._snapper.found):
                if mark is not None:
                    self.host.refresh_part(self._mark_area(mark))

    def _mark_area(self, mark: Snap) -> Bounds:
        """Where the marker of what it snaps to may draw."""
        reach = 16 * self.host.view.ratio / self.host.view.scale
        return mark.x - reach, mark.y - reach, mark.x + reach, mark.y + reach

    def release(self, pointer: Pointer) -> None:
        drag, self._drag = self._drag, None
        if drag is None or pointer.button != Qt.MouseButton.LeftButton:
            return
        if drag.kind == "band":
            self._end_band(drag, pointer)
        elif drag.moved and drag.shapes:
            before = drag.shapes | {i: p.shape for i, p in drag.others.items()}
            self._settle(before, self._dragged(drag, pointer))
        elif drag.narrow is not None:
            self.host.request_selection((drag.narrow,), "replace")
        self._snapper.drop()
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
        self._drag, self._hot = None, None
        self._keys.drop()
        self._snapper.drop()

    def _end_band(self, drag: _Drag, pointer: Pointer) -> None:
        adding = drag.start.held(_SHIFT) or drag.start.held(_CTRL)
        if drag.moved:
            band = Box(drag.start.x, drag.start.y, pointer.x, pointer.y)
            self.host.request_selection(
                self.host.inside(band.bounds()), "add" if adding else "replace"
            )
        elif not adding and self.host.selection:
            self.host.request_selection((), "replace")

    def _dragged(self, drag: _Drag, pointer: Pointer) -> dict[int, Shape]:
        start, grip = drag.start, drag.grip
        if grip is None:
            step = pointer.x - start.x, pointer.y - start.y
            corners = [s.points() for s in drag.shapes.values() if len(s.points())]
            if corners:
                step = self._snapper.shift(pointer, np.concatenate(corners), *step)
            return moved(self.host, drag.shapes, *step)
        if grip.kind == "turn":
            steps = pointer.held(_SHIFT)
            places = (start.x, start.y), (pointer.x, pointer.y)
            return {i: turned_to(s, *places, steps=steps) for i, s in drag.shapes.items()}
        at = self._snapper.place(pointer)
        after = {i: dragged(s, grip, *at) for i, s in drag.shapes.items()}
        if grip.kind == "middle":
            for target, shape in drag.shapes.items():
                after |= shared.split(drag.others, target, shape, grip, *at)
            return after
        return after | shared.followed(drag.others, drag.shapes, after)

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
        focused = self._grip_of(self.host.focused, absent=True)
        self._hot = focused or self._grip_of(found, vertices_only=True)
        self.host.hover(self._hot[0] if self._hot else found)
        self.host.point_at(self._cursor(found))
        if self._hot != before:
            self.host.hint(self.hint())
            self.host.refresh_shapes({hot[0] for hot in (before, self._hot) if hot is not None})

    def _grip_of(
        self, annotation_id: int | None, *, vertices_only: bool = False, absent: bool = False
    ) -> tuple[int, Grip] | None:
        shape = None if annotation_id is None else self._editable(annotation_id)
        if shape is None or annotation_id is None:
            return None
        grip = find_grip(shape, self.host.view, *self._at, absent=absent)
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
        if self._keys.wants(key):
            return True
        if key == Qt.Key.Key_H:
            return self._keypoint() is not None
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            return self._vertex_hot()
        return super().wants(key)

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        if self._keys.key(key, keys):
            return True
        if key == Qt.Key.Key_H and self._keypoint() is not None:
            return self._next_visibility(hiding=True)
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._vertex_hot():
            return self.delete_vertex()
        return super().key(key, keys)

    def key_up(self, key: int) -> bool:
        return self._keys.key_up(key)

    def _keypoint(self) -> tuple[int, Skeleton, int] | None:
        """The keypoint under the pointer: annotation, skeleton and number."""
        if self._hot is None or self._hot[1].kind != "vertex":
            return None
        shape = self._editable(self._hot[0])
        return (self._hot[0], shape, self._hot[1].at) if isinstance(shape, Skeleton) else None

    def _next_visibility(self, *, hiding: bool = False) -> bool:
        """The keypoint under the pointer becomes hidden, then not there, then visible again.

        With `hiding` it changes between hidden and visible only.
        """
        keypoint = self._keypoint()
        if keypoint is None:
            return False
        target, shape, at = keypoint
        following = {2: 1, 1: 2 if hiding else 0, 0: 1 if hiding else 2}
        changed = with_visibility(shape, at, following[shape.visibility[at]])
        if any(changed.visibility):
            self.host.settle({target: changed})
        return True

    def takes_right_click(self) -> bool:
        return self._keypoint() is not None

    def _vertex_hot(self) -> bool:
        return self._hot is not None and self._hot[1].kind == "vertex"

    def delete_vertex(self) -> bool:
        if self._hot is None or self._hot[1].kind != "vertex":
            return False
        target, grip = self._hot
        shape = self._editable(target)
        fewer = None if shape is None else without_vertex(shape, grip.at)
        self._hot = None
        if fewer is None or shape is None:
            self.host.hint(tr("This shape cannot do with fewer vertices"))
        else:
            others = shared.partners(self.host, {target: shape}, self._editable)
            self.host.settle({target: fewer} | shared.thinned(others, target, grip.at))
        self.host.refresh()
        return True

    def cancel(self) -> bool:
        under_way = self.busy
        self._drag = None
        self._keys.drop()
        self._snapper.drop()
        if under_way:
            self.host.lift({})
            self.host.refresh()
        return under_way

    def leave(self) -> None:
        self._keys.settle()
        self.cancel()
        self._hot = None
        self.host.hover(None)

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        view, drag = self.host.view, self._drag
        focused = self.host.focused
        if focused is not None and (shape := self._editable(focused)) is not None:
            paint_handles(painter, view, shape)
            if drag is not None and drag.grip is not None and drag.grip.kind == "turn":
                self._paint_angle(painter, shape)
        if self._hot is not None and drag is None:
            target, grip = self._hot
            hot = self.host.shape_of(target)
            if hot is not None:
                paint_hot(painter, view, hot, grip)
            if (keypoint := self._keypoint()) is not None:
                spec = self.host.skeleton_of(target)
                paint_keypoint_name(painter, view, keypoint[1], keypoint[2], spec)
        if drag is not None and drag.kind == "band" and drag.moved:
            paint_band(painter, drag.start.place, QPointF(*view.to_widget(*self._at)))
        self._snapper.paint(painter)

    def _paint_angle(self, painter: QPainter, shape: Shape) -> None:
        turn = turn_handle(shape, self.host.view)
        if turn is not None and isinstance(shape, RotatedBox | Ellipse):
            at = QPointF(*turn[1]) + QPointF(style.HANDLE + 6, -style.HANDLE)
            style.paint_note(painter, at, f"{math.degrees(angle_of(shape)):.0f}°")
