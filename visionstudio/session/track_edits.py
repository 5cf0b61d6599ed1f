"""Editing the tracks of the video that is shown: key frames, cuts, identities.

What is asked for is worked out in the storage thread, from the stored rows of the track,
and applied as one step to undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import MediaKind
from visionstudio.session import track_editing

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.storage import ProjectStore

Rows = list[Annotation]


class TrackEdits:
    """Acts on the selected tracks or, where none is selected, on the object selected last."""

    def __init__(self, session: ProjectSession) -> None:
        self._session = session

    def _object(self) -> Annotation:
        """The object in hand. Raises InvalidValue when there is none in this video."""
        session, last = self._session, self._session.in_hand
        chosen = session.selected()
        if len(chosen) == 1:
            return chosen[0]
        item = session.current
        if last is None or item is None or last.media_id != item.id:
            raise InvalidValue("no object is selected", next_step="select one first")
        return last

    def _tracks(self, count: int) -> list[int]:
        """The ids of so many selected tracks, the one selected first in front.

        Those that are chosen in the timeline need not be in this frame.
        """
        session = self._session
        chosen = session.selected_in_order()
        ids = list(dict.fromkeys(a.track_id for a in chosen if a.track_id is not None))
        if len(ids) < count and len(session.chosen_tracks) == count:
            ids = list(session.chosen_tracks)
        if not ids and count == 1:
            track = self._object().track_id
            ids = [] if track is None else [track]
        if session.current is None or len(ids) != count:
            if count == 1:
                raise InvalidValue("select the object of a track")
            raise InvalidValue(
                "select two objects with tracks",
                next_step="click one in the timeline, then the other with Ctrl",
            )
        return ids

    def _edit(self, tracks: Iterable[int], build: Callable[..., Edit | None]) -> None:
        """Apply what `build` makes of the rows of tracks; `build(*rows, new_id)`."""
        item = self._session.current
        if item is None:
            return
        media_id, ids = item.id, list(tracks)

        def work(store: ProjectStore) -> Edit | None:
            rows = [store.annotations_of_track(media_id, i) for i in ids]
            return build(*rows, new_id=lambda: store.reserve_ids("annotation"))

        self._session.in_store(work, self._session.apply)

    # Key frames

    def key_here(self) -> None:
        """A key frame of the object in hand; an object of one frame becomes a track by it."""
        one, frame = self._object(), self._session.frame
        if self._session.current is None or self._session.current.kind is MediaKind.IMAGE:
            raise InvalidValue("key frames are for videos")
        if one.track_id is not None:
            self._edit(
                [one.track_id], lambda rows, new_id: track_editing.key_at(rows, frame, new_id)
            )
            return
        track = self._session.reserve_ids("track")

        def work(store: ProjectStore) -> Edit | None:
            stored = store.annotations_by_id([one.id])
            if not stored:
                return None
            first = track_editing.begin(stored[0], track)
            changes = [Change(stored[0], first)]
            if frame != first.frame:
                more = track_editing.key_at([first], frame, lambda: store.reserve_ids("annotation"))
                changes += [] if more is None else more.changes
            return Edit("Key frame", tuple(changes))

        self._session.in_store(work, self._session.apply)

    def go_to_key(self, step: int) -> None:
        """Go to the next (1) or previous (-1) key frame of the object in hand."""
        track, frame = self._object().track_id, self._session.frame
        item = self._session.current
        if track is None or item is None:
            return

        def find(store: ProjectStore) -> int | None:
            rows = store.annotations_of_track(item.id, track)
            ends = {rows[0].frame, rows[-1].frame} if rows else set()
            keys = ends | {r.frame for r in rows if r.flags & Flags.KEYFRAME}
            beyond = [k for k in keys if (k - frame) * step > 0]
            return min(beyond, key=lambda k: abs(k - frame)) if beyond else None

        def go(found: int | None) -> None:
            if found is not None:
                self._session.go_to_frame(found)

        self._session.in_store(find, go)

    def move_key(self, track: int, frame: int, to: int) -> None:
        """Put a key frame of any track of this video at another frame."""
        self._edit([track], _without_ids(partial(track_editing.move_key, frame=frame, to=to)))

    # Parts of a track

    def leave_out(self) -> None:
        """Delete the object in this frame only."""
        frame = self._session.frame
        self._edit(
            self._tracks(1), lambda rows, new_id: track_editing.leave_out(rows, frame, new_id)
        )

    def cut_from(self) -> None:
        """Delete the track from this frame on."""
        frame = self._session.frame
        self._edit(
            self._tracks(1), lambda rows, new_id: track_editing.cut_from(rows, frame, new_id)
        )

    def cut_to(self) -> None:
        """Delete the track before this frame."""
        frame = self._session.frame
        self._edit(self._tracks(1), partial(track_editing.cut_to, frame=frame))

    def delete(self) -> None:
        """Delete the whole track."""
        self._edit(self._tracks(1), _without_ids(track_editing.delete))

    def split(self) -> None:
        """From this frame on it is another track."""
        frame, track = self._session.frame, self._session.reserve_ids("track")
        self._edit(self._tracks(1), partial(track_editing.split, frame=frame, track_id=track))

    def merge(self) -> None:
        """The two selected tracks are one object: the number of the one selected first stays."""
        self._edit(self._tracks(2), _without_ids(track_editing.merge))

    def swap(self) -> None:
        """The two selected tracks have been mixed up from this frame on."""
        frame = self._session.frame
        self._edit(self._tracks(2), partial(track_editing.swap, frame=frame))

    def fill_gap(self) -> None:
        """Interpolate over the gap of the track in hand that this frame lies in."""
        frame = self._session.frame
        self._edit(self._tracks(1), _without_ids(partial(track_editing.fill_gap, frame=frame)))

    def smooth(self) -> None:
        """Even out a tracker's jitter."""
        self._edit(self._tracks(1), _without_ids(track_editing.smooth))

    def thin(self) -> None:
        """Keep only the key frames that show the track again."""
        self._edit(self._tracks(1), _without_ids(track_editing.thin))

    def relabel(self, class_id: int) -> None:
        """Give the whole track another class."""
        target = self._session.class_by_id(class_id)
        if target is not None:
            self._edit(self._tracks(1), _without_ids(partial(track_editing.relabel, target=target)))


def _without_ids(build: Callable[..., Edit | None]) -> Callable[..., Edit | None]:
    """An edit that needs no new ids."""
    return lambda *rows, new_id: build(*rows)  # noqa: ARG005 (what _edit hands over)
