"""Many boxes and outlines that were written, compared with those that are read again, as columns.

A row counts as equal when one of its picture, class, crowd mark and score is
there with the same points to a thousandth of a pixel. What is not equal by that
is looked at more closely by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.coco_columns import KINDS, Columns
from visionstudio.formats.coco_stream import CocoRows
from visionstudio.formats.dataset import Dataset, DatasetAnnotation
from visionstudio.formats.progress import tick
from visionstudio.session.import_digest import Words, mixed

Ints = NDArray[np.int64]
_BOX, _POLYGON = KINDS.index("box"), KINDS.index("polygon")
# Per pixel. No whole number, so that values that people write never lie between two.
_STEPS = 1013.7182818


class WrittenRows:
    """The plain rows (see `LabelBlock`) that a data set was to have."""

    def __init__(self, dataset: Dataset) -> None:
        self.places = {id(item): place for place, item in enumerate(dataset.items)}
        self.class_places = {c.name: place for place, c in enumerate(dataset.classes)}
        found = [
            _keys(b.items, b.classes, b.crowd, b.scores, b.values, b.counts)
            for b in (dataset.blocks() if dataset.blocks is not None else ())
        ]
        self._written = np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.uint64)
        self._found: list[Words] = []
        self.faults = 0  # rows that could not be read

    def others(
        self, stream: CocoRows, items: Ints, names: list[str]
    ) -> Iterator[tuple[int, DatasetAnnotation]]:
        """Rows of a file that are none of those, with their picture's number there.

        `items` are the pictures' places in the data set, −1 where they have none;
        `names` the classes of the file.
        """
        classes = np.array([self.class_places.get(name, -1) for name in names], dtype=np.int64)
        for number, block in enumerate(stream.blocks()):
            tick(number / len(stream.spans), stream.path.name)
            rows = block.plain
            self.faults += len(block.faults)
            if rows is not None:
                same = self._equal(rows, items, classes)
                for row in np.flatnonzero(~same).tolist():
                    image, label = int(rows.images[row]), int(rows.labels[row])
                    yield image, rows.annotation(row, names[label])
            for _, image, annotation in block.others:
                yield image, annotation

    def too_many(self) -> int:
        """How many rows were found once too often."""
        if not self._found:
            return 0
        keys, counts = np.unique(np.concatenate(self._found), return_counts=True)
        first = np.searchsorted(self._written, keys, side="left")
        last = np.searchsorted(self._written, keys, side="right")
        return int(np.maximum(counts - (last - first), 0).sum())

    def _equal(self, rows: Columns, items: Ints, classes: Ints) -> NDArray[np.bool_]:
        same = np.zeros(len(rows.images), dtype=np.bool_)
        if not len(self._written):
            return same
        places, labels = items[rows.images], classes[rows.labels]
        known = (rows.kinds == _BOX) | (rows.kinds == _POLYGON)
        some = np.flatnonzero(known & (places >= 0) & (labels >= 0))
        # of a box's four corners x1, y1, x2, y2 are numbers 0, 1, 4, 5
        box = rows.kinds[some] == _BOX
        counts = np.where(box, 4, rows.counts[some])
        firsts = (np.cumsum(rows.counts) - rows.counts)[some]
        local = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        jump = np.where(np.repeat(box, counts) & (local >= 2), 2, 0)
        values = rows.values[np.repeat(firsts, counts) + local + jump]
        keys = _keys(
            places[some], labels[some], rows.crowd[some], rows.scores[some], values, counts
        )
        at = np.searchsorted(self._written, keys)
        there = self._written[np.minimum(at, len(self._written) - 1)] == keys
        self._found.append(keys[there])
        same[some[there]] = True
        return same


def _keys(
    items: Ints,
    classes: Ints,
    crowd: NDArray[np.bool_],
    scores: NDArray[np.float64],
    values: NDArray[np.float64],
    counts: Ints,
) -> Words:
    """64 bits of each row; no two that differ have the same but by a rare chance."""
    score = np.rint(np.where(np.isnan(scores), -1, scores) * _STEPS).astype(np.int64)
    heads = np.stack([items, classes, crowd.astype(np.int64), score, counts]).view(np.uint64)
    found = mixed(heads ^ mixed(np.arange(len(heads), dtype=np.uint64))[:, None]).sum(axis=0)
    if len(counts):
        starts = np.cumsum(counts) - counts
        places = np.arange(len(values)) - np.repeat(starts, counts)
        steps = np.rint(values * _STEPS).astype(np.int64).view(np.uint64)
        found += np.add.reduceat(mixed(steps ^ mixed(places.astype(np.uint64))), starts)
    return mixed(found)
