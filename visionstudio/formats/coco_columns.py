"""Rows of COCO files as columns: what is plain in them is checked and stored together, in numpy.

Plain are boxes, outlines and keypoints without a fault. No row becomes an object
of its own: the shapes of a block are one string of bytes, from which the project
takes its pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import DatasetAnnotation
from visionstudio.formats.taking import MAX_POINTS
from visionstudio.model.annotations import Flags
from visionstudio.model.shape_codec import decode

UNSET = msgspec.UNSET
Maybe = msgspec.UnsetType
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS = ("box", "polygon", "skeleton")
"""Of `Columns.kinds`."""
_BOX, _POLYGON, _SKELETON = range(3)


@dataclass(slots=True)
class Fields:
    """Parsed rows, field by field; what a row does not have is `UNSET`, None what no row has.

    Whole numbers may be arrays, `boxes` one of (n, 4), and `segmentations` None
    where no row has any. `kept` are the fields of each row that have no place in an
    annotation, None where no row has any; `odd` are rows with such fields as cannot be kept.
    """

    image_ids: list[int] | Ints
    category_ids: list[int] | Ints
    ids: list[int | Maybe] | Ints
    boxes: list[Any] | Floats
    segmentations: list[Any] | None
    crowds: list[int | Maybe] | Ints
    scores: list[Any] | None = None
    attributes: list[Any] | None = None
    keypoints: list[Any] | None = None
    kept: list[dict[str, Any]] | None = None
    odd: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.image_ids)


@dataclass(slots=True)
class Columns:
    """Plain rows: numbers of picture and class, and per row its shape as it is stored.

    Row i is of the kind `KINDS[kinds[i]]`, and its shape the bytes of `geometry`
    from `starts[i]` on, `lengths[i]` many. `values` are the coordinates of all
    rows' points behind each other, `counts` how many each row has. `places` are
    the rows' numbers in the file, `keys` their ids there, where `has_key`. Scores
    are NaN where there is none. `attributes` and `extras` are JSON objects, ''
    for nothing; None where no row has any.
    """

    images: Ints
    labels: Ints
    kinds: Ints
    geometry: bytes
    starts: Ints
    lengths: Ints
    values: Floats
    counts: Ints
    keys: Ints
    has_key: Bools
    crowd: Bools
    scores: Floats
    places: Ints
    attributes: list[str] | None
    extras: list[str] | None

    def annotation(self, row: int, label: str) -> DatasetAnnotation:
        """One row as small files' readers give it."""
        start = int(self.starts[row])
        score = float(self.scores[row])
        extra = self.extras[row] if self.extras else ""
        attributes = self.attributes[row] if self.attributes else ""
        return DatasetAnnotation(
            label=label,
            shape=decode(
                KINDS[int(self.kinds[row])],
                self.geometry[start : start + int(self.lengths[row])],
            ),
            score=None if np.isnan(score) else score,
            flags=Flags.CROWD if self.crowd[row] else Flags.NONE,
            attributes=msgspec.json.decode(attributes) if attributes else {},
            extra={"coco": msgspec.json.decode(extra)} if extra else {},
            where=f"annotations[{int(self.places[row])}]",
            key=str(int(self.keys[row])) if self.has_key[row] else "",
        )


def columns(
    rows: Fields, images: Ints, labels: Ints, sizes: Floats, first: int
) -> tuple[Bools, Columns]:
    """Which rows are plain and without fault, and those as columns.

    `images` and `labels` are the rows' pictures and classes, −1 where unknown;
    `sizes` the pictures' (n, 2) widths and heights. The block's first row is
    number `first` of the file.
    """
    good = (images >= 0) & (labels >= 0)
    good[rows.odd] = False
    crowd, _ = _whole(rows.crowds, good)
    good &= (crowd == 0) | (crowd == 1)
    scores = _scores(rows.scores, good)
    keys, has_key = _whole(rows.ids, good)
    shapes = _shapes(rows, sizes[images], good)
    kept = np.flatnonzero(good)
    chosen = kept.tolist()
    attributes, extras = rows.attributes, rows.kept
    found = Columns(
        images=images[kept],
        labels=labels[kept],
        keys=keys[kept],
        has_key=has_key[kept],
        crowd=crowd[kept] == 1,
        scores=scores[kept],
        places=kept + first,
        attributes=_texts([attributes[i] for i in chosen]) if attributes is not None else None,
        extras=_texts([extras[i] for i in chosen]) if extras is not None else None,
        **shapes,
    )
    return good, found


def _texts(values: list[Any]) -> list[str]:
    encode = msgspec.json.encode
    return [encode(v).decode() if v else "" for v in values]


