"""What polygons, polylines and point sets share: clicks that place one point after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from visionstudio.model import geometry
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped, distance
from visionstudio.ui.tools.snapping import Snapper
from visionstudio.ui.tools.steps import Point, Steps, points_from
from visionstudio.ui.tools.trace import along

_SAME = 1.5  # widget units: a second click this near is the same point
_STROKE = 6.0  # dragging farther than this draws free-hand
_SPACING = 2.0  # between the points of a free-hand stroke
_SMOOTH = 0.8  # how far a stroke may be from what is kept of it
_MANY = 80  # points beyond which handles become dots


class PathTool(Tool):
    """A click places a point, a drag draws free-hand; a double click or Enter ends.

    With snapping, a second point on a border that the last point lies on follows
    that border; F takes the other way round, Shift the straight line.
    """

    cursor = Qt.CursorShape.CrossCursor
    draws = True
    least: ClassVar[int] = 2  # points without which it is no shape
    freehand: ClassVar[bool] = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._steps = Steps()
        self._snapper = Snapper(host)
        self._next: Point | None = None
        self._way: list[Point] = []  # the border followed to the next point
        self._longer = False
        self._pressed: QPointF | None = None
        self._stroke: list[Point] = []
        self._on: int | None = None  # the annotation that the last point was snapped to

    @property
    def busy(self) -> bool:
        return len(self._steps) > 0

    @property
    def has_steps(self) -> bool:
        return self._steps.has_any

    def wants(self, key: int) -> bool:
        return super().wants(key) or (key == Qt.Key.Key_F and bool(self._way))

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        if key == Qt.Key.Key_F and self._way:
            self._longer = not self._longer
            if self._next is not None:
                self._follow(self._next, straight=False)
            self.host.refresh()
            return True
        return super().key(key, keys)

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        if pointer.button == Qt.MouseButton.RightButton:
            self.undo_point()
            return
        self._look(pointer)
        if self.ends_here():
            self.finish()
            return
        last = self._steps.last
        if last is None or distance(self.host.view, pointer, *last) > _SAME or self._way:
            self._place()
        self._pressed = pointer.place
        self._changed()

    def _place(self) -> None:
        if self._next is not None:
            self._steps.add([*self._way, self._next])
            self._on = self._snapper.found.target if self._snapper.found else None
            self._way, self._longer = [], False

    def move(self, pointer: Pointer) -> None:
        if self._pressed is not None and self.freehand and self.busy:
            step = pointer.place - self._pressed
            if self._stroke or step.manhattanLength() > _STROKE:
                self._draw(pointer)
                return
        before = self.hint()
        self._look(pointer)
        if self.hint() != before:
            self.host.hint(self.hint())
        self.host.refresh()

    def _draw(self, pointer: Pointer) -> None:
        """One more point of a free-hand stroke."""
        view = self.host.view
        last = self._stroke[-1] if self._stroke else self._steps.last
        if last is None or distance(view, pointer, *last) >= _SPACING:
            self._snapper.drop()
            self._stroke.append(clipped(view, pointer.x, pointer.y))
            self._next = self._stroke[-1]
            self._touch()

    def release(self, pointer: Pointer) -> None:
        self._pressed = None
        stroke, self._stroke = self._stroke, []
        last = self._steps.last
        if not stroke or last is None:
            return
        line = geometry.simplify([last, *stroke], self.host.view.reach(_SMOOTH))
        self._steps.add([(float(x), float(y)) for x, y in line[1:]])
        self._on = None
        self._look(pointer)
        if self.ends_here():
            self._steps.back_point()  # it lies beside the first one
            self.finish()
        else:
            self._changed()

    def double_click(self, pointer: Pointer) -> None:
        # The first click of the two has added its point already.
        self.finish()

    def pointer_left(self) -> None:
        self._snapper.drop()
        self.host.refresh()

    def ends_here(self) -> bool:
        """Whether a click at the pointer would end the shape."""
        return False

    def _look(self, pointer: Pointer) -> None:
        self._next = self._snapper.place(pointer)
        self._follow(self._next, straight=pointer.held(Qt.KeyboardModifier.ShiftModifier))

    def _follow(self, to: Point, *, straight: bool) -> None:
        """Find the way along the border that both the last and the next point lie on."""
        found, last = self._snapper.found, self._steps.last
        self._way = []
        if straight or last is None or found is None or found.target is None:
            return
        shape = self.host.shape_of(found.target) if found.target == self._on else None
        if shape is not None:
            self._way = along(shape, last, to, longer=self._longer)

    # -- keys

    def finish(self) -> bool:
        if not self.busy:
            return False
        if self._stroke:
            self._steps.add(self._stroke)
            self._stroke = []
        if self.complete(self._steps.points):
            self._end()
        return True

    def complete(self, points: list[Point]) -> bool:
        """Hand over the shape. False where it is none yet, after a hint that says so."""
        raise NotImplementedError

    def undo_point(self) -> bool:
        return self.busy and self._back(self._steps.back_point())

    def undo_step(self) -> bool:
        return self.busy and self._back(self._steps.back())

    def forget_steps(self) -> None:
        self._steps.forget()

    def redo_step(self) -> bool:
        return self._back(self._steps.forth())

    def _back(self, changed: bool) -> bool:
        if changed:
            self._way, self._on = [], None
            self._changed()
        return changed

    def cancel(self) -> bool:
        was_busy = self.busy
        self._steps.clear()
        self._stroke, self._pressed = [], None
        if was_busy:
            self._end()
        return was_busy

    def leave(self) -> None:
        super().leave()
        self._snapper.drop()

    def _end(self) -> None:
        self._steps.clear()
        self._way, self._on, self._longer = [], None, False
        self._changed()

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self._touch()

    def _touch(self) -> None:
        self.host.touched()
        self.host.refresh()

    # -- what survives a crash

    def unfinished(self) -> dict[str, Any] | None:
        return {"points": [*self._steps.points, *self._stroke]} if self.busy else None

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        points = points_from(drawn.get("points"))
        if not points:
            return False
        self._end()
        for point in points:
            self._steps.add([point])
        self._changed()
        return True

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        self._paint_line(painter)
        self._snapper.paint(painter)

    def _paint_line(self, painter: QPainter) -> None:
        points = [*self._steps.points, *self._stroke]
        if not points:
            return
        view, colour = self.host.view, self.host.drawing_colour
        placed = [QPointF(*view.to_widget(*p)) for p in points]
        ahead = [*self._way, *([self._next] if self._next else [])]
        line = placed + [QPointF(*view.to_widget(*p)) for p in ahead]
        self.paint_inside(painter, line, colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for shade, width in (
            (style.halo(colour), style.LINE + 2 * style.HALO),
            (QColor(colour), style.LINE),
        ):
            painter.setPen(style.pen(shade, width))
            painter.drawPolyline(QPolygonF(line))
        if self._way:
            painter.setPen(style.pen(style.SNAPPED, style.LINE))  # the border lies beneath it
            painter.drawPolyline(QPolygonF(line[len(placed) - 1 :]))
        if len(placed) > _MANY:
            painter.setPen(style.pen(style.halo(colour), style.HANDLE / 2 + 1))
            draw_points(painter, view.widget_points(np.array(points)))
            placed = placed[:1]
        for n, point in enumerate(placed):
            ends = n == 0 and self.ends_here()
            style.paint_handle(painter, point, colour, round_=True, hot=ends)

    def paint_inside(self, painter: QPainter, line: list[QPointF], colour: str) -> None:
        """Shade what the shape would cover."""
