"""Pyramids of pictures that have none, made in the background and kept in the cache."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from visionstudio.media.header import TILED_FORMATS, PictureHeader
from visionstudio.media.identity import content_key
from visionstudio.media.pyramid import Level, Pyramid, ready_pyramid
from visionstudio.model.errors import MediaError
from visionstudio.settings.folders import cache_folder

LIMIT_BYTES = 32 * 2**30
_POLL_SECONDS = 0.05
_THREADS = "2"  # of libvips: each holds bands of the picture, and decoding is what takes the time
_MARGIN = 2**30  # of the disk's room is left to others
_DEPTHS = ((8, 1), (16, 2), (32, 4))


class Pyramids:
    """Makes pyramids in child processes, one for a picture; they go on when nobody waits.

    `close` ends those that are being made. Thread-safe. Files beyond `limit_bytes`
    are removed, the least recently used first.
    """

    def __init__(self, folder: Path | None = None, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder if folder is not None else cache_folder() / "pyramids"
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._making: dict[Path, _Making] = {}
        self._closed = False

    def find(self, path: Path, header: PictureHeader) -> Pyramid | None:
        """The picture's pyramid if it is there already: in its file, or in the cache."""
        return ready_pyramid(path, header) or _opened(path, self._place(path))

    def get(
        self,
        path: Path,
        header: PictureHeader,
        progress: Callable[[float], None],
        wanted: Callable[[], bool],
    ) -> Pyramid | None:
        """The picture's pyramid, made if need be; None when it is not `wanted` any more.

        Blocks; `progress` hears how much is done, from 0 to 1. Raises MediaError.
        """
        found = self.find(path, header)
        if found is not None:
            return found
        target = self._place(path)
        making = self._start(path, header, target)
        while not making.done.wait(_POLL_SECONDS):
            progress(making.share)
            if not wanted():
                return None
        if making.error:
            raise MediaError(
                making.error, where=str(path), next_step="copy it again from its source"
            )
        found = _opened(path, target)
        if found is None:
            raise MediaError(
                "its levels cannot be read back", where=str(target), next_step="check that disk"
            )
        return found

    def close(self) -> None:
        """End what is being made."""
        with self._lock:
            self._closed = True
            making = list(self._making.values())
        for one in making:
            one.stop()

    def _place(self, path: Path) -> Path:
        return self._folder / content_key(path)

    def _start(self, path: Path, header: PictureHeader, target: Path) -> _Making:
        with self._lock:
            making = self._making.get(target)
            if making is not None and not making.done.is_set():
                return making
            if self._closed:
                raise MediaError("the window closes", where=str(path))
            self._make_room(path, header)
            self._making[target] = making = _Making(path, target)
            return making

    def _make_room(self, path: Path, header: PictureHeader) -> None:
        """Remove old pyramids until a new one fits. Raises MediaError when it cannot."""
        if header.format not in TILED_FORMATS:
            raise MediaError(
                f"a {header.format} picture of {header.width}×{header.height} pixels cannot be"
                " shown by tiles",
                where=str(path),
                next_step="convert it to TIFF, JPEG or PNG",
            )
        depth = next((b for bits, b in _DEPTHS if header.bits <= bits), 8)
        channels = 3 if header.mode == "P" else len(header.mode)
        need = int(header.width * header.height * depth * channels * 1.4)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.trim(self._limit - need)
        free = shutil.disk_usage(self._folder).free
        if need > self._limit or need + _MARGIN > free:
            raise MediaError(
                f"to show it by tiles {need / 2**30:.1f} GB of room are needed in"
                f" {self._folder}, there are {min(free, self._limit) / 2**30:.1f}",
                where=str(path),
                next_step="make room there, or save it as a tiled TIFF with levels",
            )

    def trim(self, limit: int) -> None:
        """Remove the least recently used pyramids beyond a size in bytes."""
        busy = {making.part for making in self._making.values() if not making.done.is_set()}
        found = []
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError):
                size = sum(file.stat().st_size for file in folder.iterdir())
                found.append((folder.stat().st_mtime, size, folder))
        total = sum(size for _, size, _ in found)
        for _, size, folder in sorted(found):
            if total <= limit:
                return
            if folder not in busy:
                shutil.rmtree(folder, ignore_errors=True)
                total -= size


class _Making:
    """A child process at work, and a thread that listens to it."""

    def __init__(self, source: Path, target: Path) -> None:
        self.share = 0.0
        self.error = ""
        self.done = threading.Event()
        self._target = target
        self.part = target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        home = str(Path(__file__).resolve().parents[2])  # the child finds this very program
        paths = [home, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in paths if p),
            "VIPS_CONCURRENCY": _THREADS,
        }
        command = [sys.executable, "-m", "visionstudio.media.pyramid_child"]
        self.part.mkdir(parents=True)
        self._child = subprocess.Popen(
            [*command, str(source), str(self.part)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        threading.Thread(target=self._listen, name="pyramid", daemon=True).start()

    def stop(self) -> None:
        """End the child; what it has written is removed."""
        self._child.kill()
        self.done.wait(10)

    def _listen(self) -> None:
        child = self._child
        try:
            if child.stdout is not None and child.stderr is not None:
                for line in child.stdout:
                    with contextlib.suppress(ValueError):
                        self.share = float(line)
                said = child.stderr.read().strip()
            code = child.wait()
            if code == 0:
                self.part.rename(self._target)
            else:
                self.error = said or f"its levels could not be made (exit code {code})"
        except OSError as error:
            self.error = f"its levels could not be kept: {error.strerror or error}"
        finally:
            shutil.rmtree(self.part, ignore_errors=True)
            for pipe in (child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
            self.done.set()


def _opened(path: Path, folder: Path) -> Pyramid | None:
    """A pyramid of the cache; None when there is none, or a damaged one, which is removed."""
    import tifffile  # here: it takes long to load, and small pictures do without

    levels: list[Level] = []
    try:
        os.utime(folder)  # the least recently used goes first
        while (file := folder / f"{len(levels)}.tif").exists():
            with tifffile.TiffFile(file) as tiff:
                page = tiff.pages[0].aspage()
                levels.append(Level(int(page.imagewidth), int(page.imagelength), file))
    except FileNotFoundError:
        return None
    except (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError):
        levels = []
    if not levels:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return Pyramid(path, tuple(levels))
