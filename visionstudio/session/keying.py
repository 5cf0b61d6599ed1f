"""Changes of objects between key frames: what a person changes becomes a key frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.session import track_editing

if TYPE_CHECKING:
    from visionstudio.storage.store import IdTable


def placed_keys(
    edit: Edit | None, reserve_ids: Callable[[IdTable], int]
) -> tuple[Edit | None, dict[int, int]]:
    """The edit with a new key frame for every changed object that is stored nowhere yet.

    Also the new ids by the old ones, which lie below 0. What is between key frames
    cannot be deleted here: that is for `track_editing.leave_out`.
    """
    if edit is None or all(not _is_between(c) for c in edit.changes):
        return edit, {}
    changes = []
    ids: dict[int, int] = {}
    for change in edit.changes:
        if not _is_between(change):
            changes.append(change)
        elif isinstance(change.after, Annotation):
            made = track_editing.key(change.after, lambda: reserve_ids("annotation"))
            made = replace(made, history=change.after.history)
            ids[change.after.id] = made.id
            changes.append(Change(None, made))
    return (Edit(edit.title, tuple(changes)) if changes else None), ids


def _is_between(change: Change) -> bool:
    return isinstance(change.row, Annotation) and change.row.id < 0
