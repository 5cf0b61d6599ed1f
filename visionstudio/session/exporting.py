"""Projects into data sets: labels of pictures that are labelled or verified, for any format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Loss,
    WriteOptions,
    Written,
)
from visionstudio.formats.output import together
from visionstudio.formats.progress import Progress, reported
from visionstudio.formats.registry import get_format
from visionstudio.model.annotations import Annotation
from visionstudio.model.interpolation import all_filled
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import ASSIGNED, MediaItem, MediaKind
from visionstudio.session.import_plan import CLASS_EXTRA, SPLIT
from visionstudio.session.library import probed
from visionstudio.session.stored_labels import LazyRows, StoredLabels, dataset_annotation
from visionstudio.session.verifying import Check, check_export
from visionstudio.storage.reading import ProjectReader
from visionstudio.storage.snapshot import Snapshot
from visionstudio.storage.store import ProjectStore

LARGE = 20_000
"""Labels from which on those of pictures are read when they are written, not all before."""
_NOT_CHOSEN = "annotations of classes that were not chosen are left out"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a project is exported: these classes and subsets only; None takes all.

    Pictures stay when none of their labels is of a chosen class: there they hold
    nothing. What belongs to no subset is in ''.
    """

    classes: frozenset[str] | None = None
    splits: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what reading it again has shown; None where that was not asked."""

    written: Written
    check: Check | None = None


def export_project(
    store: ProjectStore,
    format_name: str,
    out: Path,
    options: WriteOptions | None = None,
    *,
    selection: Selection | None = None,
    verify: bool = False,
    dry: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a project's labels in a format: all files or, when something fails, none.

    Proposals and rejected ones are never written. With `verify` what was written
    is read again and compared with what was meant. With `dry` nothing is
    written: the answer says what would be, and what would be lost.

    Pictures that are neither labelled nor verified are left out and counted: in
    other programs they would look as if nothing was in them. Raises FormatError
    for an unknown format, StorageFull.
    """
    writer = get_format(format_name)
    check = None
    with Snapshot.of(store) as source:
        counts = source.counts()
        if counts.annotations > LARGE:
            whole = _large_dataset(source, key_frames=writer.key_frames, progress=progress)
        else:
            whole = project_dataset(source, key_frames=writer.key_frames, progress=progress)
        dataset, losses = _chosen(whole, selection or Selection())
        with reported(progress):
            with together(dry=dry):
                written = writer.write(dataset, out, options or WriteOptions())
            if verify and not dry:
                check = check_export(writer, dataset, written, out, store.media_root)
    silent = counts.media - len(whole.items)
    if silent:
        losses += (Loss("pictures that are neither labelled nor verified are left out", silent),)
    return Exported(replace(written, losses=(*written.losses, *losses)), check)


def _chosen(dataset: Dataset, selection: Selection) -> tuple[Dataset, tuple[Loss, ...]]:
    """The part of a data set that was chosen, and what that leaves out."""
    classes, splits = selection.classes, selection.splits
    items = [i for i in dataset.items if splits is None or i.split in splits]
    losses: tuple[Loss, ...] = ()
    if len(items) < len(dataset.items):
        gone = len(dataset.items) - len(items)
        losses = (Loss("pictures of subsets that were not chosen are left out", gone),)
    if classes is None:
        return _with_blocks(replace(dataset, items=tuple(items))), losses
    kept = [replace(i, annotations=_of_classes(i.annotations, classes)) for i in items]
    count = sum(len(i.annotations) for i in items) - sum(len(i.annotations) for i in kept)
    if count:
        losses = (*losses, Loss(_NOT_CHOSEN, count))
    named = tuple(c for c in dataset.classes if c.name in classes)
    return _with_blocks(Dataset(named, tuple(kept))), losses


def _of_classes(
    rows: Sequence[DatasetAnnotation], classes: frozenset[str]
) -> Sequence[DatasetAnnotation]:
    if isinstance(rows, LazyRows):
        ids = frozenset(i for i, name in rows.labels.names.items() if name in classes)
        return LazyRows(rows.labels.only(ids), rows.media_id)
    return tuple(a for a in rows if a.label in classes)


def _with_blocks(dataset: Dataset) -> Dataset:
    """With all annotations in blocks, where every item is a picture that is read when needed."""
    rows = [item.annotations for item in dataset.items]
    lazy = [r for r in rows if isinstance(r, LazyRows)]
    if not lazy or len(lazy) < len(rows):
        return replace(dataset, blocks=None)
    labels, media_ids = lazy[0].labels, [r.media_id for r in lazy]
    return replace(dataset, blocks=lambda: labels.blocks(media_ids))


def _large_dataset(source: Snapshot, *, key_frames: bool, progress: Progress | None) -> Dataset:
    """As `project_dataset`, but for labels of pictures, which are read when they are needed."""
    names = {c.id: c.name for c in source.classes()}
    labels = StoredLabels(source, names, source.label_counts())
    dataset = project_dataset(source, key_frames=key_frames, stored=labels, progress=progress)
    return _with_blocks(dataset)


def project_dataset(
    store: ProjectReader,
    media_ids: Iterable[int] | None = None,
    *,
    key_frames: bool = False,
    stored: StoredLabels | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A project's labels as a data set, with the project's ids of media and classes.

    Without `media_ids` those of all pictures that are labelled or verified. A track is
    there in every frame; with `key_frames` as it is stored. Labels of pictures are left
    in `stored`, where that is given.
    """
    classes = store.classes()
    kept = store.setting(CLASS_EXTRA, {})
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
        if stored is not None and item.kind is MediaKind.IMAGE:
            if stored.count(item.id) or item.verified or wanted is not None:
                rows = LazyRows(stored, item.id)
                items.append(_item(store, item, paths[item.id], item.kind, rows))
            continue
        labels = [a for a in store.annotations(item.id) if a.state.is_label]
        if not key_frames and item.kind is not MediaKind.IMAGE:
            labels = sorted(all_filled(labels), key=lambda a: (a.frame, a.z, a.id))
        if wanted is None and not labels and not item.verified:
            continue
        found = tuple(dataset_annotation(a, names) for a in labels)
        items.append(_item(store, item, paths[item.id], _kind(item, labels), found))
    return Dataset(
        tuple(_class(c, kept.get(str(c.id), {})) for c in classes),
        tuple(items),
    )


def _class(label: LabelClass, extra: Mapping[str, Any]) -> DatasetClass:
    return DatasetClass(
        name=label.name,
        id=label.id,
        skeleton=label.skeleton,
        attributes=label.attributes,
        extra=extra,
    )


def _item(
    store: ProjectReader,
    item: MediaItem,
    path: str,
    kind: MediaKind,
    annotations: Sequence[DatasetAnnotation],
) -> DatasetItem:
    if not (item.width and item.height):
        item = probed(store, item)
    file = store.path_of(item)
    return DatasetItem(
        path=path,
        annotations=annotations,
        id=item.id,
        kind=kind,
        width=item.width,
        height=item.height,
        frames=item.frames,
        verified=item.verified,
        file=file if file.exists() else None,
        source=item.path,
        split=str(item.extra.get(SPLIT, "")),
        extra={k: v for k, v in item.extra.items() if k not in (SPLIT, ASSIGNED)},
    )


def _kind(item: MediaItem, labels: list[Annotation]) -> MediaKind:
    """A stack that is labelled on its first page only is a picture to formats without pages."""
    is_first = item.kind is MediaKind.STACK and not any(a.frame for a in labels)
    return MediaKind.IMAGE if is_first else item.kind


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
