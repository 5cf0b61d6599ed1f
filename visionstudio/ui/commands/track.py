"""Track an object, play a video."""

from __future__ import annotations

from PySide6.QtWidgets import QInputDialog

from visionstudio.model.errors import InvalidValue
from visionstudio.model.shapes import Box
from visionstudio.session.track_edits import TrackEdits
from visionstudio.ui.commands.label import LabelCommands
from visionstudio.ui.i18n import tr


class TrackCommands(LabelCommands):
    """Track an object, play a video."""

    def accept_track(self) -> None:
        self._window.model_panel.proposals.accept_track()

    def track_selected(self) -> None:
        session = self._session
        chosen = session.selected() if session is not None else []
        box = next((a for a in chosen if a.shape.kind != "tag"), None)
        if box is None:
            self._window.toast(tr("Select the object to track, or draw a region."), "info")
            self.tool_region()
            return
        if session is not None:
            session.set_active_class(box.class_id)
        self._window.model_panel.track_region(Box(*box.shape.bounds()))

    # Editing tracks

    @property
    def _edits(self) -> TrackEdits:
        project = self._window.project
        if project is None:
            raise InvalidValue("no project is open")
        return project.workbench.track_edits

    def key_here(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.pause()
        self._edits.key_here()

    def move_key(self, track: int, frame: int, to: int) -> None:
        self._edits.move_key(track, frame, to)

    def toggle_timeline(self) -> None:
        bar = self._window.viewer.bar
        if bar is not None:
            bar.fold_timeline(not bar.timeline_folded)

    def next_key(self) -> None:
        self._edits.go_to_key(1)

    def previous_key(self) -> None:
        self._edits.go_to_key(-1)

    def leave_out(self) -> None:
        self._edits.leave_out()

    def cut_from(self) -> None:
        self._edits.cut_from()

    def cut_to(self) -> None:
        self._edits.cut_to()

    def delete_track(self) -> None:
        self._edits.delete()

    def split_track(self) -> None:
        self._edits.split()

    def merge_tracks(self) -> None:
        self._edits.merge()

    def swap_tracks(self) -> None:
        self._edits.swap()

    def fill_gap(self) -> None:
        self._edits.fill_gap()

    def smooth_track(self) -> None:
        self._edits.smooth()

    def thin_track(self) -> None:
        self._edits.thin()

    def relabel_track(self) -> None:
        self._window.choose_class(self._edits.relabel)

    # Playing

    def play_pause(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.toggle()

    def next_frame(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.step(1)

    def previous_frame(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.step(-1)

    def go_to_frame(self) -> None:
        session, player = self._session, self._window.viewer.player
        if session is None or session.current is None or player is None:
            return
        last = max(player.frames - 1, 0)
        frame, chosen = QInputDialog.getInt(
            self._window, tr("Go to frame"), tr("Frame, counted from 0:"), session.frame, 0, last
        )
        if chosen:
            player.seek(frame)
