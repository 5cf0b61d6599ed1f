"""Small copies of pictures and first frames, kept on disk."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.media.atomic import write_cache
from visionstudio.media.header import picture_header
from visionstudio.media.identity import content_key
from visionstudio.media.image import read_reduced, shrink
from visionstudio.media.pyramid import is_large, quick_copy
from visionstudio.media.scan import frame_files, kind_of
from visionstudio.model.errors import MediaError
from visionstudio.model.media import MediaKind
from visionstudio.settings.folders import cache_folder

QUALITY = 88
LIMIT_BYTES = 512 * 2**20
_TRIM_EVERY = 2000  # new files between two looks at the whole cache


class Thumbnails:
    """Thumbnails by what a file holds, not where it lies: a moved picture keeps its own.

    Safe in threads and processes; a cache that cannot be written is no error.
    """

    def __init__(self, folder: Path | None = None, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder if folder is not None else cache_folder() / "thumbnails"
        self._limit = limit_bytes
        self._written = 0
        self._lock = threading.Lock()

    def get(self, path: Path, side: int) -> NDArray[np.uint8]:
        """The picture or first frame with its longer side `side` (or its own, if smaller).

        (h, w, 3) uint8 upright RGB. Reads and decodes: not for the GUI thread.
        Raises MediaError with the reason.
        """
        path = Path(path)
        key = content_key(path)
        cached = self._folder / key[-2:] / f"{key}-{side}.jpg"
        found = _load(cached)
        if found is not None:
            return found
        made = _make(path, side)
        ok, data = cv2.imencode(
            ".jpg", cv2.cvtColor(made, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        )
        if ok and write_cache(cached, data.tobytes()):
            self._count()
        return made

    def trim(self) -> None:
        """Remove the oldest files beyond the size limit."""
        files: list[tuple[float, int, str]] = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                with contextlib.suppress(OSError):
                    status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118
                    files.append((status.st_mtime, status.st_size, f"{folder}/{name}"))
        total = sum(size for _, size, _ in files)
        for _, size, name in sorted(files):
            if total <= self._limit:
                return
            with contextlib.suppress(OSError):
                Path(name).unlink()
                total -= size

    def _count(self) -> None:
        with self._lock:
            self._written += 1
            due = self._written % _TRIM_EVERY == 0
        if due:
            self.trim()


def _load(cached: Path) -> NDArray[np.uint8] | None:
    try:
        data = np.fromfile(cached, np.uint8)
        found = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    except (OSError, cv2.error):
        return None
    return None if found is None else np.asarray(found, np.uint8)


def _make(path: Path, side: int) -> NDArray[np.uint8]:
    if path.is_dir():
        return read_reduced(frame_files(path)[0], side)
    if kind_of(path.name) is MediaKind.VIDEO:
        from visionstudio.media.video import open_video  # loads slowly, and pictures do without

        with open_video(path) as video:
            return shrink(video.read(0), side)
    header = picture_header(path)
    if is_large(header):
        copy = quick_copy(path, header, side)
        if copy is None:
            raise MediaError("is too large for a small copy", where=str(path))
        return shrink(copy, side)
    return read_reduced(path, side)
