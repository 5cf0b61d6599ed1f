"""What a list of media needs to know of all of them, as columns: a million rows in a second.

SQLite joins the values of many rows into one text, without holding the interpreter;
a Python value for each would take ten times as long and four times the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.storage import rows

PIECE = 1024
"""Paths that are kept as one text."""
KINDS = tuple(MediaKind)
STATUSES = tuple(MediaStatus)
_AT_ONCE = 8192
# Beyond every quoted name (see rows.py) and before every other one.
_AFTER_QUOTED = "\0\U0010ffff"

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MediaColumns:
    """Media in path order; all arrays are (N,).

    `paths` are pieces of at most `PIECE` paths joined by NUL, which no path holds.
    `kinds` and `statuses` are places in `KINDS` and `STATUSES`, `reasons` places in
    `texts`. `odd` are items whose names are no Unicode: not among the others.
    """

    ids: Ids
    paths: list[str]
    widths: Ids
    heights: Ids
    frames: Ids
    kinds: NDArray[np.uint8]
    statuses: NDArray[np.uint8]
    verified: NDArray[np.bool_]
    reasons: NDArray[np.int32]
    texts: list[str]
    odd: tuple[MediaItem, ...] = ()


def new_columns(ids: Ids, paths: list[str], kinds: list[MediaKind]) -> MediaColumns:
    """Columns of items of which only the names are known, in path order."""
    count = len(ids)
    code = {kind: place for place, kind in enumerate(KINDS)}
    return MediaColumns(
        ids,
        ["\0".join(paths[i : i + PIECE]) for i in range(0, count, PIECE)],
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.ones(count, np.int64),
        np.fromiter((code[kind] for kind in kinds), np.uint8, count),
        np.full(count, STATUSES.index(MediaStatus.UNKNOWN), np.uint8),
        np.zeros(count, np.bool_),
        np.zeros(count, np.int32),
        [""],
    )


def read_columns(connection: apsw.Connection) -> MediaColumns:
    """The columns of all media, from one state of the database."""
    with connection:  # a savepoint: nothing is written in between
        ids, paths = _paths(connection)
        by_id, facts = _facts(connection)
        reasons, texts = _reasons(connection, by_id)
        odd = connection.execute(f"{rows.MEDIA.select} WHERE path < ?", (_AFTER_QUOTED,))
        items = tuple(rows.media_from(row) for row in odd)
    at = np.searchsorted(by_id, ids)
    width, height, frames, kind, status, verified = (column[at] for column in facts)
    return MediaColumns(
        ids,
        paths,
        width,
        height,
        frames,
        kind.astype(np.uint8),
        status.astype(np.uint8),
        verified.astype(np.bool_),
        reasons[at],
        texts,
        items,
    )


def _paths(connection: apsw.Connection) -> tuple[Ids, list[str]]:
    """Ids and pieces of paths, in path order: from the index of the paths alone."""
    sql = (
        "SELECT group_concat(id), group_concat(path, char(0)), max(path) FROM"
        f" (SELECT id, path FROM media WHERE path > ? ORDER BY path LIMIT {PIECE})"
    )
    ids: list[Ids] = []
    pieces: list[str] = []
    for found in _pages(connection, sql, _AFTER_QUOTED):
        ids.append(_numbers(found[0]))
        pieces.append(found[1])
    return _joined(ids), pieces


def _facts(connection: apsw.Connection) -> tuple[Ids, list[Ids]]:
    """Ids in their order, and of each: width, height, frames, kind, status, verified."""
    columns = (
        "id", "width", "height", "frames", _code("kind", KINDS), _code("status", STATUSES),
        "verified <> 0",
    )  # fmt: skip
    wanted = ", ".join(f"group_concat({column})" for column in columns)
    sql = (
        f"SELECT {wanted}, max(id) FROM"
        f" (SELECT * FROM media WHERE id > ? ORDER BY id LIMIT {_AT_ONCE})"
    )
    pages = [[_numbers(text) for text in found[:-1]] for found in _pages(connection, sql, -(2**63))]
    ids, *facts = (_joined([page[n] for page in pages]) for n in range(len(columns)))
    return ids, facts


def _reasons(connection: apsw.Connection, ids: Ids) -> tuple[NDArray[np.int32], list[str]]:
    """Why items cannot be read: the place of the text for each, and the texts."""
    places: dict[str, int] = {"": 0}
    reasons = np.zeros(len(ids), np.int32)
    found = connection.execute("SELECT id, reason FROM media WHERE reason <> '' ORDER BY id")
    while some := list(islice(found, _AT_ONCE)):
        codes = [places.setdefault(text, len(places)) for _, text in some]
        reasons[np.searchsorted(ids, [row[0] for row in some])] = codes
    return reasons, list(places)


def _pages(connection: apsw.Connection, sql: str, after: Any) -> Iterator[tuple[Any, ...]]:
    """Pages of a query whose last column is where the next one begins."""
    while True:
        found = connection.execute(sql, (after,)).fetchone()
        if found is None or found[-1] is None:
            return
        yield found
        after = found[-1]


def _code(column: str, values: tuple[StrEnum, ...]) -> str:
    cases = " ".join(f"WHEN '{value}' THEN {code}" for code, value in enumerate(values))
    return f"CASE {column} {cases} ELSE 0 END"


def _numbers(text: str) -> Ids:
    return np.fromstring(text, dtype=np.int64, sep=",")


def _joined(parts: list[Ids]) -> Ids:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
