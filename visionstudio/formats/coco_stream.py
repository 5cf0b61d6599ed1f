"""The annotations of large COCO files in blocks: as columns where rows are plain, else row by row.

Plain rows are boxes and polygons with whole numbers as ids; they are checked
together in numpy. Every other row (run lengths, keypoints, fields of one's own,
faults) goes through the reader of small files, which also says what is wrong
with it: both give the same annotations and the same report.
"""

from __future__ import annotations

import gc
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import DatasetAnnotation, Skipped
from visionstudio.formats.json_blocks import JsonBlocks, Span
from visionstudio.formats.progress import tick
from visionstudio.formats.rows import Row, RowReader
from visionstudio.formats.taking import MAX_POINTS
from visionstudio.model.annotations import Flags
from visionstudio.model.shapes import decode

_COLON = ord(":")
_UNSET = msgspec.UNSET
_Maybe = msgspec.UnsetType
Floats = NDArray[np.float64]
Take = Callable[[Row], tuple[int, DatasetAnnotation] | str]
"""Reads a row as small files' are: (number of its picture, annotation), or why it is none."""


class _Plain(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    image_id: int
    category_id: int
    id: int | _Maybe = _UNSET
    bbox: list[float] | _Maybe = _UNSET
    segmentation: list[list[float]] | dict[str, Any] | _Maybe = _UNSET
    area: float | _Maybe = _UNSET
    iscrowd: int | _Maybe = _UNSET
    score: float | _Maybe | None = _UNSET
    attributes: dict[str, Any] | _Maybe = _UNSET


_decoder = msgspec.json.Decoder(list[_Plain])
_raw = msgspec.json.Decoder(list[msgspec.Raw])


class _Fields:
    """Parsed rows, field by field; what a row does not have is `_UNSET`."""

    def __init__(self, rows: list[_Plain]) -> None:
        self.image_ids = [r.image_id for r in rows]
        self.category_ids = [r.category_id for r in rows]
        self.ids = [r.id for r in rows]
        self.boxes = [r.bbox for r in rows]
        self.segmentations = [r.segmentation for r in rows]
        self.areas = [r.area for r in rows]
        self.crowds = [r.iscrowd for r in rows]
        self.scores = [r.score for r in rows]
        self.attributes = [r.attributes for r in rows]

    def keys(self) -> int:
        """How many keys the rows have, and colons within texts."""
        optional: list[list[Any]] = [self.ids, self.boxes, self.segmentations, self.areas]
        optional += [self.crowds, self.scores, self.attributes]
        count = 2 * len(self.ids) + sum(len(v) - v.count(_UNSET) for v in optional)
        for runs in self.segmentations:
            if isinstance(runs, dict):
                text = runs.get("counts")
                count += len(runs) + (text.count(":") if isinstance(text, str) else 0)
        return count


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Without the collector, which would look at the lists of a block again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(slots=True)
class Columns:
    """Plain rows: numbers of picture and class, and per row its shape as it is stored.

    `rounded` are the points to a thousandth of a pixel, by which a row is known
    again. `places` are the rows' numbers in the file, `keys` their ids there.
    """

    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    kinds: list[str]
    payloads: list[bytes]
    rounded: list[bytes]
    keys: list[str]
    flags: list[int]
    scores: list[float | None]
    places: list[int]

    def annotation(self, row: int, label: str) -> DatasetAnnotation:
        """One row as small files' readers give it."""
        return DatasetAnnotation(
            label=label,
            shape=decode(self.kinds[row], self.payloads[row]),
            score=self.scores[row],
            flags=Flags(self.flags[row]),
            where=f"annotations[{self.places[row]}]",
            key=self.keys[row],
        )


@dataclass(slots=True)
class Block:
    """Rows of a part of a file: plain ones, other ones with their place, and faults."""

    plain: Columns | None
    others: list[tuple[int, int, DatasetAnnotation]] = field(default_factory=list)
    faults: list[Skipped] = field(default_factory=list)
    count: int = 0


@dataclass(slots=True)
class CocoRows:
    """A file's annotations, read anew for every pass.

    `images` and `labels` map ids of the file to numbers of pictures and classes;
    `sizes` are the pictures' (n, 2) widths and heights, 0 where unknown.
    """

    path: Path
    spans: list[Span]
    images: dict[int, int]
    labels: dict[int, int]
    sizes: Floats
    take: Take
    census: Counter[Any]

    @property
    def count(self) -> int:
        """How many rows there are, good and bad."""
        return sum(span.count for span in self.spans)

    def blocks(self) -> Iterator[Block]:
        """All rows, in the order of the file."""
        with JsonBlocks(self.path) as file:
            for number, span in enumerate(self.spans):
                tick(number / len(self.spans), self.path.name)
                yield self._block(file, span)

    def _block(self, file: JsonBlocks, span: Span) -> Block:
        rows = self._plain_rows(file.block(span)) if span.good else None
        if rows is None:
            block = Block(None, count=span.count)
            for offset, row in enumerate(file.slow_rows("annotations", span)):
                self._other(block, span.first + offset, row)
            return block
        good, columns = self._columns(rows, span.first)
        block = Block(columns, count=span.count)
        if not good.all():
            raws = _raw.decode(file.block(span))
            for place in np.flatnonzero(~good).tolist():
                text = bytes(raws[place]).decode("utf-8")
                row = RowReader(text, self.path).row(f"annotations[{span.first + place}]")
                self._other(block, span.first + place, row)
        return block

    def _other(self, block: Block, place: int, row: Row) -> None:
        found = self.take(row)
        if isinstance(found, str):
            block.faults.append(Skipped(str(self.path), row.where, found))
        else:
            block.others.append((place, *found))

    def _plain_rows(self, data: bytes) -> _Fields | None:
        """The rows of a block, None where one is not of the plain fields or has a key twice."""
        try:
            with _no_collecting():
                found = _Fields(_decoder.decode(data))
        except (msgspec.MsgspecError, RecursionError):
            return None
        # Every key has a colon of its own, so that as many colons as keys are no key twice.
        colons = np.count_nonzero(np.frombuffer(data, np.uint8) == _COLON)
        return found if colons == found.keys() else None

    def _columns(self, rows: _Fields, first: int) -> tuple[NDArray[np.bool_], Columns]:
        """Which rows are plain and without fault, and those as columns."""
        image, label = self.images.get, self.labels.get
        images = np.array([image(i, -1) for i in rows.image_ids], dtype=np.int64)
        labels = np.array([label(i, -1) for i in rows.category_ids], dtype=np.int64)
        good = (images >= 0) & (labels >= 0)
        crowd = [0 if c is _UNSET else c for c in rows.crowds]
        good &= np.isin(crowd, (0, 1))
        scores: list[Any] = [None if s is _UNSET else s for s in rows.scores]
        if scores.count(None) < len(scores):
            good &= np.array([s is None or 0 <= s <= 1 for s in scores])
        if rows.attributes.count(_UNSET) < len(rows.attributes):
            good &= np.array([a is _UNSET or not a for a in rows.attributes])
        boxes, has_box = _boxes(rows.boxes)
        good &= ~has_box | self._box_is_good(boxes, images)
        outlines = np.array([s is not _UNSET and bool(s) for s in rows.segmentations])
        good &= has_box | outlines
        payloads: list[bytes] = [b""] * len(images)
        rounded: list[bytes] = [b""] * len(images)
        _put_boxes(boxes, np.flatnonzero(good & ~outlines), payloads, rounded)
        places = np.flatnonzero(good & outlines).tolist()
        _put_polygons(rows.segmentations, places, payloads, rounded, good)
        kept = np.flatnonzero(good).tolist()
        outlined = outlines.tolist()
        ids = rows.ids
        columns = Columns(
            images=images[kept],
            labels=labels[kept],
            kinds=["polygon" if outlined[i] else "box" for i in kept],
            payloads=[payloads[i] for i in kept],
            rounded=[rounded[i] for i in kept],
            keys=["" if ids[i] is _UNSET else str(ids[i]) for i in kept],
            flags=[int(Flags.CROWD) if crowd[i] else 0 for i in kept],
            scores=[scores[i] for i in kept],
            places=[first + i for i in kept],
        )
        return good, columns

    def _box_is_good(self, boxes: Floats, images: NDArray[np.int64]) -> NDArray[np.bool_]:
        sizes = self.sizes[images]
        good = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & np.isfinite(boxes).all(axis=1)
        inside = (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, :2] < sizes).all(axis=1)
        return np.asarray(good & (inside | ~sizes.all(axis=1)))


