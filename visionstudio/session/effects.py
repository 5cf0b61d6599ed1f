"""What an edit does to the things that the window shows, sorted once.

An edit of a million changes is sorted in the storage thread, so that the GUI
thread only looks at what concerns the picture in front of it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem
from visionstudio.session.media_list import MediaList
from visionstudio.storage.summaries import MediaSummaries


@dataclass(slots=True)
class Effects:
    """An edit's changes by what they concern, and by how much its labels count.

    `annotations` are by media id; a change that takes an annotation from one
    item to another is listed with both. `labels` and `proposals` are
    differences per media id, `per_class` differences of labels per class id.
    """

    classes: list[Change] = field(default_factory=list)
    media: list[Change] = field(default_factory=list)
    measurements: list[Change] = field(default_factory=list)
    annotations: dict[int, list[Change]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    proposals: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    per_class: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, edit: Edit) -> Effects:
        """Sort an edit."""
        effects = cls()
        for change in edit.changes:
            row = change.row
            if isinstance(row, Annotation):
                effects._sort(change)
            elif isinstance(row, MediaItem):
                effects.media.append(change)
            elif isinstance(row, LabelClass):
                effects.classes.append(change)
            elif isinstance(row, Measurement):
                effects.measurements.append(change)
        return effects

    def place_to_show(
        self, media: MediaList, current: MediaItem | None, frame: int
    ) -> tuple[int, int] | None:
        """The (media id, frame) where this can be seen, None where nothing can.

        That is the place shown now (`current`, `frame`) when it is touched at all,
        else the first one: a frame of the same video rather than another picture.
        """
        facts = {c.row.id for c in self.media if c.after is not None}
        if current is not None:
            frames = self._frames(current.id)
            if frame in frames or (not frames and current.id in facts):
                return current.id, frame
            if frames:
                return current.id, min(frames)
        measured = {c.row.media_id for c in self.measurements if isinstance(c.row, Measurement)}
        touched = self.annotations.keys() | facts | measured
        places = [(place, m) for m in touched if (place := media.place_of(m)) is not None]
        if not places:
            return None
        _, first = min(places)
        return first, min(self._frames(first), default=0)

    def left_at(self, media_id: int, frame: int) -> frozenset[int]:
        """The annotations that this made or changed there and that can be seen."""
        rows = (c.after for c in self.annotations.get(media_id, ()))
        return frozenset(
            a.id
            for a in rows
            if isinstance(a, Annotation)
            and (a.media_id, a.frame) == (media_id, frame)
            and a.state is not State.REJECTED
        )

    def concerns_tracks(self, media_id: int) -> bool:
        """Whether it changes a row of one of the item's tracks."""
        changes = self.annotations.get(media_id, ())
        rows = (row for c in changes for row in (c.before, c.after))
        return any(isinstance(r, Annotation) and r.track_id is not None for r in rows)

    def _frames(self, media_id: int) -> set[int]:
        rows = (c.row for c in self.annotations.get(media_id, ()))
        found = {a.frame for a in rows if isinstance(a, Annotation) and a.media_id == media_id}
        measured = (c.row for c in self.measurements)
        return found | {
            m.frame for m in measured if isinstance(m, Measurement) and m.media_id == media_id
        }

    def _sort(self, change: Change) -> None:
        before, after = change.before, change.after
        if isinstance(before, Annotation):
            self.annotations[before.media_id].append(change)
            self._count(before, -1)
        if isinstance(after, Annotation):
            if not isinstance(before, Annotation) or before.media_id != after.media_id:
                self.annotations[after.media_id].append(change)
            self._count(after, 1)

    def _count(self, row: Annotation, sign: int) -> None:
        if row.state is State.PROPOSED:
            self.proposals[row.media_id] += sign
        elif row.state is not State.REJECTED:
            self.labels[row.media_id] += sign
            self.per_class[row.class_id] += sign


class Tally:
    """Labels and proposals per media item and labels per class, counted along with edits."""

    def __init__(self, media: MediaSummaries, classes: dict[int, int]) -> None:
        self.media = media
        self.classes = classes

    def count(self, effects: Effects) -> frozenset[int]:
        """Count an edit, once. Returns the media items whose figures may have changed."""
        touched = effects.labels.keys() | effects.proposals.keys()
        for media_id in touched:
            self.media.add(
                media_id, effects.labels.get(media_id, 0), effects.proposals.get(media_id, 0)
            )
        for class_id, difference in effects.per_class.items():
            self.classes[class_id] = self.classes.get(class_id, 0) + difference
        return frozenset(touched)
