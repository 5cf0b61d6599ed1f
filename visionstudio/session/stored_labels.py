"""Labels of a large project as a data set's, read from the project when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from visionstudio.formats.dataset import DatasetAnnotation, LabelBlock
from visionstudio.formats.progress import tick
from visionstudio.model.annotations import Annotation, Flags
from visionstudio.session.import_digest import OURS, ROW
from visionstudio.storage.rows import ANNOTATION, KIND_CODE, annotation_from
from visionstudio.storage.snapshot import Snapshot

_AT_ONCE = 20_000  # labels of a block
_KEPT = 8  # items whose labels are kept, as writers look at one several times
_PLACE = {name: place for place, name in enumerate(ANNOTATION.columns)}
_BOX, _POLYGON = KIND_CODE["box"], KIND_CODE["polygon"]
_ONE_RING = (1).to_bytes(4, "little") + bytes(4)
_CROWD = int(Flags.CROWD)
_CLASS, _SCORE, _GEOMETRY = (_PLACE[n] for n in ("class_id", "score", "geometry"))
_KIND, _FLAGS, _EXTRA, _FRAME = (_PLACE[n] for n in ("kind", "flags", "extra", "frame"))
_ABSENT = [_PLACE[n] for n in ("pts", "track_id", "group_id", "attributes")]


def dataset_annotation(annotation: Annotation, names: Mapping[int, str]) -> DatasetAnnotation:
    """A project's annotation as a data set's; `names` are the classes by id."""
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
        extra={k: v for k, v in annotation.extra.items() if k not in OURS},
        key=str(annotation.extra.get(ROW, "")),
        where=f"annotation {annotation.id}",
    )


@dataclass(slots=True)
class StoredLabels:
    """The labels of pictures in a snapshot, of chosen classes only where `wanted` says so."""

    source: Snapshot
    names: Mapping[int, str]
    counts: Mapping[int, Mapping[int, int]]
    wanted: frozenset[int] | None = None
    _kept: dict[int, tuple[DatasetAnnotation, ...]] = field(default_factory=dict)

    def count(self, media_id: int) -> int:
        """How many labels an item has."""
        by_class = self.counts.get(media_id, {})
        return sum(n for c, n in by_class.items() if self.wanted is None or c in self.wanted)

    def of(self, media_id: int) -> tuple[DatasetAnnotation, ...]:
        """An item's labels."""
        if media_id not in self._kept:
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            rows = self._rows([media_id])
            found = (dataset_annotation(annotation_from(r), self.names) for r in rows)
            self._kept[media_id] = tuple(found)
        return self._kept[media_id]

    def only(self, classes: frozenset[int]) -> StoredLabels:
        """Those of some classes."""
        return StoredLabels(self.source, self.names, self.counts, classes)

    def blocks(self, media_ids: Sequence[int]) -> Iterator[LabelBlock]:
        """All labels of pictures, in their order; item i of the blocks is `media_ids[i]`."""
        places = {class_id: place for place, class_id in enumerate(self._classes())}
        start = count = 0
        for end, media_id in enumerate(media_ids, 1):
            count += self.count(media_id)
            if count >= _AT_ONCE or end == len(media_ids):
                tick(start / len(media_ids))
                yield self._block(media_ids[start:end], start, places)
                start, count = end, 0

    def _classes(self) -> list[int]:
        return [c for c in self.names if self.wanted is None or c in self.wanted]

    def _rows(self, media_ids: Sequence[int]) -> list[tuple[Any, ...]]:
        rows = self.source.label_rows(media_ids)
        return rows if self.wanted is None else [r for r in rows if r[_CLASS] in self.wanted]

    def _block(self, media_ids: Sequence[int], first: int, places: Mapping[int, int]) -> LabelBlock:
        item_of = {media_id: first + n for n, media_id in enumerate(media_ids)}
        plain: list[tuple[Any, ...]] = []
        at: list[int] = []
        others: list[tuple[int, int, DatasetAnnotation]] = []
        for place, row in enumerate(self._rows(media_ids)):
            if _is_plain(row):
                plain.append(row)
                at.append(place)
            else:
                one = dataset_annotation(annotation_from(row), self.names)
                others.append((place, item_of[row[1]], one))
        scores = [np.nan if row[_SCORE] is None else row[_SCORE] for row in plain]
        numbers = [
            row[_GEOMETRY] if row[_KIND] == _BOX else row[_GEOMETRY][len(_ONE_RING) :]
            for row in plain
        ]
        return LabelBlock(
            items=np.array([item_of[row[1]] for row in plain], dtype=np.int64),
            classes=np.array([places[row[_CLASS]] for row in plain], dtype=np.int64),
            is_box=np.array([row[_KIND] for row in plain], dtype=np.int64) == _BOX,
            values=np.frombuffer(b"".join(numbers), dtype="<f8").astype(np.float64),
            counts=np.fromiter(map(len, numbers), np.int64, len(numbers)) // 8,
            crowd=np.array([row[_FLAGS] for row in plain], dtype=np.int64) == _CROWD,
            scores=np.array(scores, dtype=np.float64),
            places=np.array(at, dtype=np.int64),
            others=others,
        )


def _is_plain(row: tuple[Any, ...]) -> bool:
    """Whether a row is one for the columns of `LabelBlock`."""
    kind = row[_KIND]
    if kind == _BOX:
        if row[_FLAGS] not in (0, _CROWD):
            return False
    elif kind != _POLYGON or row[_FLAGS] or not _is_ring(row[_GEOMETRY]):
        return False
    if row[_FRAME] or any(row[place] is not None for place in _ABSENT):
        return False
    return row[_EXTRA] is None or '"coco"' not in row[_EXTRA]


def _is_ring(data: bytes) -> bool:
    """Whether a polygon has just one ring: a 1 and the number of its points in front of them."""
    points = (len(data) - len(_ONE_RING)) // 16
    return data[:8] == _ONE_RING[:4] + points.to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class LazyRows(Sequence[DatasetAnnotation]):
    """An item's annotations, read when they are looked at."""

    labels: StoredLabels
    media_id: int

    def __len__(self) -> int:
        return self.labels.count(self.media_id)

    def __iter__(self) -> Iterator[DatasetAnnotation]:
        return iter(self.labels.of(self.media_id))

    @overload
    def __getitem__(self, place: int) -> DatasetAnnotation: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[DatasetAnnotation, ...]: ...
    def __getitem__(self, place: int | slice) -> DatasetAnnotation | tuple[DatasetAnnotation, ...]:
        return self.labels.of(self.media_id)[place]
