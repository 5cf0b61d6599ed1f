"""Track an object, play a video."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QInputDialog

from visionstudio.model.errors import InvalidValue
from visionstudio.session.track_edits import TrackEdits
from visionstudio.ui.commands.label import LabelCommands
from visionstudio.ui.i18n import tr
from visionstudio.ui.video.clock import seconds_of


class TrackCommands(LabelCommands):
    """Track an object, play a video."""

    def accept_track(self) -> None:
        self._window.model_panel.proposals.accept_track()

    def track_selected(self) -> None:
        self._track("forwards")

    def track_back(self) -> None:
        self._track("backwards")

    def track_to_key(self) -> None:
        self._track("to key")

    def _track(self, way: str) -> None:
        from visionstudio.session.tracks import Way  # what tracks is not there at the start

        session = self._session
        chosen = session.selected() if session is not None else []
        objects = [a for a in chosen if a.shape.kind != "tag"]
        if not objects:
            self._window.toast(tr("Select the object to track, or draw a region."), "info")
            self.tool_region()
            return
        if session is not None:
            session.set_active_class(objects[0].class_id)
        self._window.model_panel.track_objects(objects, Way(way))

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

    def count_tracks(self) -> None:
        self._window.dialogs.open_counting()

    def compare_trackers(self) -> None:
        self._window.dialogs.open_tracker_comparison()

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

    def ten_frames_on(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.step(10)

    def ten_frames_back(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.step(-10)

    def play_faster(self) -> None:
        self._speed(1)

    def play_slower(self) -> None:
        self._speed(-1)

    def _speed(self, step: int) -> None:
        player = self._window.viewer.player
        if player is not None:
            from visionstudio.ui.video.player import SPEEDS  # is there with a video only

            place = min(range(len(SPEEDS)), key=lambda n: abs(SPEEDS[n] - player.speed)) + step
            player.set_speed(SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])

    def loop_start(self) -> None:
        if self._window.viewer.bar is not None:
            self._window.viewer.bar.start_loop()

    def loop_end(self) -> None:
        if self._window.viewer.bar is not None:
            self._window.viewer.bar.end_loop()

    def loop_off(self) -> None:
        if self._window.viewer.bar is not None:
            self._window.viewer.bar.clear_loop()

    def go_to_frame(self) -> None:
        session, player = self._session, self._window.viewer.player
        if session is None or player is None or player.info is None:
            return
        text, chosen = QInputDialog.getText(
            self._window,
            tr("Go to frame or time"),
            tr("A frame, counted from 0, or a time such as 1:02.5 or 12 s:"),
            text=str(session.frame),
        )
        if not chosen:
            return
        seconds = seconds_of(text)
        if seconds is not None:
            shown = player.info.seconds  # the frame that is on screen at that time
            player.seek(max(0, int(np.searchsorted(shown, seconds + 1e-6, side="right")) - 1))
        elif text.strip().isdigit():
            player.seek(int(text))
        else:
            raise InvalidValue(
                f"'{text}' is no frame and no time", next_step="type 250, 1:02.5 or 12 s"
            )
