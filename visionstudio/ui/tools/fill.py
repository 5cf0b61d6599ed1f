"""The bucket: fills holes of a mask, and places that objects enclose."""

from __future__ import annotations

from functools import partial

from visionstudio.model.annotations import Annotation
from visionstudio.model.shapes import Polygon
from visionstudio.model.spans import Spans
from visionstudio.session import booleans
from visionstudio.session.pixels import covers, enclosed, hole_at, pixels_of
from visionstudio.session.shape_work import weight
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer
from visionstudio.ui.tools.wand import PixelTool


class FillTool(PixelTool):
    """A click in a hole of the selected object fills it.

    Elsewhere it fills the place that the objects in the picture enclose: the
    selected mask gets it, or a new one.
    """

    name = "fill"

    def hint(self) -> str:
        if self.target() is not None:
            return tr("Click in a hole to fill it, or in a place that objects enclose")
        return tr("Click in a place that objects enclose to fill it with a new mask")

    def press(self, pointer: Pointer) -> None:
        if not self.may_work(pointer):
            return
        target = self.target()
        if target is not None and isinstance(target.shape, Polygon):
            closed = booleans.without_hole(target.shape, pointer.x, pointer.y)
            if closed is not None:
                if not self.host.is_locked(target):
                    self.host.settle({target.id: closed})
                return
        x, y = int(pointer.x), int(pointer.y)
        own = self.pixels(target.shape) if target is not None else Spans.empty()
        if own.contains(x, y):
            self.host.hint(tr("This is filled already"))
            return
        shapes = [
            annotation.shape
            for i in self.host.visible_ids()
            if (annotation := self.host.annotation(i)) is not None and covers(annotation.shape)
        ]
        size = self.host.view.width, self.host.view.height

        def find() -> Spans:
            hole = hole_at(own, x, y)
            walls = booleans.joined([own.mask(), *shapes], size)
            if hole or walls is None:
                return hole
            return enclosed(pixels_of(walls, *size), x, y, *size)

        cost = sum(weight(s) for s in shapes)
        self.work_out(find, partial(self._fill, target, own), cost)

    def _fill(self, target: Annotation | None, own: Spans, place: Spans) -> None:
        if target is not None and self.host.annotation(target.id) is not target:
            self.host.hint(tr("The object has changed meanwhile: click again"))
        elif not place:
            self.host.hint(tr("Nothing encloses this place: close the gap first"))
        elif target is not None and isinstance(target.shape, Polygon):
            self.put(place, None)
        else:
            self.put(own | place, target)
