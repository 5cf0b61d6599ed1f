"""What children print, kept in the log folder without ever filling the disk."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import BinaryIO

from visionstudio.settings.folders import log_folder

MAX_LOG = 4 * 2**20


def host_log() -> Path:
    """The log of the vision host; the one before it ends in .1."""
    return log_folder() / "host.log"


class LogPump(threading.Thread):
    """Copies a child's output to a log file; after MAX_LOG bytes it is dropped, slowly."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        super().__init__(name=f"log {path.name}", daemon=True)
        self._stream, self._path = stream, path

    def run(self) -> None:
        log = self._open()
        written = 0
        with contextlib.suppress(OSError, ValueError):
            while block := self._read():
                if written > MAX_LOG:
                    time.sleep(0.005)  # a flood is slowed down, so that nobody else starves
                elif log is not None:
                    with contextlib.suppress(OSError):  # a full disk loses the log only
                        log.write(block)
                        log.flush()
                written += len(block)
        if log is not None:
            with contextlib.suppress(OSError):
                log.close()

    def _read(self) -> bytes:
        return self._stream.read1(1 << 16)  # type: ignore[attr-defined,no-any-return]

    def _open(self) -> BinaryIO | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > MAX_LOG:
                self._path.replace(self._path.with_suffix(".log.1"))
            return self._path.open("ab")
        except OSError:
            return None
