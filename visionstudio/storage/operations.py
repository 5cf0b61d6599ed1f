"""Elementary operations on rows: what an edit does, and what takes it back.

An operation is a list, so that the journal can hold it as msgpack:

    [INSERT, table, row]              put a row that is not there
    [REMOVE, table, first id, count]  take away rows first … first + count − 1
    [UPDATE, table, id, columns, values]  change some columns of a row
    [RESTORE, table, first id, count]  bring back rows that REMOVE has put aside

A REMOVE of more than `bulk.ASIDE` rows puts them into a table beside, from where
RESTORE brings them back. Running operations answers with those that take them back, in the order in
which to run them. Taking back an insertion needs only ids, as the rows
themselves lie in their table: storing a million new rows journals one range.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import apsw
import msgspec
import numpy as np

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit, Row
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem
from visionstudio.storage import bulk
from visionstudio.storage.rows import TABLES, Table, table_of

Operation = list[Any]
INSERT, REMOVE, UPDATE, RESTORE = 0, 1, 2, 3
_FIELDS: Mapping[type[Row], tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind))
    for kind in (Annotation, LabelClass, MediaItem, Measurement)
}
PART_SIZE = 20_000
"""Operations per stored piece: keeps a blob far below SQLite's limit of 1 GB."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[list[Any]])


def pack(operations: list[Operation]) -> bytes:
    """Operations as bytes."""
    return _encoder.encode(operations)


def unpack(data: bytes) -> list[Operation]:
    """The operations that `pack` made."""
    operations = _decoder.decode(data)
    for operation in operations:
        if operation[0] == INSERT:
            table = TABLES[operation[1]]
            if len(operation[2]) < len(table.columns):
                operation[2] = table.whole(operation[2])
    return operations


def changed_fields(before: Row, after: Row) -> dict[str, Any]:
    """The fields in which two values of one type differ, with their new values."""
    return {
        name: new
        for name in _FIELDS[type(before)]
        if (new := getattr(after, name)) is not (old := getattr(before, name)) and new != old
    }


def patched(current: Row, before: Row, after: Row) -> Row:
    """`current` with only what the change from `before` to `after` changes.

    A header that was read in the background meanwhile stays as it is.
    """
    return replace(current, **changed_fields(before, after))


def operations_of(edit: Edit) -> Iterator[Operation]:
    """An edit as operations, in its order. Changes that change nothing vanish."""
    for change in edit.changes:
        before, after = change.before, change.after
        if before is None and after is not None:
            number = table_of(after)
            yield [INSERT, number, TABLES[number].values(after)]
        elif before is not None and after is None:
            yield [REMOVE, table_of(before), before.id, 1]
        elif before is not None and after is not None:
            operation = _update_of(before, after)
            if operation:
                yield operation


def _update_of(before: Row, after: Row) -> Operation | None:
    names = changed_fields(before, after)
    if not names:
        return None
    number = table_of(after)
    table = TABLES[number]
    columns = [column for name in names for column in table.places[name]]
    values = table.values(after)
    return [UPDATE, number, after.id, columns, [values[c] for c in columns]]


def run(connection: apsw.Connection, operations: Iterable[Operation]) -> list[Operation]:
    """Run operations inside the caller's transaction and return what takes them back.

    Raises InvalidValue for a row that is not there, apsw.ConstraintError for
    one that is there already.
    """
    back: list[Operation] = []
    for kind, group in _grouped(operations):
        if kind == INSERT:
            back += _insert(connection, group)
        elif kind == REMOVE:
            back += _remove(connection, group)
        elif kind == RESTORE:
            back += [_restore(connection, operation) for operation in group]
        else:
            back += _update(connection, group)
    back.reverse()
    return back


def _grouped(operations: Iterable[Operation]) -> Iterator[tuple[int, list[Operation]]]:
    """Neighbours of one kind and table together, at most PART_SIZE at a time."""
    group: list[Operation] = []
    for operation in operations:
        if group and (operation[:2] != group[0][:2] or len(group) >= PART_SIZE):
            yield group[0][0], group
            group = []
        group.append(operation)
    if group:
        yield group[0][0], group


def _insert(connection: apsw.Connection, group: list[Operation]) -> list[Operation]:
    number = group[0][1]
    connection.executemany(TABLES[number].insert, [operation[2] for operation in group])
    back: list[Operation] = []
    for operation in group:
        row_id = operation[2][0]
        if back and back[-1][2] + back[-1][3] == row_id:
            back[-1][3] += 1
        else:
            back.append([REMOVE, number, row_id, 1])
    return back


