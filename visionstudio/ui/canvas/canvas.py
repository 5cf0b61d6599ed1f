"""The canvas: a picture with shapes on it, tools to draw and edit them, pan and zoom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QWidget

from visionstudio.model.annotations import Annotation
from visionstudio.model.display import Levels
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Bounds
from visionstudio.ui import theme
from visionstudio.ui.canvas.columns import Rows
from visionstudio.ui.canvas.key_pointer import KeyPointer
from visionstudio.ui.canvas.message import Kind, Message
from visionstudio.ui.canvas.picture import Array, Picture
from visionstudio.ui.canvas.scene import LIVE
from visionstudio.ui.canvas.tool_host import ToolHost
from visionstudio.ui.canvas.view import View
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools import make_tools

SLICE = 0.006  # seconds of drawing between two looks at the event queue
_AHEAD_SLICE = 0.002  # the same for what is not in view yet
_CALM = 30  # milliseconds without a zoom step or frame before tiles are composed
_FIRST = 2_000  # annotations taken over at once; the rest in slices
_PART = 200
_STRIDE = 10_000  # arrivals between two drawings


class Canvas(ToolHost):
    """Shows a picture and annotations, and turns gestures into signals.

    The canvas changes nothing by itself: a gesture ends in a signal, and what
    it meant is seen when the owner calls `set_annotations`, `update_annotations`
    or `set_selection` in answer. Slots should do so before they return, so that
    nothing flickers. All calls belong to the GUI thread.
    """

    pixel_hovered = Signal(int, int, str)
    """Column, row and source values under the pointer; -1, -1, '' outside the picture."""
    space_tapped = Signal()
    """Space was pressed and let go without dragging."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName(tr("Picture with annotations"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._picture: Picture | None = None
        self._arriving: Iterator[Annotation] | None = None
        self._arrived = 0
        self._slices = QTimer(self)
        self._slices.setSingleShot(True)
        self._slices.timeout.connect(self._slice)
        self._tools = make_tools(self)
        self._tool = self._tools["select"]
        self.key_pointer = KeyPointer(self)
        self._tool.enter()
        self.start_inputs()
        theme.watcher().changed.connect(self._recolour)

    # -- the picture

    def set_image(
        self,
        rgb: NDArray[np.uint8] | Picture,
        size: tuple[int, int] | None = None,
        source: Array | None = None,
        keep_view: bool = False,
    ) -> None:
        """Show a picture: (H, W, 3) uint8, or one prepared in a worker thread.

        `size` (width, height) is the media item's when `rgb` is a reduced first
        paint, and `source` its values for readout and contrast. The picture is
        fitted unless `keep_view` or one of the same size is already shown there.
        Raises InvalidValue for arrays that are no picture.
        """
        picture = rgb if isinstance(rgb, Picture) else Picture(rgb, size, source)
        same = self._picture is not None and keep_view
        if not same:
            self._tool.cancel()
        self._put_picture(picture)
        if not same:
            self.fit()

    def set_frame(self, rgb: NDArray[np.uint8] | Picture) -> None:
        """Show another frame of the video: the view stays, drawing goes on."""
        picture = rgb if isinstance(rgb, Picture) else Picture(rgb)
        first = self._picture is None
        self._put_picture(picture)
        if first:
            self.fit()

    def _put_picture(self, picture: Picture) -> None:
        resized = (picture.width, picture.height) != (self.view.width, self.view.height)
        self._picture = picture
        picture.listen(lambda part: self._part_arrived(picture, part))
        self._scene.show(picture)
        if resized:
            self._set_view(_of_size(self.view, picture.width, picture.height))
        if not self._slices.isActive():
            self._slices.start(_CALM)  # the next frame of a video may be here before
        self.refresh()

    def _part_arrived(self, picture: Picture, part: QRect) -> None:
        """A tile of a large picture is there: what shows it is drawn again."""
        if picture is self._picture:
            self._scene.sheet.improve(self.view, part)
            self._slices.start(0)

    def set_message(self, title: str, detail: str = "", kind: Kind = "empty") -> None:
        """Show a text instead of a picture: nothing open, loading, or an error with its reason."""
        self._tool.cancel()
        self._picture = None
        self._scene.say(Message(title, detail, kind))
        self.clear_annotations()

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    def set_levels(self, levels: Levels | None) -> None:
        """Show source values through a window; None shows the picture as decoded."""
        if self._picture is not None and self._picture.levels != levels:
            self._put_picture(self._picture.with_levels(levels))

    # -- annotations

    def set_annotations(
        self, annotations: Iterable[Annotation], classes: Iterable[LabelClass]
    ) -> None:
        """Show these and no others. Many thousand arrive in slices, the window stays live."""
        self.clear_annotations()
        self._columns.classes = {c.id: c for c in classes}
        self._arriving, self._arrived = iter(annotations), 0
        self._arrive(_FIRST)
        self._slice()

    def clear_annotations(self) -> None:
        """Show none."""
        self._arriving = None
        self._tool.shapes_replaced()
        self._columns.lift(())
        self._columns.clear()
        self._scene.lifted.clear()
        self._scene.sheet.reset()
        self.hover(None)
        self.refresh()

    def set_classes(self, classes: Iterable[LabelClass]) -> None:
        """Other names, colours or skeletons for the same annotations."""
        self._columns.use_classes(classes)
        self._scene.sheet.reset()
        self._go_on()

    def update_annotations(
        self, changed: Iterable[Annotation] = (), removed: Iterable[int] = ()
    ) -> None:
        """Add or replace some annotations and forget others."""
        self._arrive_all()
        changed, removed = list(changed), list(removed)
        rows = [self._columns.row_of.get(i) for i in (*(a.id for a in changed), *removed)]
        known = np.array([r for r in rows if r is not None], dtype=np.int64)
        before = self._columns.bounds_of(known)
        self._columns.remove(removed)
        after = self._columns.bounds_of(self._columns.put(changed))
        if self._columns.squeeze():
            self._scene.sheet.reset()
        self._scene.sheet.stale(np.concatenate([before, after]))
        self._go_on()

    def set_selection(self, ids: Collection[int]) -> None:
        """Show these as selected."""
        chosen = frozenset(ids)
        if chosen == self._selection:
            return
        self._selection = chosen
        self._mark()
        self._tool.selection_changed()
        self._go_on()

    def _mark(self) -> None:
        """Leave a large selection to the tiles."""
        many = len(self._selection) > LIVE
        marked = self._columns.mark(self._selection if many else ())
        self._scene.sheet.stale(self._columns.bounds_of(marked))

    def set_threshold(self, threshold: float) -> None:
        """Hide proposals that score below it."""
        self._changed_rows(self._columns.filter(threshold=threshold))

    def set_hidden_classes(self, class_ids: Collection[int]) -> None:
        """Hide the annotations of these classes, and show all others."""
        self._changed_rows(self._columns.filter(hidden_classes=class_ids))

    def set_locked_classes(self, class_ids: Collection[int]) -> None:
        """Protect the annotations of these classes, and of no others, against being dragged."""
        self._locked_classes = frozenset(class_ids)
        self.refresh()

    def set_active_class(self, label_class: LabelClass | None) -> None:
        """The class that gives its colour to what is being drawn."""
        self._active = label_class
        self.skeleton = label_class.skeleton if label_class else None
        self._tool.class_changed()
        self.refresh()

    def _arrive(self, count: int) -> int:
        """Take over some of the annotations that are still coming. Returns how many."""
        if self._arriving is None:
            return 0
        part = list(islice(self._arriving, count))
        self._columns.put(part)
        self._arrived += len(part)
        if len(part) < count:
            self._arriving = None
            self._mark()
        if self._arriving is None or self._arrived >= _STRIDE:
            # Drawing again and again what has just been drawn would take longer than waiting.
            self._arrived = 0
            self._scene.sheet.reset()
            self.refresh()
        return len(part)

    def _arrive_all(self) -> None:
        while self._arrive(_FIRST):
            pass

    def _changed_rows(self, rows: Rows) -> None:
        if len(rows):
            self._scene.sheet.stale(self._columns.bounds_of(rows))
            self._go_on()

    def _go_on(self) -> None:
        """Draw what is stale, the first slice at once."""
        self.refresh()
        self._slice()

    def _slice(self) -> None:
        if self._arriving is not None:
            end = perf_counter() + SLICE
            while perf_counter() < end and self._arrive(_PART):
                pass
            self._slices.start(0)
            return
        if self._picture is None:
            return
        sheet = self._scene.sheet
        if sheet.pending(self.view, 0):
            for part in sheet.fill(self.view, SLICE, 0):
                self._update_device(part)
        else:
            sheet.fill(self.view, _AHEAD_SLICE)  # beside the view: nothing of it is seen yet
        if sheet.pending(self.view):
            self._slices.start(0)

    @property
    def settled(self) -> bool:
        """Whether everything in view has been drawn."""
        busy = self._arriving is not None or self._slices.isActive()
        return not busy and not self._scene.sheet.pending(self.view)

    def focus_on(self, annotation_id: int) -> None:
        """Bring an annotation into the middle, large enough to work on."""
        annotation = self._columns.get(annotation_id)
        if annotation is not None:
            self._set_view(self.view.around(annotation.shape.bounds()))

    def show_bounds(self, bounds: Bounds) -> None:
        """Bring a part of the picture into the middle, with what surrounds it."""
        self._set_view(self.view.around(bounds))

    def _view_used(self) -> None:
        # What is drawn of a zoom step would be in the way of the next one.
        wait = _CALM if self._scene.sheet.use(self.view) else 0
        self.refresh()
        self._slices.start(wait)

    def _recolour(self) -> None:
        self._scene.sheet.recolour()
        self.refresh()


def _of_size(view: View, width: int, height: int) -> View:
    return replace(view, width=width, height=height).clamped()