def _boxes(found: list[Any]) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, 4) x1, y1, x2, y2, NaN where the list has not four numbers; and whether there is one."""
    lists = [() if b is _UNSET else b for b in found]
    has_box = np.array([bool(b) for b in lists])
    if any(len(b) != 4 for b in lists):
        empty = [np.nan] * 4
        lists = [b if len(b) == 4 else empty for b in lists]
    boxes = np.fromiter(chain.from_iterable(lists), np.float64, 4 * len(lists)).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes, has_box


def _put_boxes(
    boxes: Floats, places: NDArray[np.intp], payloads: list[bytes], rounded: list[bytes]
) -> None:
    chosen = boxes[places]
    stored = chosen.astype("<f8").tobytes()
    corners = np.round(chosen[:, [0, 1, 2, 1, 2, 3, 0, 3]], 3).astype("<f8").tobytes()
    for n, place in enumerate(places.tolist()):
        payloads[place] = stored[32 * n : 32 * n + 32]
        rounded[place] = corners[64 * n : 64 * n + 64]


def _put_polygons(
    outlines: list[Any],
    places: list[int],
    payloads: list[bytes],
    rounded: list[bytes],
    good: NDArray[np.bool_],
) -> None:
    """Store the outlines of rows; those that need a closer look are no longer good."""
    sizes: list[list[int]] = []
    kept: list[int] = []
    for place in places:
        rings = outlines[place]
        lengths = [len(r) for r in rings] if isinstance(rings, list) else [0]
        if min(lengths) < 6 or any(n % 2 for n in lengths) or sum(lengths) > 2 * MAX_POINTS:
            good[place] = False
        else:
            kept.append(place)
            sizes.append(lengths)
    if not kept:
        return
    rings_per_row = np.array([len(lengths) for lengths in sizes])
    points_per_ring = np.array(list(chain.from_iterable(sizes))) // 2
    all_rings = chain.from_iterable(outlines[p] for p in kept)
    flat = np.fromiter(
        chain.from_iterable(all_rings),
        np.float64,
        int(2 * points_per_ring.sum()),
    )
    areas = _ring_areas(flat.reshape(-1, 2), points_per_ring)
    first_ring = np.cumsum(rings_per_row) - rings_per_row
    has_inside = np.add.reduceat(areas, first_ring)
    stored = flat.astype("<f8").tobytes()
    digits = np.round(flat, 3).astype("<f8").tobytes()
    start = 0
    for place, lengths, area in zip(kept, sizes, has_inside.tolist(), strict=True):
        end = start + 8 * sum(lengths)
        head = struct.pack(f"<{len(lengths) + 1}I", len(lengths), *(n // 2 for n in lengths))
        payloads[place], rounded[place] = head + stored[start:end], digits[start:end]
        good[place] = 0 < area < np.inf
        start = end


def _ring_areas(points: Floats, counts: NDArray[np.int64]) -> Floats:
    """Unsigned areas of closed rings whose (n, 2) points lie behind each other, by the shoelace."""
    first = np.cumsum(counts) - counts
    local = points - np.repeat(points[first], counts, axis=0)
    following = np.arange(1, len(points) + 1)
    following[first + counts - 1] = first
    after = local[following]
    with np.errstate(over="ignore", invalid="ignore"):
        crossed = local[:, 0] * after[:, 1] - local[:, 1] * after[:, 0]
        return np.abs(np.add.reduceat(crossed, first))
