"""Which of the action table's conditions hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visionstudio.model.annotations import State

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession


def conditions(
    session: ProjectSession | None, *, is_video: bool, has_copied: bool, is_drawing: bool
) -> frozenset[str]:
    """The conditions of `actions.CONDITIONS` that hold now."""
    if session is None:
        return frozenset()
    writable = not session.store.read_only
    holds = {
        "project": True,
        "writable": writable,
        "media": session.current is not None,
        "video": is_video,
        "selection": bool(session.selection),
        "editable": writable and bool(session.selection),
        "track": writable
        and (bool(session.chosen_tracks) or any(a.track_id for a in session.selected())),
        "proposals": writable and any(a.state is State.PROPOSED for a in session.annotations),
        "copied": writable and has_copied,
        # What is still being stored can be undone too: that waits its turn.
        "undo": writable and (session.undo_title is not None or not session.saved or is_drawing),
        "redo": writable and (session.redo_title is not None or is_drawing),
    }
    return frozenset(name for name, held in holds.items() if held)