def _whole(values: list[Any] | Ints, good: Bools) -> tuple[Ints, Bools]:
    """Whole numbers, 0 for none, and where there is one; others than of 63 bits are not good."""
    try:
        found = np.array(values, dtype=np.int64)
        there = np.ones(len(values), dtype=np.bool_)
    except (TypeError, OverflowError):  # none in some row, or too large
        there = np.array([v is not UNSET for v in values], dtype=np.bool_)
        fits = [v if v is not UNSET and -(2**63) <= v < 2**63 else 0 for v in values]
        good &= np.array([v is UNSET or -(2**63) <= v < 2**63 for v in values], dtype=np.bool_)
        found = np.array(fits, dtype=np.int64)
    good &= found >= 0
    return found, there


def _scores(values: list[Any] | None, good: Bools) -> Floats:
    if values is None:
        return np.full(len(good), np.nan)
    found = np.array([np.nan if v is UNSET or v is None else v for v in values], dtype=np.float64)
    good &= np.isnan(found) | ((found >= 0) & (found <= 1))
    return found


# shapes


@dataclass(slots=True)
class _Pile:
    """Shapes of one kind behind each other: their rows, bytes and coordinates."""

    kind: int
    rows: Ints
    data: bytes
    lengths: Ints
    values: Floats
    counts: Ints


def _shapes(rows: Fields, sizes: Floats, good: Bools) -> dict[str, Any]:
    """The shapes of the good rows, as the columns that hold them; takes faulty ones from `good`."""
    boxes, has_box = _boxes(rows.boxes)
    good &= ~has_box | _inside(boxes, sizes)
    outlined, piles = np.zeros(len(rows), dtype=np.bool_), []
    if rows.segmentations is not None:
        outlined = _filled(rows.segmentations)
        piles.append(_outlines(rows.segmentations, np.flatnonzero(good & outlined), good))
    kind = np.where(outlined, _POLYGON, _BOX)
    if rows.keypoints is not None:
        pile = _skeletons(rows.keypoints, np.flatnonzero(good), good)
        kind[pile.rows] = _SKELETON
        piles.append(pile)
    good &= has_box | (kind != _BOX)
    piles.append(_box_pile(boxes, np.flatnonzero(good & (kind == _BOX))))
    return _joined([p for p in piles if len(p.rows)], kind, np.flatnonzero(good))


def _joined(piles: list[_Pile], kind: Ints, kept: Ints) -> dict[str, Any]:
    """Piles as one, with the rows in their order in the file."""
    if len(piles) == 1 and len(piles[0].rows) == len(kept):
        (pile,) = piles
        starts = np.cumsum(pile.lengths) - pile.lengths
        geometry, lengths, values, counts = pile.data, pile.lengths, pile.values, pile.counts
    else:
        size = len(kind)
        starts, lengths, counts, at = (np.zeros(size, dtype=np.int64) for _ in range(4))
        bytes_before = values_before = 0
        for pile in piles:
            mine = kind[pile.rows] == pile.kind
            there = pile.rows[mine]
            lengths[there], counts[there] = pile.lengths[mine], pile.counts[mine]
            starts[there] = (bytes_before + np.cumsum(pile.lengths) - pile.lengths)[mine]
            at[there] = (values_before + np.cumsum(pile.counts) - pile.counts)[mine]
            bytes_before += len(pile.data)
            values_before += len(pile.values)
        starts, lengths, counts = starts[kept], lengths[kept], counts[kept]
        geometry = b"".join(p.data for p in piles)
        everything = np.concatenate([p.values for p in piles]) if piles else np.zeros(0)
        values = everything[_runs(at[kept], counts)]
    return {
        "kinds": kind[kept],
        "geometry": geometry,
        "starts": starts,
        "lengths": lengths,
        "values": values,
        "counts": counts,
    }


def _runs(starts: Ints, counts: Ints) -> Ints:
    """start, start + 1, … of each run, behind each other."""
    before = np.cumsum(counts) - counts
    return np.asarray(np.arange(int(counts.sum())) + np.repeat(starts - before, counts))


def _boxes(found: list[Any] | Floats) -> tuple[Floats, Bools]:
    """(n, 4) x1, y1, x2, y2, NaN where the list has not four numbers; and whether there is one."""
    if isinstance(found, np.ndarray):
        return np.hstack([found[:, :2], found[:, :2] + found[:, 2:]]), np.ones(len(found), np.bool_)
    has_box = _filled(found)
    lists = found if has_box.all() else [b or () for b in found]
    if set(map(len, lists)) != {4}:
        empty = [np.nan] * 4
        lists = [b if len(b) == 4 else empty for b in lists]
    boxes = np.fromiter(chain.from_iterable(lists), np.float64, 4 * len(lists)).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes, has_box


