"""The project on disk: gestures with undo, media, runs, settings, backups."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import apsw

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.errors import InvalidValue, ProjectOlder
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.storage import backups, journal, opening, rows
from visionstudio.storage.bulk import NewRows
from visionstudio.storage.database import Database, one_row
from visionstudio.storage.finding import ProjectFinder
from visionstudio.storage.lock import WriterLock
from visionstudio.storage.paths import absolute
from visionstudio.storage.reading import pairs
from visionstudio.storage.runs import RunRecord

IdTable = Literal["annotation", "class", "media", "run", "track", "group", "measurement"]
BULK_REMOVAL = 1000
"""A gesture that removes more rows than this makes a backup first."""


_HIGHEST = {
    "annotation": "SELECT max(id) FROM (SELECT max(id) AS id FROM annotation"
    " UNION ALL SELECT max(id) FROM undone_annotation)",
    "media": "SELECT max(id) FROM media",
    "class": "SELECT max(id) FROM class",
    "run": "SELECT max(id) FROM run",
    "measurement": "SELECT max(id) FROM measurement",
}


class ProjectStore(ProjectFinder):
    """An open project.

    Thread-safe. Every call may block on the disk: do not use it in the GUI
    thread (`reserve_ids` and the attributes excepted, which never block). Every
    writing call is one transaction: when it returns, its work survives a power
    failure; when it raises StorageFull, nothing has changed and the store can
    be used again as soon as there is room.
    """

    read_only: bool
    undo_title: str | None
    redo_title: str | None
    revision: int
    """Grows with every gesture, undo and redo of this store object."""
    author: str = ""
    """Who makes the gestures; the journal keeps it."""

    def __init__(self, folder: Path, database: Database, lock: WriterLock | None) -> None:
        """Use `create` or `open`."""
        super().__init__(folder, database)
        self.read_only = lock is None
        self._lock = lock
        self._ids = threading.Lock()
        self._writing = threading.Lock()  # from before a transaction until its outcome is noted
        self.revision = 0
        with database.read() as connection:
            self._next: dict[str, int] = pairs(connection, "SELECT name, next FROM sequence")
            self._stored_next = dict(self._next)
            # Imports once did not note the ids of what they added; none may be given twice.
            for name, query in _HIGHEST.items():
                highest = one_row(connection, query)[0] or 0
                self._next[name] = max(self._next.get(name, 1), highest + 1)
            self._set_position(journal.position(connection))

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

    @classmethod
    def open_to_read(cls, folder: Path) -> ProjectStore:
        """Open a project for reading; one of an older format is brought up to date first."""
        try:
            return cls.open(folder, read_only=True)
        except ProjectOlder:
            cls.open(folder).close()  # for writing, which migrates it
            return cls.open(folder, read_only=True)

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

    # writing

    def apply(self, edit: Edit, new: NewRows | None = None) -> None:
        """Make a gesture, durably, so that it can be undone. Forgets what could be redone.

        `new` are annotations that it adds behind its changes, as rows; an
        exception out of them leaves everything as it was. A change that
        replaces a row sets only the fields in which its two values differ.
        Raises: InvalidValue when the edit does not fit the rows that are there
        (nothing is changed), StorageFull.
        """
        if sum(change.after is None for change in edit.changes) > BULK_REMOVAL:
            self.backup("before bulk delete")
        reserved = _highest_ids(edit)
        with self._transaction() as step:
            step.here = journal.do(step.connection, edit, step.here, new, self.author)
            if new is not None:
                last = one_row(step.connection, "SELECT max(id) FROM annotation")[0]
                for name, highest in {**new.highest, "annotation": last or 0}.items():
                    reserved[name] = max(reserved.get(name, 0), highest)
            _check_class_names(step.connection, edit)
            self._store_sequence(step, reserved)

    def undo(self) -> Edit | None:
        """Take back the last gesture; returns what that changed, None at the beginning.

        Of a gesture of very many rows only that it was one (`Edit.bulk`).
        """
        with self._transaction() as step:
            if not step.here.undo:
                return None
            edit, step.here = journal.undo(step.connection, step.here, self.author)
        return edit

    def redo(self) -> Edit | None:
        """Bring the last undone gesture again; returns what that changed, None at the end."""
        with self._transaction() as step:
            if not step.here.redo:
                return None
            edit, step.here = journal.redo(step.connection, step.here, self.author)
        return edit

    def add_media(self, items: Iterable[MediaItem]) -> None:
        """List new items without a gesture: opening a folder is nothing to take back.

        Raises InvalidValue when an id or path is there already.
        """
        new_rows = [rows.media_values(item) for item in items]
        if not new_rows:
            return
        with self._transaction() as step:
            step.connection.executemany(rows.MEDIA.insert, new_rows)
            highest = one_row(step.connection, "SELECT max(id) FROM media")[0]
            self._store_sequence(step, {"media": highest})

    def add_files(self, first: int, paths: Sequence[str], kinds: Sequence[MediaKind]) -> None:
        """List files by their names, with ids from `first` on: like `add_media`, but faster."""
        if not paths:
            return
        known = MediaItem(id=0, path="")
        values = dict(zip(rows.MEDIA.columns, rows.media_values(known), strict=True))
        rest = {c: v for c, v in values.items() if c not in ("id", "path", "kind")}
        sql = (
            f"INSERT INTO media (id, path, kind, {', '.join(rest)})"
            f" VALUES (?, ?, ?, {', '.join(map(_literal, rest.values()))})"
        )
        ids = range(first, first + len(paths))
        texts = map(rows.path_text, paths)
        with self._transaction() as step:
            step.connection.executemany(
                sql, zip(ids, texts, (kind.value for kind in kinds), strict=True)
            )
            self._store_sequence(step, {"media": ids[-1]})

    def update_media(self, items: Iterable[MediaItem]) -> None:
        """Put in facts about media (path, header, status): no gesture, cannot be undone.

        Items that are no longer there are passed over; `verified`, a person's
        word, and `extra`, an import's, are left as they are.
        """
        facts = [rows.media_values(item) for item in items]
        if not facts:
            return
        columns = rows.MEDIA.columns[1:-2]
        sets = ", ".join(f"{c} = ?" for c in columns)
        with self._database.write() as connection:
            # Two items may have exchanged their paths.
            connection.executemany(
                "UPDATE media SET path = char(0) || id WHERE id = ? AND path <> ?",
                [row[:2] for row in facts],
            )
            connection.executemany(
                f"UPDATE media SET {sets} WHERE id = ?", [(*row[1:-2], row[0]) for row in facts]
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
        with self._transaction() as step:
            step.connection.execute(
                "INSERT INTO run (id, model, kind, weights_hash, params, inputs, started)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            self._store_sequence(step, {"run": run.id})
        return run

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

    # inside

    def _set_position(self, here: journal.Position) -> None:
        self._position = here
        self.undo_title, self.redo_title = here.undo_title, here.redo_title

    @contextmanager
    def _transaction(self) -> Iterator[_Step]:
        """A transaction and, once committed, what follows from it for memory: as one for all."""
        with self._writing:
            with self._database.write() as connection:
                step = _Step(connection, self._position)
                yield step
            with self._ids:
                for name, following in step.sequence.items():
                    self._stored_next[name] = following
                    self._next[name] = max(self._next.get(name, 1), following)
            if step.here is not self._position:
                self._set_position(step.here)
                self.revision += 1

    def _store_sequence(self, step: _Step, used: dict[str, int]) -> None:
        """Make sure that the ids of these rows are never given again."""
        for name, highest in used.items():
            if highest >= self._stored_next.get(name, 1):
                step.sequence[name] = highest + 1
                step.connection.execute(
                    "INSERT INTO sequence (name, next) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET next = excluded.next",
                    (name, highest + 1),
                )


@dataclass(slots=True)
class _Step:
    """A transaction under way: where the journal stands after it, and new next ids."""

    connection: apsw.Connection
    here: journal.Position
    sequence: dict[str, int] = field(default_factory=dict)


def _literal(value: rows.Value) -> str:
    """A value of ours as SQL."""
    return str(apsw.format_sql_value(value))


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
            case Measurement():
                note("measurement", row.id)
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
