"""Grow, shrink, smooth and clean the selected objects by a number."""

from __future__ import annotations

from collections.abc import Callable

from visionstudio.api.params import ParamSpec
from visionstudio.model.shapes import Mask, Shape
from visionstudio.model.spans import Spans
from visionstudio.session import booleans, pixels
from visionstudio.session.shape_work import weight
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.adjust import AdjustTool, Shapes


class _AreaTool(AdjustTool):
    """Tells how many square pixels there were and would be."""

    def can(self, shape: Shape) -> bool:
        return isinstance(shape, Mask)

    def cost(self, shape: Shape) -> int:
        x1, y1, x2, y2 = shape.bounds()
        return weight(shape) + round((x2 - x1) * (y2 - y1) * self._per_pixel())

    def _per_pixel(self) -> float:
        """What a pixel of the bounding box adds to the cost."""
        return 0.0

    def figures(self, before: Shapes, after: Shapes) -> tuple[float, float]:
        return sum(s.area() for s in before.values()), sum(s.area() for s in after.values())

    def describe(self, figures: tuple[float, float]) -> str:
        before, after = (f"{area:,.0f}" for area in figures)
        return tr("{before} px² become {after} px²", before=before, after=after)

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

    def _per_pixel(self) -> float:
        return 0.01 if self._number else 0.0

    def changer(self) -> Callable[[Shape], Shape | None]:
        number, size = self._number, self._size
        return lambda shape: booleans.grown(shape, number, size) if number else shape


class SmoothTool(_AreaTool):
    """Evens out the border of masks."""

    name = "smooth"
    stepped = "radius"
    options = (
        ParamSpec("radius", "int", 3, "Radius", "Details smaller than this are evened out.",
                  low=0, high=100, step=1, unit="px", impact="display"),
    )  # fmt: skip

    def _per_pixel(self) -> float:
        return 0.01 * (1 + self._number / 5) if self._number else 0.0

    def changer(self) -> Callable[[Shape], Shape | None]:
        number, size = self._number, self._size
        return lambda shape: _changed(shape, lambda s: pixels.smoothed(s, number, *size))


class SpecksTool(_AreaTool):
    """Removes small separate pieces of masks, and fills holes as small."""

    name = "specks"
    stepped = "least"
    options = (
        ParamSpec("least", "int", 20, "Smallest piece", "Pieces of fewer pixels are removed.",
                  low=1, high=100_000, step=1, unit="px²", impact="display"),
        ParamSpec("fill", "bool", True, "Fill holes as small", impact="display"),
    )  # fmt: skip

    def changer(self) -> Callable[[Shape], Shape | None]:
        number, fill = self._number, bool(self.values["fill"])

        def clean(spans: Spans) -> Spans:
            spans = pixels.without_specks(spans, number)
            return pixels.without_holes(spans, number - 1) if fill and number > 1 else spans

        return lambda shape: _changed(shape, clean)


def _changed(shape: Shape, change: Callable[[Spans], Spans]) -> Shape | None:
    if not isinstance(shape, Mask):
        return shape
    spans = change(Spans.of_mask(shape))
    return spans.mask() if spans else None
