"""Draw open lines point by point or free-hand."""

from __future__ import annotations

import numpy as np

from visionstudio.model.shapes import Polyline
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.path import PathTool
from visionstudio.ui.tools.steps import Point


class PolylineTool(PathTool):
    """Each click adds a point; a double click or Enter ends."""

    name = "polyline"

    def hint(self) -> str:
        if not self.busy:
            return tr("Click or drag to begin a polyline, Esc to leave")
        if self._way:
            return tr("Click to follow the border, F the other way round, Shift straight")
        if len(self._steps) < self.least:
            return tr("Click to add points, Backspace takes one back, Esc cancels")
        return tr("Enter or double-click ends the polyline, Backspace takes a point back")

    def complete(self, points: list[Point]) -> bool:
        if len(points) < self.least:
            self.host.hint(tr("A polyline needs at least two points"))
            return False
        self.host.drawn(Polyline(np.array(points)))
        return True
