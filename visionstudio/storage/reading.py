"""Reading a project: everything that changes nothing."""

from __future__ import annotations

import contextlib
import gc
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import apsw
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.interpolation import interpolated, joined
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem
from visionstudio.model.track_columns import TrackColumns
from visionstudio.storage import rows
from visionstudio.storage.columns import MediaColumns, read_columns
from visionstudio.storage.database import Database, Row, one_row
from visionstudio.storage.paths import stored_path
from visionstudio.storage.records import Counts
from visionstudio.storage.runs import RunRecord
from visionstudio.storage.summaries import (
    MediaSummaries,
    read_proposals,
    read_summaries,
)
from visionstudio.storage.track_columns import read_track_columns

_READ_AT_ONCE = 5000
_MEDIA_AT_ONCE = 200  # a millisecond or two: other threads are not kept waiting

# For each track of a video the rows before and after a frame; the index is leapt through
# from track to track, however many rows there are.
_NEIGHBOURS = """
WITH RECURSIVE track (id) AS (
    SELECT min(track_id) FROM annotation WHERE media_id = :media AND track_id IS NOT NULL
    UNION ALL
    SELECT (
        SELECT min(track_id) FROM annotation
        WHERE media_id = :media AND track_id IS NOT NULL AND track_id > track.id
    ) FROM track WHERE track.id IS NOT NULL
)
SELECT
    id,
    (
        SELECT a.id FROM annotation AS a
        WHERE a.media_id = :media AND a.track_id = track.id AND a.track_id IS NOT NULL
            AND a.frame < :frame ORDER BY a.frame DESC LIMIT 1
    ),
    (
        SELECT a.id FROM annotation AS a
        WHERE a.media_id = :media AND a.track_id = track.id AND a.track_id IS NOT NULL
            AND a.frame > :frame ORDER BY a.frame LIMIT 1
    )
FROM track WHERE id IS NOT NULL
"""
_T = TypeVar("_T")


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """While very many values are made that are all kept."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class ProjectReader:
    """What `ProjectStore` can tell about a project. Thread-safe; every call may block."""

    folder: Path
    media_root: Path

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self.media_root = Path(os.path.normpath(folder / self.setting("media_root", ".")))

    def media(self) -> list[MediaItem]:
        """All media items in the order of their paths."""
        # Without the collector's passes over ever more rows, none of which is garbage. SQLite
        # sorts without holding the interpreter; Python's sort would, for a second at a million.
        with _uncollected():
            found = self._all(f"{rows.MEDIA.select} ORDER BY path", rows.media_from)
            found.sort(key=attrgetter("path"))  # quoted names have been out of their place
        return found

    def media_columns(self) -> MediaColumns:
        """What a list shows of all media items, in path order."""
        with self._database.read() as connection:
            return read_columns(connection)

    def has_media(self) -> bool:
        """Whether there is a media item."""
        return bool(self._all("SELECT EXISTS (SELECT 1 FROM media)", lambda row: row[0])[0])

    def media_count(self) -> int:
        """How many media items there are."""
        return int(self._all("SELECT count(*) FROM media", lambda row: row[0])[0])

    def media_paths(self) -> set[str]:
        """The paths of all media items."""
        return set(self._all("SELECT path FROM media", lambda row: rows.path_from(row[0])))

    def media_at(self, paths: Iterable[str]) -> list[MediaItem]:
        """The media items with these paths that there are."""
        sql = f"{rows.MEDIA.select} WHERE path = ?"
        return [
            item
            for path in paths
            for item in self._all(sql, rows.media_from, (rows.path_text(path),))
        ]

    def iter_media(self) -> Iterator[MediaItem]:
        """All media items, in the order of their paths but for quoted names, piece by piece."""
        sql = f"{rows.MEDIA.select} WHERE path > ? ORDER BY path LIMIT {_MEDIA_AT_ONCE}"
        after = ""
        while page := self._all(sql, rows.media_from, (after,)):
            yield from page
            after = rows.path_text(page[-1].path)

    def media_item(self, media_id: int) -> MediaItem | None:
        """One media item, None when there is none of that id."""
        found = self._all(f"{rows.MEDIA.select} WHERE id = ?", rows.media_from, (media_id,))
        return found[0] if found else None

    def media_with_extra(self, key: str, value: str) -> list[int]:
        """The ids of the items in whose `extra` a key has this text."""
        sql = "SELECT id FROM media WHERE extra IS NOT NULL AND json_extract(extra, ?) = ?"
        return self._all(sql, lambda row: int(row[0]), (f'$."{key}"', value))

    def extras_of_media(self, key: str) -> list[str]:
        """The texts that a key has in the `extra` of media items, sorted."""
        sql = (
            "SELECT DISTINCT json_extract(extra, ?1) FROM media"
            " WHERE extra IS NOT NULL AND json_type(extra, ?1) = 'text' ORDER BY 1"
        )
        return self._all(sql, lambda row: str(row[0]), (f'$."{key}"',))

    def classes(self) -> list[LabelClass]:
        """All classes in their order."""
        return self._all(f"{rows.CLASS.select} ORDER BY place, id", rows.class_from)

    def annotations(self, media_id: int, frame: int | None = None) -> list[Annotation]:
        """A picture's or frame's annotations in every state, by frame, z and id.

        Without a frame those of all frames.
        """
        where: str = "media_id = ?"
        values: tuple[int, ...] = (media_id,)
        if frame is not None:
            where, values = "media_id = ? AND frame = ?", (media_id, frame)
        sql = f"{rows.ANNOTATION.select} WHERE {where} ORDER BY frame, z, id"
        return self._all(sql, rows.annotation_from, values)

    def iter_annotations(self, states: Collection[State] | None = None) -> Iterator[Annotation]:
        """All annotations by media, frame, z and id, read piece by piece."""
        wanted = rows.STATES if states is None else tuple(states)
        codes = ", ".join(str(rows.STATE_CODE[s]) for s in wanted)
        with self._database.read() as connection:
            ids = [r[0] for r in connection.execute("SELECT DISTINCT media_id FROM annotation")]
        sql = (
            f"{rows.ANNOTATION.select} WHERE media_id = ? AND state IN ({codes})"
            " ORDER BY frame, z, id"
        )
        for media_id in sorted(ids):
            yield from self._all(sql, rows.annotation_from, (media_id,))

    def annotations_by_id(self, ids: Collection[int]) -> list[Annotation]:
        """The annotations with these ids that there are, by id."""
        wanted = sorted(ids)
        found: list[Annotation] = []
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[start : start + _READ_AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"{rows.ANNOTATION.select} WHERE id IN ({marks}) ORDER BY id"
            found += self._all(sql, rows.annotation_from, some)
        return found

    def annotations_of_class(self, class_id: int) -> list[Annotation]:
        """All annotations of a class, in every state, by id."""
        sql = f"{rows.ANNOTATION.select} WHERE class_id = ? ORDER BY id"
        return self._all(sql, rows.annotation_from, (class_id,))

    def annotations_of_track(self, media_id: int, track_id: int) -> list[Annotation]:
        """All annotations of a video's track by frame, as they are stored."""
        sql = (
            f"{rows.ANNOTATION.select} WHERE media_id = ? AND track_id = ?"
            " AND track_id IS NOT NULL ORDER BY frame, id"
        )
        return self._all(sql, rows.annotation_from, (media_id, track_id))

    def annotations_at(self, media_id: int, frame: int) -> list[Annotation]:
        """What is to be seen in a frame: its annotations and those between key frames.

        Those are stored nowhere and have ids below 0 (see `model.interpolation`).
        Objects that are marked as outside the frame are left out. In drawing order.
        """
        here = self.annotations(media_id, frame)
        known = {a.track_id for a in here}
        seen = [a for a in here if not a.flags & Flags.OUTSIDE]
        with self._database.read() as connection:
            found = connection.execute(_NEIGHBOURS, {"media": media_id, "frame": frame}).fetchall()
        around = [
            (int(before), int(after))
            for track, before, after in found
            if track not in known and before is not None and after is not None
        ]
        by_id = {a.id: a for a in self.annotations_by_id([i for pair in around for i in pair])}
        for before, after in around:
            if joined(by_id[before], by_id[after]):
                seen.append(interpolated(by_id[before], by_id[after], frame))
        return sorted(seen, key=lambda a: (a.z, a.id)) if around else seen

    def track_columns(self, media_id: int) -> TrackColumns:
        """All that is not rejected in a video, as columns for its timeline."""
        with self._database.read() as connection:
            return read_track_columns(connection, media_id)

    def measurements(self) -> list[Measurement]:
        """All measurements by media, frame and id."""
        sql = f"{rows.MEASUREMENT.select} ORDER BY media_id, frame, id"
        return self._all(sql, rows.measurement_from)

    def last_step(self) -> int:
        """The number of the latest gesture, undo or redo, which grows with each; 0 for none."""
        return int(self._all("SELECT coalesce(max(id), 0) FROM journal", lambda row: row[0])[0])

    def counts(self) -> Counts:
        """How much there is of everything."""
        labels, proposals = _label_codes(), rows.PROPOSED_CODE
        with self._database.read() as connection:
            media, verified = one_row(
                connection, "SELECT count(*), coalesce(sum(verified), 0) FROM media"
            )
            per_class = pairs(connection, "SELECT id, 0 FROM class")
            per_class |= pairs(
                connection,
                f"SELECT class_id, count(*) FROM annotation WHERE state IN ({labels})"
                " GROUP BY class_id",
            )
            (proposed,) = one_row(
                connection, "SELECT count(*) FROM annotation WHERE state = ?", (proposals,)
            )
        return Counts(media, sum(per_class.values()), proposed, verified, per_class)

    def summaries(self) -> MediaSummaries:
        """Labels and proposals per media item; items without either are left out."""
        with self._database.read() as connection:
            return read_summaries(connection, _label_codes(), rows.PROPOSED_CODE)

    def proposals_from(
        self, threshold: float, media_ids: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids of media, rising, and how many proposals each has from a score on.

        Those without a score count. Media without any are left out. Other threads read
        between its parts.
        """
        some = "1"
        if media_ids is not None:
            some = f"media_id IN ({', '.join(str(int(m)) for m in media_ids)})"
        found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        after: int | None = -(2**63)
        while after is not None:
            with self._database.read() as connection:
                ids, counts, after = read_proposals(
                    connection, rows.PROPOSED_CODE, threshold, some, after
                )
            found.append((ids, counts))
        return np.concatenate([i for i, _ in found]), np.concatenate([c for _, c in found])

    def drawn_on(self, media_ids: Sequence[int], most: int) -> dict[int, list[Annotation]]:
        """At most so many annotations of each item's first frame, not the rejected ones."""
        sql = (
            f"{rows.ANNOTATION.select} WHERE media_id = ? AND frame = 0 AND state <> ?"
            " ORDER BY z, id LIMIT ?"
        )
        rejected = rows.STATE_CODE[State.REJECTED]
        return {m: self._all(sql, rows.annotation_from, (m, rejected, most)) for m in media_ids}

    def tags_of(self, media_ids: Sequence[int]) -> dict[int, list[Annotation]]:
        """The tags of each item's first frame, in every state; items without any are left out."""
        found: dict[int, list[Annotation]] = {}
        for start in range(0, len(media_ids), _READ_AT_ONCE):
            some = media_ids[start : start + _READ_AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = (
                f"{rows.ANNOTATION.select} WHERE media_id IN ({marks}) AND frame = 0"
                f" AND kind = {rows.TAG_CODE} ORDER BY media_id, id"
            )
            for tag in self._all(sql, rows.annotation_from, some):
                found.setdefault(tag.media_id, []).append(tag)
        return found

    def ranks(self) -> list[tuple[int, int, float | None, float | None]]:
        """What media are sorted by: id, first class's place, highest score, greatest doubt.

        Labels and proposals count; doubt is that of proposals, 1 at a score of a half
        and 0 where a model is sure. Items without either are left out.
        """
        doubt = f"max(CASE WHEN a.state = {rows.PROPOSED_CODE} THEN 1 - abs(2 * a.score - 1) END)"
        sql = (
            f"SELECT a.media_id, min(c.place), max(a.score), {doubt}"
            " FROM annotation AS a JOIN class AS c ON c.id = a.class_id"
            f" WHERE a.state IN ({_label_codes()}, {rows.PROPOSED_CODE}) GROUP BY a.media_id"
        )
        return self._all(sql, lambda row: (row[0], row[1], row[2], row[3]))

    def media_with_class(self, class_id: int) -> frozenset[int]:
        """The media items that have a label or proposal of a class."""
        codes = f"{_label_codes()}, {rows.PROPOSED_CODE}"
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT DISTINCT media_id FROM annotation"
                f" WHERE class_id = ? AND state IN ({codes})",
                (class_id,),
            )
            return frozenset(r[0] for r in found)

    def runs(self) -> list[RunRecord]:
        """All runs, oldest first."""
        return self._all(
            "SELECT id, model, kind, weights_hash, params, inputs, started FROM run ORDER BY id",
            _run_from,
        )

    def setting(self, key: str, default: Any = None) -> Any:
        """A setting of the project."""
        found = self._all("SELECT value FROM setting WHERE key = ?", lambda r: r[0], (key,))
        return json.loads(found[0]) if found else default

    def path_of(self, item: MediaItem) -> Path:
        """Where a media item's file lies."""
        return self.media_root / item.path

    def media_path(self, path: Path) -> str:
        """A file as `MediaItem.path` names it."""
        return stored_path(path, self.media_root)

    def _all(
        self, sql: str, value: Callable[[tuple[Any, ...]], _T], values: Sequence[Any] = ()
    ) -> list[_T]:
        with self._database.read() as connection:
            found = connection.execute(sql, tuple(values)).fetchall()
        return [value(row) for row in found]


def pairs(connection: apsw.Connection, sql: str) -> dict[Any, Any]:
    """A query of two columns as a dictionary."""
    found: list[Row] = connection.execute(sql).fetchall()
    return dict(found)


def _label_codes() -> str:
    return ", ".join(map(str, rows.LABEL_CODES))


def _run_from(row: tuple[Any, ...]) -> RunRecord:
    return RunRecord(
        id=row[0],
        model=row[1],
        kind=row[2],
        weights_hash=row[3],
        params=json.loads(row[4]),
        inputs=json.loads(row[5]),
        started=row[6],
    )
