"""What a list of media needs to know of all of them, as columns: a million rows in a second.

SQLite joins the values of many rows into one text, without holding the interpreter;
a Python value for each would take ten times as long and four times the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.storage import rows
from visionstudio.storage.database import one_row

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
        facts = _facts(connection)
        odd = connection.execute(f"{rows.MEDIA.select} WHERE path < ?", (_AFTER_QUOTED,))
        items = tuple(rows.media_from(row) for row in odd)
    at = _places(facts.ids, ids)
    code = facts.codes[at]
    return MediaColumns(
        ids,
        paths,
        facts.widths[at],
        facts.heights[at],
        facts.frames[at],
        (code & 7).astype(np.uint8),
        (code >> 3 & 7).astype(np.uint8),
        (code >> 6).astype(np.bool_),
        facts.reasons[at],
        facts.texts,
        items,
    )


@dataclass(slots=True)
class _Facts:
    """What is known of all media by their ids, which rise."""

    ids: Ids
    widths: Ids
    heights: Ids
    codes: Ids
    frames: Ids
    reasons: NDArray[np.int32]
    texts: list[str]


def _paths(connection: apsw.Connection) -> tuple[Ids, list[str]]:
    """Ids and pieces of paths, in path order: from the index of the paths alone."""
    sql = (
        "SELECT group_concat(id), group_concat(path, char(0)), max(path) FROM"
        f" (SELECT id, path FROM media WHERE path > ? ORDER BY path LIMIT {PIECE})"
    )
    ids: list[Ids] = []
    pieces: list[str] = []
    for found in pages(connection, sql, _AFTER_QUOTED):
        ids.append(numbers(found[0]))
        pieces.append(found[1])
    return _joined(ids), pieces


def _facts(connection: apsw.Connection) -> _Facts:
    """What lists show of all media, by id; a code is kind + 8 × status + 64 if verified."""
    code = f"{_code('kind', KINDS)} + 8 * {_code('status', STATUSES)} + 64 * (verified <> 0)"
    wanted = "id, width, height, kind, status, verified, reason"
    page = f"(SELECT {wanted} FROM media WHERE id > ? ORDER BY id LIMIT {_AT_ONCE})"
    sql = (
        "SELECT count(*), min(id), group_concat(width), group_concat(height),"
        f" group_concat({code}), min(reason), max(reason), max(id) FROM {page}"
    )
    columns: list[tuple[Ids, ...]] = []
    reasons: list[NDArray[np.int32]] = []
    places = {"": 0}
    after = -(2**63)
    for count, first, *texts, low, high, last in pages(connection, sql, after):
        ids = np.arange(first, first + count)
        if last - first + 1 != count:
            ids = numbers(one_row(connection, f"SELECT group_concat(id) FROM {page}", [after])[0])
        columns.append((ids, *map(numbers, texts)))
        code_of = np.full(count, places.setdefault(low, len(places)), np.int32)
        if low != high:
            found = connection.execute(f"SELECT reason FROM {page}", (after,))
            code_of[:] = [places.setdefault(text, len(places)) for (text,) in found]
        reasons.append(code_of)
        after = last
    ids, widths, heights, codes = (_joined([c[n] for c in columns]) for n in range(4))
    frames = np.ones(len(ids), np.int64)
    for media_id, count in connection.execute("SELECT id, frames FROM media WHERE frames <> 1"):
        frames[np.searchsorted(ids, media_id)] = count
    every = np.concatenate(reasons) if reasons else np.zeros(0, np.int32)
    return _Facts(ids, widths, heights, codes, frames, every, list(places))


def _places(sorted_ids: Ids, ids: Ids) -> Ids:
    """Where in sorted ids others stand, which are all among them."""
    places: Ids
    if len(sorted_ids) and sorted_ids[-1] - sorted_ids[0] + 1 == len(sorted_ids):
        places = ids - sorted_ids[0]  # none is missing, as a rule
    else:
        places = np.searchsorted(sorted_ids, ids)
    return places


def pages(connection: apsw.Connection, sql: str, after: Any) -> Iterator[tuple[Any, ...]]:
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


def numbers(text: str) -> Ids:
    """The whole numbers of a text that `group_concat` made."""
    return np.fromstring(text, dtype=np.int64, sep=",")


def _joined(parts: list[Ids]) -> Ids:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
