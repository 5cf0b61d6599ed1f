"""Undo, copy, delete, select."""

from __future__ import annotations

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import add
from visionstudio.ui.commands.base import Group
from visionstudio.ui.i18n import tr

_OFFSET = 12.0  # pixels that a duplicate is moved by, so that it can be seen


class EditCommands(Group):
    """Undo, copy, delete, select."""

    def undo(self) -> None:
        canvas = self._window.viewer.canvas
        if canvas.is_drawing and canvas.undo_point():
            return
        session = self._session
        if session is not None:
            if session.saved and session.undo_title is not None:
                self._window.status.hint.setText(tr("Undone: {what}", what=session.undo_title))
            self._pause()
            session.undo()

    def redo(self) -> None:
        session = self._session
        if session is not None and session.redo_title is not None:
            self._window.status.hint.setText(tr("Done again: {what}", what=session.redo_title))
            self._pause()
            session.redo()

    def _pause(self) -> None:
        """So that what comes back in a video is not passed by."""
        if self._window.viewer.player is not None:
            self._window.viewer.player.pause()

    def copy(self) -> None:
        if self._session is not None:
            self._copied = tuple(self._session.selected())
            self._window.refresh_actions()

    def paste(self) -> None:
        here = self._session.current if self._session is not None else None
        elsewhere = here is not None and all(a.media_id != here.id for a in self._copied)
        # On another picture a copy belongs where it was; on the same it must be seen.
        self._put(self._copied, 0.0 if elsewhere else _OFFSET, tr("Paste"))

    def duplicate(self) -> None:
        if self._session is not None:
            self._put(tuple(self._session.selected()), _OFFSET, tr("Duplicate"))

    def _put(self, annotations: tuple[Annotation, ...], offset: float, title: str) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        known = {c.id for c in session.classes}
        copies = [a for a in annotations if a.class_id in known]
        if not copies:
            return
        first = session.reserve_ids("annotation", len(copies))
        fresh = [
            Annotation(
                id=first + i,
                media_id=session.current.id,
                frame=session.frame,
                class_id=a.class_id,
                shape=a.shape.translated(offset, offset),
                z=a.z,
                flags=a.flags,
                attributes=a.attributes,
            )
            for i, a in enumerate(copies)
        ]
        if session.apply(add(title, fresh)):
            session.select(a.id for a in fresh)

    def delete(self) -> None:
        if self._session is not None:
            self._session.delete(self._session.selection)

    def select_all(self) -> None:
        session = self._session
        if session is not None:
            proposed = {a.id for a in session.visible_proposals()}
            session.select(
                a.id
                for a in session.annotations
                if a.id in proposed
                or (a.state.is_label and a.class_id not in session.hidden_classes)
            )

    def escape(self) -> None:
        canvas = self._window.viewer.canvas
        if canvas.cancel():
            return
        if canvas.tool_name != "select":
            canvas.set_tool("select")
        elif self._session is not None:
            self._session.select(())

    def preferences(self) -> None:
        self._window.dialogs.open_preferences()
