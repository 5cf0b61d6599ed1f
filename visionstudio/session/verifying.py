"""Is what was exported what was meant? Written files are read again and compared.

What a format cannot express is counted by its writer. The rest must come back:
every annotation that was written, of its class on its picture, at its place to
the format's accuracy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    ReadOptions,
    Written,
)
from visionstudio.formats.masks_write import MERGED
from visionstudio.formats.registry import Format
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError

NEAR = 1.0  # pixels by which bounds may differ: the coarsest of formats have whole pixels
_LISTED = 100

_ADDED = re.compile(r"(_leftImg8bit|_\d+)$")  # what writers put behind names
Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Check:
    """How many annotations were read again, and which of those written were not found."""

    written: int
    read: int
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all came back."""
        return not self.missing

    @property
    def text(self) -> str:
        """The outcome as a sentence."""
        if self.ok:
            return f"read again and compared: all {self.written} annotations are there"
        return f"read again and compared: {len(self.missing)} of {self.written} are not as written"


def check_export(
    writer: Format, dataset: Dataset, written: Written, out: Path, pictures: Path
) -> Check:
    """Read what was written and compare it; `pictures` is where its pictures lie."""
    if written.annotations == 0:
        return Check(0, 0)
    meant = _Meant(dataset)
    source = next((f for f in written.files if f == out), out)
    if writer.single_file and source.is_dir():
        source = next((f for f in written.files if f.suffix in writer.suffixes), source)
    images = None if writer.name in _SELF_CONTAINED else pictures
    try:
        again = writer.read(source, images, ReadOptions(size_of=meant.size_of)).dataset
    except FormatError as error:
        return Check(written.annotations, 0, (str(error),))
    merged = any(loss.what == MERGED for loss in written.losses)
    wrong = list(islice(_wrong(meant, again, merged), _LISTED))
    read = sum(not a.flags & Flags.OUTSIDE for item in again.items for a in item.annotations)
    if read < written.annotations:
        wrong.append(f"{written.annotations - read} annotations were written and not read")
    return Check(written.annotations, read, tuple(wrong))


_SELF_CONTAINED = frozenset(("imagefolder",))


class _Meant:
    """What was to be written, found by paths as formats write them: flat, cut short, renamed."""

    def __init__(self, dataset: Dataset) -> None:
        self._by_tail: dict[str, list[DatasetItem]] = {}
        self._facts: dict[int, tuple[Counter[str], Boxes]] = {}
        for item in dataset.items:
            for tail in _tails(item.path):
                self._by_tail.setdefault(tail, []).append(item)

    def find(self, path: str) -> list[DatasetItem]:
        """The items that a path may be of, by its longest tail that fits any."""
        for tail in reversed(list(_tails(path))):
            for name in (tail, _ADDED.sub("", tail)):
                if name in self._by_tail:
                    return self._by_tail[name]
        return []

    def size_of(self, path: Path) -> tuple[int, int]:
        """The size of a picture that was written."""
        found = self.find(path.as_posix())
        return (found[0].width, found[0].height) if found else (0, 0)

    def facts(self, item: DatasetItem) -> tuple[Counter[str], Boxes]:
        """How many annotations of each class an item has, and the (n, 4) bounds of all."""
        if id(item) not in self._facts:
            names = Counter(_name(a) for a in item.annotations)
            bounds = [a.shape.bounds() for a in item.annotations]
            self._facts[id(item)] = names, np.array(bounds).reshape(-1, 4)
        return self._facts[id(item)]


def _tails(path: str) -> Iterator[str]:
    """The ends of a path without its suffix, shortest first, with '_' between their parts."""
    parts = PurePosixPath(path).with_suffix("").parts
    for length in range(1, len(parts) + 1):
        yield "_".join(parts[-length:])


def _wrong(meant: _Meant, again: Dataset, merged: bool) -> Iterator[str]:
    """Rows that came back without having been meant; `merged` where one class is one mask."""
    for item in again.items:
        facts = [meant.facts(one) for one in meant.find(item.path)]
        if merged:
            facts = [(names, _with_whole(boxes)) for names, boxes in facts]
        for annotation in item.annotations:
            if annotation.flags & Flags.OUTSIDE:
                continue  # CVAT's end of a track
            name = _name(annotation)
            if not any(name in names for names, _ in facts):
                yield f"{item.path}, {annotation.where}: nothing of class '{annotation.label}'"
            elif annotation.shape.kind != "tag" and not any(
                _near(annotation, boxes) for _, boxes in facts
            ):
                yield f"{item.path}, {annotation.where}: '{annotation.label}' is elsewhere"


def _with_whole(boxes: Boxes) -> Boxes:
    """The bounds (n, 4), and those of all together."""
    if not len(boxes):
        return boxes
    whole = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    return np.concatenate([boxes, whole[None]])


def _near(annotation: DatasetAnnotation, boxes: Boxes) -> bool:
    """Whether something was meant there; what is left of a covered shape lies inside it."""
    x1, y1, x2, y2 = annotation.shape.bounds()
    inside = (boxes[:, :2] - NEAR <= (x1, y1)).all(axis=1)
    inside &= (boxes[:, 2:] + NEAR >= (x2, y2)).all(axis=1)
    return bool(inside.any())


def _name(annotation: DatasetAnnotation) -> str:
    """The class as formats can write it: some have no spaces, some one line."""
    return "_".join(annotation.label.split())
