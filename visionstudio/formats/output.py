"""Writing files in one step each, or many of them together, or none at all to see what would be.

A file is written beside its place, synced, and then renamed: it is there whole
or as it was. Inside `together` all files take their places at the end only, so
that an export that is given up or fails halfway changes nothing. With `dry`
nothing is written.
"""

from __future__ import annotations

import filecmp
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from visionstudio.formats.progress import tick
from visionstudio.model.errors import StorageFull


@dataclass(slots=True)
class _Batch:
    """Files that wait to take their places: (written beside, place)."""

    dry: bool
    parts: list[tuple[Path, Path]] = field(default_factory=list)


_BATCH: ContextVar[_Batch | None] = ContextVar("batch", default=None)


class _Nowhere(io.RawIOBase):
    """Takes everything and keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return len(data)


@contextmanager
def together(*, dry: bool = False) -> Iterator[None]:
    """All files that are written inside take their places when the block ends, or none does.

    With `dry` none ever does. Raises StorageFull when a file cannot be put in its place.
    """
    batch = _Batch(dry)
    token = _BATCH.set(batch)
    try:
        yield
        for part, path in batch.parts:
            with _told(path):
                part.replace(path)
    finally:
        _BATCH.reset(token)
        for part, _ in batch.parts:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFull(
            f"cannot write the file: {error.strerror or error}",
            where=str(path),
            next_step="choose another folder or make room",
        ) from error


@contextmanager
def replacing(path: Path, *, keep_same: bool = False) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` whole, or not at all.

    Written beside it, synced, then renamed; an exception leaves `path` as it was,
    and so does, with `keep_same`, a file that would be the same.
    Raises StorageFull when there is no room or the folder cannot be written.
    """
    tick(None, path.name)
    batch = _BATCH.get()
    if batch is not None and batch.dry:
        yield cast("IO[bytes]", _Nowhere())
        return
    part = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            if keep_same and path.is_file() and filecmp.cmp(part, path, shallow=False):
                part.unlink()
            elif batch is None:
                part.replace(path)
            else:
                batch.parts.append((part, path))
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path` in one step; a file that holds it is left as it is."""
    if _holds(path, data):
        tick(None, path.name)
        return
    with replacing(path) as handle:
        handle.write(data)


def copy_file(source: Path, target: Path) -> None:
    """Copy a picture in one step; a copy of the same size and time is left as it is."""
    if target.exists() and target.samefile(source):
        return
    batch = _BATCH.get()
    if batch is not None and batch.dry:
        return  # without reading the picture
    with replacing(target) as handle, source.open("rb") as data:
        shutil.copyfileobj(data, handle, 1 << 20)
