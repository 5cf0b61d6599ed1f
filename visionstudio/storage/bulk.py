"""Very many annotations at a time: put in as rows, put aside and brought back as ranges of ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import apsw
import numpy as np

from visionstudio.model.errors import InvalidValue
from visionstudio.storage.database import one_row
from visionstudio.storage.packing import Packed
from visionstudio.storage.rows import ANNOTATION, Value, Values

ASIDE = 5_000
"""Removed rows of one range beyond this are moved aside instead of into the journal."""
_INDEX = "annotation_by_frame"
_PARENTS = {ANNOTATION.columns.index(f"{table}_id"): table for table in ("media", "class", "run")}
_INDEX_PAYS = 20_000  # changed rows from which building the index anew is faster than keeping it


@dataclass(frozen=True, slots=True)
class NewRows:
    """Annotations to add as rows of their table, at most `limit` with ids from `first` on.

    For so many that values of them would not fit into memory: `batches` are
    taken one by one, rows of all columns or packed ones, and their ids follow each other
    without a gap. `highest`
    are the highest numbers that they use besides their ids, by the name of the
    sequence.
    """

    first: int
    limit: int
    batches: Iterable[Packed | Iterable[Values]]
    highest: Mapping[str, int] = field(default_factory=dict)


def insert(connection: apsw.Connection, new: NewRows) -> int:
    """Put in new rows and return how many. Raises InvalidValue when their ids have gaps."""
    parents: dict[int, set[Value]] = {place: set() for place in _PARENTS}
    with _parents_later(connection, parents), _index_aside(connection, new.limit):
        before = connection.total_changes()
        for batch in new.batches:
            if isinstance(batch, Packed):
                for place, found in parents.items():
                    found.update(batch.different(ANNOTATION.columns[place]))
                batch.insert(connection, ANNOTATION.name)
            else:
                connection.executemany(ANNOTATION.insert, _noting(batch, parents))
        made = connection.total_changes() - before
    if (
        made > new.limit
        or _count(connection, ANNOTATION.name, new.first, new.first + made - 1) != made
    ):
        raise InvalidValue(f"{made} rows are not those that were to be stored")
    return made


def put_aside(connection: apsw.Connection, first: int, count: int) -> None:
    """Annotations first … first + count − 1 into the table of those that are undone."""
    _move(connection, "annotation", "undone_annotation", first, count)


def bring_back(connection: apsw.Connection, first: int, count: int) -> None:
    """What `put_aside` has moved, back."""
    _move(connection, "undone_annotation", "annotation", first, count)


def _move(connection: apsw.Connection, source: str, target: str, first: int, count: int) -> None:
    where = "WHERE id BETWEEN ? AND ?"
    values = (first, first + count - 1)
    if _count(connection, source, *values) != count:
        raise InvalidValue(
            "a row of annotation is not in the project",
            next_step="reload the project and make the change again",
        )
    columns = ", ".join(ANNOTATION.columns)
    with _index_aside(connection, count):
        connection.execute(
            f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source} {where}", values
        )
        connection.execute(f"DELETE FROM {source} {where}", values)


def _count(connection: apsw.Connection, table: str, first: int, last: int) -> int:
    sql = f"SELECT count(*) FROM {table} WHERE id BETWEEN ? AND ?"
    found: int = one_row(connection, sql, (first, last))[0]
    return found


def _noting(rows: Iterable[Values], parents: Mapping[int, set[Value]]) -> Iterator[Values]:
    for row in rows:
        for place, found in parents.items():
            found.add(row[place])
        yield row


@contextmanager
def _parents_later(
    connection: apsw.Connection, parents: Mapping[int, set[Value]]
) -> Iterator[None]:
    """Without looking up each row's picture, class and run: the different ones are looked up after.

    Raises InvalidValue for one that is not there.
    """
    switch = apsw.SQLITE_DBCONFIG_ENABLE_FKEY
    connection.config(switch, 0)
    try:
        yield
    finally:
        connection.config(switch, 1)
    for place, found in parents.items():
        table = _PARENTS[place]
        wanted = np.array([i for i in found if i is not None], dtype=np.int64)
        if not len(wanted):
            continue
        sql = f"SELECT count(*) FROM carray(?) AS n JOIN {table} ON {table}.id = n.value"
        if one_row(connection, sql, (apsw.carray(wanted),))[0] != len(wanted):
            raise InvalidValue(
                f"new annotations name a {table} that is not in the project",
                next_step="reload the project and import again",
            )


@contextmanager
def _index_aside(connection: apsw.Connection, rows: int) -> Iterator[None]:
    """Without the index of annotations while most of them change; it is built anew after."""
    (there,) = one_row(connection, "SELECT count(*) FROM annotation")
    if rows < _INDEX_PAYS or rows < there / 4:
        yield
        return
    (sql,) = one_row(connection, "SELECT sql FROM sqlite_schema WHERE name = ?", (_INDEX,))
    connection.execute(f"DROP INDEX {_INDEX}")
    yield
    connection.execute(sql)
