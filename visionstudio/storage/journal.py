"""The journal: every gesture with what takes it back, so that undo survives a restart.

Rows are only appended. A 'do' row names in `parent` the gesture that it was
made on top of; an 'undo' or 'redo' row names in `target` the gesture that it
takes back or brings again. Gestures thus form a tree, and the last row says
where in it the project stands:

    do g: at g        undo g: at the parent of g        redo g: at g

The next undo is the gesture where we stand; the next redo is its youngest
child, since a new gesture always makes a younger one. Parent 0 is the
beginning.

A 'do' row stores the operations that take it back. An 'undo' row stores those
that bring it again, until a 'redo' has put the rows back in their tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from visionstudio.model.edits import Edit
from visionstudio.storage import bulk
from visionstudio.storage import operations as ops
from visionstudio.storage.database import one_row
from visionstudio.storage.runs import now


@dataclass(frozen=True, slots=True)
class Position:
    """Where the project stands: the gestures that the next undo and redo concern."""

    undo: int = 0
    undo_title: str | None = None
    redo: int = 0
    redo_title: str | None = None


def position(connection: apsw.Connection) -> Position:
    """Where the project stands, by the last row of the journal."""
    last = connection.execute(
        "SELECT id, action, target, parent FROM journal ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if last is None:
        return Position()
    row_id, action, target, parent = last
    at = {"do": row_id, "undo": parent, "redo": target}[action]
    here = connection.execute("SELECT title FROM journal WHERE id = ?", (at,)).fetchone()
    child = connection.execute(
        "SELECT id, title FROM journal WHERE action = 'do' AND parent = ? ORDER BY id DESC LIMIT 1",
        (at,),
    ).fetchone()
    return Position(
        undo=at if here else 0,
        undo_title=here[0] if here else None,
        redo=child[0] if child else 0,
        redo_title=child[1] if child else None,
    )


def do(
    connection: apsw.Connection,
    edit: Edit,
    here: Position,
    new: bulk.NewRows | None = None,
    author: str = "",
) -> Position:
    """Make an edit, put in new rows behind it, and remember what takes both back."""
    back = ops.run(connection, ops.operations_of(edit))
    if new is not None:
        made = bulk.insert(connection, new)
        back = [[ops.REMOVE, 0, new.first, made], *back] if made else back
    if not back:
        return here
    row_id = _append(connection, "do", 0, here.undo, edit.title, author)
    _store(connection, row_id, back)
    return Position(undo=row_id, undo_title=edit.title)


def undo(connection: apsw.Connection, here: Position, author: str = "") -> tuple[Edit, Position]:
    """Take back the gesture where the project stands; returns what that changed."""
    parent = one_row(connection, "SELECT parent FROM journal WHERE id = ?", (here.undo,))[0]
    back = _load(connection, here.undo)
    edit = ops.edit_of(connection, here.undo_title or "", back)
    again = ops.run(connection, back)
    row_id = _append(connection, "undo", here.undo, parent, edit.title, author)
    _store(connection, row_id, again)
    return edit, position(connection)


def redo(connection: apsw.Connection, here: Position, author: str = "") -> tuple[Edit, Position]:
    """Bring the last undone gesture again; returns what that changed."""
    undone = one_row(
        connection,
        "SELECT id FROM journal WHERE action = 'undo' AND target = ? ORDER BY id DESC LIMIT 1",
        (here.redo,),
    )[0]
    again = _load(connection, undone)
    edit = ops.edit_of(connection, here.redo_title or "", again)
    # What takes the gesture back lies at its 'do' row already.
    ops.run(connection, again)
    connection.execute("DELETE FROM journal_part WHERE journal_id = ?", (undone,))
    _append(connection, "redo", here.redo, here.undo, edit.title, author)
    return edit, position(connection)


def _append(
    connection: apsw.Connection, action: str, target: int, parent: int, title: str, author: str
) -> int:
    connection.execute(
        "INSERT INTO journal (action, target, parent, title, made, author)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (action, target, parent, title, now(), author),
    )
    return connection.last_insert_rowid()


def _store(connection: apsw.Connection, row_id: int, operations: list[ops.Operation]) -> None:
    for part, start in enumerate(range(0, len(operations), ops.PART_SIZE)):
        connection.execute(
            "INSERT INTO journal_part (journal_id, part, operations) VALUES (?, ?, ?)",
            (row_id, part, ops.pack(operations[start : start + ops.PART_SIZE])),
        )


def _load(connection: apsw.Connection, row_id: int) -> list[ops.Operation]:
    return [
        operation
        for (data,) in connection.execute(
            "SELECT operations FROM journal_part WHERE journal_id = ? ORDER BY part", (row_id,)
        )
        for operation in ops.unpack(data)
    ]
