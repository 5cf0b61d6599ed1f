"""Points and boxes that say what is meant; a model answers with the object's pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from visionstudio.api.params import ParamSpec
from visionstudio.model.shapes import Bounds, Polygon, Shape
from visionstudio.model.spans import Spans
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped, distance
from visionstudio.ui.tools.box import LEAST
from visionstudio.ui.tools.steps import points_from
from visionstudio.ui.tools.wand import paint_spans

if TYPE_CHECKING:
    from visionstudio.session.prompting import Answer

_ALT = Qt.KeyboardModifier.AltModifier
_DOT = 6.0  # widget units: half the width of a point's mark
_HERE, _NOT_HERE = "#00b36b", "#e5484d"


@dataclass(frozen=True, slots=True)
class Step:
    """A point that lies on the object or not, or a box around it."""

    at: tuple[float, ...]  # x, y or x1, y1, x2, y2
    there: bool = True

    @property
    def is_box(self) -> bool:
        return len(self.at) == 4


class PromptTool(Tool):
    """A click says that the object is here, with Alt or the right button that it is not.

    A drag draws a box around it. Every step is answered with a preview; Enter makes it an
    object of the active class.
    """

    name = "prompt"
    cursor = Qt.CursorShape.CrossCursor
    draws = True
    stays = True
    options = (
        ParamSpec("shape", "choice", "mask", "Result", "What Enter makes of it.",
                  choices=("mask", "polygon"), impact="display"),
        ParamSpec("method", "choice", "auto", "Method",
                  "How the object is found without a network: auto is grabCut within a box, and "
                  "the watershed of edges from points.",
                  choices=("auto", "grabcut", "watershed", "random walker"), impact="display"),
    )  # fmt: skip

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._steps: list[Step] = []
        self._undone: list[Step] = []
        self._found = Spans.empty()
        self._outline: Polygon | None = None
        self._waits = self._wants_it = False
        self._problem = ""
        self._press: Pointer | None = None
        self._corner: tuple[float, float] | None = None  # where a box is dragged to

    @property
    def busy(self) -> bool:
        return bool(self._steps) or self._press is not None

    @property
    def has_steps(self) -> bool:
        return self.busy or bool(self._undone)

    @property
    def answered(self) -> bool:
        """Whether the newest prompt has its answer."""
        return not self._waits

    def hint(self) -> str:
        if not self._steps:
            return tr("Click on the object or drag a box around it, Esc to leave")
        if self._waits:
            return tr("Looking for the object…")
        if self._problem:
            return self._problem
        if not self._found:
            return tr("Nothing was found: click on the object, or drag a box around it")
        return tr("Click adds, Alt or right click takes away, Enter accepts, Esc cancels")

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        view = self.host.view
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
        elif 0 <= pointer.x < view.width and 0 <= pointer.y < view.height:
            self._press, self._corner = pointer, None

    def move(self, pointer: Pointer) -> None:
        if self._press is None or self._press.button == Qt.MouseButton.RightButton:
            return
        far = distance(self.host.view, pointer, self._press.x, self._press.y) >= LEAST
        if far or self._corner is not None:
            self._corner = clipped(self.host.view, pointer.x, pointer.y)
            self.host.refresh()

    def release(self, pointer: Pointer) -> None:
        begun, corner, self._press, self._corner = self._press, self._corner, None, None
        if begun is None:
            return
        if corner is not None:
            x1, x2 = sorted((begun.x, corner[0]))
            y1, y2 = sorted((begun.y, corner[1]))
            least = self.host.view.reach(LEAST)
            if x2 - x1 >= least and y2 - y1 >= least:
                self._add(Step((x1, y1, x2, y2)))
            else:
                self.host.refresh()
            return
        there = begun.button != Qt.MouseButton.RightButton and not begun.held(_ALT)
        if not there and not any(s.there for s in self._steps):
            self.host.hint(tr("First click on the object, then on what does not belong to it"))
            return
        self._add(Step((begun.x, begun.y), there))

    def _add(self, step: Step) -> None:
        self._steps.append(step)
        self._undone.clear()
        self._ask()

    def option_changed(self, name: str) -> None:
        if name == "method" and self._steps:
            self._ask()

    # -- asking

    def _ask(self) -> None:
        prompter = self.host.prompter
        self._problem = ""
        box = next((s.at for s in reversed(self._steps) if s.is_box), None)
        points = [(s.at[0], s.at[1], s.there) for s in self._steps if not s.is_box]
        self._waits = bool(points or box)
        if not self._waits:
            self._found = Spans.empty()
        if prompter is not None and self._waits:
            bounds: Bounds | None = None if box is None else (box[0], box[1], box[2], box[3])
            prompter.ask(points, bounds, str(self.values["method"]), self._answered)
        elif prompter is not None:
            prompter.drop()
        self._changed()

    def prompter_came(self) -> None:
        """What answers is there now: a click that came before it is answered."""
        if self._waits:
            self._ask()

    def _answered(self, answer: Answer) -> None:
        if not self._steps:
            return
        self._waits, self._problem = False, answer.problem
        self._found, self._outline = answer.area, answer.outline
        accept, self._wants_it = self._wants_it, False
        self._changed()
        if accept:
            self.finish()

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self.host.touched()
        self.host.refresh()

    # -- keys

    def finish(self) -> bool:
        if not self._steps:
            return False
        if self._waits:
            self._wants_it = True  # as soon as it is there
            return True
        if not self._found:
            self.host.hint(self.hint())
            return True
        shape: Shape = self._found.mask()
        if self.values["shape"] == "polygon" and self._outline is not None:
            shape = self._outline
        self.cancel()
        self.host.drawn(shape)
        return True

    def cancel(self) -> bool:
        was_busy = self.busy
        self._steps, self._undone, self._found = [], [], Spans.empty()
        self._press = self._corner = None
        self._wants_it = False
        if was_busy:
            self._ask()
        return was_busy

    def undo_point(self) -> bool:
        if not self._steps:
            return False
        self._undone.append(self._steps.pop())
        self._ask()
        return True

    def redo_step(self) -> bool:
        if not self._undone:
            return False
        self._steps.append(self._undone.pop())
        self._ask()
        return True

    def forget_steps(self) -> None:
        self._undone.clear()

    def shapes_replaced(self) -> None:
        # Another picture: what was asked about the last one means nothing here.
        self.cancel()

    def unfinished(self) -> dict[str, Any] | None:
        if not self._steps:
            return None
        return {"steps": [[list(s.at), s.there] for s in self._steps]}

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        steps = []
        for entry in drawn.get("steps") or ():
            if not isinstance(entry, list | tuple) or len(entry) != 2:
                return False
            pairs = points_from([entry[0][i : i + 2] for i in range(0, len(entry[0]), 2)])
            if not pairs or len(pairs) > 2:
                return False
            steps.append(Step(tuple(v for pair in pairs for v in pair), bool(entry[1])))
        if not steps:
            return False
        self._steps = steps
        self._ask()
        return True

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        paint_spans(painter, self.host, self._found)
        view, colour = self.host.view, self.host.drawing_colour
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for ring in self._outline.rings if self._found and self._outline else ():
            line = QPolygonF([QPointF(x, y) for x, y in view.widget_points(ring).tolist()])
            for shade, width in (
                (style.halo(colour), style.LINE + 2 * style.HALO),
                (colour, style.LINE),
            ):
                painter.setPen(style.pen(shade, width))
                painter.drawPolygon(line)
        boxes = [s.at for s in self._steps if s.is_box][-1:]
        if self._press is not None and self._corner is not None:
            boxes = [(self._press.x, self._press.y, *self._corner)]
        for x1, y1, x2, y2 in boxes:
            corners = QPointF(*view.to_widget(x1, y1)), QPointF(*view.to_widget(x2, y2))
            painter.setPen(style.pen(style.halo(colour), style.LINE + 2 * style.HALO))
            painter.drawRect(QRectF(*corners).normalized())
            painter.setPen(style.pen(colour, style.LINE))
            painter.drawRect(QRectF(*corners).normalized())
        for step in self._steps:
            if not step.is_box:
                self._paint_point(painter, QPointF(*view.to_widget(*step.at)), step.there)

    def _paint_point(self, painter: QPainter, at: QPointF, there: bool) -> None:
        """A plus where the object is, a minus where it is not, in a ring."""
        painter.setPen(style.pen("#ffffff", 1.5))
        painter.setBrush(QColor(_HERE if there else _NOT_HERE))
        painter.drawEllipse(at, _DOT, _DOT)
        arm = _DOT * 0.55
        painter.drawLine(at - QPointF(arm, 0), at + QPointF(arm, 0))
        if there:
            painter.drawLine(at - QPointF(0, arm), at + QPointF(0, arm))
        painter.setBrush(Qt.BrushStyle.NoBrush)
