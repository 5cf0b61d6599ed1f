"""Rows of large files into a project, block by block: no row is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.ahead import ahead
from visionstudio.formats.coco_columns import KINDS, Columns
from visionstudio.formats.coco_stream import Block, CocoRows
from visionstudio.formats.dataset import DatasetAnnotation, DatasetItem, Imported, Skipped
from visionstudio.formats.progress import tick
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.session.import_digest import (
    DIGEST,
    DIGITS,
    ROW,
    digest,
    digest_head,
    digests,
)
from visionstudio.storage.packing import Packed, Part, Piece, Real, Whole
from visionstudio.storage.rows import KIND_CODE, STATE_CODE, Values, annotation_values

if TYPE_CHECKING:
    from visionstudio.session.import_plan import Planner

Ints = NDArray[np.int64]
_KINDS: Ints = np.array([KIND_CODE[kind] for kind in KINDS])
Slow = tuple[int, int, DatasetAnnotation]
"""A row on its own: its drawing order, the number of its picture, and what it is."""


@dataclass(slots=True)
class _Ready:
    """A block's rows: those of a batch, those that are looked at one by one, and faults."""

    faults: list[Skipped]
    rows: list[Slow] = field(default_factory=list)
    columns: dict[str, Part | tuple[Part, ...]] | None = None
    count: int = 0
    per_class: Counter[str] = field(default_factory=Counter)


