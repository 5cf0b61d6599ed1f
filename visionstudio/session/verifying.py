"""Is what was exported what was meant? Written files are read again and compared.

What a format cannot express is counted by its writer. The rest must come back:
every annotation that was written, of its class on its picture, with its outline
to the format's accuracy, its attributes, marks and score.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.coco_stream import CocoRows
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Losses,
    ReadOptions,
    Written,
)
from visionstudio.formats.expressing import as_rotated_box
from visionstudio.formats.registry import Format
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Mask, RotatedBox, Shape
from visionstudio.session.verifying_columns import WrittenRows

NEAR = 1.0  # pixels by which bounds may differ: the coarsest of formats have whole pixels
_LISTED = 100
_MANY = 500  # points of a shape, beyond which they are compared in their order
_KEPT = 256  # items
_SCORE = 1e-3
_MARKS = Flags.DIFFICULT | Flags.OCCLUDED | Flags.TRUNCATED | Flags.CROWD

_ADDED = re.compile(r"(_leftImg8bit|_\d+)$")  # what writers put behind names


@dataclass(frozen=True, slots=True)
class Check:
    """How many annotations were written and read again, and what is not as it was meant.

    `missing` are the first of `wrong` such places, in words.
    """

    written: int
    read: int
    missing: tuple[str, ...] = ()
    wrong: int = 0

    @property
    def ok(self) -> bool:
        """Whether all came back."""
        return not self.missing

    @property
    def equal(self) -> int:
        """How many annotations came back as they were meant, but for what the losses tell."""
        return max(self.written - self.wrong, 0)

    @property
    def text(self) -> str:
        """The outcome as a sentence."""
        return f"re-imported and compared: {self.equal:,} of {self.written:,} equal"


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
        found = writer.read(source, images, ReadOptions(size_of=meant.size_of, stream=True))
    except FormatError as error:
        return Check(written.annotations, 0, (str(error),), written.annotations)
    told, again = Told(written), found.dataset
    if found.stream is not None:
        wrong, read = _streamed(meant, again, found.stream, told)
    else:
        wrong = list(_wrong(meant, again, told))
        read = sum(not a.flags & Flags.OUTSIDE for item in again.items for a in item.annotations)
    missing = max(written.annotations - read, 0)
    listed = wrong[:_LISTED]
    if missing:
        listed.append(f"{missing} annotations were written and not read")
    return Check(written.annotations, read, tuple(listed), len(wrong) + missing)


_SELF_CONTAINED = frozenset(("imagefolder",))


class _Meant:
    """What was to be written, found by paths as formats write them: flat, cut short, renamed."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._by_tail: dict[str, list[DatasetItem]] = {}
        self._rows: dict[int, dict[str, Alike]] = {}
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

    def rows(self, item: DatasetItem, name: str) -> Alike:
        """The annotations of one class that an item was to have, and their bounds."""
        if id(item) not in self._rows:
            # Of items that are read anew each time only some are kept: files go item by item.
            while len(self._rows) >= _KEPT and not isinstance(item.annotations, tuple):
                del self._rows[next(iter(self._rows))]
            by_name: dict[str, list[DatasetAnnotation]] = {}
            for row in item.annotations:
                by_name.setdefault(_name(row), []).append(row)
            self._rows[id(item)] = {one: Alike(rows) for one, rows in by_name.items()}
        return self._rows[id(item)].get(name) or Alike([])


def _tails(path: str) -> Iterator[str]:
    """The ends of a path without its suffix, shortest first, with '_' between their parts."""
    parts = PurePosixPath(path).with_suffix("").parts
    for length in range(1, len(parts) + 1):
        yield "_".join(parts[-length:])


def _streamed(
    meant: _Meant, again: Dataset, stream: CocoRows, losses: Told
) -> tuple[list[str], int]:
    """What is wrong with the rows of a large file, that stay in it; and how many were read."""
    plain = WrittenRows(meant.dataset)
    known = [meant.find(item.path) for item in again.items]
    places = [plain.places[id(k[0])] if len(k) == 1 else -1 for k in known]
    rows = plain.others(stream, np.array(places, dtype=np.int64), [c.name for c in again.classes])
    found = (_difference(meant, again.items[i], known[i], row, losses) for i, row in rows)
    wrong = [reason for reason in found if reason]
    wrong += ["an annotation is there once too often"] * plain.too_many()
    return wrong, stream.count - plain.faults


def _wrong(meant: _Meant, again: Dataset, losses: Told) -> Iterator[str]:
    """Rows that came back without having been meant, or not as they were."""
    for item in again.items:
        items = meant.find(item.path)
        for row in item.annotations:
            reason = _difference(meant, item, items, row, losses)
            if reason:
                yield reason


def _difference(
    meant: _Meant,
    item: DatasetItem,
    items: list[DatasetItem],
    row: DatasetAnnotation,
    losses: Told,
) -> str:
    """What is wrong with a row of `item`, that is to be one of `items`; '' for nothing."""
    if row.flags & Flags.OUTSIDE:
        return ""  # CVAT's end of a track
    alike = [meant.rows(one, _name(row)) for one in items]
    if not any(a.rows for a in alike):
        return f"{item.path}, {row.where}: nothing of class '{row.label}'"
    if any(a.take(row) for a in alike):
        return ""
    reason = min((a.difference(row, losses) for a in alike if a.rows), key=len)
    return f"{item.path}, {row.where}: '{row.label}' {reason}" if reason else ""


