"""Backups of project.db: made online, verified, thinned by count; restore and salvage.

A backup is a complete database named after its time and reason, for example
`2026-11-24T03-12-05Z-before-import.db`. It appears under that name only when it
has been written, checked and synced.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw

from visionstudio.model.errors import ProjectDamaged, StorageFull
from visionstudio.storage.database import connect, named_errors
from visionstudio.storage.lock import WriterLock
from visionstudio.storage.rows import TABLES
from visionstudio.storage.schema import APPLICATION_ID, MIGRATIONS

KEPT = 10
"""How many backups stay; the oldest go first."""

DATABASE, LOCK, FOLDER = "project.db", "project.lock", "backups"
_LAST_ID = 1 << 40  # beyond any that is given out
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:\.\d+)?Z-([a-z0-9-]+)\.db\Z")


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified copy of the database, when it was made (UTC) and why."""

    path: Path
    made: datetime
    reason: str


def list_backups(project: Path) -> list[Backup]:
    """The project's backups, newest first."""
    found = []
    folder = project / FOLDER
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.match(path.name)
        if match:
            made = datetime.strptime(match[1], "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC)
            found.append(Backup(path, made, match[2].replace("-", " ")))
    return sorted(found, key=lambda b: b.path.name, reverse=True)


def make_backup(source: apsw.Connection, project: Path, reason: str) -> Path:
    """Copy an open database, while others go on writing to it, and verify the copy.

    Raises: StorageFull when it cannot be written, ProjectDamaged when the copy
    does not pass its checks (then so does the original not).
    """
    folder = project / FOLDER
    slug = re.sub(r"[^a-z0-9]+", "-", reason.lower()).strip("-") or "backup"
    name = f"{datetime.now(UTC).strftime('%Y-%m-%dT%H-%M-%S.%fZ')}-{slug}.db"
    target = folder / name
    try:
        folder.mkdir(exist_ok=True)
        copy_database(source, target)
        _thin(project)
    except OSError as error:
        raise StorageFull(
            f"the backup cannot be written ({error.strerror})",
            where=str(target),
            next_step="make room or allow writing, then try again",
        ) from error
    return target


def copy_database(source: apsw.Connection, target: Path) -> None:
    """A verified, synced copy that appears under its name only when it is complete."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with named_errors(part):
            copy = apsw.Connection(str(part))
            try:
                with copy.backup("main", source, "main") as backup:
                    backup.step(-1)
                # The copy says WAL as its original does; one file is easier to keep.
                copy.pragma("journal_mode", "DELETE")
                check_connection(copy)
            finally:
                copy.close()
        sync(part)
        part.replace(target)
        sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def check_connection(connection: apsw.Connection) -> None:
    """SQLite's quick check. Raises apsw.CorruptError with its first finding."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone() or ("no answer",)
    if finding != "ok":
        raise apsw.CorruptError(str(finding))


def restore(project: Path, source: Path) -> Path:
    """Put a backup or salvaged copy in the place of project.db.

    The database that was there is kept beside it; its new path is returned.
    The project must not be open. Raises: ProjectBusy, ProjectDamaged (the copy
    is bad: nothing was touched), StorageFull.
    """
    lock = WriterLock(project / LOCK)
    try:
        with named_errors(source):
            copy = connect(source, "immutable")
            try:
                check_connection(copy)
                if copy.pragma("application_id") != APPLICATION_ID:
                    raise apsw.NotADBError("not a project")
                fresh = project / (DATABASE + ".restoring")
                copy_database(copy, fresh)
            finally:
                copy.close()
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%fZ")
        aside = project / f"project.before-restore-{stamp}.db"
        database = project / DATABASE
        for suffix in ("-wal", "-shm"):
            log = database.with_name(DATABASE + suffix)
            if log.exists():
                log.replace(aside.with_name(aside.name + suffix))
        if database.exists():
            database.replace(aside)
        fresh.replace(database)
        sync(project)
        return aside
    finally:
        lock.release()


_SALVAGED = ("media", "class", "run", "annotation", "measurement")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A new database with what could be read, and how many rows that is per table."""

    path: Path
    rows: dict[str, int]
    unreadable: int
    """Stretches of rows that could not be read."""


def salvage(project: Path) -> Salvaged:
    """Copy what can still be read from a damaged project.db into a new file beside it.

    The damaged file is only read. The copy has no journal: nothing in it can be
    undone. Annotations whose picture or class is lost are left out. Use
    `restore` to put it in place. Raises: ProjectDamaged when nothing can be read.
    """
    damaged = project / DATABASE
    target = project / "project.salvaged.db"
    target.unlink(missing_ok=True)
    rows: dict[str, int] = {}
    unreadable = 0
    with named_errors(damaged):
        source = connect(damaged, "read")
        new = apsw.Connection(str(target))
        try:
            new.pragma("application_id", APPLICATION_ID)
            for migration in MIGRATIONS:
                new.execute(migration.script)
            new.pragma("user_version", len(MIGRATIONS))
            new.execute("BEGIN")
            for name in _SALVAGED:
                rows[name], lost = _salvage_table(source, new, name)
                unreadable += lost
            _salvage_rest(source, new)
            new.execute(
                "DELETE FROM annotation WHERE media_id NOT IN (SELECT id FROM media)"
                " OR class_id NOT IN (SELECT id FROM class)"
            )
            rows["annotation"] -= new.changes()
            new.execute("DELETE FROM measurement WHERE media_id NOT IN (SELECT id FROM media)")
            rows["measurement"] -= new.changes()
            new.execute(
                "UPDATE annotation SET run_id = NULL WHERE run_id NOT IN (SELECT id FROM run)"
            )
            new.execute("COMMIT")
        finally:
            source.close()
            new.close()
    if not any(rows.values()):
        target.unlink()
        raise ProjectDamaged(
            "nothing in the project's database can be read",
            where=str(damaged),
            next_step="restore a backup, or move the file away to begin anew",
        )
    return Salvaged(target, rows, unreadable)


def _salvage_table(source: apsw.Connection, new: apsw.Connection, name: str) -> tuple[int, int]:
    """Copy a table's rows in the order of their ids, going on behind what cannot be read.

    Returns how many rows were copied and how many stretches were passed over.
    """
    try:
        source.execute(f"SELECT id FROM {name} LIMIT 0")
    except apsw.SQLError:
        return 0, 0  # the project is older than the table
    except apsw.Error:
        pass  # damaged: what can be read is read below
    columns = next((t.columns for t in TABLES if t.name == name), None)
    if columns is None:
        columns = tuple(r[1] for r in new.execute(f"PRAGMA table_info({name})"))
    select = f"SELECT {', '.join(columns)} FROM {name} WHERE id >= ? ORDER BY id"
    insert = f"INSERT OR IGNORE INTO {name} VALUES ({', '.join('?' * len(columns))})"
    id_column = columns.index("id")
    good = lost = 0
    here: int | None = 1
    while here is not None:
        try:
            for row in source.execute(select, (here,)):
                new.execute(insert, row)
                good += new.changes()
                here = row[id_column] + 1
        except apsw.Error:
            lost += 1
            here = _behind_damage(source, select, here)
        else:
            here = None
    return good, lost


def _behind_damage(source: apsw.Connection, select: str, first: int) -> int | None:
    """The first id from `first` on from which reading works again; None when there is none.

    Ids may be far apart and a damaged page may hold any number of them, so the
    steps grow with the way already gone; good rows between two damaged
    stretches are passed over only when they are few against it.
    """

    def can_be_read(at: int) -> bool:
        try:
            source.execute(f"{select} LIMIT 1", (at,)).fetchone()
        except apsw.Error:
            return False
        return True

    bad, at = first, first + 1
    while not can_be_read(at):
        if at > _LAST_ID:
            return None
        bad, at = at, at + 1 + (at - first) // 64
    while at - bad > 1:
        middle = (bad + at) // 2
        bad, at = (bad, middle) if can_be_read(middle) else (middle, at)
    return at


def _salvage_rest(source: apsw.Connection, new: apsw.Connection) -> None:
    for name in ("sequence", "setting"):
        try:
            rows = source.execute(f"SELECT * FROM {name}").fetchall()
        except apsw.Error:
            continue
        new.executemany(f"INSERT OR REPLACE INTO {name} VALUES (?, ?)", rows)
    for name in _SALVAGED:
        # An id that was given out must not be given again, whatever was lost.
        new.execute(
            f"INSERT INTO sequence SELECT '{name}', coalesce(max(id), 0) + 1 FROM {name} WHERE true"
            " ON CONFLICT (name) DO UPDATE SET next = max(next, excluded.next)"
        )


def _thin(project: Path) -> None:
    for backup in list_backups(project)[KEPT:]:
        backup.path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot sync a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
