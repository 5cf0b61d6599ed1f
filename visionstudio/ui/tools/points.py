"""Mark places with points."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.shapes import Points
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.path import PathTool
from visionstudio.ui.tools.steps import Point


class PointsTool(PathTool):
    """Each click is an object of its own, or with `together` one more point of a set."""

    name = "points"
    least = 1
    freehand = False
    options = (
        ParamSpec(
            name="together",
            kind="bool",
            default=False,
            title="Several points make one object",
            impact="display",
        ),
    )

    @property
    def together(self) -> bool:
        """Whether points go on one object until it is ended."""
        return bool(self.values["together"])

    def option_changed(self, name: str) -> None:
        self.finish()
        self.host.hint(self.hint())

    def hint(self) -> str:
        if not self.together:
            return tr("Click to mark a point, Esc to leave")
        if not self.busy:
            return tr("Click to set the first point of a set, Esc to leave")
        return tr("Click to add points, Enter or double-click ends, Backspace takes one back")

    def _place(self) -> None:
        super()._place()
        if not self.together:
            self.finish()

    def complete(self, points: list[Point]) -> bool:
        self.host.drawn(Points(np.array(points)))
        return True

    def _paint_line(self, painter: QPainter) -> None:
        if not self.busy:
            return
        colour = self.host.drawing_colour
        placed = self.host.view.widget_points(np.array(self._steps.points))
        for shade, width in ((style.halo(colour), style.DOT + 4), (colour, style.DOT + 2)):
            painter.setPen(style.pen(shade, width))
            draw_points(painter, placed)
