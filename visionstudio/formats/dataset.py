"""What annotation files hold, as plain values without project ids.

Readers make a `Dataset` of what a file says, with the pictures that were found
on disk; writers get one. Projects come and go through `session.importing` and
`session.exporting`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.files import safe_name
from visionstudio.model.annotations import Flags
from visionstudio.model.labels import AttributeSpec, SkeletonSpec
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import Shape

if TYPE_CHECKING:
    from visionstudio.formats.coco_stream import CocoRows

SUBSETS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""What folders and files of subsets are called, lower case, and the subset's name here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetClass:
    """A class by name. `id` is the file's or project's number for it, None where there is none."""

    name: str
    id: int | None = None
    skeleton: SkeletonSpec | None = None
    attributes: tuple[AttributeSpec, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAnnotation:
    """One labelled thing of a picture or frame; fields as in `model.Annotation`.

    `label` is the class's name. `where` is its place in the file it came from,
    `key` the number that it has there, '' where rows have none.
    `extra` maps a format's name to the fields of its own that have no place here.
    """

    label: str
    shape: Shape
    frame: int = 0
    pts: int | None = None
    track: int | None = None
    group: int | None = None
    score: float | None = None
    z: int = 0
    flags: Flags = Flags.NONE
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetItem:
    """A picture or video with its annotations, which may be read anew each time they are asked for.

    `path` is relative to the data set's picture folder, with forward slashes.
    `file` is the absolute path of the picture that was found, None when it was
    not. `width` and `height` are pixels of the upright picture, 0 when unknown.
    `id` is the file's or project's number for it. `source` is the file that
    described it. `verified` says that every object in it is labelled. `outside`
    is the name in the file where that leads out of the picture folder: it is
    never followed, and `path` is only its last part. `split` is the subset that
    it belongs to (train, val…), '' where none is said. `extra` maps a format's
    name to fields of its own about the picture.
    """

    path: str
    annotations: Sequence[DatasetAnnotation] = ()
    id: int | None = None
    kind: MediaKind = MediaKind.IMAGE
    width: int = 0
    height: int = 0
    frames: int = 1
    verified: bool = True
    file: Path | None = None
    source: str = ""
    outside: str = ""
    split: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelBlock:
    """Annotations of a few items, in their order: plain ones as columns, the others as values.

    Plain are boxes and outlines of one ring with nothing but a class, a score and,
    boxes only, a crowd mark. `items` and `classes` are their numbers in the data
    set, `values` their coordinates behind each other, of which row i has
    `counts[i]`: x1, y1, x2, y2 where `is_box`, else the ring's x, y, … `scores`
    are NaN where there is none. `places` tell where they stand among all
    annotations of the block; `others` are (place, item, annotation).
    """

    items: NDArray[np.int64]
    classes: NDArray[np.int64]
    is_box: NDArray[np.bool_]
    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    scores: NDArray[np.float64]
    places: NDArray[np.int64]
    others: list[tuple[int, int, DatasetAnnotation]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Classes in their order, and items in the order of the file or of their paths.

    `blocks` goes through all annotations in the order of the items, for writers
    of very many; None where there are not so many.
    """

    classes: tuple[DatasetClass, ...] = ()
    items: tuple[DatasetItem, ...] = ()
    blocks: Callable[[], Iterator[LabelBlock]] | None = None

    @property
    def annotation_count(self) -> int:
        """How many annotations all items hold."""
        return sum(len(item.annotations) for item in self.items)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that was not taken: the file, the place in it, and why."""

    file: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What a reader made of a file. Every row it saw is in `dataset` or in `skipped`.

    `origin` says what was read and with which choices, for the project to remember.
    With `ReadOptions.stream` the rows of a large file may be left in it: `stream`
    goes through them, and the items of `dataset` hold none.
    """

    dataset: Dataset
    skipped: tuple[Skipped, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    stream: CocoRows | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """What a format could not express, and how often."""

    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer made: its files, how many annotations they hold, and what was lost."""

    files: tuple[Path, ...]
    annotations: int
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices for reading.

    `one_based`: VOC boxes count from 1 and include their last pixel. `size_of`
    tells the upright width and height of a picture, (0, 0) when it cannot be
    read: for formats whose coordinates are parts of the picture's size. `stream`
    allows to leave the rows of a large file in it.
    """

    one_based: bool = False
    stream: bool = False
    size_of: Callable[[Path], tuple[int, int]] = lambda _: (0, 0)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices for writing.

    `split` names the subset where a format has such a thing; without it each
    picture keeps its own. `variant` is one of the format's dialects, '' for its
    usual one.
    """

    copy_media: bool = False
    split: str | None = None
    variant: str = ""

    def split_of(self, item: DatasetItem) -> str:
        """The subset that a picture is written to, fit for a folder's name; '' for none."""
        split = self.split or item.split
        return safe_name(split) if split else ""


class Losses:
    """Counts what is lost while writing, in the order in which it was first seen."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Remember that `what` happened to `count` things."""
        if count:
            self._counts[what] += count

    def all(self) -> tuple[Loss, ...]:
        """Everything counted so far."""
        return tuple(Loss(what, count) for what, count in self._counts.items())
