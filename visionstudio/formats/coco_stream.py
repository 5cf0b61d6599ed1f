"""The annotations of large COCO files in blocks: as columns where rows are plain, else row by row.

Blocks are parsed as rows of fixed fields, where a row has others of its own as
objects; plain rows of both become columns. Every other row (run lengths, tracks,
faults) goes through the reader of small files, which also says what is wrong
with it: all give the same annotations and the same report.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from visionstudio.formats import coco_alike
from visionstudio.formats.coco_columns import (
    UNSET,
    Bools,
    Columns,
    Fields,
    Floats,
    Ints,
    Maybe,
    columns,
)
from visionstudio.formats.coco_reader import KNOWN, TRACKS
from visionstudio.formats.dataset import DatasetAnnotation, Skipped
from visionstudio.formats.json_blocks import JsonBlocks, Span, Stamp, colons, colons_in
from visionstudio.formats.rows import MAX_DEPTH, Row
from visionstudio.model.errors import FormatError

Take = Callable[[Row], tuple[int, DatasetAnnotation] | str]
"""Reads a row as small files' are: (number of its picture, annotation), or why it is none."""
_BOX_KEPT = ("bbox", "segmentation", "area")  # what a row of keypoints keeps


_TRIED_AGAIN = 16  # blocks after which the quickest way is tried again


class _Row(msgspec.Struct, gc=False):
    """What columns need of a row."""

    image_id: int
    category_id: int
    id: int | Maybe = UNSET
    bbox: list[float] | Maybe | None = UNSET
    segmentation: list[list[float]] | dict[str, Any] | Maybe | None = UNSET
    area: float | Maybe | None = UNSET
    iscrowd: int | Maybe = UNSET
    score: float | Maybe | None = UNSET
    attributes: dict[str, Any] | Maybe | None = UNSET


