"""Draw ellipses and circles."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt

from visionstudio.api.params import ParamSpec
from visionstudio.model.shapes import Ellipse, Shape
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.box import TwoCornerTool
from visionstudio.ui.tools.steps import Point


class EllipseTool(TwoCornerTool):
    """The ellipse in the box of two corners; Shift makes it a circle.

    From the centre, the first corner is the middle.
    """

    name = "ellipse"
    options = (
        ParamSpec(
            name="from_centre",
            kind="bool",
            default=False,
            title="Draw from the centre",
            impact="display",
        ),
    )

    @property
    def from_centre(self) -> bool:
        """Whether the first place is the middle."""
        return bool(self.values["from_centre"])

    def hint(self) -> str:
        if self._clicked:
            return tr("Click the opposite corner, Shift for a circle, Esc to cancel")
        if self.busy:
            return tr("Release to finish the ellipse, Shift for a circle, Esc to cancel")
        if self.from_centre:
            return tr("Drag from the centre to draw an ellipse, Shift for a circle, Esc to leave")
        return tr("Drag or click two corners to draw an ellipse, Shift for a circle, Esc to leave")

    def shape(self, start: Point, end: Point) -> Ellipse:
        dx, dy = end[0] - start[0], end[1] - start[1]
        share = 1.0 if self.from_centre else 0.5
        rx, ry = abs(dx) * share, abs(dy) * share
        circle = bool(self._keys & Qt.KeyboardModifier.ShiftModifier)
        if circle and self.from_centre:
            rx = ry = math.hypot(dx, dy)
        elif circle:
            rx = ry = max(rx, ry)
        if self.from_centre:
            return Ellipse(*start, rx, ry)
        return Ellipse(start[0] + math.copysign(rx, dx), start[1] + math.copysign(ry, dy), rx, ry)

    def note(self, shape: Shape) -> str:
        if isinstance(shape, Ellipse) and shape.rx == shape.ry:
            return f"r {shape.rx:.0f}"
        return super().note(shape)

    def too_small(self) -> str:
        return tr("Too small for an ellipse: nothing was added")
