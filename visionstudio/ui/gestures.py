"""What is drawn and dragged in the picture becomes edits of the session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QWidget

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.shapes import Shape
from visionstudio.ui.class_chooser import ClassChooser
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.canvas.canvas import Canvas

_ABOVE = 48  # widget units below the picture's upper edge
_UNNAMED = 0  # no stored annotation has this id


class Gestures(QObject):
    """Hears a canvas. A shape without a class stays in sight while the chooser asks for one.

    `stay_in_tool()` tells whether a drawing tool is kept after a shape, `pts()` is the
    time stamp of the frame on screen.
    """

    message = Signal(str, str)  # text, level

    def __init__(
        self, canvas: Canvas, chooser: ClassChooser, pts: Callable[[], int | None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._over = parent
        self._canvas = canvas
        self._chooser = chooser
        self._pts = pts
        self._session: ProjectSession | None = None
        self.stay_in_tool: Callable[[], bool] = lambda: True
        canvas.shape_drawn.connect(self._drawn)
        canvas.shapes_edited.connect(self._edited)
        canvas.shapes_divided.connect(self._divided)
        canvas.selection_requested.connect(self._selection_requested)

    def set_session(self, session: ProjectSession | None) -> None:
        """Edit another project, or none."""
        self._chooser.drop()
        self._session = session

    def _selection_requested(self, ids: frozenset[int], mode: str) -> None:
        if self._session is None:
            return
        before = self._session.selection
        if mode != "member":
            ids = self._session.members(ids)  # a group is selected as one thing
        toggled = before - ids if ids <= before else before | ids
        self._session.select({"add": before | ids, "toggle": toggled}.get(mode, ids))

    def _divided(self, shapes: dict[int, list[Shape]]) -> None:
        if self._session is not None:
            self._session.divide(tr("Cut"), shapes)

    def _edited(self, shapes: dict[int, Shape]) -> None:
        if self._session is not None:
            self._session.reshape_many(shapes)

    def _drawn(self, shape: Shape) -> None:
        session = self._session
        if session is None:
            return
        if session.active_class is not None:
            self._add(shape, session.active_class.id)
        elif session.current is not None and not session.store.read_only:
            shown = Annotation(id=_UNNAMED, media_id=session.current.id, class_id=0, shape=shape)
            self._canvas.update_annotations([shown], [])
            self._chooser.ask(
                self.place_of(shape),
                session.classes,
                partial(self._add_as, shape),
                partial(self._canvas.update_annotations, [], [_UNNAMED]),
                back=self._canvas,
            )

    def _add_as(self, shape: Shape, chosen: int | str) -> None:
        self._canvas.update_annotations([], [_UNNAMED])
        class_id = self.class_for(chosen)
        if class_id is not None and self._session is not None:
            self._session.set_active_class(class_id)
            self._add(shape, class_id)

    def class_for(self, chosen: int | str) -> int | None:
        """The id of a class that was chosen, or made by its name."""
        if self._session is None or isinstance(chosen, int):
            return chosen if isinstance(chosen, int) else None
        try:
            return self._session.add_class(chosen).id
        except VisionStudioError as error:
            self.message.emit(str(error), "warning")
            return None

    def _add(self, shape: Shape, class_id: int) -> None:
        if self._session is None:
            return
        self._session.new_annotation(shape, class_id=class_id, pts=self._pts())
        if not (self.stay_in_tool() or self._canvas.tool.stays):
            self._canvas.set_tool("select")

    def ask_class(
        self, use: Callable[[int], object], *, only_new: bool = False, high: bool = False
    ) -> None:
        """Ask for a class, old or new, near the selection or `high` above; `use` gets its id."""
        session = self._session
        if session is None:
            return
        selected = session.selected()
        at = self._canvas.geometry().center()
        if selected and not only_new:
            at = self.place_of(selected[0].shape)
        if high:
            at.setY(self._canvas.geometry().top() + _ABOVE)

        def take(chosen: int | str) -> None:
            class_id = self.class_for(chosen)
            if class_id is not None:
                session.set_active_class(class_id)
                use(class_id)

        classes = () if only_new else session.classes
        self._chooser.ask(at, classes, take, back=self._canvas)

    def place_of(self, shape: Shape) -> QPoint:
        """Where a chooser for a shape belongs, in the viewer: right below it."""
        x1, _, _, y2 = shape.bounds()
        x, y = self._canvas.view.to_widget(x1, y2)
        return self._canvas.viewport().mapTo(self._over, QPoint(round(x), round(y) + 8))
