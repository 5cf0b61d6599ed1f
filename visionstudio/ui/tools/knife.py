"""Cut objects along a line, and punch holes into them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from PySide6.QtCore import Qt

from visionstudio.model.shapes import Shape
from visionstudio.session import booleans, pixels
from visionstudio.session.shape_work import weight
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer
from visionstudio.ui.tools.path import PathTool
from visionstudio.ui.tools.polygon import PolygonTool
from visionstudio.ui.tools.steps import Point
from visionstudio.ui.tools.working import WorkingTool

T = TypeVar("T")
Done = Callable[[dict[int, T]], None]


class _Cutting(PathTool, WorkingTool):
    """A line or ring drawn for what it does to other shapes."""

    stays = True

    def work_on(
        self, before: dict[int, Shape], change: Callable[[Shape], T], done: Done[T]
    ) -> None:
        """Work out what becomes of shapes; `done` gets that of those that are still the same."""

        def work() -> dict[int, T]:
            return {i: change(s) for i, s in before.items()}

        def answered(found: dict[int, T]) -> None:
            same = {i: v for i, v in found.items() if self.host.shape_of(i) is before[i]}
            done(same)

        self.work_out(work, answered, sum(weight(s) for s in before.values()))

    def targets(self) -> dict[int, Shape]:
        """What may be changed: the selected objects with an inside that are not locked."""
        found = {}
        for annotation_id in self.host.selection:
            annotation = self.host.annotation(annotation_id)
            shape = self.host.shape_of(annotation_id)
            if annotation is None or shape is None or self.host.is_locked(annotation):
                continue
            if pixels.covers(shape):
                found[annotation_id] = shape
        return found

    def selection_changed(self) -> None:
        self.host.hint(self.hint())


class KnifeTool(_Cutting):
    """A line all the way through an object makes two of it.

    Without a selection it cuts everything that it goes through.
    """

    name = "knife"

    def hint(self) -> str:
        if not self.busy:
            if self.host.selection:
                return tr("Draw a line through the selected objects to cut them apart")
            return tr("Draw a line through an object to cut it in two, Esc to leave")
        return tr("Enter or double-click cuts along the line, Backspace takes a point back")

    def targets(self) -> dict[int, Shape]:
        if self.host.selection:
            return super().targets()
        points = np.array(self._steps.points)
        x1, y1 = points.min(axis=0).tolist()
        x2, y2 = points.max(axis=0).tolist()
        found = {}
        for annotation_id in self.host.visible_ids():
            annotation, shape = (
                self.host.annotation(annotation_id),
                self.host.shape_of(annotation_id),
            )
            if annotation is None or shape is None or not pixels.covers(shape):
                continue
            left, top, right, bottom = shape.bounds()
            meets = left <= x2 and right >= x1 and top <= y2 and bottom >= y1
            if meets and not self.host.is_locked(annotation):
                found[annotation_id] = shape
        return found

    def release(self, pointer: Pointer) -> None:
        drawn = bool(self._stroke)
        super().release(pointer)
        if drawn and self.busy:
            self.finish()  # a line drawn in one go needs no Enter

    def complete(self, points: list[Point]) -> bool:
        if len(points) < 2:
            self.host.hint(tr("A cut needs a line of two points or more"))
            return False
        targets = self.targets()
        self._end()
        self.work_on(targets, partial(booleans.cut, line=points), self._cut)
        return False

    def _cut(self, found: dict[int, list[Shape]]) -> None:
        cuts = {i: parts for i, parts in found.items() if len(parts) > 1}
        if cuts:
            self.host.divide(cuts)
        else:
            self.host.hint(tr("The line goes through nothing: begin and end it outside the object"))


class HoleTool(_Cutting, PolygonTool):
    """A ring drawn on the selected objects becomes a hole in them; Alt+click closes one."""

    name = "hole"

    def hint(self) -> str:
        if self.busy:
            return super().hint()
        if not self.host.selection:
            return tr("Select the object to punch a hole into")
        return tr("Draw the hole; Alt+click on a hole closes it, Esc to leave")

    def press(self, pointer: Pointer) -> None:
        if not self.busy and pointer.held(Qt.KeyboardModifier.AltModifier):
            if self.host.editable:
                self._close_hole(pointer.x, pointer.y)
        elif self.busy or self.targets() or not self.host.editable:
            super().press(pointer)
        else:
            self._select_here(pointer)

    def _select_here(self, pointer: Pointer) -> None:
        found = self.host.hit_at(pointer.x, pointer.y)
        if found is not None:
            self.host.request_selection((found,), "replace")
        self.host.hint(self.hint())

    def _close_hole(self, x: float, y: float) -> None:
        self.work_on(self.targets(), partial(booleans.without_hole, x=x, y=y), self._closed)

    def _closed(self, found: dict[int, Shape | None]) -> None:
        changed = {i: s for i, s in found.items() if s is not None}
        if changed:
            self.host.settle(changed)
        else:
            self.host.hint(tr("There is no hole of a selected object here"))

    def complete(self, points: list[Point]) -> bool:
        if len(points) < self.least:
            self.host.hint(tr("A hole needs at least three points"))
            return False
        size = self.host.view.width, self.host.view.height
        ring = np.array(points)

        def punch(shape: Shape) -> Shape | None:
            punched = booleans.punched(shape, ring, size)
            return None if punched == shape else punched

        targets = self.targets()
        self._end()
        self.work_on(targets, punch, self._punched)
        return False

    def _punched(self, found: dict[int, Shape | None]) -> None:
        changed = {i: s for i, s in found.items() if s is not None}
        if changed:
            self.host.settle(changed)
        else:
            self.host.hint(tr("Nothing would be left: delete the object instead"))
