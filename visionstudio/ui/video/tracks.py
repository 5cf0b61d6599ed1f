"""Keeps a timeline in step with a session: its tracks, its selection, what is dragged in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from visionstudio.model.edits import Change
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.track_columns import Lanes, TrackColumns
from visionstudio.ui.video.lines import Lines

if TYPE_CHECKING:
    from visionstudio.session.effects import Effects
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.video.bar import VideoBar

_WAIT_MS = 60  # edits that follow each other quickly are taken over together


class TrackTable(QObject):
    """The tracks of one video at a time, read once and then changed along with the edits.

    All work on the columns is done in the storage thread, after the edits before it.
    """

    changed = Signal(object)  # Lanes
    selected = Signal(object, bool)  # frozenset of track ids, whether it came from elsewhere

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: ProjectSession | None = None
        self._item: MediaItem | None = None
        self._columns: TrackColumns | None = None
        self._lanes = Lanes(TrackColumns.of(()))
        self._changes: list[Change] = []
        self._busy = False
        self._stamp = 0  # of the video; what was asked for another one is dropped
        self._own = False  # a selection made in the timeline
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self._work)

    def set_session(self, session: ProjectSession | None) -> None:
        """Follow another session, or none."""
        if self._session is not None:
            for signal, slot in self._connections(self._session):
                signal.disconnect(slot)
        self._session = session
        self.show(None)
        if session is not None:
            for signal, slot in self._connections(session):
                signal.connect(slot)

    def _connections(self, session: ProjectSession) -> list[tuple[Any, Callable[..., Any]]]:
        return [
            (session.applied, self._applied),
            (session.tally_changed, self._tally_changed),
            (session.selection_changed, self._selection_changed),
            (session.classes_changed, self._classes_changed),
        ]

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The classes that the tracks are named by."""
        return self._session.classes if self._session is not None else ()

    def show(self, item: MediaItem | None) -> None:
        """Read the tracks of another video; of None or a picture there are none."""
        self._item = item if item is not None and item.kind is not MediaKind.IMAGE else None
        self._columns, self._changes = None, []
        self._stamp += 1
        self._busy = False
        self._timer.stop()
        self._tell(Lanes(TrackColumns.of(())))
        if self._item is not None:
            self._work()

    def _tell(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self.changed.emit(lanes)

    def _classes_changed(self) -> None:
        self.changed.emit(self._lanes)

    def _applied(self, effects: Effects) -> None:
        if self._item is not None and self._item.id in effects.annotations:
            self._changes += effects.annotations[self._item.id]
            self._timer.start()

    def _tally_changed(self, ids: object) -> None:
        if ids is None and self._item is not None:  # something has changed the store at large
            self._columns = None
            self._timer.start()

    def _work(self) -> None:
        item, session = self._item, self._session
        if item is None or session is None or self._busy:
            return
        changes, self._changes = self._changes, []
        columns, stamp = self._columns, self._stamp
        self._busy = True

        def work(store: Any) -> tuple[TrackColumns, Lanes]:
            known = columns if columns is not None else store.track_columns(item.id)
            # What has been read from the store holds the changes already; again is no harm.
            fresh = known.changed(changes)
            return fresh, Lanes(fresh)

        def done(result: tuple[TrackColumns, Lanes]) -> None:
            if stamp != self._stamp:
                return
            self._busy = False
            if self._columns is columns:  # else all is to be read again
                self._columns = result[0]
            self._tell(result[1])
            self._leave_out_gone(session.chosen_tracks)
            if self._changes or self._columns is None:
                self._timer.start()

        def failed(_error: object) -> None:
            self._busy = False  # the frames' own objects say what is wrong

        session.in_store(work, done, failed)

    # The selection

    def select(self, track: int) -> None:
        """Select a track from the timeline: here, or in the frame that is shown next."""
        self._choose([track])

    def toggle(self, track: int) -> None:
        """Select one more track, or leave it out; the one selected first stays first."""
        if self._session is None:
            return
        chosen = self._session.chosen_tracks or tuple(
            a.track_id for a in self._session.selected_in_order() if a.track_id is not None
        )
        self._choose([t for t in chosen if t != track] + [track] * (track not in chosen))

    def _choose(self, tracks: list[int]) -> None:
        if self._session is None:
            return
        self._own = True
        self._session.select_tracks(tracks)
        self._own = False
        self.selected.emit(frozenset(tracks), False)

    def _leave_out_gone(self, chosen: tuple[int, ...]) -> None:
        """A track that was merged or deleted is selected no longer."""
        left = [t for t in chosen if self._lanes.lane_of(t) is not None]
        if len(left) < len(chosen):
            self._choose(left)

    def _selection_changed(self) -> None:
        if self._session is None or self._own:
            return
        chosen = self._session.selected()
        tracks = frozenset(a.track_id for a in chosen if a.track_id is not None)
        if tracks and tracks <= set(self._session.chosen_tracks):
            tracks = frozenset(self._session.chosen_tracks)
        if tracks or chosen:
            self.selected.emit(tracks, True)


def bind(table: TrackTable, bar: VideoBar) -> None:
    """Show a table in the timeline of a bar."""
    timeline = bar.timeline

    def show(lanes: Lanes) -> None:
        bar.show_lines(Lines(lanes, table.classes, timeline.lines.folded))

    table.changed.connect(show)
    table.selected.connect(lambda tracks, show: timeline.set_selected(tracks, show=show))
    timeline.track_clicked.connect(table.select)
    timeline.track_toggled.connect(table.toggle)
