"""Very many annotations at a time: put in as rows, put aside and brought back as ranges of ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import apsw

from visionstudio.model.errors import InvalidValue
from visionstudio.storage.database import one_row
from visionstudio.storage.rows import ANNOTATION, Value

ASIDE = 5_000
"""Removed rows of one range beyond this are moved aside instead of into the journal."""
_INDEX = "annotation_by_frame"
_SIMPLE = re.compile(r"[A-Za-z0-9_:./ -]*")
_INDEX_PAYS = 20_000  # changed rows from which building the index anew is faster than keeping it


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of these columns; the `same` ones have one value in all of them, the rest are NULL."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[Value]]
    same: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def insert(self) -> str:
        """INSERT of one row."""
        for value in self.same.values():
            if isinstance(value, str) and not _SIMPLE.fullmatch(value):
                raise InvalidValue(f"{value!r} cannot stand in a statement")
        names = ", ".join((*self.columns, *self.same))
        values = ["?"] * len(self.columns)
        values += [str(v) if isinstance(v, int) else f"'{v}'" for v in self.same.values()]
        return f"INSERT INTO {ANNOTATION.name} ({names}) VALUES ({', '.join(values)})"


@dataclass(frozen=True, slots=True)
class NewRows:
    """Annotations to add as rows of their table, at most `limit` with ids from `first` on.

    For so many that values of them would not fit into memory: `batches` are
    taken one by one, and their ids follow each other without a gap. `highest`
    are the highest numbers that they use besides their ids, by the name of the
    sequence.
    """

    first: int
    limit: int
    batches: Iterable[Batch]
    highest: Mapping[str, int] = field(default_factory=dict)


def insert(connection: apsw.Connection, new: NewRows) -> int:
    """Put in new rows and return how many. Raises InvalidValue when their ids have gaps."""
    with _index_aside(connection, new.limit):
        before = connection.total_changes()
        for batch in new.batches:
            connection.executemany(batch.insert, batch.rows)
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
