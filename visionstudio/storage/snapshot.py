"""A project as it was at one moment, for whoever goes through all of it while others change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw
import numpy as np

from visionstudio.storage import rows
from visionstudio.storage.reading import ProjectReader

CACHE_KIB = 64 << 10
"""Rows of a picture lie wherever they were made: pages are kept for the next pictures."""


class Snapshot(ProjectReader):
    """Reads labels in bulk."""

    @classmethod
    @contextmanager
    def of(cls, reader: ProjectReader) -> Iterator[Snapshot]:
        """What a project holds now, however it changes meanwhile. Raises ProjectError."""
        database = reader._database.again()
        if database is None:
            yield cls(reader.folder, reader._database)
            return
        try:
            with database.read() as connection:
                connection.pragma("cache_size", -CACHE_KIB)
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM setting").fetchall()  # now is the moment
            yield cls(reader.folder, database)
        finally:
            database.close()

    def label_counts(self) -> dict[int, dict[int, int]]:
        """How many labels each media item has of each class."""
        codes = ", ".join(map(str, rows.LABEL_CODES))
        found: dict[int, dict[int, int]] = {}
        with self._database.read() as connection:
            for media_id, class_id, count in connection.execute(
                f"SELECT media_id, class_id, sum(state IN ({codes})) FROM annotation"
                " GROUP BY media_id, class_id"
            ):
                if count:
                    found.setdefault(media_id, {})[class_id] = count
        return found

    def label_rows(self, media_ids: Sequence[int]) -> list[tuple[Any, ...]]:
        """The labels of some media items as rows of their table, by item as given, frame and z."""
        codes = ", ".join(map(str, rows.LABEL_CODES))
        names = ", ".join(f"a.{column}" for column in rows.ANNOTATION.columns)
        wanted = np.array(media_ids, dtype=np.int64)
        with self._database.read() as connection:
            return connection.execute(
                f"SELECT {names} FROM carray(?) AS n JOIN annotation AS a ON a.media_id = n.value"
                f" WHERE a.state IN ({codes}) ORDER BY n.rowid, a.frame, a.z, a.id",
                (apsw.carray(wanted),),
            ).fetchall()