def _remove(connection: apsw.Connection, group: list[Operation]) -> list[Operation]:
    back: list[Operation] = []
    for _, number, first, count in group:
        table = TABLES[number]
        if number == 0 and count > bulk.ASIDE:
            bulk.put_aside(connection, first, count)
            back.append([RESTORE, number, first, count])
            continue
        where = "WHERE id BETWEEN ? AND ?"
        # Descending, as `run` reverses what takes it back: insertion is fastest upwards.
        rows = connection.execute(
            f"{table.select} {where} ORDER BY id DESC", (first, first + count - 1)
        ).fetchall()
        if len(rows) != count:
            raise _missing(table, first if count == 1 else None)
        connection.execute(f"DELETE FROM {table.name} {where}", (first, first + count - 1))
        back += [[INSERT, number, row] for row in rows]
    return back


def _restore(connection: apsw.Connection, operation: Operation) -> Operation:
    _, number, first, count = operation
    bulk.bring_back(connection, first, count)
    return [REMOVE, number, first, count]


def _update(connection: apsw.Connection, group: list[Operation]) -> list[Operation]:
    back: list[Operation] = []
    for alike in _alike(group):
        _, number, _, columns, _ = alike[0]
        table = TABLES[number]
        names = [table.columns[c] for c in columns]
        ids = np.array([operation[2] for operation in alike], dtype=np.int64)
        old = {
            row[0]: row[1:]
            for row in connection.execute(
                f"SELECT t.id, {', '.join(f't.{n}' for n in names)}"
                f" FROM carray(?) AS n JOIN {table.name} AS t ON t.id = n.value",
                (apsw.carray(ids),),
            )
        }
        for row_id in ids.tolist():
            if row_id not in old:
                raise _missing(table, row_id)
        connection.executemany(
            f"UPDATE {table.name} SET {', '.join(f'{n} = ?' for n in names)} WHERE id = ?",
            [(*values, row_id) for _, _, row_id, _, values in alike],
        )
        back += [[UPDATE, number, i, columns, list(old[i])] for i in ids.tolist()]
    return back


def _alike(group: list[Operation]) -> Iterator[list[Operation]]:
    """Neighbours that change the same columns of different rows."""
    alike: list[Operation] = []
    seen: set[int] = set()
    for operation in group:
        if alike and (operation[3] != alike[0][3] or operation[2] in seen):
            yield alike
            alike, seen = [], set()
        alike.append(operation)
        seen.add(operation[2])
    if alike:
        yield alike


def _missing(table: Table, row_id: int | None) -> InvalidValue:
    which = f"{table.name} {row_id}" if row_id is not None else f"a row of {table.name}"
    return InvalidValue(
        f"{which} is not in the project", next_step="reload the project and make the change again"
    )


def edit_of(connection: apsw.Connection, title: str, operations: list[Operation]) -> Edit:
    """The edit that running the operations makes, read from the rows as they are now.

    Call it before running them, in the same transaction. Of very many rows it
    tells only that they are.
    """
    if any(o[0] == RESTORE or (o[0] == REMOVE and o[3] > bulk.ASIDE) for o in operations):
        return Edit(title, (), bulk=True)
    changes: list[Change] = []
    latest: dict[tuple[int, int], tuple[Any, ...] | None] = {}  # rows that earlier ones touch

    def current(number: int, first: int, count: int) -> Iterator[tuple[Any, ...]]:
        stored = {
            row[0]: row
            for row in connection.execute(
                f"{TABLES[number].select} WHERE id BETWEEN ? AND ?", (first, first + count - 1)
            )
        }
        for row_id in range(first, first + count):
            row = latest.get((number, row_id), stored.get(row_id))
            if row is None:
                raise _missing(TABLES[number], row_id)
            yield row

    for operation in operations:
        kind, number = operation[:2]
        value = TABLES[number].value
        if kind == INSERT:
            row = tuple(operation[2])
            changes.append(Change(None, value(row)))
            latest[number, row[0]] = row
        elif kind == REMOVE:
            for row in current(number, *operation[2:]):
                changes.append(Change(value(row), None))
                latest[number, row[0]] = None
        else:
            _, _, row_id, columns, values = operation
            (row,) = current(number, row_id, 1)
            new = list(row)
            for column, new_value in zip(columns, values, strict=True):
                new[column] = new_value
            changes.append(Change(value(row), value(tuple(new))))
            latest[number, row_id] = tuple(new)
    return Edit(title, tuple(changes))
