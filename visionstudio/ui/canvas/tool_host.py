"""The tools of the canvas: which is in use, and all that they ask of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtWidgets import QWidget

from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Bounds, Box, Shape
from visionstudio.ui.canvas import hit, style
from visionstudio.ui.canvas.aids import DrawingAids
from visionstudio.ui.canvas.columns import Columns, Rows
from visionstudio.ui.canvas.key_pointer import KeyPointer
from visionstudio.ui.canvas.scene import Scene
from visionstudio.ui.canvas.strokes import colour_of
from visionstudio.ui.tools import Tool

_APART = 20  # more dragged shapes than this are repainted together


class ToolHost(DrawingAids):
    """The canvas as `tools.base.Host` knows it. What tools do ends in these signals."""

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
    hint_changed = Signal(str)
    """What the next click does."""
    tool_changed = Signal(str)
    """The tool's name."""
    option_changed = Signal(str, str)
    """The tool's name and the option's: it has another value."""

    _tools: dict[str, Tool]
    _tool: Tool
    key_pointer: KeyPointer

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = Columns()
        self._scene = Scene(self._columns, self.font())
        self._selection: frozenset[int] = frozenset()
        self._active: LabelClass | None = None
        self._locked_classes: frozenset[int] = frozenset()
        self._editable = True
        self._hint = ""

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

    def set_highlight(self, annotation_id: int | None) -> None:
        """Light one up as if pointed at, from a list say. Emits nothing."""
        if annotation_id == self._scene.hovered:
            return
        for changed in (self._scene.hovered, annotation_id):
            shape = None if changed is None else self.shape_of(changed)
            self._update_device(self._scene.extent(self.view, shape))
        self._scene.hovered = annotation_id

    def colour_of(self, annotation: Annotation) -> str:
        """What an annotation is drawn in."""
        return colour_of(self._columns, annotation.class_id)

    def is_locked(self, annotation: Annotation) -> bool:
        locked = annotation.class_id in self._locked_classes
        return locked or bool(annotation.flags & Flags.LOCKED)

    def set_editable(self, editable: bool) -> None:
        """Whether drawing and editing are allowed."""
        self._editable = editable
        if not editable:
            self._tool.cancel()
        self.refresh()

    def _update_device(self, part: QRect) -> None:
        ratio = self.view.ratio
        if part.isEmpty():
            return
        x, y = int(part.x() / ratio) - 1, int(part.y() / ratio) - 1
        size = QSize(int(part.width() / ratio) + 3, int(part.height() / ratio) + 3)
        self.viewport().update(x, y, size.width(), size.height())

    def _changed_rows(self, rows: Rows) -> None:
        """What is drawn of these rows is stale."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Paint again soon."""
        self.viewport().update()
