"""One writer per project: an operating-system lock on a file beside the database.

The system drops the lock when its holder dies, however it dies, so there is no
stale lock to clean up and no process id to check.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from visionstudio.model.errors import ProjectBusy, StorageFull

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> None:
        # Beyond the text, so that another program may still read who holds it.
        os.lseek(handle, 1 << 20, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class WriterLock:
    """Held from construction to `release`. Raises ProjectBusy when somebody else has it."""

    def __init__(self, path: Path) -> None:
        try:
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StorageFull(
                f"the project's folder cannot be written ({error.strerror})",
                where=str(path.parent),
                next_step="open it read-only, or choose a folder that can be written",
            ) from error
        try:
            _try_lock(self._handle)
        except OSError as error:
            holder = _holder(path)
            self.release()
            raise ProjectBusy(
                f"the project is already open for writing{holder}",
                where=str(path.parent),
                next_step="use the other window, or open this one read-only",
            ) from error
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, f"on {platform.node()}, process {os.getpid()}".encode())

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would race with the next holder."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _holder(path: Path) -> str:
    """Who says to hold the lock; for the message only."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f" ({text})" if text else ""
