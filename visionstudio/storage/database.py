"""The SQLite connections of a project: safe settings, transactions, named errors.

There is one connection that writes and one that reads, each behind its own
lock, so that a picture can be opened while an import is being stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from visionstudio.model.errors import (
    InvalidValue,
    ProjectBusy,
    ProjectDamaged,
    ProjectError,
    StorageFull,
)

Row = tuple[Any, ...]
_FULL = (
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
)
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)
WAL_KEPT_BYTES = 64 << 20
"""After a large transaction the log shrinks back to this at the next checkpoint."""


@dataclass(frozen=True, slots=True)
class Access:
    """How files are reached. Tests put in a VFS that fails or forgets on purpose.

    `exclusive` makes writer and reader one connection that keeps the log's index
    to itself, so that such a VFS sees all that happens. `synchronous` is FULL:
    NORMAL loses acknowledged commits when the power fails.
    """

    vfs: str | None = None
    exclusive: bool = False
    synchronous: str = "FULL"


ACCESS = Access()


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into ours, which say what to do next.

    Raises: StorageFull, ProjectDamaged, ProjectBusy, InvalidValue, ProjectError.
    """
    try:
        yield
    except _FULL as error:
        raise StorageFull(
            f"the project cannot be written ({error})",
            where=str(path),
            next_step="make room or allow writing and try again, or save the project elsewhere",
        ) from error
    except _DAMAGED as error:
        raise ProjectDamaged(
            f"the project's database is damaged ({error})",
            where=str(path),
            next_step="restore a backup or salvage what can be read; the file was left untouched",
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise ProjectBusy(
            "another program is using the project's database",
            where=str(path),
            next_step="close the other program and try again",
        ) from error
    except (
        apsw.ConstraintError,
        apsw.MismatchError,
        apsw.TooBigError,
        OverflowError,  # an int of more than 64 bits
        UnicodeEncodeError,  # a lone surrogate
    ) as error:
        raise InvalidValue(
            f"the change does not fit the project ({error})",
            where=str(path),
            next_step="reload the project and make the change again",
        ) from error
    except apsw.Error as error:
        raise ProjectError(
            f"the project's database cannot be used ({error})",
            where=str(path),
            next_step="restart the program; if it stays, restore a backup",
        ) from error


def connect(path: Path, mode: str, access: Access | None = None) -> apsw.Connection:
    """A connection with the settings that keep the project's promises.

    `mode` is 'create', 'write', 'read', or 'immutable' for a file in a folder
    that cannot be written and whose log is empty. Raises apsw errors.
    """
    access = access or ACCESS
    flags = {
        "create": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
        "write": apsw.SQLITE_OPEN_READWRITE,
        "read": apsw.SQLITE_OPEN_READONLY,
        "immutable": apsw.SQLITE_OPEN_READONLY,
    }[mode]
    name = str(path)
    if mode == "immutable":
        name = f"file:{quote(path.absolute().as_posix())}?immutable=1"
        flags |= apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(name, flags=flags, vfs=access.vfs)
    try:
        connection.set_busy_timeout(2000)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.pragma("cell_size_check", True)
        connection.pragma("foreign_keys", True)
        if access.exclusive:
            connection.pragma("locking_mode", "EXCLUSIVE")
        if mode in ("create", "write"):
            connection.pragma("synchronous", access.synchronous)
            connection.pragma("journal_mode", "WAL")
            connection.pragma("fullfsync", True)  # macOS: a plain fsync stops at the drive's cache
            connection.pragma("checkpoint_fullfsync", True)
            connection.pragma("journal_size_limit", WAL_KEPT_BYTES)
    except BaseException:
        connection.close()
        raise
    return connection


def one_row(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Row:
    """The only row of a query. Raises apsw.CorruptError when there is none."""
    row: Row | None = connection.execute(sql, values).fetchone()
    if row is None:
        raise apsw.CorruptError("a row is missing")
    return row


class Database:
    """An open project.db. `write` and `read` may be used from any thread."""

    def __init__(self, path: Path, writer: apsw.Connection | None, reader: apsw.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._write_lock = threading.RLock()
        self._read_lock = self._write_lock if reader is writer else threading.RLock()

    @classmethod
    def open(cls, path: Path, *, read_only: bool, create: bool = False) -> Database:
        """Open without looking inside. Raises the errors of `named_errors`."""
        with named_errors(path):
            if read_only:
                return cls(path, None, _open_reader(path))
            writer = connect(path, "create" if create else "write")
            if ACCESS.exclusive:
                return cls(path, writer, writer)
            try:
                # Reading once creates the log, without which a reader finds no shared memory.
                writer.pragma("user_version")
                return cls(path, writer, connect(path, "read"))
            except BaseException:
                writer.close()
                raise

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """One transaction: committed and on disk when the block has ended, or not at all."""
        with self._write_lock, named_errors(self.path):
            connection = self._writer
            if connection is None:
                raise StorageFull(
                    "the project is open for reading only",
                    where=str(self.path),
                    next_step="close the other window, or save the project elsewhere",
                )
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back after some disk errors.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """The reading connection; statements of the block see the last commit."""
        with self._read_lock, named_errors(self.path):
            yield self._reader

    def again(self) -> Database | None:
        """A second one that only reads; None where a second connection could not get in."""
        if ACCESS.exclusive:
            return None
        with named_errors(self.path):
            return Database(self.path, None, _open_reader(self.path))

    def close(self) -> None:
        """Close both connections; the last writer folds the log into the file."""
        with self._write_lock, self._read_lock, named_errors(self.path):
            self._reader.close()
            if self._writer is not None:
                self._writer.close()


def _open_reader(path: Path) -> apsw.Connection:
    """A reader beside a writer, or of a folder that cannot be written."""
    connection = connect(path, "read")
    try:
        connection.pragma("user_version")
        return connection
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        connection.close()
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise ProjectError(
                "the project was not closed properly and its folder cannot be written",
                where=str(path),
                next_step="copy the folder to where it can be written and open the copy",
            ) from None
        return connect(path, "immutable")
