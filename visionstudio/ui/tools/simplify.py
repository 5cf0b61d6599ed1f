"""Simplify the selected outlines, with a tolerance whose effect is seen at once."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.reshaping import simplified
from visionstudio.model.shapes import Shape
from visionstudio.session.shaping import can_simplify
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool


class SimplifyTool(Tool):
    """Shows the selected polygons and lines with fewer points; Enter takes them, Esc does not."""

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
        self._before: dict[int, Shape] = {}
        self._after: dict[int, Shape] = {}

    @property
    def busy(self) -> bool:
        return bool(self._before)

    @property
    def counts(self) -> tuple[int, int]:
        """How many points there were, and how many there would be."""
        before = sum(len(s.points()) for s in self._before.values())
        return before, sum(len(s.points()) for s in self._after.values())

    def hint(self) -> str:
        before, after = self.counts
        return tr(
            "{before} points become {after}: Enter takes them, [ and ] change the tolerance",
            before=f"{before:,}",
            after=f"{after:,}",
        )

    def enter(self) -> None:
        self._begin()
        super().enter()

    def _begin(self) -> None:
        self._before = {}
        for i in self.host.selection:
            annotation = self.host.annotation(i)
            if annotation is None or not self.host.editable or self.host.is_locked(annotation):
                continue
            if can_simplify(annotation.shape):
                self._before[i] = annotation.shape
        self._show()

    def _show(self) -> None:
        tolerance = float(self.values["tolerance"] or 0.0)
        self._after = {i: simplified(s, tolerance) for i, s in self._before.items()}
        self.host.lift(self._after)
        self.host.hint(self.hint())
        self.host.refresh()

    def option_changed(self, name: str) -> None:
        if self._before:
            self._show()

    def selection_changed(self) -> None:
        self._begin()

    def shapes_replaced(self) -> None:
        self._before, self._after = {}, {}

    def press(self, pointer: Pointer) -> None:
        if pointer.button == Qt.MouseButton.LeftButton:
            found = self.host.hit_at(pointer.x, pointer.y)
            if found is not None and found not in self.host.selection:
                self.host.request_selection((found,), "replace")

    def finish(self) -> bool:
        if not self._before:
            return False
        before, after = self._before, self._after
        self._before, self._after = {}, {}
        self.host.settle({i: s for i, s in after.items() if s != before[i]})
        self.host.set_tool("select")
        return True

    def cancel(self) -> bool:
        if not self._before:
            return False
        self._before, self._after = {}, {}
        self.host.lift({})
        self.host.set_tool("select")
        return True

    def leave(self) -> None:
        self._before, self._after = {}, {}
        self.host.lift({})

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
