"""Simplify the selected outlines, with a tolerance whose effect is seen at once."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.reshaping import simplified, to_polygon
from visionstudio.model.shapes import Mask, Shape
from visionstudio.model.spans import Spans
from visionstudio.session import pixels
from visionstudio.session.shaping import can_simplify
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.adjust import AdjustTool
from visionstudio.ui.tools.base import Host


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
        if id(shape) not in self._borders:
            self._borders[id(shape)] = shape, to_polygon(shape)
        return self._borders[id(shape)][1]

    def leave(self) -> None:
        super().leave()
        self._borders.clear()

    def can(self, shape: Shape) -> bool:
        return can_simplify(shape)

    def change(self, shape: Shape) -> Shape | None:
        outline = self._outline(shape)
        return (
            None if outline is None else simplified(outline, float(self.values["tolerance"] or 0))
        )

    @property
    def counts(self) -> tuple[int, int]:
        """How many points there were, and how many there would be."""
        before = 0
        for shape in self._before.values():
            outline = self._outline(shape)
            before += 0 if outline is None else len(outline.points())
        return before, sum(len(s.points()) for s in self._after.values())

    @property
    def agreement(self) -> float | None:
        """IoU of the masks among them with what they become; None without masks."""
        view = self.host.view
        old, new = Spans.empty(), Spans.empty()
        for i, shape in self._before.items():
            if isinstance(shape, Mask):
                old |= Spans.of_mask(shape)
                new |= pixels.pixels_of(self._after[i], view.width, view.height)
        return pixels.iou(old, new) if old else None

    def describe(self) -> str:
        before, after = (f"{n:,}" for n in self.counts)
        agreement = self.agreement
        if agreement is None:
            return tr("{before} points become {after}", before=before, after=after)
        return tr(
            "Masks become polygons: {before} points become {after}, IoU {iou}",
            before=before,
            after=after,
            iou=f"{agreement:.4f}",
        )

    def paint(self, painter: QPainter) -> None:
        view = self.host.view
        for shape in self._after.values():
            placed = view.widget_points(shape.points())
            for shade, size in (("#161616", 6.0), ("#ffffff", 4.0)):
                painter.setPen(style.pen(shade, size))
                draw_points(painter, placed)
        if self._after:
            before, after = self.counts
            _, y1, x2, _ = next(iter(self._after.values())).bounds()
            at = QPointF(*view.to_widget(x2, y1)) + QPointF(10, 0)
            text = tr("{before} → {after} points", before=f"{before:,}", after=f"{after:,}")
            style.paint_note(painter, at, text)
