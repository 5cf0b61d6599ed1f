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
from visionstudio.model.media import MediaItem
from visionstudio.storage.records import MediaSummary


@dataclass(slots=True)
class Effects:
    """An edit's changes by what they concern, and by how much its labels count.

    `annotations` are by media id; a change that takes an annotation from one
    item to another is listed with both. `labels` and `proposals` are
    differences per media id, `per_class` differences of labels per class id.
    """

    classes: list[Change] = field(default_factory=list)
    media: list[Change] = field(default_factory=list)
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
        return effects

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

    def __init__(self, media: dict[int, MediaSummary], classes: dict[int, int]) -> None:
        self.media = media
        self.classes = classes

    def count(self, effects: Effects) -> frozenset[int]:
        """Count an edit, once. Returns the media items whose figures may have changed."""
        touched = effects.labels.keys() | effects.proposals.keys()
        for media_id in touched:
            old = self.media.get(media_id, MediaSummary())
            self.media[media_id] = MediaSummary(
                old.labels + effects.labels.get(media_id, 0),
                old.proposals + effects.proposals.get(media_id, 0),
            )
        for class_id, difference in effects.per_class.items():
            self.classes[class_id] = self.classes.get(class_id, 0) + difference
        return frozenset(touched)
