"""Draw the region that a tracker starts from."""

from __future__ import annotations

from visionstudio.model.shapes import Box, Shape
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.box import BoxTool


class RegionTool(BoxTool):
    """A box that is not an annotation but something to follow."""

    name = "region"

    def hint(self) -> str:
        if self.busy:
            return super().hint()
        return tr("Draw a region around the object to track, Esc to leave")

    def done(self, shape: Shape) -> None:
        self.host.region(Box(*shape.bounds()))

    def colour(self) -> str:
        return style.ACCENT
