"""A SQLite VFS that forgets what was not synced, or fails from a chosen call on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

Write = tuple[str, int, bytes]  # kind ("write" or "truncate"), offset, data


def no_failure(call: int) -> Exception | None:
    """A disk that works."""
    return None


class FaultyDisk(apsw.VFS):
    """Files that work as usual while the disk counts and remembers.

    `fail` decides for each numbered writing call whether it fails, and how.
    `crash(folder)` makes the files as a power failure now could leave them:
    what was synced, and of the rest any part.
    """

    def __init__(self, name: str = "faulty") -> None:
        self.calls = 0
        self.fail: Callable[[int], Exception | None] = no_failure
        self.synced: dict[str, bytearray] = {}
        self.pending: dict[str, list[Write]] = {}
        self.vfs_name = name
        super().__init__(name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> FaultyFile:
        return FaultyFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.count()
        super().xDelete(filename, syncdir)
        self.synced.pop(filename, None)
        self.pending.pop(filename, None)

    def count(self) -> None:
        """One more writing call; raises when it is to fail."""
        self.calls += 1
        error = self.fail(self.calls)
        if error is not None:
            raise error

    def crash(self, target: Path, chance: random.Random) -> None:
        """What the disk may hold after a power failure, in another folder."""
        target.mkdir(parents=True)
        for name, synced in self.synced.items():
            data = bytearray(synced)
            for write in self.pending.get(name, []):
                if chance.random() < 0.5:
                    _write(data, *write)
            (target / Path(name).name).write_bytes(data)


class FaultyFile(apsw.VFSFile):
    """One open file on a `FaultyDisk`."""

    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if self._name not in disk.synced:
            path = Path(self._name)
            disk.synced[self._name] = bytearray(path.read_bytes() if path.exists() else b"")

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.count()
        super().xWrite(data, offset)
        self._note("write", offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self._disk.count()
        super().xTruncate(size)
        self._note("truncate", size, b"")

    def xSync(self, flags: int) -> None:
        self._disk.count()
        super().xSync(flags)
        data = self._disk.synced[self._name]
        for write in self._disk.pending.pop(self._name, []):
            _write(data, *write)

    def _note(self, kind: str, offset: int, data: bytes) -> None:
        self._disk.pending.setdefault(self._name, []).append((kind, offset, data))


def _write(data: bytearray, kind: str, offset: int, new: bytes) -> None:
    if kind == "truncate":
        if offset < len(data):
            del data[offset:]
        return
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(new)] = new
