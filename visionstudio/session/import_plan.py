"""How an import is planned: classes, pictures, and which rows are new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    Skipped,
)
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.session.import_digest import DIGEST, ROW, digest, digest_of
from visionstudio.session.import_media import KnownMedia
from visionstudio.session.import_merge import difference
from visionstudio.session.import_stream import StreamedRows
from visionstudio.session.import_values import (
    Choices,
    ImportPlan,
    ImportReport,
    Merge,
    Progress,
)
from visionstudio.session.library import probed
from visionstudio.storage.bulk import NewRows
from visionstudio.storage.packing import Packed
from visionstudio.storage.rows import Values, annotation_values
from visionstudio.storage.store import ProjectStore

SPLIT = "split"  # the key in `MediaItem.extra`
CLASS_EXTRA = "class_extra"  # the project's setting: fields of formats about classes, by id
_LISTED = 1000  # merges that a person may look at
Fresh = tuple[MediaItem, DatasetAnnotation, str]


@dataclass(frozen=True, slots=True)
class _Again:
    """Something to go through that begins anew each time."""

    begin: Callable[[], Iterator[Packed | list[Values]]]

    def __iter__(self) -> Iterator[Packed | list[Values]]:
        return self.begin()


@dataclass(slots=True)
class Planner:
    """Plans one import into a store."""

    store: ProjectStore
    format_name: str
    base: Path | None
    choices: Choices
    progress: Progress | None
    changes: list[Change] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unresolved: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    class_extra: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    added: int = 0
    resized: int = 0
    replaced: int = 0
    corrected: int = 0
    there: int = 0
    merges: list[Merge] = field(default_factory=list)

    def plan(self, imported: Imported, *, dry: bool = False) -> ImportPlan:
        """The whole plan; of rows that stay in their file counts only with `dry`."""
        dataset = self._chosen(imported.dataset)
        classes = self._classes(dataset)
        matches = self._matches(dataset)
        busy = self.store.summaries()
        if imported.stream is not None:
            rows = StreamedRows(self, imported, imported.stream, classes, matches)
            return self._streamed(imported, rows, matches, dry)
        names = {c.id: c.name for c in classes.values()}
        used: dict[int, MediaItem] = {}
        fresh: list[Fresh] = []
        for item, media in matches:
            if media is None:
                self._refuse(item)
                continue
            if media.id in busy:
                fresh += self._new_rows(item, media, names, classes)
            else:
                fresh += [(media, r, digest(r.label, r.frame, r.shape)) for r in item.annotations]
            used[media.id] = media
        new = self._new(fresh, classes)
        count = len(fresh) + self.replaced
        report = ImportReport(
            media=len(used),
            added_media=self.added,
            annotations=count,
            skipped=(*imported.skipped, *self.skipped),
            unresolved=tuple(self.unresolved),
            notes=self._notes(),
            replaced=self.replaced,
            per_class=Counter(row.label for _, row, _ in fresh),
            there=self.there,
            merges=tuple(self.merges),
        )
        noun = "1 annotation" if count == 1 else f"{count} annotations"
        changed = self.changes or new is not None
        edit = Edit(f"Import {noun}", tuple(self.changes)) if changed else None
        origin = {"format": self.format_name, **imported.origin}
        return ImportPlan(edit, report, origin, new, self.class_extra)

    def _streamed(
        self,
        imported: Imported,
        rows: StreamedRows,
        matches: list[tuple[DatasetItem, MediaItem | None]],
        dry: bool,
    ) -> ImportPlan:
        if dry or self.choices.rule == "replace":
            rows.count()
        for item, media in matches:
            if media is None:
                reason = f"{item.outside!a} is outside the folder of pictures and is not read"
                self.unresolved.append(Skipped(item.source, item.path, reason))
        used = len({media.id for _, media in matches if media is not None})
        notes = self._notes()

        def report() -> ImportReport:
            return ImportReport(
                media=used,
                added_media=self.added,
                annotations=rows.added + self.replaced,
                skipped=(*imported.skipped, *rows.skipped),
                unresolved=tuple(self.unresolved),
                notes=notes,
                replaced=self.replaced,
                per_class=rows.per_class,
                there=rows.there,
                merges=tuple(self.merges),
            )

        counted = report()
        first = self.store.reserve_ids("annotation", rows.limit)
        new = NewRows(first, rows.limit, _Again(lambda: rows.batches(first)), rows.highest)
        changed = self.changes or not dry or rows.added
        edit = Edit(f"Import {Path(rows.name).name}", tuple(self.changes)) if changed else None
        origin = {"format": self.format_name, **imported.origin}
        return ImportPlan(edit, counted, origin, new, self.class_extra, report)

    def _notes(self) -> tuple[str, ...]:
        if self.resized:
            self.notes.append(
                f"{self.resized} pictures are of another size than the file says:"
                " their annotations may be out of place"
            )
        if self.corrected:
            noun = "1 annotation" if self.corrected == 1 else f"{self.corrected} annotations"
            self.notes.append(f"{noun} that people have changed would be replaced")
        return tuple(self.notes)

    # what a person chose

    def _chosen(self, dataset: Dataset) -> Dataset:
        """The data set with its classes renamed, merged or left out, and only these subsets."""
        names, splits = self.choices.classes, self.choices.splits
        if not names and splits is None:
            return dataset
        items = []
        for item in dataset.items:
            if splits is not None and item.split not in splits:
                reason = f"its subset '{item.split}' was not chosen"
                self.skipped += [Skipped(item.source, r.where, reason) for r in item.annotations]
                continue
            rows = []
            for row in item.annotations:
                name = names.get(row.label, row.label)
                if name is None:
                    reason = f"its class '{row.label}' was not chosen"
                    self.skipped.append(Skipped(item.source, row.where, reason))
                else:
                    rows.append(row if name == row.label else replace(row, label=name))
            items.append(replace(item, annotations=tuple(rows)))
        renamed: dict[str, DatasetClass] = {}
        for one in dataset.classes:
            name = names.get(one.name, one.name)
            if name is not None:
                renamed.setdefault(name, replace(one, name=name))
        return Dataset(tuple(renamed.values()), tuple(items))

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
                    attributes=one.attributes,
                )
                self.changes.append(Change(None, made))
                known[one.name], order = made, order + 1
            else:
                after = replace(
                    before,
                    skeleton=before.skeleton or one.skeleton,
                    attributes=before.attributes or one.attributes,
                )
                if after != before:
                    known[one.name] = after
                    self.changes.append(Change(before, after))
            if one.extra:
                self.class_extra[known[one.name].id] = one.extra
        return known

    # pictures

    def _matches(self, dataset: Dataset) -> list[tuple[DatasetItem, MediaItem | None]]:
        """Every item with its media item of the project, made and verified where needed."""
        known = KnownMedia(self.store)
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
                media = self._updated(item, media)
            media = chosen.setdefault(media.id, media)
            if item.width and media.width and (item.width, item.height) != _size(media):
                self.resized += 1
            found.append((item, media))
        if known.guessed:
            self.notes.append(f"the rows name no video; they were put on {known.guessed}")
        return found

    def _updated(self, item: DatasetItem, media: MediaItem) -> MediaItem:
        extra = {**media.extra, **_media_extra(item)}
        after = replace(media, verified=media.verified or item.verified, extra=extra)
        if after != media:
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
        media = replace(media, verified=item.verified, extra=_media_extra(item))
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
        self,
        item: DatasetItem,
        media: MediaItem,
        names: Mapping[int, str],
        classes: Mapping[str, LabelClass],
    ) -> Iterator[Fresh]:
        """The rows that the picture lacks; those that replace others go into the changes."""
        there, by_key = self.labels_there(media, names)
        for row in item.annotations:
            found = digest(row.label, row.frame, row.shape)
            before = by_key.get(row.key) if row.key else None
            if self.choices.rule != "keep" and there[found]:
                there[found] -= 1
                self.there += 1
                reason = "it is in the project already"
                self.skipped.append(Skipped(item.source, row.where, reason))
            elif self.choices.rule == "replace" and before is not None:
                self.replace_by(media, before, row, found, classes, names)
            else:
                yield media, row, found

    def labels_there(
        self, media: MediaItem, names: Mapping[int, str]
    ) -> tuple[Counter[str], dict[str, Annotation]]:
        """A picture's labels by what makes them the rows that they came from, and by number."""
        labels = [a for a in self.store.annotations(media.id) if a.state.is_label]
        there = Counter(
            str(a.extra.get(DIGEST)) if DIGEST in a.extra else digest_of(a, names) for a in labels
        )
        return there, {str(a.extra[ROW]): a for a in labels if ROW in a.extra}

    def replace_by(
        self,
        media: MediaItem,
        before: Annotation,
        row: DatasetAnnotation,
        found: str,
        classes: Mapping[str, LabelClass],
        names: Mapping[int, str],
    ) -> None:
        """Put a row in the place of an annotation."""
        after = replace(
            before,
            class_id=classes[row.label].id,
            shape=row.shape,
            frame=row.frame,
            score=row.score,
            flags=row.flags,
            attributes=row.attributes,
            state=State.VERIFIED,
            extra={**row.extra, DIGEST: found, ROW: row.key},
        )
        self.changes.append(Change(before, after))
        self.replaced += 1
        corrected = before.state is State.EDITED
        self.corrected += corrected
        if len(self.merges) < _LISTED:
            what = difference(before, after, names)
            self.merges.append(Merge(media.path, row.where, what, corrected))

    def _new(self, fresh: list[Fresh], classes: Mapping[str, LabelClass]) -> NewRows | None:
        if not fresh:
            return None
        first = self.store.reserve_ids("annotation", len(fresh))
        tracks = self._numbers("track", (r.track for _, r, _ in fresh if r.track is not None))
        groups = self._numbers(
            "group", ((m.id, r.group) for m, r, _ in fresh if r.group is not None)
        )

        def rows() -> Iterator[Values]:
            for offset, (media, row, found) in enumerate(fresh):
                if self.progress is not None and offset % 10_000 == 0:
                    self.progress(offset / len(fresh), "")
                extra: dict[str, Any] = {**row.extra, DIGEST: found}
                if row.key:
                    extra[ROW] = row.key
                yield annotation_values(
                    Annotation(
                        id=first + offset,
                        media_id=media.id,
                        class_id=classes[row.label].id,
                        shape=row.shape,
                        frame=row.frame,
                        pts=row.pts,
                        track_id=None if row.track is None else tracks[row.track],
                        # a group is one of its picture: others number theirs alike
                        group_id=None if row.group is None else groups[media.id, row.group],
                        state=State.VERIFIED,
                        score=row.score,
                        z=row.z,
                        flags=row.flags,
                        attributes=row.attributes,
                        source=f"import:{self.format_name}",
                        extra=extra,
                    )
                )

        highest = {"track": max(tracks.values(), default=0)}
        highest["group"] = max(groups.values(), default=0)
        return NewRows(first, len(fresh), [rows()], highest)

    def _numbers(self, table: Literal["track", "group"], values: Iterable[Any]) -> dict[Any, int]:
        """Fresh ids for the file's own numbers of tracks and groups."""
        different = sorted(set(values))
        if not different:
            return {}
        first = self.store.reserve_ids(table, len(different))
        return {value: first + i for i, value in enumerate(different)}


def _media_extra(item: DatasetItem) -> dict[str, Any]:
    return {**item.extra, SPLIT: item.split} if item.split else dict(item.extra)


def _size(media: MediaItem) -> tuple[int, int]:
    return media.width, media.height
