"""Which files are pictures and videos: by name only, no file is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from visionstudio.model.errors import MediaError
from visionstudio.model.media import MediaKind

_PICTURES = (
    ".jpg .jpeg .jpe .jfif .png .apng .tif .tiff .bmp .dib .gif .webp .avif .jp2 .j2k .jpx .ppm"
    " .pgm .pbm .pnm .hdr .tga .sgi .ico .svs .exr .cur .dcm .dicom"
)
_VIDEOS = (
    ".mp4 .m4v .mov .mkv .webm .avi .ts .m2ts .mts .mpg .mpeg .wmv .flv .ogv .3gp .h264 .hevc"
    " .y4m .vob .mxf"
)
PICTURE_SUFFIXES = frozenset(_PICTURES.split())
VIDEO_SUFFIXES = frozenset(_VIDEOS.split())

_NUMBERS = re.compile(r"(\d+)")


_KINDS = dict.fromkeys(PICTURE_SUFFIXES, MediaKind.IMAGE) | dict.fromkeys(
    VIDEO_SUFFIXES, MediaKind.VIDEO
)


class Found(NamedTuple):
    """One thing to look at: an absolute path and what its name says it is.

    `text` is the path as the system writes it: a Path for each of a million
    names takes ten times as long as finding them.
    """

    text: str
    kind: MediaKind

    @property
    def path(self) -> Path:
        return Path(self.text)


def kind_of(name: str) -> MediaKind | None:
    """What a file's name promises, None when it is neither picture nor video."""
    stem, dot, suffix = name.rpartition(".")
    return _KINDS.get(dot + suffix.lower()) if stem else None


def find_media(paths: Path | str | Iterable[Path | str], *, as_video: bool = False) -> list[Found]:
    """All pictures and videos at and beneath `paths`, each once, in sorted path order.

    Folders are searched with their sub-folders; hidden files and folders (names
    that begin with a dot) are left out, links to folders are followed once each.
    A file that is named itself is taken as a picture when its name tells nothing,
    so that opening it says why it is none. With `as_video` every folder that holds
    pictures is one item of kind FRAMES instead of many pictures.

    No file is opened. Paths are absolute; the order is that of the paths as text
    with forward slashes. Raises MediaError when one of `paths` is not there or
    cannot be listed.
    """
    named = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: dict[str, MediaKind] = {}
    for path in named:
        root = os.path.abspath(path)  # noqa: PTH100 - keeps links as the user named them
        if os.path.isdir(root):  # noqa: PTH112
            found |= _folder(root, as_video)
        elif os.path.lexists(root):
            found[root] = kind_of(root) or MediaKind.IMAGE
        else:
            raise MediaError(
                "there is no such file or folder", where=str(path), next_step="check the path"
            )
    ordered = sorted(found) if os.sep == "/" else sorted(found, key=lambda p: Path(p).as_posix())
    # The class's own way to make one takes longer than finding it.
    return list(
        map(partial(tuple.__new__, Found), zip(ordered, map(found.get, ordered), strict=True))
    )


def has_media(folder: Path) -> bool:
    """Whether a folder itself holds a picture or video that `find_media` would find.

    False also where it cannot be listed. Looks only until it has found one.
    """
    try:
        with os.scandir(folder) as entries:
            return any(e.name[0] != "." and kind_of(e.name) and not e.is_dir() for e in entries)
    except OSError:
        return False


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder of frames, in natural order (frame2 before frame10).

    Sub-folders are not searched. Raises MediaError when the folder cannot be
    listed or holds no picture.
    """
    try:
        with os.scandir(folder) as entries:
            names = [
                e.name
                for e in entries
                if kind_of(e.name) is MediaKind.IMAGE and e.name[0] != "." and not e.is_dir()
            ]
    except OSError as error:
        raise _unlisted(str(folder), error) from error
    if not names:
        raise MediaError(
            "the folder holds no pictures",
            where=str(folder),
            next_step="choose a folder whose files are pictures",
        )
    return [folder / name for name in sorted(names, key=natural_key)]


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which runs of digits compare as numbers."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in _NUMBERS.split(name)
        if part
    )


def _folder(root: str, as_video: bool) -> dict[str, MediaKind]:
    """Everything beneath `root` by its path, in no particular order."""
    found: dict[str, MediaKind] = {}
    kind_by, image = _KINDS.get, MediaKind.IMAGE  # looked up once, not for each of a million
    waiting = [root]
    seen: set[tuple[int, int]] = set()  # folders by device and inode: links may go in circles
    while waiting:
        folder = waiting.pop()
        pictures = False
        try:
            status = os.stat(folder)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen and status.st_ino:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listed:
                entries = list(listed)  # in one go: ten thousand in some milliseconds
        except OSError as error:
            if folder == root:
                raise _unlisted(root, error) from error
            continue  # a sub-folder without permission hides only itself
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            try:
                if entry.is_dir():
                    waiting.append(entry.path)
                    continue
            except OSError:  # a link in a circle
                pass
            suffix = name[name.rfind(".") :]
            kind = kind_by(suffix) or kind_by(suffix.lower())
            if kind is None:
                continue
            if kind is image and as_video:
                pictures = True
            else:
                found[entry.path] = kind
        if pictures:
            found[folder] = MediaKind.FRAMES
    return found


def _unlisted(folder: str, error: OSError) -> MediaError:
    return MediaError(
        f"the folder cannot be listed: {error.strerror or error}",
        where=folder,
        next_step="check that it is there and may be read",
    )
