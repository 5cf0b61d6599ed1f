"""The canvas: a picture with shapes on it, tools to draw and edit them, pan and zoom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QWidget

from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.display import Levels
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Bounds, Box, Shape
from visionstudio.ui import theme
from visionstudio.ui.canvas import hit, style
from visionstudio.ui.canvas.aids import DrawingAids
from visionstudio.ui.canvas.columns import Columns, Rows
from visionstudio.ui.canvas.key_pointer import KeyPointer
from visionstudio.ui.canvas.message import Kind, Message
from visionstudio.ui.canvas.picture import Array, Picture
from visionstudio.ui.canvas.scene import LIVE, Scene
from visionstudio.ui.canvas.strokes import colour_of
from visionstudio.ui.canvas.view import View
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools import Tool, make_tools

SLICE = 0.006  # seconds of drawing between two looks at the event queue
_AHEAD_SLICE = 0.002  # the same for what is not in view yet
_CALM = 30  # milliseconds without a zoom step or frame before tiles are composed
_FIRST = 2_000  # annotations taken over at once; the rest in slices
_PART = 200
_APART = 20  # more dragged shapes than this are repainted together
_STRIDE = 10_000  # arrivals between two drawings


class Canvas(DrawingAids):
    """Shows a picture and annotations, and turns gestures into signals.

    The canvas changes nothing by itself: a gesture ends in a signal, and what
    it meant is seen when the owner calls `set_annotations`, `update_annotations`
    or `set_selection` in answer. Slots should do so before they return, so that
    nothing flickers. All calls belong to the GUI thread.
    """

    shape_drawn = Signal(object)
    """Shape: a drawing tool has finished one."""
    region_drawn = Signal(object)
    """Box: a region to track."""
    shapes_edited = Signal(object)
    """dict[int, Shape]: new shapes by annotation id, once per gesture."""
    shapes_divided = Signal(object)
    """dict[int, list[Shape]]: what annotations have been cut into, the first keeps the id."""
    selection_requested = Signal(object, str)
    """frozenset[int], and 'replace', 'add', 'toggle' or 'member': one of a group alone."""
    hovered = Signal(object)
    """int | None: the annotation under the pointer."""
    pixel_hovered = Signal(int, int, str)
    """Column, row and source values under the pointer; -1, -1, '' outside the picture."""
    hint_changed = Signal(str)
    """What the next click does."""
    tool_changed = Signal(str)
    """The tool's name."""
    option_changed = Signal(str, str)
    """The tool's name and the option's: it has another value."""
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
        self._columns = Columns()
        self._scene = Scene(self._columns, self.font())
        self._picture: Picture | None = None
        self._selection: frozenset[int] = frozenset()
        self._active: LabelClass | None = None
        self._locked_classes: frozenset[int] = frozenset()
        self._editable = True
        self._arriving: Iterator[Annotation] | None = None
        self._arrived = 0
        self._hint = ""
        self._slices = QTimer(self)
        self._slices.setSingleShot(True)
        self._slices.timeout.connect(self._slice)
        self._tools: dict[str, Tool] = make_tools(self)
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

    def set_highlight(self, annotation_id: int | None) -> None:
        """Light one up as if pointed at, from a list say. Emits nothing."""
        if annotation_id == self._scene.hovered:
            return
        for changed in (self._scene.hovered, annotation_id):
            shape = None if changed is None else self.shape_of(changed)
            self._update_device(self._scene.extent(self.view, shape))
        self._scene.hovered = annotation_id

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

    def colour_of(self, annotation: Annotation) -> str:
        """What an annotation is drawn in."""
        return colour_of(self._columns, annotation.class_id)

    def is_locked(self, annotation: Annotation) -> bool:
        locked = annotation.class_id in self._locked_classes
        return locked or bool(annotation.flags & Flags.LOCKED)

    def set_active_class(self, label_class: LabelClass | None) -> None:
        """The class that gives its colour to what is being drawn."""
        self._active = label_class
        self.skeleton = label_class.skeleton if label_class else None
        self._tool.class_changed()
        self.refresh()

    def set_editable(self, editable: bool) -> None:
        """Whether drawing and editing are allowed."""
        self._editable = editable
        if not editable:
            self._tool.cancel()
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

    def _update_device(self, part: QRect) -> None:
        ratio = self.view.ratio
        if part.isEmpty():
            return
        x, y = int(part.x() / ratio) - 1, int(part.y() / ratio) - 1
        size = QSize(int(part.width() / ratio) + 3, int(part.height() / ratio) + 3)
        self.viewport().update(x, y, size.width(), size.height())

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

    # -- tools

    @property
    def tool_name(self) -> str:
        """The tool in use."""
        return self._tool.name

    @property
    def tool(self) -> Tool:
        return self._tool

    @property
    def tools(self) -> dict[str, Tool]:
        """All tools by name."""
        return self._tools

    @property
    def is_drawing(self) -> bool:
        """Whether a drawing or a drag is under way."""
        return self._tool.busy

    @property
    def has_steps(self) -> bool:
        """Whether the drawing has steps to take back or to bring back."""
        return self._tool.has_steps

    def set_tool(self, name: str) -> None:
        """Use a tool of `TOOLS`. What was being drawn is dropped."""
        if name != self._tool.name:
            self._tool.leave()
            self.key_pointer.drop()
            self._tool = self._tools[name]
            self._tool.enter()
            self.tool_changed.emit(name)
            self.refresh()

    def cancel(self) -> bool:
        """Drop what is being drawn or dragged. Returns whether there was anything."""
        return self._tool.cancel()

    def finish(self) -> bool:
        """Close what is being drawn. Returns whether there was anything."""
        return self._tool.finish()

    def undo_step(self) -> bool:
        """Take back the last step of the drawing. Returns whether there was one."""
        return self._tool.undo_step()

    def forget_steps(self) -> None:
        """What was taken back of a drawing cannot be brought back any more."""
        self._tool.forget_steps()

    def redo_step(self) -> bool:
        """Bring back a step that was taken back. Returns whether there was one."""
        return self._tool.redo_step()

    def delete_vertex(self) -> bool:
        """Delete the vertex under the pointer. Returns whether there was one."""
        return self._tool.delete_vertex()

    # -- what tools ask for (tools.base.Host)

    @property
    def editable(self) -> bool:
        return self._editable

    @property
    def selection(self) -> frozenset[int]:
        return self._selection

    @property
    def focused(self) -> int | None:
        """The selected annotation when it is the only one."""
        return next(iter(self._selection)) if len(self._selection) == 1 else None

    @property
    def drawing_colour(self) -> str:
        return self._active.colour if self._active else style.NO_CLASS

    @property
    def current_hint(self) -> str:
        """The hint last given."""
        return self._hint

    def annotation(self, annotation_id: int) -> Annotation | None:
        """A shown annotation; None for those that the threshold or a class hides."""
        row = self._columns.row_of.get(annotation_id)
        seen = row is not None and (self._columns.shown[row] or annotation_id in self._scene.lifted)
        return self._columns.get(annotation_id) if seen else None

    def shape_of(self, annotation_id: int) -> Shape | None:
        lifted = self._scene.lifted.get(annotation_id)
        if lifted is not None:
            return lifted
        annotation = self._columns.get(annotation_id)
        return None if annotation is None else annotation.shape

    def hit_at(self, x: float, y: float) -> int | None:
        row = hit.hit(self._columns, x, y, self.view.reach(style.REACH * 0.7))
        return None if row is None else next(self._columns.ids(np.array([row])), None)

    def inside(self, region: Bounds) -> frozenset[int]:
        return frozenset(self._columns.ids(hit.inside_region(self._columns, region)))

    def visible_ids(self) -> frozenset[int]:
        """Everything that threshold and classes let through, in view or not."""
        shown = self._columns.shown[: self._columns.count]
        return frozenset(self._columns.ids(np.flatnonzero(shown)))

    def hover(self, annotation_id: int | None) -> None:
        if annotation_id != self._scene.hovered:
            self.set_highlight(annotation_id)
            self.hovered.emit(annotation_id)

    def lift(self, shapes: Mapping[int, Shape]) -> None:
        """Draw these annotations with other shapes while they are dragged; none ends that."""
        before, self._scene.lifted = self._scene.lifted, dict(shapes)
        if shapes.keys() != before.keys():
            self._changed_rows(self._columns.lift(shapes.keys()))
        grouped = any(a.group_id for i in shapes if (a := self._columns.get(i)) is not None)
        if len(shapes) > _APART or shapes.keys() != before.keys() or grouped:
            self.refresh()
            return
        for shape in (*before.values(), *shapes.values()):
            self._update_device(self._scene.extent(self.view, shape))

    def settle(self, shapes: Mapping[int, Shape]) -> None:
        """A gesture has ended with these shapes."""
        if shapes:
            self.shapes_edited.emit(dict(shapes))
        self.lift({})

    def divide(self, shapes: Mapping[int, list[Shape]]) -> None:
        self.shapes_divided.emit(dict(shapes))

    def request_selection(self, ids: Collection[int], mode: str) -> None:
        self.selection_requested.emit(frozenset(ids), mode)

    def drawn(self, shape: Shape) -> None:
        self.shape_drawn.emit(shape)

    def region(self, box: Box) -> None:
        self.region_drawn.emit(box)

    def refresh_part(self, part: Bounds) -> None:
        """Paint a part of the picture's plane again soon."""
        x1, y1, x2, y2 = (v * self.view.scale for v in part)
        size = QSize(int(x2 - x1) + 2, int(y2 - y1) + 2)
        self._update_device(QRect(QPoint(int(x1) + self.view.left, int(y1) + self.view.top), size))

    def option_set(self, tool: Tool, name: str) -> None:
        self.option_changed.emit(tool.name, name)

    def refresh_shapes(self, ids: Iterable[int]) -> None:
        for annotation_id in ids:
            self._update_device(self._scene.extent(self.view, self.shape_of(annotation_id)))

    def hint(self, text: str) -> None:
        if text != self._hint:
            self._hint = text
            self.hint_changed.emit(text)

    def point_at(self, shape: Qt.CursorShape) -> None:
        if self.viewport().cursor().shape() != shape:
            self.viewport().setCursor(shape)

    def _recolour(self) -> None:
        self._scene.sheet.recolour()
        self.refresh()

    def refresh(self) -> None:
        """Paint again soon."""
        self.viewport().update()


def _of_size(view: View, width: int, height: int) -> View:
    return replace(view, width=width, height=height).clamped()
