"""Paint masks pixel by pixel, and rub out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.brush import Point, Tip
from visionstudio.model.errors import InvalidValue
from visionstudio.model.shapes import Bounds, Mask, Polygon, Shape
from visionstudio.model.spans import Spans
from visionstudio.session.pixels import pixels_of
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.paint_layer import PaintLayer
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool
from visionstudio.ui.tools.steps import points_from

_LEAST_RING = 4.0  # widget units: a smaller tip is shown by a cross
_NO_MASK = Spans.empty().mask()  # stands for what the tool itself draws
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class BrushTool(Tool):
    """Each stroke is one step. It extends the selected mask, or begins a new one.

    Shift draws a straight line from the end of the last stroke; Alt or the right
    button do the opposite. Painting that begins on a selected polygon turns it
    into a mask. Enter ends the object: the next stroke begins another.
    """

    name = "brush"
    cursor = Qt.CursorShape.CrossCursor
    stays = True
    option_group = "brush"
    stepped = "size"
    options = (
        ParamSpec("size", "int", 20, "Size", "Across, in pixels of the picture. Keys [ and ].",
                  low=1, high=1000, step=1, unit="px", impact="display"),
        ParamSpec("tip", "choice", "round", "Tip", choices=("round", "square"), impact="display"),
    )  # fmt: skip
    adds = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._layer: PaintLayer | None = None
        self._loaded: Shape | None = None  # what the layer holds
        self._stroke: int | None = None  # the value that is being painted
        self._target: int | None = None  # the annotation that it changes
        self._last: Point | None = None  # where the last stroke ended
        self._at: Point | None = None  # the pointer
        self._way: list[Point] = []  # of the stroke under way
        self._resumed = False  # no button holds it

    # -- what it says

    @property
    def busy(self) -> bool:
        return self._stroke is not None

    def hint(self) -> str:
        target = self._selected()
        if target is not None and self.host.is_locked(target):
            return tr("This object is locked: unlock it to paint on it")
        if target is not None and isinstance(target.shape, Mask):
            return self._hint_on_mask()
        if target is not None and isinstance(target.shape, Polygon):
            return self._hint_on_polygon()
        return self._hint_on_nothing()

    def _hint_on_mask(self) -> str:
        return tr("Paint to extend the mask, Alt or right button erases, Enter ends the object")

    def _hint_on_polygon(self) -> str:
        return tr("Painting on the polygon turns it into a mask; elsewhere begins a new mask")

    def _hint_on_nothing(self) -> str:
        return tr("Paint a new mask; Shift+click draws a straight line, [ and ] change the size")

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        if self._stroke is not None and self._resumed:
            self._end()  # the one that was brought back; now goes on a new one
        elif self._stroke is not None:
            self.cancel()  # another button in the middle of a stroke
            return
        against = pointer.button == Qt.MouseButton.RightButton or pointer.held(
            Qt.KeyboardModifier.AltModifier
        )
        adds = self.adds != against
        place = self._place(pointer)
        line = pointer.held(Qt.KeyboardModifier.ShiftModifier) and self._last is not None
        if not self._begin(place, adds):
            return
        self._stroke, self._way, self._resumed = int(adds), [], False
        if line and self._last is not None:
            self._way.append(self._last)
        self._sweep(self._last if line and self._last is not None else place, place)

    def _begin(self, place: Point, adds: bool) -> bool:
        """Get the layer ready for a stroke. Returns whether there is something to paint on."""
        target = self._selected()
        if target is not None and self.host.is_locked(target):
            self.host.hint(self.hint())
            return False
        shape = None if target is None else self.host.shape_of(target.id)
        usable = isinstance(shape, Mask) or (
            isinstance(shape, Polygon) and self._touches(shape, place)
        )
        layer = self._get_layer()
        if target is None or shape is None or not usable:
            if not adds:
                self.host.hint(tr("Select a mask, or a polygon and begin on it, to erase from it"))
                return False
            self._target, self._loaded = None, None
            layer.load(Spans.empty())
            return True
        if self._loaded is not shape:
            layer.load(pixels_of(shape, layer.width, layer.height))
            self._loaded = shape
        self._target = target.id
        self.host.lift({target.id: _NO_MASK})
        return True

    def _touches(self, shape: Shape, place: Point) -> bool:
        """Whether the tip covers a pixel of the shape."""
        top, first, end = self.tip.swept(place, place)
        view = self.host.view
        tip = Spans.of_runs(first * 0 + top + range(len(first)), first, end)
        return bool(tip & pixels_of(shape, view.width, view.height))

    def move(self, pointer: Pointer) -> None:
        before, self._at = self._at, (pointer.x, pointer.y)
        if self._stroke is not None and self._last is not None and not self._resumed:
            self._sweep(self._last, self._place(pointer))
        for at in (before, self._at):
            self._refresh_ring(at)
        wanted = Qt.CursorShape.BlankCursor if self._has_ring else self.cursor
        self.host.point_at(wanted)

    def release(self, pointer: Pointer) -> None:
        if self._stroke is not None:
            self._end()

    def double_click(self, pointer: Pointer) -> None:
        self.press(pointer)  # fast dabs are not double clicks

    def pointer_left(self) -> None:
        self._refresh_ring(self._at)
        self._at = None

    # -- the stroke

    @property
    def tip(self) -> Tip:
        return Tip(int(self.values["size"] or 1), self.values["tip"] == "square")

    def _place(self, pointer: Pointer) -> Point:
        return self.tip.snapped(pointer.x, pointer.y)

    def _sweep(self, start: Point, end: Point) -> None:
        self._last = end
        self._way.append(end)
        self.host.touched()
        if self._layer is not None and self._stroke is not None:
            area = self._layer.sweep(self.tip, start, end, self._stroke)
            if area is not None:
                self.host.refresh_part((*map(float, area),))  # type: ignore[arg-type]

    def _end(self) -> None:
        layer, target = self._layer, self._target
        self._stroke = self._target = None
        self.host.touched()
        if layer is None:
            return
        spans = layer.result()
        if target is None and spans:
            layer.keep(spans)
            self._loaded = mask = spans.mask()
            self.host.drawn(mask)
        elif target is not None and not spans:
            layer.take_back()
            self.host.lift({})
            self.host.hint(tr("Nothing would be left: delete the object instead"))
        elif target is not None:
            layer.keep(spans)
            self._loaded = mask = spans.mask()
            self.host.settle({target: mask})
        self.host.refresh()

    def cancel(self) -> bool:
        if self._stroke is None:
            return False
        self._stroke = self._target = None
        self.host.touched()
        if self._layer is not None:
            self._layer.take_back()
        self.host.lift({})
        self.host.refresh()
        return True

    def undo_point(self) -> bool:
        return self.cancel()

    def shapes_replaced(self) -> None:
        self.cancel()
        self._loaded, self._last = None, None

    def selection_changed(self) -> None:
        self.host.hint(self.hint())

    def leave(self) -> None:
        super().leave()
        self._layer, self._loaded, self._last, self._at = None, None, None, None

    # -- what survives a crash

    def unfinished(self) -> dict[str, Any] | None:
        if self._stroke is None:
            return None
        way = [list(p) for p in self._way]
        return {"points": way, "adds": bool(self._stroke), "target": self._target, **self.values}

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        points, target = points_from(drawn.get("points")), drawn.get("target")
        if not points:
            return False
        if isinstance(target, int):
            if self.host.annotation(target) is None:
                return False
            self.host.request_selection((target,), "replace")
        try:
            for spec in self.options:
                self.set_option(spec.name, drawn.get(spec.name))
        except InvalidValue:
            return False
        if not self._begin(points[0], bool(drawn.get("adds"))):
            return False
        self._stroke, self._way, self._resumed = int(bool(drawn.get("adds"))), [], True
        for start, end in zip([points[0], *points], points, strict=False):
            self._sweep(start, end)
        self.host.refresh()
        return True

    # -- keys

    def wants(self, key: int) -> bool:
        return super().wants(key) or (key in _ENTER and self._may_finish())

    def _may_finish(self) -> bool:
        """Whether Enter would end the object; a proposal is accepted by it instead."""
        target = self._selected()
        return (
            target is not None
            and isinstance(target.shape, Mask)
            and target.state is not State.PROPOSED
        )

    def finish(self) -> bool:
        if self._stroke is not None:
            self._end()
        elif not self._may_finish():
            return False
        self.host.request_selection((), "replace")
        return True

    def option_changed(self, name: str) -> None:
        self.host.refresh()

    # -- what it works on

    def _selected(self) -> Annotation | None:
        focused = self.host.focused
        return None if focused is None else self.host.annotation(focused)

    def _get_layer(self) -> PaintLayer:
        view = self.host.view
        layer = self._layer
        if layer is None or (layer.width, layer.height) != (view.width, view.height):
            layer = self._layer = PaintLayer(view.width, view.height)
            self._loaded = None
        return layer

    # -- drawing

    @property
    def _has_ring(self) -> bool:
        view = self.host.view
        return self.tip.size * view.scale / view.ratio / 2 >= _LEAST_RING

    def _ring(self, at: Point) -> Bounds:
        tip = self.tip
        x, y = tip.snapped(*at)
        half = tip.size / 2
        return x - half, y - half, x + half, y + half

    def _refresh_ring(self, at: Point | None) -> None:
        if at is not None:
            x1, y1, x2, y2 = self._ring(at)
            rim = self.host.view.reach(4)
            self.host.refresh_part((x1 - rim, y1 - rim, x2 + rim, y2 + rim))

    def paint(self, painter: QPainter) -> None:
        if self._stroke is not None and self._layer is not None:
            target = None if self._target is None else self.host.annotation(self._target)
            colour = self.host.colour_of(target) if target else self.host.drawing_colour
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            self._layer.paint(painter, self.host.view, colour)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if self._at is not None and self._has_ring:
            self._paint_ring(painter, self._ring(self._at))

    def _paint_ring(self, painter: QPainter, ring: Bounds) -> None:
        view = self.host.view
        place = QRectF(QPointF(*view.to_widget(*ring[:2])), QPointF(*view.to_widget(*ring[2:])))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        square = self.tip.square
        for colour, width in (("#000000", 3.0), ("#ffffff", 1.2)):
            painter.setPen(style.pen(QColor(colour), width))
            if square:
                painter.drawRect(place)
            else:
                painter.drawEllipse(place)


class EraserTool(BrushTool):
    """A brush that takes away; Alt or the right button paint."""

    name = "eraser"
    adds = False

    def _hint_on_mask(self) -> str:
        return tr("Rub out of the mask, Alt or right button paints, Enter ends the object")

    def _hint_on_polygon(self) -> str:
        return tr("Rubbing on the polygon turns it into a mask")

    def _hint_on_nothing(self) -> str:
        return tr("Select a mask to rub out of it; [ and ] change the size")
