"""What a search found, as cut-outs side by side: look at many objects, decide on them by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.shapes import Bounds
from visionstudio.ui.grid.crop import around
from visionstudio.ui.grid.item import GridItem, GridModel, Overlay, PictureSource
from visionstudio.ui.grid.view import GridView
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.find_model import FindModel
from visionstudio.ui.panels.media_model import describe, is_bad
from visionstudio.ui.panels.objects import state_text

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_SIDE = 112
_NO_CLASS = "#b0b0b0"
_CTRL = Qt.KeyboardModifier.ControlModifier
_MARKS = {State.VERIFIED: ("check-circle", "success"), State.PROPOSED: ("rhombus-outline", "text")}


class FoundCrops(GridModel):
    """The rows of a `FindModel`; the key of one is its annotation's id."""

    moved = Signal(object)
    """The key of an object that is cut out elsewhere now."""

    def __init__(self, found: FindModel) -> None:
        super().__init__(found)
        self._found = found
        self._session: ProjectSession | None = None
        self._cut: dict[int, tuple[int, int, Bounds | None]] = {}
        found.modelReset.connect(self._reset)
        found.grew.connect(self.replaced)
        found.dataChanged.connect(self._rows_changed)

    def set_session(self, session: ProjectSession | None) -> None:
        """Whose annotations they are."""
        self._session = session
        self._reset()

    def _reset(self) -> None:
        self._cut.clear()
        self.replaced.emit()

    def _rows_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        rows = range(first.row(), last.row() + 1)
        many = len(rows) > 10_000
        self.changed.emit(None if many else frozenset(self.key(row) for row in rows))

    def count(self) -> int:
        return self._found.rowCount()

    def key(self, row: int) -> int:
        return self._found.id_at(row)

    def keys(self) -> frozenset[int]:
        return frozenset(self._found.ids([range(self.count())]))

    def row_of(self, key: int) -> int | None:
        return self._found.row_of(key)

    def item(self, row: int) -> GridItem:
        annotation, session = self._found.annotation(row), self._session
        media = None
        if annotation is not None and session is not None:
            media = session.media_by_id(annotation.media_id)
        if annotation is None or session is None or media is None:
            gone = tr("deleted") if self._found.is_gone(row) else ""
            return GridItem(self.key(row), gone, PictureSource(), problem=gone)
        crop = None
        if annotation.shape.kind != "tag":
            crop = around(annotation.shape.bounds(), media.width, media.height)
        self._follow(annotation, crop)
        one = session.class_by_id(annotation.class_id)
        name, colour = (one.name, one.colour) if one is not None else ("?", _NO_CLASS)
        proposed = annotation.state is State.PROPOSED
        shape = Overlay(annotation.shape, colour, proposed, filled=False)
        place = f"{media.path} · {annotation.frame}" if annotation.frame else media.path
        return GridItem(
            key=annotation.id,
            title=media.name,
            picture=PictureSource(
                session.path_of(media), crop, kind=str(media.kind), frame=annotation.frame
            ),
            size=(media.width, media.height),
            overlay=() if crop is None else (shape,),
            badge="" if annotation.score is None else f"{annotation.score:.2f}",
            mark=_MARKS.get(annotation.state),
            chips=((name, colour),),
            problem=describe(media) if is_bad(media) else "",
            tip=f"{name} #{annotation.id} · {state_text(annotation.state)}\n{place}",
        )

    def _follow(self, annotation: Annotation, crop: Bounds | None) -> None:
        now = annotation.media_id, annotation.frame, crop
        before = self._cut.setdefault(annotation.id, now)
        if before != now:
            self._cut[annotation.id] = now
            self.moved.emit(annotation.id)


class CropGrid(GridView):
    """Found objects; keys decide on the selected ones."""

    delete_wanted = Signal()
    verify_wanted = Signal()
    class_wanted = Signal(int)
    """The number of a class in the list, from 1."""

    def __init__(self, found: FindModel, parent: QWidget | None = None) -> None:
        self.found = FoundCrops(found)
        super().__init__(self.found, parent)
        self.setObjectName("findCrops")
        self.setAccessibleName(tr("Objects that were found"))
        self.empty_text = "Nothing was found."
        self.set_side(_SIDE)
        self.found.moved.connect(self.pictures.forget)
        found.modelReset.connect(self._forget_selection)

    def _forget_selection(self) -> None:
        self.pictures.clear()
        self.reset()

    @property
    def chosen(self) -> list[int]:
        """The ids of the selected objects, in the order of the results' ids."""
        return sorted(self._selection)

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._meaning(event) is not None
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match self._meaning(event):
            case "all":
                self.select_all()
            case "delete":
                self.delete_wanted.emit()
            case "verify":
                self.verify_wanted.emit()
            case int() as number:
                self.class_wanted.emit(number)
            case _:
                super().keyPressEvent(event)

    def _meaning(self, event: QKeyEvent) -> str | int | None:
        keys = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = event.key()
        if keys == _CTRL:
            return "all" if key == Qt.Key.Key_A else None
        if keys or not self._selection:
            return None
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            return "delete"
        if key == Qt.Key.Key_Space:
            return "verify"
        if Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            return key - Qt.Key.Key_0
        return None
