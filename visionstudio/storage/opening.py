"""Creating, checking, migrating and opening project.db."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from visionstudio.model.errors import (
    InvalidValue,
    ProjectError,
    ProjectNewer,
    ProjectOlder,
    StorageFull,
)
from visionstudio.storage import backups, database, schema
from visionstudio.storage.backups import DATABASE, LOCK
from visionstudio.storage.database import Database, connect, named_errors
from visionstudio.storage.lock import WriterLock
from visionstudio.storage.paths import default_media_root, stored_root
from visionstudio.storage.rows import to_json

ALWAYS_CHECKED_BYTES = 32 << 20
"""Up to this size (about 0.1 s) the whole file is checked at every opening; a larger one
when it was not closed properly, and in every backup."""

SUBFOLDERS = ("models", "runs", "backups", "cache")


def create(folder: Path, media_root: Path | None) -> tuple[Database, WriterLock]:
    """Make the folders and an empty database."""
    try:
        for name in ("", *SUBFOLDERS):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(
            f"the project's folder cannot be made ({error.strerror})",
            where=str(folder),
            next_step="choose a folder that can be written",
        ) from error
    lock = WriterLock(folder / LOCK)
    path = folder / DATABASE
    try:
        if path.exists():
            raise InvalidValue(
                "there is a project already", where=str(folder), next_step="open it instead"
            )
        return _made(path, media_root or default_media_root(folder)), lock
    except BaseException:
        lock.release()
        raise


def _made(path: Path, media_root: Path) -> Database:
    """A new database under a temporary name first: project.db is whole or not there."""
    part = path.with_name(path.name + ".new")
    for suffix in ("", "-wal", "-shm"):
        part.with_name(part.name + suffix).unlink(missing_ok=True)
    with named_errors(path):
        # Synced as a whole below: SQLite's own nine times take longer than all else.
        connection = connect(part, "create", replace(database.ACCESS, synchronous="OFF"))
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.pragma("application_id", schema.APPLICATION_ID)
            for migration in schema.MIGRATIONS:
                connection.execute(migration.script)
            connection.pragma("user_version", len(schema.MIGRATIONS))
            put_setting(connection, "media_root", stored_root(media_root, path.parent))
            connection.execute("COMMIT")
        finally:
            connection.close()
    backups.sync(part)
    part.replace(path)
    backups.sync(path.parent)
    return Database.open(path, read_only=False)


def open_existing(folder: Path, *, read_only: bool) -> tuple[Database, WriterLock | None]:
    """Check, migrate if need be, and open. Nothing is written before the checks have passed."""
    path = folder / DATABASE
    if not path.is_file():
        raise ProjectError(
            "there is no project",
            where=str(folder),
            next_step="create one, or open a folder of media",
        )
    lock = None if read_only else WriterLock(folder / LOCK)
    try:
        version = _checked_version(path)
        if version < len(schema.MIGRATIONS):
            _migrate(path, version, may_write=not read_only)
        return Database.open(path, read_only=read_only), lock
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def _checked_version(path: Path) -> int:
    """The schema's version, after looking for damage through a read-only connection.

    Raises: ProjectDamaged, ProjectNewer.
    """
    log = path.with_name(path.name + "-wal")
    check = path.stat().st_size <= ALWAYS_CHECKED_BYTES or log.exists()
    database = Database.open(path, read_only=True)
    try:
        with database.read() as connection:
            if connection.pragma("application_id") != schema.APPLICATION_ID:
                raise apsw.NotADBError("it is no project of this program")
            version = int(connection.pragma("user_version"))
            if version > len(schema.MIGRATIONS):
                raise ProjectNewer(
                    f"the project was made by a newer version (format {version},"
                    f" this one knows up to {len(schema.MIGRATIONS)})",
                    where=str(path),
                    next_step="update VisionStudio",
                )
            if check:
                backups.check_connection(connection)
        return version
    finally:
        database.close()


def _migrate(path: Path, version: int, *, may_write: bool) -> None:
    """Bring an older schema up to date: a backup first, then one transaction per step."""
    if not may_write:
        raise ProjectOlder(
            "the project has an older format",
            where=str(path),
            next_step="open it for writing once, which brings it up to date",
        )
    database = Database.open(path, read_only=False)
    try:
        with database.read() as connection:
            backups.make_backup(connection, path.parent, f"before migration {version}")
        for number, migration in enumerate(schema.MIGRATIONS[version:], version + 1):
            with database.write() as connection:
                connection.execute(migration.script)
                connection.pragma("user_version", number)
    finally:
        database.close()


def put_setting(connection: apsw.Connection, key: str, value: Any) -> None:
    """Store a setting in the caller's transaction."""
    connection.execute(
        "INSERT INTO setting (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, to_json(value)),
    )


def copy_project(source: apsw.Connection, folder: Path, media_root: Path) -> None:
    """A copy of an open database as a project of its own."""
    database, lock = create(folder, media_root)
    try:
        database.close()
        path = folder / DATABASE
        backups.copy_database(source, path)
        database = Database.open(path, read_only=False)
        try:
            with database.write() as connection:
                put_setting(connection, "media_root", stored_root(media_root, folder))
        finally:
            database.close()
    finally:
        lock.release()
