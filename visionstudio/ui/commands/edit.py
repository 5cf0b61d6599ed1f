"""Undo, copy, delete, select."""

from __future__ import annotations

from functools import cached_property

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QMenu

from visionstudio.model.annotations import Annotation
from visionstudio.session import copying
from visionstudio.ui.clipboard import AnnotationClipboard
from visionstudio.ui.commands.base import Group
from visionstudio.ui.i18n import tr

_OFFSET = 12.0  # pixels that a duplicate is moved by, so that it can be seen


class EditCommands(Group):
    """Undo, copy, delete, select."""

    @cached_property
    def clipboard(self) -> AnnotationClipboard:
        """The system's, for annotations."""
        clipboard = AnnotationClipboard(self._window)
        clipboard.changed.connect(self._window.refresh_actions)
        return clipboard

    @property
    def has_copied(self) -> bool:
        """Whether there is something to paste."""
        return self.clipboard.has_copied

    def undo(self) -> None:
        canvas, project = self._window.viewer.canvas, self._window.project
        working = project is not None and project.has_workbench
        if project is not None and working and project.workbench.shape_work.cancel():
            return  # what is still being worked out is not there to be undone
        if canvas.undo_step() or (canvas.is_drawing and canvas.cancel()):
            return
        canvas.forget_steps()  # what was taken back of a drawing comes before this no more
        session = self._session
        if session is not None:
            if session.saved and session.undo_title is not None:
                self._window.status.hint.setText(tr("Undone: {what}", what=session.undo_title))
            self._pause()
            session.undo()

    def redo(self) -> None:
        if self._window.viewer.canvas.redo_step():
            return
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
        session = self._session
        if session is not None and session.selection:
            self.clipboard.put(copying.copied(session, session.selected()))
            self._say(tr("{count} objects copied", count=len(session.selection)))

    def paste(self) -> None:
        session = self._session
        if session is None:
            return
        what = self.clipboard.take()
        # On another picture a copy belongs where it was; on the same it must be seen.
        offset = _OFFSET if what.place == copying.place_of(session) else 0.0
        self._put(what, tr("Paste"), offset)

    def duplicate(self) -> None:
        session = self._session
        if session is not None:
            self._put(copying.copied(session, session.selected()), tr("Duplicate"), _OFFSET)

    def _put(self, what: copying.Copied, title: str, offset: float) -> None:
        session = self._session
        if session is None:
            return
        edit = copying.paste(session, what, title, offset=offset, pts=self._window.viewer.pts)
        if session.apply(edit) and edit is not None:
            session.select(c.row.id for c in edit if isinstance(c.row, Annotation))

    def copy_previous(self) -> None:
        """The labels of the picture before, or of the frame before in a video."""
        session = self._session
        if session is None or session.current is None:
            return
        here, frame = session.current, session.frame
        is_video = self._window.viewer.is_video
        if is_video and frame > 0:
            before, before_frame = here, frame - 1
        else:
            found = self._window.media_panel.model.neighbour(here.id, -1)
            if found is None:
                self._say(tr("There is no picture before this one."))
                return
            before, before_frame = found, max(found.frames - 1, 0)

        def put(there: list[Annotation]) -> None:
            if session.current is None or (session.current.id, session.frame) != (here.id, frame):
                return  # gone on meanwhile
            labels = copying.missing(there, session.annotations)
            what = copying.copied(session, labels)
            edit = copying.paste(
                session,
                what,
                tr("Copy labels from before"),
                pts=self._window.viewer.pts,
                keep_tracks=before.id == here.id,
            )
            if session.apply(edit) and edit is not None:
                session.select(c.row.id for c in edit)
                text = tr("{count} labels copied from {name}", count=len(labels), name=before.name)
                self._say(text)
            else:
                self._say(tr("{name} has no labels that are not here.", name=before.name))

        session.in_store(lambda store: store.annotations(before.id, before_frame), put)

    def delete(self) -> None:
        session = self._session
        if session is None:
            return
        chosen = session.selected()
        if len(chosen) == 1 and chosen[0].track_id is not None and self._window.viewer.is_video:
            self._ask_how_far(chosen[0])
            return
        locked = sum(session.is_locked(a) for a in chosen)
        session.delete(session.selection)
        if locked:
            text = tr("{count} locked objects were left. Alt+L unlocks them.", count=locked)
            self._window.toast(text, "warning")

    def _ask_how_far(self, one: Annotation) -> None:
        """Whether an object goes from this frame, from here on, or altogether."""
        menu = QMenu(self._window)
        menu.setObjectName("deleteTrackMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in ("track.leave_out", "track.cut_from", "track.cut_to", "track.delete"):
            menu.addAction(self._window.actions_[name])
        menu.setActiveAction(menu.actions()[0])
        viewer = self._window.viewer
        menu.popup(viewer.mapToGlobal(viewer.gestures.place_of(one.shape)))

    def select_all(self) -> None:
        session = self._session
        if session is not None:
            proposed = {a.id for a in session.visible_proposals()}
            session.select(
                a.id
                for a in session.annotations
                if a.id in proposed or (a.state.is_label and not session.is_hidden(a))
            )

    def found_class(self) -> None:
        self._window.finding.act("findRelabel")

    def found_attribute(self) -> None:
        self._window.finding.act("findAttributeSet")

    def found_verify(self) -> None:
        self._window.finding.act("findVerify")

    def found_delete(self) -> None:
        self._window.finding.act("findDelete")

    def find_objects(self) -> None:
        self._window.finding.start()

    def next_result(self) -> None:
        self._window.finding.step(1)

    def previous_result(self) -> None:
        self._window.finding.step(-1)

    def escape(self) -> None:
        canvas = self._window.viewer.canvas
        if isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox):
            self._window.viewer.focus_canvas()  # out of the field first
            return
        if canvas.cancel():
            return
        if canvas.tool_name != "select":
            canvas.set_tool("select")
        elif self._session is not None and self._session.selection:
            self._session.select(())
        elif self._window.came_from_grid:
            self._window.show_grid(True)

    def preferences(self) -> None:
        self._window.dialogs.open_preferences()
