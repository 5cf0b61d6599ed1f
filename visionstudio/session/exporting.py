"""Projects into data sets: labels of pictures that are labelled or verified, for any format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Loss,
    WriteOptions,
    Written,
)
from visionstudio.formats.registry import get_format
from visionstudio.model.annotations import Annotation
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.session.importing import DIGEST
from visionstudio.session.library import probed
from visionstudio.storage.store import ProjectStore

Progress = Callable[[float, str], None]


def export_project(
    store: ProjectStore,
    format_name: str,
    out: Path,
    options: WriteOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Written:
    """Write a project's labels in a format. Proposals and rejected ones are never written.

    Pictures that are neither labelled nor verified are left out and counted: in
    other programs they would look as if nothing was in them. Raises FormatError
    for an unknown format, StorageFull.
    """
    writer = get_format(format_name)
    dataset = project_dataset(store, progress=progress)
    written = writer.write(dataset, out, options or WriteOptions())
    silent = store.counts().media - len(dataset.items)
    if not silent:
        return written
    loss = Loss("pictures that are neither labelled nor verified are left out", silent)
    return Written(written.files, written.annotations, (*written.losses, loss))


def project_dataset(
    store: ProjectStore,
    media_ids: Iterable[int] | None = None,
    *,
    progress: Progress | None = None,
) -> Dataset:
    """A project's labels as a data set, with the project's ids of media and classes.

    Without `media_ids` those of all pictures that are labelled or verified.
    """
    classes = store.classes()
    names = {c.id: c.name for c in classes}
    wanted = None if media_ids is None else frozenset(media_ids)
    items = []
    media = store.media()
    paths = export_paths(media)
    for index, item in enumerate(media):
        if progress is not None and index % 100 == 0:
            progress(index / len(media), item.path)
        if wanted is not None and item.id not in wanted:
            continue
        labels = [a for a in store.annotations(item.id) if a.state.is_label]
        if wanted is None and not labels and not item.verified:
            continue
        items.append(_item(store, item, paths[item.id], labels, names))
    return Dataset(
        tuple(DatasetClass(name=c.name, id=c.id, skeleton=c.skeleton) for c in classes),
        tuple(items),
    )


def _item(
    store: ProjectStore,
    item: MediaItem,
    path: str,
    labels: list[Annotation],
    names: dict[int, str],
) -> DatasetItem:
    if not (item.width and item.height):
        item = probed(store, item)
    file = store.path_of(item)
    return DatasetItem(
        path=path,
        annotations=tuple(_annotation(a, names) for a in labels),
        id=item.id,
        kind=_kind(item, labels),
        width=item.width,
        height=item.height,
        frames=item.frames,
        verified=item.verified,
        file=file if file.exists() else None,
        source=item.path,
    )


def _kind(item: MediaItem, labels: list[Annotation]) -> MediaKind:
    """A stack that is labelled on its first page only is a picture to formats without pages."""
    is_first = item.kind is MediaKind.STACK and not any(a.frame for a in labels)
    return MediaKind.IMAGE if is_first else item.kind


def _annotation(annotation: Annotation, names: dict[int, str]) -> DatasetAnnotation:
    return DatasetAnnotation(
        label=names[annotation.class_id],
        shape=annotation.shape,
        frame=annotation.frame,
        pts=annotation.pts,
        track=annotation.track_id,
        group=annotation.group_id,
        score=annotation.score,
        z=annotation.z,
        flags=annotation.flags,
        attributes=annotation.attributes,
        extra={k: v for k, v in annotation.extra.items() if k != DIGEST},
        where=f"annotation {annotation.id}",
    )


def export_paths(media: list[MediaItem]) -> dict[int, str]:
    """A different relative path for every item: files elsewhere go by their common folder."""
    outside = [m for m in media if _is_absolute(m.path)]
    common = os.path.commonpath([str(Path(m.path).parent) for m in outside]) if outside else ""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for item in media:
        path = item.path
        if _is_absolute(path):
            path = Path(path).relative_to(common).as_posix()
        path = "/".join(p for p in path.split("/") if p not in ("", ".", ".."))
        unique, n = path, 2
        while unique in taken:
            pure = PurePosixPath(path)
            unique, n = str(pure.with_stem(f"{pure.stem}_{n}")), n + 1
        taken.add(unique)
        found[item.id] = unique
    return found


def _is_absolute(path: str) -> bool:
    return Path(path).is_absolute()
