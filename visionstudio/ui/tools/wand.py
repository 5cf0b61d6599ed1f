"""The magic wand: a click takes what has a similar colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue
from visionstudio.model.shapes import Mask, Polygon, Shape
from visionstudio.model.spans import Spans
from visionstudio.session.pixels import pixels_of
from visionstudio.ui.canvas.masks import draw_bits, seen_part
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer
from visionstudio.ui.tools.similar import Colours, shown, similar
from visionstudio.ui.tools.steps import points_from
from visionstudio.ui.tools.working import WorkingTool

_TINT = 140
_FIRST = 512  # pixels on each side of the click that are looked at first
_MOST = 2048  # and at most where the picture is not in memory
_PER_PIXEL = 0.25  # of dragging, of tolerance
_SHIFT, _ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


class PixelTool(WorkingTool):
    """What wand and bucket share: pixels that become a mask, or part of the selected one."""

    stays = True
    cursor = Qt.CursorShape.CrossCursor

    def target(self) -> Annotation | None:
        """The selected mask or polygon."""
        focused = self.host.focused
        found = None if focused is None else self.host.annotation(focused)
        return found if found and isinstance(found.shape, Mask | Polygon) else None

    def pixels(self, shape: Shape) -> Spans:
        """The pixels of a shape in the picture."""
        return pixels_of(shape, self.host.view.width, self.host.view.height)

    def may_work(self, pointer: Pointer) -> bool:
        """Whether a click can do something; says why not."""
        view = self.host.view
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return False
        return 0 <= pointer.x < view.width and 0 <= pointer.y < view.height

    def put(self, spans: Spans, target: Annotation | None) -> None:
        """Store pixels as the shape of an annotation, or as a new one."""
        if target is not None and self.host.is_locked(target):
            self.host.hint(tr("This object is locked: unlock it to paint on it"))
        elif not spans:
            self.host.hint(tr("Nothing would be left: delete the object instead"))
        elif target is None:
            self.host.drawn(spans.mask())
        else:
            self.host.settle({target.id: spans.mask()})

    def double_click(self, pointer: Pointer) -> None:
        self.press(pointer)  # two fast clicks are two clicks

    def selection_changed(self) -> None:
        self.host.hint(self.hint())


class WandTool(PixelTool):
    """Takes what is similar to the pixel clicked; dragging to the right takes more.

    Shift adds to the selected mask, Alt takes away from it.
    """

    name = "wand"
    stepped = "tolerance"
    options = (
        ParamSpec("tolerance", "int", 24, "Tolerance",
                  "How much each of red, green and blue may differ.",
                  low=0, high=255, step=1, impact="display"),
        ParamSpec("contiguous", "bool", True, "Contiguous",
                  "Only what is connected with the click; else everything similar in view.",
                  impact="display"),
    )  # fmt: skip

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._start: Pointer | None = None
        self._first = 0  # the tolerance that the drag began with
        self._side = _FIRST
        self._found = Spans.empty()
        self._released = False
        self._resumed = False  # no button holds it

    @property
    def busy(self) -> bool:
        return self._start is not None

    def hint(self) -> str:
        if self._resumed and self.busy:
            return tr("Click or Enter takes it, [ and ] change the tolerance, Esc cancels")
        if self.busy:
            return tr(
                "Drag right for more, left for less: tolerance {number}, Esc cancels",
                number=self._tolerance,
            )
        if self.target() is not None:
            return tr("Click begins a mask, Shift adds to the selected one, Alt takes away from it")
        return tr("Click on what you want, drag to the right to take more of it")

    @property
    def _tolerance(self) -> int:
        return int(self.values["tolerance"] or 0)

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        if self.busy:
            if self._resumed:
                self.finish()
            return
        if not self.may_work(pointer):
            return
        self._resumed = False
        if pointer.held(_ALT) and self.target() is None:
            self.host.hint(tr("Select a mask to take away from it"))
            return
        self._start, self._first = pointer, self._tolerance
        self._side = _FIRST if self.values["contiguous"] else _MOST
        self._released, self._found = False, Spans.empty()
        self._look()
        self.host.touched()

    def move(self, pointer: Pointer) -> None:
        if self._start is None or self._released or self._resumed:
            return
        step = round((pointer.place.x() - self._start.place.x()) * _PER_PIXEL)
        wanted = min(max(self._first + step, 0), 255)
        if wanted != self._tolerance:
            self.set_option("tolerance", wanted)

    def release(self, pointer: Pointer) -> None:
        if self._start is not None and not self._resumed:
            self._released = True
            self._complete()

    def option_changed(self, name: str) -> None:
        if self._start is not None:
            self._look()
            self.host.touched()

    # -- what survives a crash

    def unfinished(self) -> dict[str, Any] | None:
        start = self._start
        if start is None or self._released:
            return None
        keys = {"shift": start.held(_SHIFT), "alt": start.held(_ALT), "target": self.host.focused}
        return {"points": [[start.x, start.y]], **self.values, **keys}

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        points = points_from(drawn.get("points"))
        if not points or len(points) != 1:
            return False
        try:
            for spec in self.options:
                self.set_option(spec.name, drawn.get(spec.name))
        except InvalidValue:
            return False
        target = drawn.get("target")
        if isinstance(target, int) and self.host.annotation(target) is not None:
            self.host.request_selection((target,), "replace")
        keys = Qt.KeyboardModifier.NoModifier
        for name, key in (("shift", _SHIFT), ("alt", _ALT)):
            keys = keys | key if drawn.get(name) else keys
        place = QPointF(*self.host.view.to_widget(*points[0]))
        self.press(Pointer(*points[0], place, Qt.MouseButton.LeftButton, keys))
        self._resumed = self.busy
        return self.busy

    def finish(self) -> bool:
        if self._start is None:
            return False
        self._released = True
        self._complete()
        return True

    # -- finding

    def _area(self, picture: Picture) -> QRect:
        """What is looked at, in pixels of the picture."""
        view, start = self.host.view, self._start
        whole = QRect(0, 0, view.width, view.height)
        if start is None:
            return QRect()
        if not self.values["contiguous"]:
            x1, y1, x2, y2 = view.seen()
            in_view = QRect(int(x1), int(y1), int(x2 - x1) + 2, int(y2 - y1) + 2)
            whole = whole.intersected(in_view)
        side = (
            self._side
            if self.values["contiguous"] or not picture.in_memory
            else max(whole.width(), whole.height())
        )
        around = QRect(int(start.x) - side, int(start.y) - side, 2 * side, 2 * side)
        return around.intersected(whole)

    def _look(self) -> None:
        picture, start = self.host.picture, self._start
        if picture is None or start is None:
            return
        area = self._area(picture)
        # Of a picture that is not in memory, what has been read is known in this thread only.
        look: Callable[[QRect], Colours]
        look = (
            partial(shown, picture) if picture.in_memory else _crop_of(shown(picture, area), area)
        )
        at = int(start.x), int(start.y)
        find = partial(
            similar, look, area, at, self._tolerance, contiguous=bool(self.values["contiguous"])
        )
        self._work.want(find, partial(self._found_in, area), self.failed)
        self.host.hint(self.hint())

    def _found_in(self, area: QRect, found: Spans) -> None:
        picture = self.host.picture
        if self._start is None or picture is None:
            return
        goes_on = bool(self.values["contiguous"]) and self._goes_on(area, found)
        if goes_on and (picture.in_memory or self._side < _MOST):
            self._side *= 2
            self._look()
            return
        self._found = found
        self.host.refresh()
        self._complete()
        if goes_on:
            self.host.hint(
                tr("Looked at {pixels} pixels around the click only: Shift+click where it goes on",
                   pixels=_MOST)
            )  # fmt: skip

    def _goes_on(self, area: QRect, found: Spans) -> bool:
        """Whether the region reaches an edge of what was looked at that is not the picture's."""
        view = self.host.view
        x1, y1, x2, y2 = found.bounds()
        right, bottom = area.x() + area.width(), area.y() + area.height()
        return (
            (x1 == area.x() > 0)
            or (y1 == area.y() > 0)
            or (x2 == right < view.width)
            or (y2 == bottom < view.height)
        )

    def _complete(self) -> None:
        """Store what was found once the button is up and the newest tolerance has its result."""
        start = self._start
        if start is None or not self._released or self._work.busy or not self._found:
            return
        found, self._found, self._start = self._found, Spans.empty(), None
        self.host.touched()
        target = self.target()
        if start.held(_ALT) and target is not None:
            self.put(self.pixels(target.shape) - found, target)
        elif start.held(_SHIFT) and target is not None:
            self.put(self.pixels(target.shape) | found, target)
        else:
            self.put(found, None)
        self.host.refresh()

    def cancel(self) -> bool:
        if self._start is None:
            return False
        self._work.drop()
        self._start, self._found = None, Spans.empty()
        self.host.touched()
        self.host.hint(self.hint())
        self.host.refresh()
        return True

    def undo_point(self) -> bool:
        return self.cancel()

    def shapes_replaced(self) -> None:
        self.cancel()

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        paint_spans(painter, self.host, self._found)


def paint_spans(painter: QPainter, host: Host, area: Spans) -> None:
    """Tint pixels in the colour that is drawn with."""
    if not area:
        return
    view = host.view
    scale = view.scale / view.ratio
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.translate(view.left / view.ratio, view.top / view.ratio)
    part = seen_part(painter, area.bounds(), scale)
    if part is not None:
        x1, y1, x2, y2, step = part
        bits = area.raster(x1, y1, x2 - x1, y2 - y1, step)
        draw_bits(painter, bits, x1, y1, step, scale, host.drawing_colour, _TINT)
    painter.restore()


def _crop_of(colours: Colours, area: QRect) -> Callable[[QRect], Colours]:
    """Gives parts of the colours of an area."""

    def crop(part: QRect) -> Colours:
        x, y = part.x() - area.x(), part.y() - area.y()
        return colours[y : y + part.height(), x : x + part.width()]

    return crop
