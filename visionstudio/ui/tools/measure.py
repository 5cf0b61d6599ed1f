"""Measuring tools: distance, angle, area, count, profile, and the scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.measurements import LEAST_POINTS, MeasurementKind, Point
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.measured import paint_measurement
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped, distance

_SAME = 1.5  # widget units: a second click this near is the same point
_FAR = 4.0  # dragging farther than this ends a line where the button is let go


class MeasureTool(Tool):
    """Clicks place points; a line may be dragged instead. Ends of old ones can be moved."""

    cursor = Qt.CursorShape.CrossCursor
    stays = True
    draws = True
    kind: ClassVar[MeasurementKind]
    most: ClassVar[int | None] = None  # points after which it is complete

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._points: list[Point] = []
        self._next: Point | None = None
        self._pressed: QPointF | None = None
        self._moving: tuple[int, int, list[Point]] | None = None  # id, which point, all points

    @property
    def busy(self) -> bool:
        return bool(self._points) or self._moving is not None

    @property
    def least(self) -> int:
        return LEAST_POINTS[self.kind]

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        if pointer.button == Qt.MouseButton.RightButton:
            self.undo_point()
            return
        if not self._points and self._take(pointer):
            return
        self._look(pointer)
        last = self._points[-1] if self._points else None
        if self._next is not None and (
            last is None or distance(self.host.view, pointer, *last) > _SAME
        ):
            self._points.append(self._next)
        self._pressed = pointer.place
        self._done_if_full()
        self._changed()

    def _take(self, pointer: Pointer) -> bool:
        """Take the end of a measurement under the pointer, to move it."""
        for m in reversed(self.host.measurements):
            for n, point in enumerate(m.points):
                if distance(self.host.view, pointer, *point) <= style.REACH:
                    self._moving = (m.id, n, list(m.points))
                    return True
        return False

    def move(self, pointer: Pointer) -> None:
        if self._moving is not None:
            _, n, points = self._moving
            points[n] = clipped(self.host.view, pointer.x, pointer.y)
            self.host.refresh()
            return
        self._look(pointer)
        if self._points:
            self.live()
            self.host.refresh()

    def release(self, pointer: Pointer) -> None:
        if self._moving is not None:
            number, _, points = self._moving
            self._moving = None
            self.host.remeasured(number, points)
            self.host.refresh()
            return
        pressed, self._pressed = self._pressed, None
        if pressed is None or len(self._points) != 1 or self.most != 2:
            return
        step = pointer.place - pressed
        if step.manhattanLength() > _FAR and self._next is not None:
            self._points.append(self._next)
            self._done_if_full()
            self._changed()

    def double_click(self, pointer: Pointer) -> None:
        self.finish()

    def _look(self, pointer: Pointer) -> None:
        x, y = clipped(self.host.view, pointer.x, pointer.y)
        if self._points and pointer.held(Qt.KeyboardModifier.ShiftModifier):
            x, y = straight(self._points[-1], (x, y))
        self._next = (x, y)

    # -- what becomes of it

    def _done_if_full(self) -> None:
        if self.most is not None and len(self._points) >= self.most:
            self.finish()

    def finish(self) -> bool:
        if not self._points:
            return False
        if len(self._points) < self.least:
            self.host.hint(self.hint())
            return True
        points, self._points = self._points, []
        self.host.measured(self.kind, points, self.values)
        self._changed()
        return True

    def live(self) -> None:
        """The line follows the pointer."""

    def undo_point(self) -> bool:
        if not self._points:
            return False
        self._points.pop()
        self._changed()
        return True

    def cancel(self) -> bool:
        if not self.busy:
            return False
        self._points, self._moving, self._pressed = [], None, None
        self._changed()
        return True

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self.host.refresh()

    def paint(self, painter: QPainter) -> None:
        points = list(self._points)
        if self._moving is not None:
            points = self._moving[2]
        elif points and self._next is not None and (self.most is None or len(points) < self.most):
            points.append(self._next)
        if points:
            text = self.host.measure_text(self.kind, points) if self._complete(points) else ""
            paint_measurement(painter, self.host.view, self.kind, points, text, active=True)

    def _complete(self, points: Sequence[Point]) -> bool:
        return len(points) >= self.least


class DistanceTool(MeasureTool):
    """The length of a line; more clicks bend it when it was not dragged."""

    name = "measure"
    kind = MeasurementKind.DISTANCE
    most = 2

    def hint(self) -> str:
        if not self.busy:
            return tr("Drag, or click both ends of a distance; ends can be moved; Esc to leave")
        return tr("Click the other end, Shift for a straight line, Esc cancels")


class AngleTool(MeasureTool):
    """The angle at the second of three points."""

    name = "angle"
    kind = MeasurementKind.ANGLE
    most = 3

    def hint(self) -> str:
        texts = (
            tr("Click a point on the first arm of an angle, Esc to leave"),
            tr("Click the corner of the angle, Esc cancels"),
            tr("Click a point on the second arm, Esc cancels"),
        )
        return texts[min(len(self._points), 2)]


class AreaTool(MeasureTool):
    """The area and perimeter of a polygon."""

    name = "measure_area"
    kind = MeasurementKind.AREA

    def hint(self) -> str:
        if len(self._points) < 3:
            return tr("Click around an area, Backspace takes a point back, Esc cancels")
        return tr("Enter or double-click closes the area")


class CountTool(MeasureTool):
    """Every click counts one thing of the active class."""

    name = "count"
    kind = MeasurementKind.COUNT
    most = 1

    def hint(self) -> str:
        return tr("Click things to count them by the active class, Esc to leave")


class ProfileTool(MeasureTool):
    """Values along a line."""

    name = "profile"
    kind = MeasurementKind.PROFILE
    most = 2
    options = (
        ParamSpec(
            name="line_width",
            kind="int",
            default=1,
            title="Width",
            help="Averages over so many lines side by side.",
            low=1,
            high=200,
            unit="px",
            impact="display",
        ),
    )
    stepped = "line_width"

    def live(self) -> None:
        if self._next is not None and len(self._points) == 1:
            self.host.profile_moved([*self._points, self._next], self.values)

    def hint(self) -> str:
        if not self.busy:
            return tr("Drag a line to see the values along it, [ and ] change its width")
        return tr("Click the end of the line, Shift for a straight line, Esc cancels")


class ScaleTool(MeasureTool):
    """A line of known length says how large a pixel is."""

    name = "scale"
    kind = MeasurementKind.SCALE
    most = 2

    def hint(self) -> str:
        if not self.busy:
            return tr("Drag along something whose length you know, Esc to leave")
        return tr("Click the end of the known length, Shift for a straight line, Esc cancels")


def straight(start: Point, end: Point) -> Point:
    """The end moved so that the line runs across, down, or along the diagonal."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    if abs(dx) > 2.414 * abs(dy):
        return end[0], start[1]
    if abs(dy) > 2.414 * abs(dx):
        return start[0], end[1]
    size = max(abs(dx), abs(dy))
    return start[0] + (size if dx > 0 else -size), start[1] + (size if dy > 0 else -size)
