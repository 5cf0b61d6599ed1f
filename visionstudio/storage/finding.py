"""Looking for annotations across the whole project."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation
from visionstudio.storage import rows
from visionstudio.storage.database import Row
from visionstudio.storage.measuring import Sizes, sizes
from visionstudio.storage.query import ANY, Query, Range, where
from visionstudio.storage.reading import ProjectReader, pairs

Ids = NDArray[np.int64]


class Hits(NamedTuple):
    """Annotations that were found: their ids, and where they are. Arrays of one length."""

    ids: Ids
    media: Ids
    frames: Ids


class Labels(NamedTuple):
    """Labels as columns: neither proposed nor rejected. Arrays of one length, and their sizes.

    `states` are places in `rows.STATES`, `kinds` in `shapes.KINDS`.
    """

    media: Ids
    classes: Ids
    states: Ids
    kinds: Ids
    sizes: Sizes


class ProjectFinder(ProjectReader):
    """What can be asked about all annotations at once. Thread-safe; every call may block."""

    def find(
        self,
        query: Query,
        media_ids: Collection[int] | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Hits:
        """The annotations for which a query holds, by media id, frame and id.

        Only those of some media, and of frames from the first to before the
        second, where these are given.
        """
        sql, values = where(query)
        if media_ids is not None:
            sql += " AND media_id IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(sorted(media_ids)))
        if frames is not None:
            sql += " AND frame >= ? AND frame < ?"
            values += frames
        if query.measures:
            places = self._measured(query, sql, values)
        else:
            places = self._grouped(sql, values)
        # Sorting here costs less than in SQL, where the index helps but half of the way.
        order = np.lexsort((places.ids, places.frames, places.media))
        return Hits(places.ids[order], places.media[order], places.frames[order])

    def _grouped(self, sql: str, values: list[Any]) -> Hits:
        """What SQL alone can find: a row for every frame, as a million rows would take longer."""
        with self._database.read() as connection:
            found: list[Row] = connection.execute(
                "SELECT media_id, frame, count(*), group_concat(id) FROM annotation"
                f" WHERE {sql} GROUP BY media_id, frame",
                values,
            ).fetchall()
        ids = np.fromstring(",".join(row[3] for row in found), dtype=np.int64, sep=",")
        media, frames, counts = _columns(found, 3)
        return Hits(ids, np.repeat(media, counts), np.repeat(frames, counts))

    def _measured(self, query: Query, sql: str, values: list[Any]) -> Hits:
        """What also has the sizes that are wanted."""
        with self._database.read() as connection:
            found: list[Row] = connection.execute(
                f"SELECT id, media_id, frame, kind, geometry FROM annotation WHERE {sql}", values
            ).fetchall()
        fits = _fit(query, found) if found else slice(None)
        ids, media, frames = (column[fits] for column in _columns(found, 3))
        return Hits(ids, media, frames)

    def attribute_usage(self, class_id: int) -> dict[str, int]:
        """How many annotations of a class have a value, by the attribute's name."""
        with self._database.read() as connection:
            return pairs(
                connection,
                "SELECT key, count(*) FROM annotation, json_each(attributes)"
                f" WHERE class_id = {int(class_id)} AND attributes IS NOT NULL GROUP BY key",
            )

    def annotations_with_attributes(self, class_id: int) -> list[Annotation]:
        """The annotations of a class that have any attribute, in every state, by id."""
        sql = f"{rows.ANNOTATION.select} WHERE class_id = ? AND attributes IS NOT NULL ORDER BY id"
        return self._all(sql, rows.annotation_from, (class_id,))

    def sources(self) -> list[str]:
        """Where annotations come from: 'manual', 'import:FORMAT', 'model:ID'."""
        sql = "SELECT DISTINCT source FROM annotation ORDER BY source"
        return self._all(sql, lambda row: str(row[0]))

    def labels(self, first: int, last: int) -> Labels:
        """The labels of all media whose id lies in [first, last), by media id."""
        codes = ", ".join(map(str, rows.LABEL_CODES))
        with self._database.read() as connection:
            found: list[Row] = connection.execute(
                "SELECT media_id, class_id, state, kind, geometry FROM annotation"
                f" WHERE media_id >= ? AND media_id < ? AND state IN ({codes}) ORDER BY media_id",
                (first, last),
            ).fetchall()
        media, classes, states, kinds = _columns(found, 4)
        return Labels(
            media, classes, states, kinds, sizes([r[3] for r in found], [r[4] for r in found])
        )

    def gestures(self) -> list[tuple[str, str]]:
        """When (ISO 8601, UTC) and by whom gestures were made, undone and redone, in order."""
        return self._all("SELECT made, author FROM journal ORDER BY id", lambda r: (r[0], r[1]))


def _columns(found: list[Row], count: int) -> list[Ids]:
    """The first columns of rows as arrays."""
    return [np.fromiter((row[n] for row in found), np.int64, len(found)) for n in range(count)]


def _fit(query: Query, found: list[Row]) -> NDArray[np.bool_]:
    """Which rows have the sizes that a query wants."""
    measured = sizes([row[3] for row in found], [row[4] for row in found])
    fits = np.ones(len(found), dtype=bool)
    for values, wanted in zip(measured[:3], (query.width, query.height, query.area), strict=True):
        fits &= _within(values, wanted)
    return fits


def _within(values: NDArray[np.float64], wanted: Range) -> NDArray[np.bool_]:
    low, high = wanted
    if wanted == ANY:
        return np.ones(len(values), dtype=bool)
    lowest = -np.inf if low is None else low
    highest = np.inf if high is None else high
    return (values >= lowest) & (values <= highest)
