"""Cut objects along a line, and punch holes into them."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt

from visionstudio.model.shapes import Shape
from visionstudio.session import booleans, pixels
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer
from visionstudio.ui.tools.path import PathTool
from visionstudio.ui.tools.polygon import PolygonTool
from visionstudio.ui.tools.steps import Point


class _Cutting(PathTool):
    """A line or ring drawn for what it does to other shapes."""

    stays = True

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
        cuts = {i: booleans.cut(s, points) for i, s in self.targets().items()}
        cuts = {i: parts for i, parts in cuts.items() if len(parts) > 1}
        if not cuts:
            self._end()
            self.host.hint(tr("The line goes through nothing: begin and end it outside the object"))
            return False
        self.host.divide(cuts)
        return True


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
        closed = {i: booleans.without_hole(s, x, y) for i, s in self.targets().items()}
        changed = {i: s for i, s in closed.items() if s is not None}
        if changed:
            self.host.settle(changed)
        else:
            self.host.hint(tr("There is no hole of a selected object here"))

    def complete(self, points: list[Point]) -> bool:
        if len(points) < self.least:
            self.host.hint(tr("A hole needs at least three points"))
            return False
        view = self.host.view
        size = view.width, view.height
        before = self.targets()
        after = {i: booleans.punched(s, points, size) for i, s in before.items()}
        changed = {i: s for i, s in after.items() if s is not None and s != before[i]}
        if changed:
            self.host.settle(changed)
        else:
            self.host.hint(tr("Nothing would be left: delete the object instead"))
        return True