class StreamedRows:
    """The rows of a stream as batches for the store; tallies are those of the last pass.

    `matches` are the file's pictures with their media items, None where they are
    not taken. Rows of pictures that have labels already are compared with them
    one by one; all others go in as columns.
    """

    def __init__(
        self,
        planner: Planner,
        imported: Imported,
        stream: CocoRows,
        classes: Mapping[str, LabelClass],
        matches: list[tuple[DatasetItem, MediaItem | None]],
    ) -> None:
        self._planner = planner
        self._stream = stream
        self._classes = classes
        self._names = {c.id: c.name for c in classes.values()}
        self._file = str(stream.path)
        chosen = len(matches) == len(imported.dataset.items)  # one file is one subset
        self._items = [i for i, _ in matches] if chosen else list(imported.dataset.items)
        self._media = [m for _, m in matches] if chosen else [None] * len(self._items)
        self._reason = "" if chosen else "its subset was not chosen"
        busy = planner.store.summaries()
        ids = [m.id if m is not None else 0 for m in self._media]
        self._media_ids: Ints = np.array(ids, dtype=np.int64)
        self._busy = busy.has(np.asarray(ids, np.int64))
        mapping = planner.choices.classes
        self._labels = [c.name for c in imported.dataset.classes]
        self._targets = [mapping.get(name, name) for name in self._labels]
        found = [classes[t].id if t is not None else 0 for t in self._targets]
        self._class_ids: Ints = np.array(found, dtype=np.int64)
        heads = [[digest_head(t or "", 0, kind) for kind in KINDS] for t in self._targets]
        self._heads = np.array(heads, dtype=np.uint64).reshape(-1, len(KINDS))
        self.highest: dict[str, int] = {}
        self._tracks: dict[int, int] = {}
        self._begin()

    @property
    def limit(self) -> int:
        """No more rows than this come of it."""
        return max(self._stream.count, 1)

    @property
    def name(self) -> str:
        """The file."""
        return self._file

    def _begin(self) -> None:
        self.added = 0
        self.there = 0
        self.per_class: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self._drawn: Ints = np.zeros(len(self._items), dtype=np.int64)
        self._known: dict[int, tuple[Counter[str], dict[str, Annotation]]] = {}

    def count(self) -> None:
        """Go through all rows for the tallies, and note what is to be replaced."""
        for _ in self._all(1, collect=True):
            pass

    def batches(self, first: int) -> Iterator[Packed | list[Values]]:
        """The new rows with ids from `first` on."""
        yield from self._all(first, collect=False)

    def _all(self, first: int, *, collect: bool) -> Iterator[Packed | list[Values]]:
        self._begin()
        spans = len(self._stream.spans)
        with closing(ahead(self._ready)) as blocks:
            for number, block in enumerate(blocks):
                tick(number / spans, self._stream.path.name)
                self.skipped += block.faults
                if block.columns is not None:
                    yield Packed(first + self.added, block.count, block.columns)
                    self.added += block.count
                    self.per_class.update(block.per_class)
                values = list(self._slow(block.rows, first, collect))
                if values:
                    yield values

    def _ready(self) -> Iterator[_Ready]:
        """All blocks, as far as nothing of the project is asked: in a thread of its own."""
        for block in self._stream.blocks():
            plain, others = self._depth(block)
            made = _Ready(faults=block.faults)
            if block.plain is not None:
                self._fast(block.plain, plain, made)
            made.rows += [(d, i, row) for d, (_, i, row) in zip(others, block.others, strict=True)]
            yield made

    def _depth(self, block: Block) -> tuple[Ints, list[int]]:
        """The drawing order in their pictures of the block's plain rows, and of the others."""
        plain = block.plain
        images = plain.images if plain is not None else np.zeros(0, dtype=np.int64)
        if not block.others:
            return self._ranks(images), []
        others = [(place, image) for place, image, _ in block.others]
        count = len(images)
        if plain is not None:
            others = [*zip(plain.places.tolist(), images.tolist(), strict=True), *others]
        places, images = np.array(others, dtype=np.int64).T
        by_place = np.argsort(places)
        depth = np.empty(len(images), dtype=np.int64)
        depth[by_place] = self._ranks(images[by_place])
        return depth[:count], depth[count:].tolist()

    def _ranks(self, images: Ints) -> Ints:
        """How many rows of the same picture came before each of these, ever."""
        order = np.argsort(images, kind="stable")
        by_image = images[order]
        starts = np.flatnonzero(np.diff(by_image, prepend=-1))
        lengths = np.diff(np.append(starts, len(images)))
        rank = np.arange(len(images)) - np.repeat(starts, lengths)
        depth = np.empty(len(images), dtype=np.int64)
        depth[order] = rank + self._drawn[by_image]
        self._drawn[by_image[starts]] += lengths
        return depth

    # rows that nothing in the project can be like

    def _fast(self, rows: Columns, depth: Ints, made: _Ready) -> None:
        """Put plain rows into a batch, and those that have to be looked at one by one beside."""
        media, labels = self._media_ids[rows.images], self._class_ids[rows.labels]
        free = (media > 0) & (labels > 0) & ~self._busy[rows.images]
        made.rows += [
            (int(depth[i]), int(rows.images[i]), self._row(rows, i))
            for i in np.flatnonzero(~free).tolist()
        ]
        chosen = np.flatnonzero(free)
        if not len(chosen):
            return
        for label, count in enumerate(np.bincount(rows.labels[chosen]).tolist()):
            if count:
                made.per_class[self._targets[label] or ""] += count
        columns: dict[str, Part | tuple[Part, ...]] = {
            "media_id": Whole(media[chosen]),
            "frame": 0,
            "class_id": Whole(labels[chosen]),
            "state": STATE_CODE[State.VERIFIED],
            "kind": _same(_KINDS[rows.kinds[chosen]]),
            "geometry": Piece(rows.geometry, rows.starts[chosen], rows.lengths[chosen]),
            "z": Whole(depth[chosen]),
            "flags": _same(np.where(rows.crowd[chosen], int(Flags.CROWD), 0)),
            "source": f"import:{self._planner.format_name}",
            "extra": self._extras(rows, chosen),
        }
        if not np.isnan(rows.scores).all():
            columns["score"] = Real(rows.scores[chosen])
        if rows.attributes is not None:
            columns["attributes"] = Piece.of([rows.attributes[i] for i in chosen])
        made.count, made.columns = len(chosen), columns

    def _extras(self, rows: Columns, chosen: Ints) -> tuple[Part, ...]:
        """Each row's digest and its number as JSON, as `Planner` stores them."""
        heads = self._heads[rows.labels, rows.kinds]
        marks = digests(heads, rows.values, rows.counts)
        starts = np.arange(len(heads)) * DIGITS
        every = np.full(len(heads), DIGITS)
        mark = Piece(marks, starts, every, is_text=True).only(chosen)
        own: tuple[Part, ...] = ("{",)
        if rows.extras is not None:
            texts = [rows.extras[i] for i in chosen]
            own = ("{", Piece.of([f'"coco":{text},' if text else "" for text in texts]))
        if rows.has_key.all():
            key: tuple[Part, ...] = (f'","{ROW}":"', Whole(rows.keys[chosen]), '"}')
        else:
            pairs = zip(rows.keys[chosen].tolist(), rows.has_key[chosen].tolist(), strict=True)
            key = (Piece.of([f'","{ROW}":"{k}"}}' if there else '"}' for k, there in pairs]),)
        return (*own, f'"{DIGEST}":"', mark, *key)

    def _row(self, rows: Columns, row: int) -> DatasetAnnotation:
        return rows.annotation(row, self._labels[int(rows.labels[row])])

    # rows one by one

    def _slow(self, rows: list[Slow], first: int, collect: bool) -> Iterator[Values]:
        for depth, image, row in rows:
            found = self._wanted(image, row)
            if isinstance(found, str):
                self.skipped.append(Skipped(self._file, row.where, found))
                continue
            media, label = found
            row = replace(row, label=label, z=depth)
            mark = digest(label, row.frame, row.shape)
            if self._busy[image] and not self._is_new(media, row, mark, collect):
                continue
            extra = {**row.extra, DIGEST: mark}
            if row.key:
                extra[ROW] = row.key
            made = Annotation(
                id=first + self.added,
                media_id=media.id,
                class_id=self._classes[label].id,
                shape=row.shape,
                frame=row.frame,
                track_id=self._track(row.track),
                state=State.VERIFIED,
                score=row.score,
                z=row.z,
                flags=row.flags,
                attributes=row.attributes,
                source=f"import:{self._planner.format_name}",
                extra=extra,
            )
            self.added += 1
            self.per_class[label] += 1
            yield annotation_values(made)

    def _wanted(self, image: int, row: DatasetAnnotation) -> tuple[MediaItem, str] | str:
        """Where a row goes, or why nowhere."""
        media, item = self._media[image], self._items[image]
        if self._reason:
            return self._reason
        if media is None:
            return f"{item.outside!a} is outside the folder of pictures and is not read"
        label = self._planner.choices.classes.get(row.label, row.label)
        return (media, label) if label is not None else f"its class '{row.label}' was not chosen"

    def _is_new(self, media: MediaItem, row: DatasetAnnotation, mark: str, collect: bool) -> bool:
        if media.id not in self._known:
            self._known[media.id] = self._planner.labels_there(media, self._names)
        there, by_key = self._known[media.id]
        rule = self._planner.choices.rule
        before = by_key.get(row.key) if row.key else None
        if rule != "keep" and there[mark]:
            there[mark] -= 1
            self.there += 1
            self.skipped.append(Skipped(self._file, row.where, "it is in the project already"))
            return False
        if rule == "replace" and before is not None:
            if collect:
                self._planner.replace_by(media, before, row, mark, self._classes, self._names)
            return False
        return True

    def _track(self, track: int | None) -> int | None:
        if track is None:
            return None
        if track not in self._tracks:
            self._tracks[track] = self._planner.store.reserve_ids("track")
            self.highest["track"] = self._tracks[track]
        return self._tracks[track]


def _same(values: Ints) -> Part:
    """A column of whole numbers, of just one where all are the same."""
    first = int(values[0])
    return first if (values == first).all() else Whole(values)
