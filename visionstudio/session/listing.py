"""Files into media items: what lies where, how large it is, and why it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from visionstudio.media.identity import identity
from visionstudio.media.probe import probe
from visionstudio.media.scan import find_media
from visionstudio.model.errors import MediaError, one_line
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.storage.store import ProjectStore

Progress = Callable[[float, str], None]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """What adding files did: how many are new, and which of them cannot be read and why."""

    added: int
    failed: tuple[tuple[str, str], ...] = ()


def add_media(
    store: ProjectStore,
    paths: Sequence[Path],
    *,
    as_video: bool = False,
    progress: Progress | None = None,
) -> Listed:
    """List pictures and videos in a project, folders with all that is in them.

    What is listed already stays as it is. Files that cannot be read are listed
    with the reason. Raises MediaError for a path that is not there.
    """
    for path in paths:
        if not path.exists():
            raise MediaError(
                "there is no such file or folder",
                where=str(path),
                next_step="check the path",
            )
    known = {os.path.realpath(store.path_of(m)) for m in store.media()}
    found = list(find_media(paths, as_video=as_video))
    new = [f for f in found if os.path.realpath(f.path) not in known]
    failed: list[tuple[str, str]] = []
    for start in range(0, len(new), _AT_ONCE):
        some = new[start : start + _AT_ONCE]
        first = store.reserve_ids("media", len(some))
        items = [describe_file(store, first + i, f.path, f.kind) for i, f in enumerate(some)]
        store.update_media(items)
        failed += [(i.path, i.reason) for i in items if i.status is MediaStatus.ERROR]
        if progress is not None:
            progress((start + len(some)) / len(new), items[-1].name)
    return Listed(len(new), tuple(failed))


def describe_file(store: ProjectStore, media_id: int, path: Path, kind: MediaKind) -> MediaItem:
    """The media item of a file, with what its header says or why it cannot be read."""
    item = MediaItem(id=media_id, path=store.media_path(path), kind=kind)
    try:
        size, head_hash = identity(path)
        item = replace(item, size=size, head_hash=head_hash)
        return _headed(item, path)
    except (MediaError, OSError) as error:
        reason = error.what if isinstance(error, MediaError) else one_line(error)
        return replace(item, status=MediaStatus.ERROR, reason=reason)


def with_header(store: ProjectStore, item: MediaItem) -> MediaItem:
    """The item with its size, read now if it is not known yet and the file is there."""
    if item.width and item.height:
        return item
    try:
        return _headed(item, store.path_of(item))
    except (MediaError, OSError):
        return item


def _headed(item: MediaItem, path: Path) -> MediaItem:
    header = probe(path, item.kind)
    return replace(
        item,
        width=header.width,
        height=header.height,
        frames=header.frames,
        status=MediaStatus.OK,
        reason="",
    )
