"""Data sets into projects: one edit, which can be undone and is idempotent.

Pictures are matched to those of the project by their file, then by their name;
what is missing is added. A row that is already there is skipped: each imported
annotation remembers a digest of the row it came from, so that importing the
same file again adds nothing, also after a person has corrected it.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Imported,
    Skipped,
)
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.model.shapes import Mask, Shape, encode
from visionstudio.session.library import probed
from visionstudio.storage.runs import now
from visionstudio.storage.store import ProjectStore

DIGEST = "imported"  # the key in `Annotation.extra`
IMPORTS = "imports"  # the project's setting
_REMEMBERED = 100

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. Rows of the file = annotations + skipped.

    `media` counts the file's pictures that are in the project now, of which
    `added_media` are new; `annotations` counts new annotations. `unresolved` are
    pictures that were not found; `notes` say what a person may want to know.
    """

    media: int
    added_media: int
    annotations: int
    skipped: tuple[Skipped, ...]
    unresolved: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """An import that can be looked at before it is done. `edit` is None when nothing changes.

    `origin` says what was read, in which format and with which choices.
    """

    edit: Edit | None
    report: ImportReport
    origin: Mapping[str, Any] = field(default_factory=dict)


def import_dataset(
    store: ProjectStore,
    imported: Imported,
    format_name: str,
    *,
    base: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Plan an import and do it, with a backup first where there is work to lose."""
    plan = plan_import(store, imported, format_name, base=base, progress=progress)
    return do_import(store, plan)


def do_import(store: ProjectStore, plan: ImportPlan) -> ImportReport:
    """Do what was planned, as one step to undo. Raises StorageFull.

    The project remembers the origins of its latest imports in its setting 'imports'.
    """
    if plan.edit is not None:
        if store.counts().annotations:
            store.backup("before import")
        store.apply(plan.edit)
        log = [*store.setting(IMPORTS, []), {**plan.origin, "time": now()}]
        store.set_setting(IMPORTS, log[-_REMEMBERED:])
    return plan.report


def plan_import(
    store: ProjectStore,
    imported: Imported,
    format_name: str,
    *,
    base: Path | None = None,
    progress: Progress | None = None,
) -> ImportPlan:
    """What importing a data set into a project would do.

    `base` is the folder beneath which a picture that was not found will be
    looked for later. Reads the headers of new pictures; may take long.
    """
    return _Planner(store, format_name, base, progress).plan(imported)


@dataclass(slots=True)
class _Planner:
    store: ProjectStore
    format_name: str
    base: Path | None
    progress: Progress | None
    changes: list[Change] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unresolved: list[Skipped] = field(default_factory=list)
    added: int = 0
    resized: int = 0

    def plan(self, imported: Imported) -> ImportPlan:
        classes = self._classes(imported.dataset)
        matches = self._matches(imported.dataset)
        used: dict[int, MediaItem] = {}
        fresh: list[tuple[MediaItem, DatasetAnnotation, str]] = []
        for item, media in matches:
            if media is None:
                self._refuse(item)
                continue
            used[media.id] = media
            fresh += [(media, row, digest) for row, digest in self._new_rows(item, media, classes)]
        self.changes += self._annotations(fresh, classes)
        report = ImportReport(
            media=len(used),
            added_media=self.added,
            annotations=len(fresh),
            skipped=(*imported.skipped, *self.skipped),
            unresolved=tuple(self.unresolved),
            notes=self._notes(),
        )
        noun = "1 annotation" if len(fresh) == 1 else f"{len(fresh)} annotations"
        edit = Edit(f"Import {noun}", tuple(self.changes)) if self.changes else None
        return ImportPlan(edit, report, {"format": self.format_name, **imported.origin})

    def _notes(self) -> tuple[str, ...]:
        if not self.resized:
            return ()
        return (
            f"{self.resized} pictures are of another size than the file says:"
            " their annotations may be out of place",
        )

    # classes

    def _classes(self, dataset: Dataset) -> dict[str, LabelClass]:
        known = {c.name: c for c in self.store.classes()}
        order = max((c.order for c in known.values()), default=-1) + 1
        for one in dataset.classes:
            before = known.get(one.name)
            if before is None:
                made = LabelClass(
                    id=self.store.reserve_ids("class"),
                    name=one.name,
                    colour=colour_for(order),
                    order=order,
                    skeleton=one.skeleton,
                )
                self.changes.append(Change(None, made))
                known[one.name], order = made, order + 1
            elif before.skeleton is None and one.skeleton is not None:
                known[one.name] = replace(before, skeleton=one.skeleton)
                self.changes.append(Change(before, known[one.name]))
        return known

    # pictures

    def _matches(self, dataset: Dataset) -> list[tuple[DatasetItem, MediaItem | None]]:
        """Every item with its media item of the project, made and verified where needed."""
        known = _Known(self.store)
        chosen: dict[int, MediaItem] = {}
        found: list[tuple[DatasetItem, MediaItem | None]] = []
        for index, item in enumerate(dataset.items):
            if self.progress is not None and index % 100 == 0:
                self.progress(index / len(dataset.items), item.path)
            media = known.find(item)
            if media is None and item.outside:
                found.append((item, None))
                continue
            if media is None:
                media = self._add(item)
                known.add(media)
            elif media.id not in chosen:
                media = self._verify(item, media)
            media = chosen.setdefault(media.id, media)
            if item.width and media.width and (item.width, item.height) != _size(media):
                self.resized += 1
            found.append((item, media))
        return found

    def _verify(self, item: DatasetItem, media: MediaItem) -> MediaItem:
        if not item.verified or media.verified:
            return media
        after = replace(media, verified=True)
        self.changes.append(Change(media, after))
        return after

    def _add(self, item: DatasetItem) -> MediaItem:
        media_id = self.store.reserve_ids("media")
        if item.file is not None:
            path = self.store.media_path(item.file)
            media = probed(self.store, MediaItem(id=media_id, path=path, kind=item.kind))
        else:
            base = self.base if self.base is not None else self.store.media_root
            media = MediaItem(
                id=media_id,
                path=self.store.media_path(base / item.path),
                kind=item.kind,
                width=item.width,
                height=item.height,
                frames=item.frames,
                status=MediaStatus.MISSING,
                reason="the picture was not there when its labels were imported",
            )
            self.unresolved.append(Skipped(item.source, item.path, "the picture was not found"))
        media = replace(media, verified=item.verified)
        self.changes.append(Change(None, media))
        self.added += 1
        return media

    def _refuse(self, item: DatasetItem) -> None:
        reason = f"{item.outside!a} is outside the folder of pictures and is not read"
        self.unresolved.append(Skipped(item.source, item.path, reason))
        places = [row.where for row in item.annotations] or [item.path]
        self.skipped += [Skipped(item.source, where, reason) for where in places]

    # annotations

    def _new_rows(
        self, item: DatasetItem, media: MediaItem, classes: dict[str, LabelClass]
    ) -> Iterable[tuple[DatasetAnnotation, str]]:
        names = {c.id: c.name for c in classes.values()}
        there = Counter(
            str(a.extra.get(DIGEST)) if DIGEST in a.extra else _digest_of(a, names)
            for a in self.store.annotations(media.id)
            if a.state.is_label
        )
        for row in item.annotations:
            digest = _digest(row.label, row.frame, row.shape)
            if there[digest]:
                there[digest] -= 1
                reason = "it is in the project already"
                self.skipped.append(Skipped(item.source, row.where, reason))
            else:
                yield row, digest

    def _annotations(
        self, rows: list[tuple[MediaItem, DatasetAnnotation, str]], classes: dict[str, LabelClass]
    ) -> Iterable[Change]:
        if not rows:
            return
        first = self.store.reserve_ids("annotation", len(rows))
        tracks = self._numbers("track", (r.track for _, r, _ in rows))
        groups = self._numbers("group", (r.group for _, r, _ in rows))
        for offset, (media, row, digest) in enumerate(rows):
            annotation = Annotation(
                id=first + offset,
                media_id=media.id,
                class_id=classes[row.label].id,
                shape=row.shape,
                frame=row.frame,
                pts=row.pts,
                track_id=None if row.track is None else tracks[row.track],
                group_id=None if row.group is None else groups[row.group],
                state=State.VERIFIED,
                score=row.score,
                z=row.z,
                flags=row.flags,
                attributes=row.attributes,
                source=f"import:{self.format_name}",
                extra={**row.extra, DIGEST: digest},
            )
            yield Change(None, annotation)

    def _numbers(
        self, table: Literal["track", "group"], values: Iterable[int | None]
    ) -> dict[int, int]:
        """Fresh ids for the file's own numbers of tracks and groups."""
        different = sorted({v for v in values if v is not None})
        if not different:
            return {}
        first = self.store.reserve_ids(table, len(different))
        return {value: first + i for i, value in enumerate(different)}


class _Known:
    """The project's media by file and by name."""

    def __init__(self, store: ProjectStore) -> None:
        self.store = store
        self.by_file: dict[str, MediaItem] = {}
        self.by_name: dict[str, list[MediaItem]] = {}
        for media in store.media():
            self.add(media)

    def add(self, media: MediaItem) -> None:
        self.by_file.setdefault(os.path.realpath(self.store.path_of(media)), media)
        self.by_name.setdefault(media.name, []).append(media)

    def find(self, item: DatasetItem) -> MediaItem | None:
        """The media item of that file; of that name only where the file was not found."""
        if item.file is not None:
            return self.by_file.get(os.path.realpath(item.file))
        wanted = item.path.split("/")
        found = self.by_name.get(wanted[-1], [])
        for length in range(2, len(wanted) + 1):
            if len(found) <= 1:
                break
            found = [m for m in found if m.path.split("/")[-length:] == wanted[-length:]]
        return found[0] if len(found) == 1 else None


def _size(media: MediaItem) -> tuple[int, int]:
    return media.width, media.height


def _digest_of(annotation: Annotation, names: dict[int, str]) -> str:
    return _digest(names.get(annotation.class_id, ""), annotation.frame, annotation.shape)


def _digest(label: str, frame: int, shape: Shape) -> str:
    """What makes a row that row: class, frame and geometry to a thousandth of a pixel."""
    if isinstance(shape, Mask):
        geometry = encode(shape)[1]
    else:
        geometry = np.round(shape.points(), 3).astype("<f8").tobytes()
    head = f"{label}\x00{frame}\x00{shape.kind}\x00".encode("utf-8", "backslashreplace")
    return hashlib.sha256(head + geometry).hexdigest()[:16]