def _filled(lists: list[Any]) -> Bools:
    return np.fromiter(map(bool, lists), np.bool_, len(lists))


def _inside(boxes: Floats, sizes: Floats) -> Bools:
    """Boxes with an inside that touch their picture; all where its size is unknown."""
    good = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & np.isfinite(boxes).all(axis=1)
    touches = (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, :2] < sizes).all(axis=1)
    return np.asarray(good & (touches | ~sizes.all(axis=1)))


def _box_pile(boxes: Floats, rows: Ints) -> _Pile:
    chosen = boxes[rows]
    return _Pile(
        kind=_BOX,
        rows=rows,
        data=chosen.astype("<f8").tobytes(),
        lengths=np.full(len(rows), 32),
        values=chosen[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1),
        counts=np.full(len(rows), 8),
    )


def _outlines(outlines: list[Any], rows: Ints, good: Bools) -> _Pile:
    """Outlines of rows; rows that need a closer look are no longer good."""
    sizes: list[list[int]] = []
    kept: list[int] = []
    for row in rows.tolist():
        rings = outlines[row]
        lengths = [len(r) for r in rings] if isinstance(rings, list) else [0]
        if min(lengths) < 6 or any(n % 2 for n in lengths) or sum(lengths) > 2 * MAX_POINTS:
            good[row] = False
        else:
            kept.append(row)
            sizes.append(lengths)
    if not kept:
        nothing = np.zeros(0, dtype=np.int64)
        return _Pile(_POLYGON, nothing, b"", nothing, np.zeros(0), nothing)
    rings_per_row = np.fromiter(map(len, sizes), np.int64, len(sizes))
    ring_sizes = np.fromiter(chain.from_iterable(sizes), np.int64, int(rings_per_row.sum()))
    first_ring = np.cumsum(rings_per_row) - rings_per_row
    counts = np.add.reduceat(ring_sizes, first_ring)
    all_rings = chain.from_iterable(outlines[row] for row in kept)
    flat = np.fromiter(chain.from_iterable(all_rings), np.float64, int(ring_sizes.sum()))
    areas = np.add.reduceat(_ring_areas(flat.reshape(-1, 2), ring_sizes // 2), first_ring)
    places = np.array(kept)
    good[places] = (areas > 0) & (areas < np.inf)
    heads = 4 * (1 + rings_per_row)
    lengths_of = heads + 8 * counts
    # A polygon is stored as the number of its rings, their numbers of points, and the points.
    words = np.zeros(int(lengths_of.sum()) // 4, dtype="<u4")
    starts = (np.cumsum(lengths_of) - lengths_of) // 4
    words[starts] = rings_per_row
    words[_runs(starts + 1, rings_per_row)] = ring_sizes // 2
    words[_runs(starts + heads // 4, 2 * counts)] = flat.astype("<f8").view("<u4")
    return _Pile(_POLYGON, places, words.tobytes(), lengths_of, flat, counts)


def _ring_areas(points: Floats, counts: Ints) -> Floats:
    """Unsigned areas of closed rings whose (n, 2) points lie behind each other, by the shoelace."""
    first = np.cumsum(counts) - counts
    local = points - np.repeat(points[first], counts, axis=0)
    following = np.arange(1, len(points) + 1)
    following[first + counts - 1] = first
    after = local[following]
    with np.errstate(over="ignore", invalid="ignore"):
        crossed = local[:, 0] * after[:, 1] - local[:, 1] * after[:, 0]
        return np.abs(np.add.reduceat(crossed, first))


def _skeletons(found: list[Any], rows: Ints, good: Bools) -> _Pile:
    """Keypoints of which any is labelled; rows that need a closer look are no longer good."""
    kept, data, values = [], [], []
    for row in rows.tolist():
        numbers = found[row]
        if numbers is UNSET or not numbers:
            continue
        if len(numbers) % 3 or len(numbers) > 3 * MAX_POINTS:
            good[row] = False
            continue
        marks = numbers[2::3]
        if not {0, 1, 2}.issuperset(marks):
            good[row] = False
        elif any(marks):
            points = np.array(numbers, dtype="<f8").reshape(-1, 3)[:, :2].reshape(-1)
            kept.append(row)
            # as many marks as points, and the points
            head = len(marks).to_bytes(4, "little") + bytes(map(int, marks))
            data.append(head + points.tobytes())
            values.append(points)
    return _Pile(
        kind=_SKELETON,
        rows=np.array(kept, dtype=np.int64),
        data=b"".join(data),
        lengths=np.fromiter(map(len, data), np.int64, len(data)),
        values=np.concatenate(values) if values else np.zeros(0),
        counts=np.fromiter(map(len, values), np.int64, len(values)),
    )
