"""The rows that the window shows, kept in step with edits without going through all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.edits import Change
from visionstudio.model.labels import LabelClass
from visionstudio.storage.operations import patched


class ShownAnnotations:
    """The annotations of one frame in drawing order: by z, then by id."""

    def __init__(self) -> None:
        self.media_id = 0
        self.frame = 0
        self._rows: list[Annotation] = []
        self._place: dict[int, int] = {}
        self._tuple: tuple[Annotation, ...] | None = ()

    def show(self, media_id: int, frame: int, rows: Iterable[Annotation] = ()) -> None:
        """Show another frame."""
        self.media_id, self.frame = media_id, frame
        self._arrange(rows)

    def all(self) -> tuple[Annotation, ...]:
        """Everything shown, in drawing order."""
        if self._tuple is None:
            self._tuple = tuple(self._rows)
        return self._tuple

    def get(self, annotation_id: int) -> Annotation | None:
        """A shown annotation by its id."""
        place = self._place.get(annotation_id)
        return None if place is None else self._rows[place]

    def top(self) -> int:
        """The highest z, 0 when nothing is shown."""
        return self._rows[-1].z if self._rows else 0

    def merge(self, changes: Iterable[Change]) -> bool:
        """Take over changes of this item's annotations: whether one concerned this frame.

        Idempotent.
        """
        touched = False
        moved: dict[int, Annotation | None] = {}
        for change in changes:
            row = change.row
            current = moved[row.id] if row.id in moved else self.get(row.id)
            after = cast("Annotation | None", result_of(current, change))
            if after is not None and (after.media_id, after.frame) != (self.media_id, self.frame):
                after = None
            if after is not None and -(after.track_id or 0) in self._place:
                moved[-(after.track_id or 0)] = None  # it was interpolated until now
                touched = True
            if after is not None and after.track_id is not None and after.flags & Flags.OUTSIDE:
                after = None
            if after is current:
                continue
            touched = True
            place = self._place.get(row.id)
            if place is not None and after is not None and after.z == self._rows[place].z:
                self._rows[place] = after
                moved.pop(row.id, None)
            elif place is None and after is not None and not moved and self._goes_last(after):
                self._place[after.id] = len(self._rows)
                self._rows.append(after)
            else:
                moved[row.id] = after
        if moved:
            kept = [a for a in self._rows if a.id not in moved]
            self._arrange(kept + [a for a in moved.values() if a is not None])
        if touched:
            self._tuple = None
        return touched

    def _goes_last(self, annotation: Annotation) -> bool:
        if not self._rows:
            return True
        last = self._rows[-1]
        return (annotation.z, annotation.id) > (last.z, last.id)

    def _arrange(self, rows: Iterable[Annotation]) -> None:
        self._rows = sorted(rows, key=lambda a: (a.z, a.id))
        self._place = {a.id: i for i, a in enumerate(self._rows)}
        self._tuple = None


def result_of(current: Any, change: Change) -> Any:
    """The row that a change leaves, given the one that is there."""
    if change.after is None:
        return None
    if change.before is None or current is None:
        # Also a change of a row that has just come into this frame.
        return change.after
    return patched(current, change.before, change.after)


def merged_classes(
    classes: tuple[LabelClass, ...], changes: Iterable[Change]
) -> tuple[LabelClass, ...]:
    """Classes after an edit, in their order; the same tuple when it concerns none."""
    changed = list(changes)
    if not changed:
        return classes
    by_id = {c.id: c for c in classes}
    for change in changed:
        result = result_of(by_id.get(change.row.id), change)
        if result is None:
            by_id.pop(change.row.id, None)
        else:
            by_id[change.row.id] = result
    return tuple(sorted(by_id.values(), key=lambda c: (c.order, c.id)))
