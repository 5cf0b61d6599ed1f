"""The project on disk: media, classes, annotations, runs, settings and the journal."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.storage import backups, journal, opening, rows
from visionstudio.storage.database import Database, Row, one_row
from visionstudio.storage.lock import WriterLock
from visionstudio.storage.paths import absolute, stored_path
from visionstudio.storage.records import Counts, MediaSummary
from visionstudio.storage.runs import RunRecord

IdTable = Literal["annotation", "class", "media", "run", "track", "group"]
BULK_REMOVAL = 1000
"""A gesture that removes more rows than this makes a backup first."""

_READ_AT_ONCE = 5000
_T = TypeVar("_T")


class ProjectStore:
    """An open project.

    Thread-safe. Every call may block on the disk: do not use it in the GUI
    thread (`reserve_ids` and the attributes excepted, which never block). Every
    writing call is one transaction: when it returns, its work survives a power
    failure; when it raises StorageFull, nothing has changed and the store can
    be used again as soon as there is room.
    """

    folder: Path
    media_root: Path
    read_only: bool
    undo_title: str | None
    redo_title: str | None
    revision: int
    """Grows with every gesture, undo and redo of this store object."""

    def __init__(self, folder: Path, database: Database, lock: WriterLock | None) -> None:
        """Use `create` or `open`."""
        self.folder = folder
        self.read_only = lock is None
        self._database = database
        self._lock = lock
        self._ids = threading.Lock()
        self.revision = 0
        with database.read() as connection:
            self._next: dict[str, int] = _pairs(connection, "SELECT name, next FROM sequence")
            self._stored_next = dict(self._next)
            self._set_position(journal.position(connection))
        self.media_root = Path(os.path.normpath(folder / self.setting("media_root", ".")))

    @classmethod
    def create(cls, folder: Path, *, media_root: Path | None = None) -> ProjectStore:
        """Make a project in a folder and open it.

        `media_root` is the folder that media paths are relative to: by default
        the one around a `.visionstudio` folder, else the project's own. Raises:
        InvalidValue when there is a project already, StorageFull, ProjectBusy.
        """
        folder = absolute(folder)
        return cls(folder, *opening.create(folder, media_root))

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> ProjectStore:
        """Open a project; `read_only` also beside a writer.

        Raises: ProjectError when there is none, ProjectBusy when another
        program writes to it, ProjectNewer when a newer version made it,
        ProjectDamaged when it fails its checks (see `list_backups`, `restore`,
        `salvage`), StorageFull when its folder cannot be written.
        """
        folder = absolute(folder)
        return cls(folder, *opening.open_existing(folder, read_only=read_only))

    def close(self) -> None:
        """Close the files and let the next writer in. Closing twice does nothing."""
        try:
            self._database.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> ProjectStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ids

    def reserve_ids(self, table: IdTable, count: int = 1) -> int:
        """The first of `count` fresh ids in a row. Never blocks; ids are never reused.

        A reservation counts for good once a row with one of its ids is stored.
        """
        if count < 1:
            raise InvalidValue(f"at least one id is reserved at a time, got {count}")
        with self._ids:
            first: int = self._next.get(table, 1)
            self._next[table] = first + count
        return first

    # reading

    def media(self) -> list[MediaItem]:
        """All media items in the order of their paths."""
        found = self._all(f"{rows.MEDIA.select} ORDER BY path", rows.media_from)
        found.sort(key=lambda item: item.path)  # quoted names have been out of their place
        return found

    def media_item(self, media_id: int) -> MediaItem | None:
        """One media item, None when there is none of that id."""
        found = self._all(f"{rows.MEDIA.select} WHERE id = ?", rows.media_from, (media_id,))
        return found[0] if found else None

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

    def annotations_of_track(self, track_id: int) -> list[Annotation]:
        """All annotations of a track by frame."""
        sql = f"{rows.ANNOTATION.select} WHERE track_id = ? ORDER BY frame, id"
        return self._all(sql, rows.annotation_from, (track_id,))

    def counts(self) -> Counts:
        """How much there is of everything."""
        labels, proposals = _label_codes(), rows.PROPOSED_CODE
        with self._database.read() as connection:
            media, verified = one_row(
                connection, "SELECT count(*), coalesce(sum(verified), 0) FROM media"
            )
            per_class = _pairs(connection, "SELECT id, 0 FROM class")
            per_class |= _pairs(
                connection,
                f"SELECT class_id, count(*) FROM annotation WHERE state IN ({labels})"
                " GROUP BY class_id",
            )
            (proposed,) = one_row(
                connection, "SELECT count(*) FROM annotation WHERE state = ?", (proposals,)
            )
        return Counts(media, sum(per_class.values()), proposed, verified, per_class)

    def summaries(self) -> dict[int, MediaSummary]:
        """Labels and proposals per media item; items without either are left out."""
        with self._database.read() as connection:
            found: list[Row] = connection.execute(
                f"SELECT media_id, sum(state IN ({_label_codes()})),"
                f" sum(state = {rows.PROPOSED_CODE}) FROM annotation GROUP BY media_id"
            ).fetchall()
        return {media_id: MediaSummary(labels, waiting) for media_id, labels, waiting in found}

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

    # writing

    def apply(self, edit: Edit) -> None:
        """Make a gesture, durably, so that it can be undone. Forgets what could be redone.

        A change that replaces a row sets only the fields in which its two
        values differ. Raises: InvalidValue when the edit does not fit the rows
        that are there (nothing is changed), StorageFull.
        """
        if sum(change.after is None for change in edit.changes) > BULK_REMOVAL:
            self.backup("before bulk delete")
        reserved = _highest_ids(edit)
        with self._database.write() as connection:
            here = journal.do(connection, edit, self._position)
            _check_class_names(connection, edit)
            stored = self._store_sequence(connection, reserved)
        self._finish(here, stored)

    def undo(self) -> Edit | None:
        """Take back the last gesture; returns what that changed, None at the beginning."""
        return self._move(journal.undo, self._position.undo)

    def redo(self) -> Edit | None:
        """Bring the last undone gesture again; returns what that changed, None at the end."""
        return self._move(journal.redo, self._position.redo)

    def add_media(self, items: Iterable[MediaItem]) -> None:
        """List new items without a gesture: opening a folder is nothing to take back.

        Raises InvalidValue when an id or path is there already.
        """
        new_rows = [rows.media_values(item) for item in items]
        if not new_rows:
            return
        with self._database.write() as connection:
            connection.executemany(rows.MEDIA.insert, new_rows)
            highest = one_row(connection, "SELECT max(id) FROM media")[0]
            stored = self._store_sequence(connection, {"media": highest})
        self._finish(self._position, stored)

    def update_media(self, items: Iterable[MediaItem]) -> None:
        """Put in facts about media (path, header, status): no gesture, cannot be undone.

        Items that are no longer there are passed over; `verified`, a person's
        word, is left as it is.
        """
        facts = [rows.media_values(item) for item in items]
        if not facts:
            return
        columns = rows.MEDIA.columns[1:-1]
        sets = ", ".join(f"{c} = ?" for c in columns)
        with self._database.write() as connection:
            # Two items may have exchanged their paths.
            connection.executemany(
                "UPDATE media SET path = char(0) || id WHERE id = ? AND path <> ?",
                [row[:2] for row in facts],
            )
            connection.executemany(
                f"UPDATE media SET {sets} WHERE id = ?", [(*row[1:-1], row[0]) for row in facts]
            )

    # runs, settings, backups

    def add_run(self, run: RunRecord) -> RunRecord:
        """Store what makes annotations before it makes them; returns it with its id."""
        run = replace(run, id=self.reserve_ids("run"))
        values = (
            run.id,
            run.model,
            run.kind,
            run.weights_hash,
            rows.to_json(dict(run.params)),
            rows.to_json(dict(run.inputs)),
            run.started,
        )
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO run (id, model, kind, weights_hash, params, inputs, started)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            stored = self._store_sequence(connection, {"run": run.id})
        self._finish(self._position, stored)
        return run

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

    def set_setting(self, key: str, value: Any) -> None:
        """Store a setting. `value` is anything that JSON can hold."""
        with self._database.write() as connection:
            opening.put_setting(connection, key, value)

    def backup(self, reason: str) -> Path:
        """Make a verified backup; beyond `backups.KEPT` the oldest go. Others may write on."""
        with self._database.read() as connection:
            return backups.make_backup(connection, self.folder, reason)

    def save_copy(self, folder: Path) -> None:
        """Copy the project's database to another, new folder, with media by absolute path root.

        For a project whose own folder is full or gone. Runs and models stay
        where they are. Raises: InvalidValue when there is a project, StorageFull.
        """
        with self._database.read() as connection:
            opening.copy_project(connection, absolute(folder), self.media_root)

    # names of files

    def path_of(self, item: MediaItem) -> Path:
        """Where a media item's file lies."""
        return self.media_root / item.path

    def media_path(self, path: Path) -> str:
        """A file as `MediaItem.path` names it."""
        return stored_path(path, self.media_root)

    # inside

    def _all(
        self, sql: str, value: Callable[[tuple[Any, ...]], _T], values: Sequence[Any] = ()
    ) -> list[_T]:
        with self._database.read() as connection:
            found = connection.execute(sql, tuple(values)).fetchall()
        return [value(row) for row in found]

    def _set_position(self, here: journal.Position) -> None:
        self._position = here
        self.undo_title, self.redo_title = here.undo_title, here.redo_title

    def _move(
        self,
        step: Callable[[apsw.Connection, journal.Position], tuple[Edit, journal.Position]],
        gesture: int,
    ) -> Edit | None:
        if not gesture:
            return None
        with self._database.write() as connection:
            edit, here = step(connection, self._position)
        self._finish(here, {})
        return edit

    def _store_sequence(self, connection: apsw.Connection, used: dict[str, int]) -> dict[str, int]:
        """Make sure that the ids of these rows are never given again."""
        changed = {k: v + 1 for k, v in used.items() if v >= self._stored_next.get(k, 1)}
        for name, following in changed.items():
            connection.execute(
                "INSERT INTO sequence (name, next) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET next = excluded.next",
                (name, following),
            )
        return changed

    def _finish(self, here: journal.Position, stored: dict[str, int]) -> None:
        """Take over what has been committed."""
        with self._ids:
            for name, following in stored.items():
                self._stored_next[name] = following
                self._next[name] = max(self._next.get(name, 1), following)
        if here is not self._position:
            self._set_position(here)
            self.revision += 1


def _pairs(connection: apsw.Connection, sql: str) -> dict[Any, Any]:
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


def _highest_ids(edit: Edit) -> dict[str, int]:
    """The highest id of every kind among the rows that an edit puts in."""
    highest: dict[str, int] = {}

    def note(name: str, value: int) -> None:
        if value > highest.get(name, 0):
            highest[name] = value

    for change in edit.changes:
        row = change.after
        match row:
            case None:
                continue
            case Annotation():
                note("annotation", row.id)
                note("track", row.track_id or 0)
                note("group", row.group_id or 0)
            case LabelClass():
                note("class", row.id)
            case MediaItem():
                note("media", row.id)
    return highest


def _check_class_names(connection: apsw.Connection, edit: Edit) -> None:
    if not any(isinstance(change.after, LabelClass) for change in edit.changes):
        return
    twice = connection.execute(
        "SELECT name FROM class GROUP BY name HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice:
        raise InvalidValue(
            f"there are two classes called '{twice[0]}'", next_step="choose another name"
        )
