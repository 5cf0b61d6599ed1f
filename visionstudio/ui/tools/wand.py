"""The magic wand: a click takes what has a similar colour."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec
from visionstudio.model.annotations import Annotation
from visionstudio.model.shapes import Mask, Polygon, Shape
from visionstudio.model.spans import Spans
from visionstudio.session.pixels import pixels_of
from visionstudio.ui.canvas.masks import draw_bits, seen_part
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.background import Newest
from visionstudio.ui.tools.base import Host, Pointer, Tool
from visionstudio.ui.tools.similar import shown, similar

_TINT = 140
_FIRST = 512  # pixels on each side of the click that are looked at first
_MOST = 2048  # and at most
_PER_PIXEL = 0.25  # of dragging, of tolerance
_SHIFT, _ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


class PixelTool(Tool):
    """What wand and bucket share: pixels that become a mask, or part of the selected one."""

    stays = True
    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._work = Newest()

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

    def selection_changed(self) -> None:
        self.host.hint(self.hint())

    def leave(self) -> None:
        super().leave()
        self._work.drop()


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

    @property
    def busy(self) -> bool:
        return self._start is not None

    def hint(self) -> str:
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
        if self.busy or not self.may_work(pointer):
            return
        if pointer.held(_ALT) and self.target() is None:
            self.host.hint(tr("Select a mask to take away from it"))
            return
        self._start, self._first = pointer, self._tolerance
        self._side, self._released, self._found = _FIRST, False, Spans.empty()
        self._look()

    def move(self, pointer: Pointer) -> None:
        if self._start is None or self._released:
            return
        step = round((pointer.place.x() - self._start.place.x()) * _PER_PIXEL)
        wanted = min(max(self._first + step, 0), 255)
        if wanted != self._tolerance:
            self.set_option("tolerance", wanted)

    def release(self, pointer: Pointer) -> None:
        if self._start is not None:
            self._released = True
            self._complete()

    def option_changed(self, name: str) -> None:
        if self._start is not None:
            self._look()

    # -- finding

    def _area(self) -> QRect:
        """What is looked at, in pixels of the picture."""
        view, start = self.host.view, self._start
        whole = QRect(0, 0, view.width, view.height)
        if start is None:
            return QRect()
        middle = QRect(int(start.x) - _MOST, int(start.y) - _MOST, 2 * _MOST, 2 * _MOST)
        if not self.values["contiguous"]:
            x1, y1, x2, y2 = view.seen()
            in_view = QRect(int(x1), int(y1), int(x2 - x1) + 2, int(y2 - y1) + 2)
            return in_view.intersected(whole).intersected(middle)
        side = self._side
        around = QRect(int(start.x) - side, int(start.y) - side, 2 * side, 2 * side)
        return around.intersected(whole)

    def _look(self) -> None:
        picture, start = self.host.picture, self._start
        if picture is None or start is None:
            return
        area = self._area()
        colours = shown(picture, area)
        x, y = int(start.x) - area.x(), int(start.y) - area.y()
        find = partial(
            similar, colours, x, y, self._tolerance, contiguous=bool(self.values["contiguous"])
        )
        self._work.request(find, partial(self._found_in, area))
        self.host.hint(self.hint())

    def _found_in(self, area: QRect, found: Spans) -> None:
        if self._start is None:
            return
        if self.values["contiguous"] and self._side < _MOST and self._goes_on(area, found):
            self._side *= 2
            self._look()
            return
        self._found = found.moved(area.x(), area.y())
        self.host.refresh()
        self._complete()

    def _goes_on(self, area: QRect, found: Spans) -> bool:
        """Whether the region reaches an edge of what was looked at that is not the picture's."""
        view = self.host.view
        x1, y1, x2, y2 = found.bounds()
        return (
            (x1 == 0 and area.x() > 0)
            or (y1 == 0 and area.y() > 0)
            or (x2 == area.width() and area.x() + area.width() < view.width)
            or (y2 == area.height() and area.y() + area.height() < view.height)
        )

    def _complete(self) -> None:
        """Store what was found once the button is up and the newest tolerance has its result."""
        start = self._start
        if start is None or not self._released or self._work.busy or not self._found:
            return
        found, self._found, self._start = self._found, Spans.empty(), None
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
