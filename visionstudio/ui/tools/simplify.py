"""Simplify the selected outlines, with a tolerance whose effect is seen at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.reshaping import simplified, to_polygon
from visionstudio.model.shapes import Mask, Shape
from visionstudio.model.spans import Spans
from visionstudio.session import pixels
from visionstudio.session.shape_work import weight
from visionstudio.session.shaping import can_simplify
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points, spread
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.adjust import AdjustTool, Shapes
from visionstudio.ui.tools.base import Host

_APART = 3.0  # widget units at which points can be told apart


class Figures(NamedTuple):
    """Points before and after; the IoU of masks with what they become, None without masks."""

    before: int
    after: int
    agreement: float | None


class SimplifyTool(AdjustTool):
    """Shows the selected polygons and lines with fewer points; masks become polygons by it."""

    name = "simplify"
    stepped = "tolerance"
    options = (
        ParamSpec(
            name="tolerance",
            kind="float",
            default=1.0,
            title="Tolerance",
            help="How far the new outline may be from the old one.",
            low=0.0,
            high=30.0,
            step=0.1,
            unit="px",
            impact="display",
        ),
    )

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._borders: dict[int, tuple[Shape, Shape | None]] = {}  # of masks, by identity

    def _outline(self, shape: Shape) -> Shape | None:
        """The shape itself, or the border of a mask."""
        if not isinstance(shape, Mask):
            return shape
        known = self._borders.get(id(shape))
        if known is None:
            known = self._borders[id(shape)] = shape, to_polygon(shape)
        return known[1]

    def leave(self) -> None:
        super().leave()
        self._borders = {}

    def can(self, shape: Shape) -> bool:
        return can_simplify(shape)

    def cost(self, shape: Shape) -> int:
        return 3 * weight(shape)

    def changer(self) -> Callable[[Shape], Shape | None]:
        tolerance, outline = float(self.values["tolerance"] or 0), self._outline

        def change(shape: Shape) -> Shape | None:
            border = outline(shape)
            return None if border is None else simplified(border, tolerance)

        return change

    def figures(self, before: Shapes, after: Shapes) -> Figures:
        outlines = [o for s in before.values() if (o := self._outline(s)) is not None]
        masks = {i: s for i, s in before.items() if isinstance(s, Mask)}
        view, agreement = self.host.view, None
        if masks:
            old, new = Spans.empty(), Spans.empty()
            for i, mask in masks.items():
                old |= Spans.of_mask(mask)
                new |= pixels.pixels_of(after[i], view.width, view.height)
            agreement = pixels.iou(old, new)
        count = sum(len(o.points()) for o in outlines)
        return Figures(count, sum(len(s.points()) for s in after.values()), agreement)

    def describe(self, figures: Figures) -> str:
        before, after = f"{figures.before:,}", f"{figures.after:,}"
        if figures.agreement is None:
            return tr("{before} points become {after}", before=before, after=after)
        return tr(
            "Masks become polygons: {before} points become {after}, IoU {iou}",
            before=before,
            after=after,
            iou=f"{figures.agreement:.4f}",
        )

    def paint(self, painter: QPainter) -> None:
        if not self._after or self._figures is None:
            return
        view = self.host.view
        for shape in self._after.values():
            placed = spread(view.widget_points(shape.points()), _APART)
            for shade, size in (("#161616", 6.0), ("#ffffff", 4.0)):
                painter.setPen(style.pen(shade, size))
                draw_points(painter, placed)
        _, y1, x2, _ = next(iter(self._after.values())).bounds()
        at = QPointF(*view.to_widget(x2, y1)) + QPointF(10, 0)
        before, after = f"{self._figures.before:,}", f"{self._figures.after:,}"
        text = tr("{before} → {after} points", before=before, after=after)
        style.paint_note(painter, at, text)