class _Exact(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A row as COCO itself and most programs write them; quicker, as nothing may be missing."""

    id: int
    image_id: int
    category_id: int
    segmentation: list[list[float]]
    area: float
    bbox: tuple[float, float, float, float]
    iscrowd: int


class _Usual(_Row, gc=False, forbid_unknown_fields=True):
    """A row of nothing else."""


class _Any(_Row, gc=False):
    """A row that may have keypoints and fields of its own."""

    keypoints: list[float] | Maybe | None = UNSET


_exact = msgspec.json.Decoder(list[_Exact])
_usual = msgspec.json.Decoder(list[_Usual])
_objects = msgspec.json.Decoder(list[dict[str, Any]])


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
class Block:
    """Rows of a part of a file: plain ones, other ones with their place, and faults."""

    plain: Columns | None
    others: list[tuple[int, int, DatasetAnnotation]] = field(default_factory=list)
    faults: list[Skipped] = field(default_factory=list)
    count: int = 0


class Numbers:
    """What ids of the file are numbered as."""

    def __init__(self, numbers: Mapping[int, int]) -> None:
        self._numbers = numbers
        highest = max(numbers, default=0)
        self._table: Ints | None = None
        if min(numbers, default=0) >= 0 and highest < 10 * len(numbers) + 10_000:
            self._table = np.full(highest + 2, -1, dtype=np.int64)
            self._table[list(numbers)] = list(numbers.values())

    def of(self, ids: list[int] | Ints) -> Ints:
        """The numbers of ids, −1 where there is none."""
        if self._table is not None:
            try:
                places = np.array(ids, dtype=np.int64)
            except OverflowError:
                pass
            else:
                places[(places < 0) | (places >= len(self._table))] = -1  # the last is none's
                return self._table[places]
        get = self._numbers.get
        return np.array([get(i, -1) for i in ids], dtype=np.int64)


@dataclass(slots=True)
class CocoRows:
    """A file's annotations, read anew for every pass.

    `images` and `labels` map ids of the file to numbers of pictures and classes;
    `sizes` are the pictures' (n, 2) widths and heights, 0 where unknown. `spans`
    and all these are of the file as it was at `stamp`.
    """

    path: Path
    stamp: Stamp
    spans: list[Span]
    images: Numbers
    labels: Numbers
    sizes: Floats
    take: Take
    census: Counter[Any]
    way: int = 0

    @property
    def count(self) -> int:
        """How many rows there are, good and bad."""
        return sum(span.count for span in self.spans)

    def blocks(self) -> Iterator[Block]:
        """All rows, in the order of the file: one block for each span.

        Raises FormatError when the file has changed meanwhile.
        """
        with JsonBlocks(self.path) as file:
            if file.stamp != self.stamp:
                raise FormatError(
                    "the file has changed since it was looked at",
                    where=str(self.path),
                    next_step="choose it again",
                )
            for number, span in enumerate(self.spans):
                if number % _TRIED_AGAIN == 0:
                    self.way = 0
                yield self._block(file, span)

    def _block(self, file: JsonBlocks, span: Span) -> Block:
        data = file.block(span)
        good, plain = np.zeros(0, dtype=np.bool_), None
        with _no_collecting():
            rows = self._parsed(data) if span.good else None
            if rows is not None:
                good, plain = self._columns(rows, span.first)
        if plain is None:
            block = Block(None, count=span.count)
            for offset, row in enumerate(file.slow_rows("annotations", span)):
                self._other(block, span.first + offset, row)
            return block
        block = Block(plain, count=span.count)
        if not good.all():
            objects = _objects.decode(data)
            for place in np.flatnonzero(~good).tolist():
                row = Row(f"annotations[{span.first + place}]", objects[place])
                self._other(block, span.first + place, row)
        return block

    def _parsed(self, data: bytes) -> Fields | None:
        """A block's rows by the quickest way that takes them; the next block's are often alike."""
        for way in _WAYS[self.way :]:
            rows = way(data)
            if rows is not None:
                return rows
            self.way = (self.way + 1) % len(_WAYS)
        return None

    def _other(self, block: Block, place: int, row: Row) -> None:
        found = self.take(row)
        if isinstance(found, str):
            block.faults.append(Skipped(str(self.path), row.where, found))
        else:
            block.others.append((place, *found))

    def _columns(self, rows: Fields, first: int) -> tuple[Bools, Columns]:
        """Which rows are plain and without fault, and those as columns."""
        images, labels = self.images.of(rows.image_ids), self.labels.of(rows.category_ids)
        return columns(rows, images, labels, self.sizes, first)


def _fields(rows: list[Any]) -> Fields:
    scores = [r.score for r in rows]
    attributes = [r.attributes for r in rows]
    return Fields(
        image_ids=[r.image_id for r in rows],
        category_ids=[r.category_id for r in rows],
        ids=[r.id for r in rows],
        boxes=[r.bbox for r in rows],
        segmentations=[r.segmentation for r in rows],
        crowds=[r.iscrowd for r in rows],
        scores=scores if scores.count(UNSET) < len(rows) else None,
        attributes=attributes if attributes.count(UNSET) < len(rows) else None,
    )


def _exact_rows(data: bytes) -> Fields | None:
    """The rows of a block, None where one is not of exactly these fields or has a key twice."""
    try:
        rows = _exact.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if len(_Exact.__struct_fields__) * len(rows) != colons_in(data):
        return None
    return Fields(
        image_ids=[r.image_id for r in rows],
        category_ids=[r.category_id for r in rows],
        ids=[r.id for r in rows],
        boxes=[r.bbox for r in rows],
        segmentations=[r.segmentation for r in rows],
        crowds=[r.iscrowd for r in rows],
    )


def _usual_rows(data: bytes) -> Fields | None:
    """The rows of a block, None where one is not of the usual fields or has a key twice."""
    try:
        rows = _usual.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    found = _fields(rows)
    count = 2 * len(rows)
    for field_of in (found.ids, found.boxes, found.segmentations, found.crowds, found.scores):
        if isinstance(field_of, list):
            count += len(rows) - field_of.count(UNSET)
    count += len(rows) - [r.area for r in rows].count(UNSET)
    if found.attributes is not None:
        count += len(rows) - found.attributes.count(UNSET)
        count += sum(map(colons, found.attributes))
        kept = enumerate(found.attributes)
        found.odd = [place for place, value in kept if not _can_be_kept(value)]
    outlines = found.segmentations or []
    if dict in set(map(type, outlines)):
        count += sum(colons(s) for s in outlines if type(s) is dict)
    return found if count == colons_in(data) else None


def _any_rows(data: bytes) -> Fields | None:
    """The rows of a block with fields of their own, None where one is odd or has a key twice."""
    try:
        objects = _objects.decode(data)
        rows = msgspec.convert(objects, list[_Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    found = _fields(rows)
    found.keypoints = [r.keypoints for r in rows]
    found.kept = []
    count = 0
    for place, row in enumerate(objects):
        own = {k: v for k, v in row.items() if k not in KNOWN}
        attributes = row.get("attributes")
        count += len(row) - len(own) + colons(own)
        for value in (row.get("segmentation"), attributes):
            if type(value) is dict:
                count += colons(value)
        if not TRACKS.isdisjoint(row) or not _can_be_kept(own) or not _can_be_kept(attributes):
            found.odd.append(place)
        points = row.get("keypoints")
        if points and any(points[2::3]):
            own |= {k: row[k] for k in _BOX_KEPT if row.get(k)}
        elif points:
            own["keypoints"] = points
        found.kept.append(own)
    return found if count == colons_in(data) else None


_WAYS = (coco_alike.fields, _exact_rows, _usual_rows, _any_rows)


def _can_be_kept(value: Any, depth: int = 0) -> bool:
    """Whether `rows.plain` would take a parsed value; it says why where not."""
    kind = type(value)
    if kind is int:
        return bool(-(2**63) <= value < 2**63)
    if kind is float:
        return math.isfinite(value)
    if depth > MAX_DEPTH:
        return False
    if kind is dict:
        return all(_can_be_kept(v, depth + 1) for v in value.values())
    if kind is list:
        return all(_can_be_kept(v, depth + 1) for v in value)
    return True
