"""Finding pictures that strangers' files name.

A file name in an annotation file is only ever looked up beneath a chosen
folder. It never leads out of it: not by '..', an absolute path, a drive, a
network share, a device name, or a symbolic link. How files are written is in
`output.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from visionstudio.model.errors import FormatError

_PICTURES = """.jpg .jpeg .jpe .jfif .png .bmp .dib .tif .tiff .webp .gif .ppm .pgm .pbm .pnm
    .jp2 .avif .exr .hdr .ico .tga"""
PICTURE_SUFFIXES = frozenset(_PICTURES.split())
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul"] + [f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)]
)


def is_picture(name: str) -> bool:
    """Whether the name ends like a picture's."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def safe_parts(name: str) -> tuple[str, ...] | None:
    """The parts of a relative path that cannot lead out of its root on any system, else None."""
    text = name.replace("\\", "/")
    if not text or text.startswith("/") or "\x00" in text or ":" in text:
        return None
    parts = tuple(p for p in text.split("/") if p not in ("", "."))
    if not parts or ".." in parts:
        return None
    if any(p.split(".", 1)[0].rstrip(" ").lower() in _DEVICES for p in parts):
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return parts


def _inner(name: str) -> str:
    """A path without what leads out of a folder: '../images/a.png' is 'images/a.png' inside it."""
    text = re.sub(r"^[A-Za-z]:", "", name.replace("\\", "/"))
    return "/".join(p for p in text.split("/") if p not in ("", ".", ".."))


def last_part(name: str) -> str:
    """The file name at the end of a path of any system."""
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def safe_name(name: str) -> str:
    """The last part of a stranger's path as a file name that every system can have."""
    last = re.sub(r'[\x00-\x1f<>:"|?*]', "_", last_part(name))
    last = last.encode("utf-8", "replace").decode("utf-8")
    return last if safe_parts(last) else f"_{last.strip('. ')}"


class RealPaths:
    """Paths without links, for many files of few folders: each folder is looked at once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str | Path) -> str:
        """What `os.path.realpath` says of a file."""
        folder, name = os.path.split(path)
        # Windows has several names for one file, so that the last part is looked up too
        if os.name == "nt" or name in ("", ".", "..") or os.path.islink(path):  # noqa: PTH114
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118


class PictureRoot:
    """Looks up pictures beneath `root`; `also` are folders inside it to try too.

    A name that leads out of the root is looked for inside, without what leads out.
    With `search`, a name that is not found as it stands is looked for in all
    sub-folders, by its longest unambiguous tail: labels often carry the folders
    of the machine that made them.
    """

    def __init__(self, root: Path, also: tuple[str, ...] = (), *, search: bool = False) -> None:
        self.root = root.resolve()
        inner = (self.root / a for a in also)
        self._folders = (self.root, *(folder for folder in inner if folder.is_dir()))
        self._real = RealPaths()
        self._search = search
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path | None:
        """The absolute path of an existing picture under the root, None if there is none."""
        parts = safe_parts(name) or safe_parts(_inner(name))
        if parts is not None:
            for folder in self._folders:
                found = self._inside(folder.joinpath(*parts))
                if found is not None:
                    return found
        return self._by_tail(name) if self._search else None

    def find_folder(self, name: str) -> Path | None:
        """The absolute path of an existing folder under the root, such as one of frames."""
        parts = safe_parts(name) or safe_parts(_inner(name))
        for folder in self._folders if parts is not None else ():
            path = folder.joinpath(*parts or ())
            try:
                if path.is_dir() and path.resolve().is_relative_to(self.root):
                    return path
            except (OSError, ValueError):
                continue
        return None

    def relative(self, path: Path) -> str:
        """A found path relative to the folder it was found in, with forward slashes."""
        inside = [f for f in self._folders if path.is_relative_to(f)]
        deepest = max(inside, key=lambda f: len(f.parts), default=self.root)
        return path.relative_to(deepest).as_posix()

    def _inside(self, path: Path) -> Path | None:
        try:
            if not path.is_file() or not Path(self._real.of(path)).is_relative_to(self.root):
                return None
        except (OSError, ValueError):
            return None
        return path

    def _by_tail(self, name: str) -> Path | None:
        wanted = _inner(name).split("/")
        if not wanted[-1]:
            return None
        if self._by_name is None:
            self._by_name = {}
            for path in walk_files(self.root):
                self._by_name.setdefault(path.name, []).append(path)
        found = self._by_name.get(wanted[-1], [])
        for length in range(2, len(wanted) + 1):
            if len(found) <= 1:
                break
            found = [p for p in found if list(p.parts[-length:]) == wanted[-length:]]
        return self._inside(found[0]) if len(found) == 1 else None


def walk_files(root: Path) -> Iterator[Path]:
    """All files beneath the root in sorted order, without hidden ones and linked folders."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(folder, name)


def the_file(src: Path, suffix: str) -> Path:
    """A file, or the only one of that suffix in a folder. Raises FormatError."""
    if not src.is_dir():
        return src
    found = sorted(src.glob(f"*{suffix}"))
    if len(found) != 1:
        raise FormatError(
            f"the folder holds {len(found)} {suffix[1:].upper()} files, and one is needed",
            where=str(src),
            next_step="name the file",
        )
    return found[0]