class Alike:
    """Annotations of one class in one picture, each of which can be found once."""

    def __init__(self, rows: list[DatasetAnnotation]) -> None:
        self.rows = rows
        self._bounds = np.array([r.shape.bounds() for r in rows]).reshape(-1, 4)
        self._left = np.ones(len(rows), dtype=bool)

    def take(self, row: DatasetAnnotation) -> bool:
        """Whether one that has not been found yet is the row in all; it is found by that."""
        for place in np.flatnonzero(self._near(row) & self._left).tolist():
            if not list(differences(self.rows[place], row)):
                self._left[place] = False
                return True
        return False

    def difference(self, row: DatasetAnnotation, losses: Told) -> str:
        """What is wrong with a row that none is in all, '' where the losses tell of it."""
        if row.shape.kind == "tag":
            return "" if self._left.any() or losses.any("tags") else "is there once too often"
        reasons = []
        for place in np.flatnonzero(self._near(row)).tolist():
            kinds = [k for k in differences(self.rows[place], row) if not losses.tell(k)]
            if not kinds:
                return ""
            reasons.append(f"has other {' and '.join(kinds)}")
        if reasons:
            return min(reasons, key=len)
        return "" if losses.may_move and self._inside(row) else "is elsewhere"

    def _near(self, row: DatasetAnnotation) -> NDArray[np.bool_]:
        if row.shape.kind == "tag":
            return np.array([r.shape.kind == "tag" for r in self.rows], dtype=bool)
        gaps = np.abs(self._bounds - row.shape.bounds()).max(axis=1)
        near: NDArray[np.bool_] = np.asarray(gaps <= NEAR)
        if isinstance(row.shape, RotatedBox) and not near.any():
            # The smallest box around a shape may reach beyond its upright one.
            for place, meant in enumerate(self.rows):
                around = as_rotated_box(meant.shape, Losses())
                near[place] = around is not None and same_outline(around, row.shape)
        return near

    def _inside(self, row: DatasetAnnotation) -> bool:
        """Whether it is a part of one, or of all together where they became one."""
        x1, y1, x2, y2 = row.shape.bounds()
        whole = [*self._bounds[:, :2].min(axis=0), *self._bounds[:, 2:].max(axis=0)]
        boxes = np.concatenate([self._bounds, [whole]])
        inside = (boxes[:, :2] - NEAR <= (x1, y1)).all(axis=1)
        inside &= (boxes[:, 2:] + NEAR >= (x2, y2)).all(axis=1)
        return bool(inside.any())


class Told:
    """What an export said that it loses: such differences are no surprise."""

    def __init__(self, written: Written) -> None:
        self._words = " / ".join(loss.what for loss in written.losses)
        self.may_move = bool(written.losses)

    def any(self, *words: str) -> bool:
        """Whether one of these was spoken of."""
        return any(word in self._words for word in words)

    def tell(self, difference: str) -> bool:
        """Whether a difference (see `differences`) was told."""
        match difference:
            case "attributes" | "marks":
                return self.any(difference, "crowd")
            case "score":
                return self.any("scores")
            case _:
                return self.may_move


def differences(meant: DatasetAnnotation, found: DatasetAnnotation) -> Iterator[str]:
    """In what two annotations of one class and place differ: outline, attributes, marks, score."""
    if not same_outline(meant.shape, found.shape):
        yield "outline"
    if any(not _same(v, found.attributes.get(k)) for k, v in meant.attributes.items()):
        yield "attributes"
    if (meant.flags ^ found.flags) & _MARKS:
        yield "marks"
    if meant.score is not None and abs(meant.score - (found.score or 0)) > _SCORE:
        yield "score"


def same_outline(a: Shape, b: Shape) -> bool:
    """Whether two shapes are one to the accuracy of formats, points in any order."""
    if a.kind != b.kind:
        return False
    if isinstance(a, Mask) and isinstance(b, Mask):
        return a == b
    one, other = (s.points() for s in (a, b))
    if one.shape != other.shape:
        size = max(a.area(), b.area())
        return size > 0 and abs(a.area() - b.area()) <= NEAR * np.sqrt(size) * 4
    if not len(one):
        return True
    if len(one) > _MANY:
        return bool(np.abs(one - other).max() <= NEAR)
    gaps = np.abs(one[:, None] - other[None]).max(axis=2)
    return bool(gaps.min(axis=0).max() <= NEAR and gaps.min(axis=1).max() <= NEAR)


def _same(a: object, b: object) -> bool:
    """Whether two values are one as text or as numbers: some formats have texts only."""
    if str(a).lower() == str(b).lower():
        return True
    try:
        return abs(float(str(a)) - float(str(b))) < 1e-6
    except ValueError:
        return False


def _name(annotation: DatasetAnnotation) -> str:
    """The class as formats can write it: some have no spaces, some one line."""
    return "_".join(annotation.label.split())
