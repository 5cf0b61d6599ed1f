"""Draw rotated boxes: one side, then how far the other lies from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter

from visionstudio.model.shapes import RotatedBox
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, distance
from visionstudio.ui.tools.box import LEAST, paint_drawn
from visionstudio.ui.tools.snapping import Snapper
from visionstudio.ui.tools.steps import Point, Steps, points_from

_STEP = math.radians(15)  # directions that Shift holds to


class RotatedBoxTool(Tool):
    """Two clicks or a drag set one side, a third click the opposite one."""

    name = "rotated_box"
    cursor = Qt.CursorShape.CrossCursor
    draws = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._steps = Steps()
        self._next: Point | None = None
        self._dragging = False
        self._snapper = Snapper(host)

    @property
    def busy(self) -> bool:
        return len(self._steps) > 0

    @property
    def has_steps(self) -> bool:
        return self._steps.has_any

    def hint(self) -> str:
        if len(self._steps) == 2:
            return tr("Click where the opposite side lies, Backspace goes back, Esc cancels")
        if self.busy:
            return tr("Click the other end of this side, Shift holds to steps of 15°")
        return tr("Click or drag along one side of a rotated box, Esc to leave")

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        if pointer.button == Qt.MouseButton.RightButton:
            self.undo_point()
            return
        self._look(pointer)
        self._dragging = not self.busy
        self._set()

    def move(self, pointer: Pointer) -> None:
        self._look(pointer)
        self.host.refresh()

    def release(self, pointer: Pointer) -> None:
        start, dragging = self._steps.last, self._dragging
        self._dragging = False
        if dragging and start is not None and distance(self.host.view, pointer, *start) >= LEAST:
            self._look(pointer)
            self._set()

    def _look(self, pointer: Pointer) -> None:
        self._next = self._snapper.place(pointer)
        if len(self._steps) == 1 and pointer.held(Qt.KeyboardModifier.ShiftModifier):
            start = self._steps.points[0]
            dx, dy = self._next[0] - start[0], self._next[1] - start[1]
            angle = round(math.atan2(dy, dx) / _STEP) * _STEP
            length = math.hypot(dx, dy)
            self._next = start[0] + length * math.cos(angle), start[1] + length * math.sin(angle)

    def _set(self) -> None:
        """The next point is where the pointer is."""
        last = self._steps.last
        if self._next is None or (last is not None and self._near(last, self._next)):
            return
        self._steps.add([self._next])
        if len(self._steps) == 3:
            self.finish()
        else:
            self._changed()

    def _near(self, a: Point, b: Point) -> bool:
        return math.hypot(a[0] - b[0], a[1] - b[1]) < self.host.view.reach(LEAST)

    def finish(self) -> bool:
        if not self.busy:
            return False
        points = self._steps.points
        if len(points) == 2 and self._next is not None:
            points.append(self._next)
        box = box_on_side(*points) if len(points) == 3 else None
        if box is None or min(box.width, box.height) < self.host.view.reach(LEAST):
            while len(self._steps) > 2:
                self._steps.back_point()
            self.host.hint(tr("A rotated box needs a side and a height"))
            return True
        self.cancel()
        self.host.drawn(box)
        return True

    def undo_point(self) -> bool:
        return self.busy and self._back(self._steps.back_point())

    def forget_steps(self) -> None:
        self._steps.forget()

    def redo_step(self) -> bool:
        return self._back(self._steps.forth())

    def _back(self, changed: bool) -> bool:
        self._changed()
        return changed

    def cancel(self) -> bool:
        was_busy = self.busy
        self._steps.clear()
        if was_busy:
            self._changed()
        return was_busy

    def leave(self) -> None:
        super().leave()
        self._snapper.drop()

    def pointer_left(self) -> None:
        self._snapper.drop()
        self.host.refresh()

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self.host.touched()
        self.host.refresh()

    def unfinished(self) -> dict[str, Any] | None:
        return {"points": self._steps.points} if self.busy else None

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        points = points_from(drawn.get("points"))
        if not points or len(points) > 2:
            return False
        self._steps.clear()
        for point in points:
            self._steps.add([point])
        self._changed()
        return True

    def paint(self, painter: QPainter) -> None:
        points = self._steps.points
        ahead = [self._next] if self._next is not None and points else []
        colour = self.host.drawing_colour
        view = self.host.view
        if len(points) + len(ahead) == 3:
            box = box_on_side(*points, *ahead)
            note = f"{box.width:.0f} × {box.height:.0f}   {math.degrees(box.angle):.0f}°"
            paint_drawn(painter, self.host, box, colour, note)
        elif ahead:
            start, end = (QPointF(*view.to_widget(*p)) for p in (points[0], ahead[0]))
            for shade, width in (
                (style.halo(colour), style.LINE + 2 * style.HALO),
                (QColor(colour), style.LINE),
            ):
                painter.setPen(style.pen(shade, width))
                painter.drawLine(start, end)
            dx, dy = ahead[0][0] - points[0][0], ahead[0][1] - points[0][1]
            note = f"{math.hypot(dx, dy):.0f}   {math.degrees(math.atan2(dy, dx)):.0f}°"
            style.paint_note(painter, end + QPointF(12, 8), note)
        for point in points:
            style.paint_handle(painter, QPointF(*view.to_widget(*point)), colour, round_=True)
        self._snapper.paint(painter)


def box_on_side(start: Point, end: Point, opposite: Point) -> RotatedBox:
    """The box with a side from `start` to `end` whose opposite side runs through a point."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    width = math.hypot(dx, dy)
    angle = math.atan2(dy, dx)
    normal = -math.sin(angle), math.cos(angle)
    height = (opposite[0] - start[0]) * normal[0] + (opposite[1] - start[1]) * normal[1]
    cx = (start[0] + end[0]) / 2 + normal[0] * height / 2
    cy = (start[1] + end[1]) / 2 + normal[1] * height / 2
    return RotatedBox(cx, cy, width, abs(height), angle)
