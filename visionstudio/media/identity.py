"""What a file is, wherever it lies: its size and a hash of its head."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import IO

from visionstudio.model.errors import MediaError

HEAD_BYTES = 64 * 1024


def identity(path: Path) -> tuple[int, str]:
    """Size in bytes and hex BLAKE2b (128 bits) of the first 64 KiB.

    For a folder of frames: the number of its pictures and a hash of their names
    and sizes. Raises MediaError when the file cannot be read.
    """
    if path.is_dir():
        return _folder_identity(path)
    with open_regular(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        return size, _digest(handle.read(HEAD_BYTES))


def content_key(path: Path) -> str:
    """A name for derived files: like `identity`, with the tail of the file hashed too.

    The tail tells videos apart that share their header, such as cuts of one stream.
    """
    if path.is_dir():
        count, digest = _folder_identity(path)
        return f"{count:x}-{digest}"
    with open_regular(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        data = handle.read(HEAD_BYTES)
        if size > HEAD_BYTES:
            handle.seek(max(HEAD_BYTES, size - HEAD_BYTES))
            data += handle.read(HEAD_BYTES)
        return f"{size:x}-{_digest(data)}"


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading, refusing what is no ordinary file, unread.

    A FIFO would wait for ever, a device has no end. Raises MediaError with the
    reason: missing, no permission, a folder, a special file, empty.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "is a folder" if stat.S_ISDIR(mode) else "is a special file, not a picture"
            raise MediaError(what, where=str(path), next_step="choose a file")
        handle = path.open("rb")
    except FileNotFoundError as error:
        raise MediaError(
            "the file is not there",
            where=str(path),
            next_step="put it back or connect its drive",
        ) from error
    except OSError as error:
        raise MediaError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(path),
            next_step="check its permissions and drive",
        ) from error
    except ValueError as error:  # a name with a null character
        raise MediaError("is no valid file name", where=repr(str(path))) from error
    if os.fstat(handle.fileno()).st_size == 0:
        handle.close()
        raise MediaError(
            "the file is empty", where=str(path), next_step="copy it again from its source"
        )
    return handle


def _folder_identity(folder: Path) -> tuple[int, str]:
    from visionstudio.media.scan import frame_files

    files = frame_files(folder)
    lines = [f"{f.name}\0{f.stat().st_size if f.exists() else 0}" for f in files]
    return len(files), _digest("\n".join(lines).encode("utf-8", "surrogateescape"))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
