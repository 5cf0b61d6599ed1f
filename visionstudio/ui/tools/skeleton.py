"""Draw keypoint skeletons: one point after another, in the order of the class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QPainter

from visionstudio.model.shapes import Skeleton
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped
from visionstudio.ui.tools.steps import Point, points_from

ABSENT, HIDDEN, VISIBLE = 0, 1, 2


class SkeletonTool(Tool):
    """A click places the next point as visible, a right click or H as hidden; N leaves it out."""

    name = "skeleton"
    cursor = Qt.CursorShape.CrossCursor
    draws = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._marks: list[tuple[Point, int]] = []
        self._undone: list[tuple[Point, int]] = []
        self._next: Point | None = None

    @property
    def busy(self) -> bool:
        return bool(self._marks)

    @property
    def has_steps(self) -> bool:
        return bool(self._marks or self._undone)

    @property
    def names(self) -> tuple[str, ...]:
        """The points to place, in order."""
        return self.host.skeleton.names if self.host.skeleton else ()

    def hint(self) -> str:
        names = self.names
        if not names:
            return tr("This class has no skeleton: define one in the Label menu")
        name = names[min(len(self._marks), len(names) - 1)]
        place = f"{min(len(self._marks) + 1, len(names))}/{len(names)}"
        if not self.busy:
            text = tr("{place} {name}: click it, right click or H where it is hidden, N not there")
        else:
            text = tr("{place} {name}: click, right click or H hidden, N not there, Enter ends")
        return text.format(place=place, name=name)

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        self._next = clipped(self.host.view, pointer.x, pointer.y)
        hidden = pointer.button == Qt.MouseButton.RightButton
        self._place(HIDDEN if hidden else VISIBLE)

    def move(self, pointer: Pointer) -> None:
        self._next = clipped(self.host.view, pointer.x, pointer.y)
        self.host.refresh()

    def pointer_left(self) -> None:
        self._next = None
        self.host.refresh()

    def _place(self, visibility: int) -> bool:
        """Set the next point where the pointer is."""
        if len(self._marks) >= len(self.names) or not self.host.editable:
            return False
        at = self._next or (self._marks[-1][0] if self._marks else None)
        if at is None and visibility != ABSENT:
            return False
        self._marks.append((at or (0.0, 0.0), visibility))
        self._undone.clear()
        self._changed()
        if len(self._marks) == len(self.names):
            self.finish()
        return True

    # -- keys

    def wants(self, key: int) -> bool:
        ours = key in (Qt.Key.Key_H, Qt.Key.Key_N) and bool(self.names)
        return ours or super().wants(key)

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        if key == Qt.Key.Key_H:
            return self._place(HIDDEN)
        if key == Qt.Key.Key_N:
            return self._place(ABSENT)
        return super().key(key, keys)

    def finish(self) -> bool:
        if not self._marks:
            return False
        if not any(v for _, v in self._marks):
            self._end()
            self.host.hint(tr("No point was set: nothing was added"))
            return True
        rest = len(self.names) - len(self._marks)
        middle = np.array([p for p, v in self._marks if v]).mean(axis=0)
        places = [p if v else tuple(middle) for p, v in self._marks] + [tuple(middle)] * rest
        marks = tuple(v for _, v in self._marks) + (ABSENT,) * rest
        self._end()
        self.host.drawn(Skeleton(np.array(places), marks))
        return True

    def undo_point(self) -> bool:
        if not self._marks:
            return False
        self._undone.append(self._marks.pop())
        self._changed()
        return True

    def forget_steps(self) -> None:
        self._undone.clear()

    def redo_step(self) -> bool:
        if not self._undone:
            return False
        self._marks.append(self._undone.pop())
        self._changed()
        return True

    def cancel(self) -> bool:
        was_busy = self.busy
        self._end()
        return was_busy

    def class_changed(self) -> None:
        """Another class has other points: what was begun cannot go on."""
        self._end()

    def _end(self) -> None:
        if self.has_steps:
            self._marks, self._undone = [], []
            self._changed()
        elif self.host.tool_name == self.name:
            self.host.hint(self.hint())

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self.host.touched()
        self.host.refresh()

    # -- what survives a crash

    def unfinished(self) -> dict[str, Any] | None:
        if not self._marks:
            return None
        return {"points": [p for p, _ in self._marks], "marks": [v for _, v in self._marks]}

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        points, marks = points_from(drawn.get("points")), drawn.get("marks")
        fits = points and isinstance(marks, list) and len(marks) == len(points) < len(self.names)
        if not fits or not points or not isinstance(marks, list) or not set(marks) <= {0, 1, 2}:
            return False
        self._marks, self._undone = list(zip(points, marks, strict=True)), []
        self._changed()
        return True

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        view, colour, spec = self.host.view, self.host.drawing_colour, self.host.skeleton
        placed = [QPointF(*view.to_widget(*p)) for p, _ in self._marks]
        marks = [v for _, v in self._marks]
        count = len(placed)
        ahead = QPointF(*view.to_widget(*self._next)) if self._next is not None else None
        ends = [*placed, ahead] if ahead is not None else placed
        for shade, width in (
            (style.halo(colour), style.LINE + 2 * style.HALO),
            (QColor(colour), style.LINE),
        ):
            painter.setPen(style.pen(shade, width))
            for a, b in spec.edges if spec else ():
                there = [(n < count and marks[n] > 0) or n == count for n in (a, b)]
                if all(there) and max(a, b) < len(ends):
                    painter.drawLine(QLineF(ends[a], ends[b]))
        for place, mark in zip(placed, marks, strict=True):
            if mark:
                paint_keypoint(painter, place, colour, hidden=mark == HIDDEN)
        if ahead is not None and count < len(self.names):
            style.paint_note(painter, ahead + QPointF(14, 10), self.names[count])


def paint_keypoint(painter: QPainter, at: QPointF, colour: str, *, hidden: bool) -> None:
    """A disc, hollow for a point that is hidden."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(style.pen(style.halo(colour), style.DOT + 4))
    painter.drawPoint(at)
    painter.setPen(style.pen(colour, style.DOT + 2))
    painter.drawPoint(at)
    if hidden:
        painter.setPen(style.pen(style.halo(colour), style.DOT + 2 - style.RING))
        painter.drawPoint(at)
