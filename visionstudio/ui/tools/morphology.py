"""Grow, shrink, smooth and clean the selected objects by a number."""

from __future__ import annotations

from visionstudio.api.params import ParamSpec
from visionstudio.model.shapes import Mask, Shape
from visionstudio.model.spans import Spans
from visionstudio.session import booleans, pixels
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.adjust import AdjustTool


class _AreaTool(AdjustTool):
    """Tells how many square pixels there were and would be."""

    def can(self, shape: Shape) -> bool:
        return isinstance(shape, Mask)

    def describe(self) -> str:
        before = sum(s.area() for s in self._before.values())
        after = sum(s.area() for s in self._after.values())
        return tr("{before} px² become {after} px²", before=f"{before:,.0f}", after=f"{after:,.0f}")

    @property
    def _number(self) -> int:
        return int(self.values[self.stepped] or 0)

    @property
    def _size(self) -> tuple[int, int]:
        return self.host.view.width, self.host.view.height


class GrowTool(_AreaTool):
    """Moves the border outwards, or inwards for negative numbers."""

    name = "grow"
    stepped = "by"
    options = (
        ParamSpec("by", "int", 2, "Grow by", "Negative numbers shrink.",
                  low=-200, high=200, step=1, unit="px", impact="display"),
    )  # fmt: skip

    def can(self, shape: Shape) -> bool:
        return pixels.covers(shape)

    def change(self, shape: Shape) -> Shape | None:
        return shape if self._number == 0 else booleans.grown(shape, self._number, self._size)


class SmoothTool(_AreaTool):
    """Evens out the border of masks."""

    name = "smooth"
    stepped = "radius"
    options = (
        ParamSpec("radius", "int", 3, "Radius", "Details smaller than this are evened out.",
                  low=0, high=100, step=1, unit="px", impact="display"),
    )  # fmt: skip

    def change(self, shape: Shape) -> Shape | None:
        if not isinstance(shape, Mask):
            return shape
        spans = pixels.smoothed(Spans.of_mask(shape), self._number, *self._size)
        return spans.mask() if spans else None


class SpecksTool(_AreaTool):
    """Removes small separate pieces of masks, and fills holes as small."""

    name = "specks"
    stepped = "least"
    options = (
        ParamSpec("least", "int", 20, "Smallest", "Pieces of fewer pixels are removed.",
                  low=1, high=100_000, step=1, unit="px²", impact="display"),
        ParamSpec("fill", "bool", True, "Fill holes as small", impact="display"),
    )  # fmt: skip

    def change(self, shape: Shape) -> Shape | None:
        if not isinstance(shape, Mask):
            return shape
        spans = pixels.without_specks(Spans.of_mask(shape), self._number)
        if self.values["fill"] and self._number > 1:
            spans = pixels.without_holes(spans, self._number - 1)
        return spans.mask() if spans else None
