"""Sets of pixels as sorted runs: any size of picture costs what the border costs.

A mask of 100 megapixels has a few ten thousand runs. Union, difference, outline
and reduced renderings work on these and never on the pixels, which is what keeps
painting and combining masks fluid on large pictures.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionstudio.model import geometry, rle
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox, Shape

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BITS = 32
NEXT_ROW = _ROW = 1 << _BITS
"""From one place to the one below it; columns are within ±2³¹."""
_ZERO = 1 << 31  # the place of column 0 in its row


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Pixels as half-open runs in row order.

    `edges` (2n,) are beginnings and ends in turn, strictly rising, each
    `row · 2³² + 2³¹ + column`. Rows and columns are those of the picture and
    may be negative. Runs of a row do not touch.
    """

    edges: Ints

    # -- from and to

    @classmethod
    def empty(cls) -> Spans:
        """No pixels."""
        return cls(np.zeros(0, np.int64))

    @classmethod
    def of_runs(cls, rows: Ints, starts: Ints, ends: Ints) -> Spans:
        """Runs [start, end) of rows, in any order; they may overlap or be empty."""
        some = ends > starts
        base = rows[some].astype(np.int64) * _ROW + _ZERO
        places = np.concatenate([base + starts[some], base + ends[some]])
        return cls._of_steps(places, np.repeat(np.array([1, -1]), len(base)))

    @classmethod
    def _of_steps(cls, places: Ints, steps: Ints) -> Spans:
        """Where the sum of all steps up to a place, given in any order, is above 0."""
        if len(places) == 0:
            return cls.empty()
        order = np.argsort(places, kind="stable")
        places, depth = places[order], np.cumsum(steps[order])
        last = np.append(places[1:] != places[:-1], True)  # what holds right of the place
        places, inside = places[last], depth[last] > 0
        return cls(places[inside != np.concatenate([[False], inside[:-1]])])

    @classmethod
    def block(cls, x1: int, y1: int, x2: int, y2: int) -> Spans:
        """All pixels of a rectangle."""
        if x1 >= x2 or y1 >= y2:
            return cls.empty()
        base = np.arange(y1, y2, dtype=np.int64) * _ROW + _ZERO
        return cls(np.stack([base + x1, base + x2], axis=1).reshape(-1))

    @classmethod
    def of_shape(cls, shape: Shape, width: int, height: int) -> Spans:
        """The pixels whose centre a shape covers in a picture of width × height; of masks all.

        Costs what the border costs. Of a polygon a pixel is covered where more
        outer rings than holes contain its centre. Shapes without an inside, and
        tags, cover none.
        """
        match shape:
            case Mask():
                return cls.of_mask(shape)
            case Polygon(rings, holes):
                return cls._of_rings(list(rings), np.array(holes), width, height)
            case Box() | RotatedBox():
                return cls._of_rings([shape.points()], np.array([False]), width, height)
            case Ellipse():
                return cls._of_rings([shape.outline()], np.array([False]), width, height)
        return cls.empty()

    @classmethod
    def _of_rings(
        cls, rings: list[NDArray[np.float64]], holes: Bools, width: int, height: int
    ) -> Spans:
        ring, row, column = geometry.crossings(rings, height, width)
        order = np.lexsort((column, row, ring))
        sign = np.where(holes[ring[order]], -1, 1)
        sign[1::2] *= -1  # every second crossing of a row leads out of the ring
        return cls._of_steps((row * _ROW + _ZERO + column)[order], sign)

    @classmethod
    def of_mask(cls, mask: Mask) -> Spans:
        """The pixels of a mask. Those of the last masks asked for are at hand."""
        known = _KNOWN.get(mask)
        if known is None:
            known = cls._of_counts(mask.counts, mask.width, mask.x, mask.y)
            _KNOWN.put(mask, known)
        return known

    @classmethod
    def of_array(cls, array: NDArray[np.generic], x: int = 0, y: int = 0) -> Spans:
        """The non-zero pixels of a (H, W) array whose top left is at (x, y)."""
        if array.size == 0:
            return cls.empty()
        return cls._of_counts(rle.encode(array != 0), array.shape[1], x, y)

    @classmethod
    def _of_counts(cls, counts: NDArray[np.uint32], width: int, x: int, y: int) -> Spans:
        ends = np.cumsum(counts.astype(np.int64))
        ends = ends[: len(ends) // 2 * 2]
        begin, end = ends[0::2], ends[1::2]
        some = end > begin
        begin, end = begin[some], end[some]
        if len(begin) == 0:
            return cls.empty()
        # A run that goes on in the next row is cut there.
        first, last = begin // width, (end - 1) // width
        rows_each = last - first + 1
        owner = np.repeat(np.arange(len(begin)), rows_each)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(rows_each) - rows_each, rows_each)
        row = first[owner] + nth
        left = np.where(nth == 0, begin[owner] - row * width, 0)
        right = np.where(row == last[owner], end[owner] - row * width, width)
        edges = np.empty(2 * len(row), np.int64)
        base = (row + y) * _ROW + _ZERO + x
        edges[0::2], edges[1::2] = base + left, base + right
        return cls(edges)

    def mask(self) -> Mask:
        """The same pixels as a mask, cropped to them."""
        if not self:
            return Mask(0, 0, 0, 0, np.zeros(0, np.uint32))
        left, top, right, bottom = self.bounds()
        width, size = right - left, (right - left) * (bottom - top)
        # row · width + column, for all edges in place: there may be millions.
        flat = self.edges >> _BITS
        flat *= width - _ROW
        flat += self.edges
        flat -= top * width + left + _ZERO
        # Runs that end at the right edge and go on at the left one are one run.
        joined = flat[1:-1:2] == flat[2::2]
        if joined.any():
            kept = np.ones(len(flat), np.bool_)
            kept[1:-1:2] = kept[2::2] = ~joined
            flat = flat[kept]
        counts = np.empty(len(flat) + (flat[-1] != size), np.uint32)
        counts[0] = flat[0]
        np.subtract(flat[1:], flat[:-1], out=counts[1 : len(flat)], casting="unsafe")
        counts[len(flat) :] = size - flat[-1]
        made = Mask(left, top, width, bottom - top, counts)
        _KNOWN.put(made, self)
        return made

    def runs(self) -> tuple[Ints, Ints, Ints]:
        """Row, first column and end column of each run, in row order."""
        rows = self.edges[0::2] >> _BITS
        base = rows * _ROW + _ZERO
        return rows, self.edges[0::2] - base, self.edges[1::2] - base

    def raster(self, x: int, y: int, width: int, height: int, step: int = 1) -> NDArray[np.uint8]:
        """0 and 1 for the pixels of a rectangle, or every `step`-th of each row and column.

        Gives (ceil(height / step), ceil(width / step)).
        """
        across, down = -(-width // step), -(-height // step)
        rows, starts, ends = self.within(y, y + height).runs()
        if step > 1:
            kept = (rows - y) % step == 0
            rows, starts, ends = rows[kept], starts[kept], ends[kept]
        left = np.clip(-(-(starts - x) // step), 0, across)
        right = np.clip(-(-(ends - x) // step), 0, across)
        base = (rows - y) // step * across
        flat = np.empty(2 * len(rows) + 2, np.int64)
        flat[0], flat[-1] = 0, across * down
        flat[1:-1:2], flat[2:-1:2] = base + left, base + right
        values = np.zeros(len(flat) - 1, np.uint8)
        values[1::2] = 1
        return np.repeat(values, np.diff(flat)).reshape(down, across)

    # -- asking

    def __bool__(self) -> bool:
        return len(self.edges) > 0

    def area(self) -> int:
        """How many pixels."""
        return int((self.edges[1::2] - self.edges[0::2]).sum())

    def bounds(self) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2 of the smallest rectangle around; zeros when empty."""
        if not self:
            return 0, 0, 0, 0
        columns = self.edges & (_ROW - 1)
        x1, x2 = int(columns[0::2].min()) - _ZERO, int(columns[1::2].max()) - _ZERO
        return x1, int(self.edges[0] >> _BITS), x2, int(self.edges[-1] >> _BITS) + 1

    def contains(self, x: int, y: int) -> bool:
        """Whether a pixel is in the set."""
        place = y * _ROW + _ZERO + x
        return bool(np.searchsorted(self.edges, place, "right") % 2)

    def run_at(self, x: int, y: int) -> int:
        """The number of the run that holds a pixel of the set."""
        return int(np.searchsorted(self.edges, y * _ROW + _ZERO + x, "right")) // 2

    def within(self, top: int, bottom: int) -> Spans:
        """The rows from `top` up to `bottom`."""
        first = np.searchsorted(self.edges, top * _ROW)
        last = np.searchsorted(self.edges, bottom * _ROW)
        return Spans(self.edges[first:last])

    # -- combining

    def _combined(self, other: Spans, rule: np.ufunc) -> Spans:
        """Where `rule` holds of being in this set and in the other; not where in neither.

        Before and behind what the two have in common there are places of one of them only:
        they are taken as they are, or none is, so that a dab on a large mask costs little.
        """
        pair = self.edges, other.edges
        alone = bool(rule(True, False)), bool(rule(False, True))
        if not self or not other:
            kept = alone[0] if self else alone[1]
            return (self if self else other) if kept else Spans.empty()
        first, last = max(e[0] for e in pair), min(e[-1] for e in pair)
        low = [int(np.searchsorted(edges, first)) for edges in pair]
        high = [
            max(n, int(np.searchsorted(e, last, "right"))) for e, n in zip(pair, low, strict=True)
        ]
        common = [edges[a:b] for edges, a, b in zip(pair, low, high, strict=True)]
        before = [edges[:n] for edges, n, kept in zip(pair, low, alone, strict=True) if kept]
        behind = [edges[n:] for edges, n, kept in zip(pair, high, alone, strict=True) if kept]
        middle = _merged(common[0], common[1], low[0] % 2 > 0, low[1] % 2 > 0, rule)
        return Spans(np.concatenate([*before, middle, *behind]))

    def __or__(self, other: Spans) -> Spans:
        return self._combined(other, np.logical_or)

    def __and__(self, other: Spans) -> Spans:
        return self._combined(other, np.logical_and)

    def __sub__(self, other: Spans) -> Spans:
        return self._combined(other, np.greater)

    def __xor__(self, other: Spans) -> Spans:
        return self._combined(other, np.logical_xor)

    def with_rows(self, top: int, bottom: int, rows: Spans) -> Spans:
        """Other pixels, all of them there, in the rows from `top` up to `bottom`."""
        first, last = np.searchsorted(self.edges, (top * _ROW, bottom * _ROW))
        return Spans(np.concatenate([self.edges[:first], rows.edges, self.edges[last:]]))

    def clipped(self, x1: int, y1: int, x2: int, y2: int) -> Spans:
        """What lies in a rectangle."""
        rows, starts, ends = self.within(y1, y2).runs()
        return Spans.of_runs(rows, np.maximum(starts, x1), np.minimum(ends, x2))

    def moved(self, dx: int, dy: int) -> Spans:
        """All of it somewhere else."""
        return Spans(self.edges + (dy * _ROW + dx))


def _merged(mine: Ints, its: Ints, in_mine: bool, in_its: bool, rule: np.ufunc) -> Ints:
    """Where `rule` begins and ends to hold among the places of two sets.

    `in_mine` and `in_its` tell what holds before the first place. (NumPy's `union1d` hashes,
    and is a hundred times slower than sorting what are two sorted pieces.)
    """
    marked = np.concatenate([mine << 1, (its << 1) + 1])
    marked.sort(kind="stable")
    second = (marked & 1).astype(np.uint8)
    marked >>= 1
    # A sum of bytes may wrap: only whether it is odd counts.
    there = (np.cumsum(second, dtype=np.uint8) + np.uint8(in_its)) & 1
    second ^= 1
    here = (np.cumsum(second, dtype=np.uint8) + np.uint8(in_mine)) & 1
    inside = rule(here.view(np.bool_), there.view(np.bool_))
    last = np.ones(len(marked), np.bool_)  # what holds right of the place
    np.not_equal(marked[1:], marked[:-1], out=last[:-1])
    if not last.all():
        marked, inside = marked[last], inside[last]
    turns = np.ones(len(marked), np.bool_)
    turns[:1] = inside[:1] != rule(in_mine, in_its)
    np.not_equal(inside[1:], inside[:-1], out=turns[1:])
    return np.asarray(marked[turns])


class _Known:
    """The pixels of the masks used last, so that none is unpacked twice. For all threads.

    By identity: comparing large masks costs as much as unpacking them. Holding a
    mask keeps its id.
    """

    _MASKS, _EDGES = 512, 8_000_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Mask, Spans]] = OrderedDict()
        self._edges = 0

    def get(self, mask: Mask) -> Spans | None:
        with self._lock:
            found = self._kept.get(id(mask))
            if found is None:
                return None
            self._kept.move_to_end(id(mask))
            return found[1]

    def put(self, mask: Mask, spans: Spans) -> None:
        with self._lock:
            if id(mask) in self._kept:
                return
            self._kept[id(mask)] = mask, spans
            self._edges += len(spans.edges)
            while len(self._kept) > self._MASKS or (
                self._edges > self._EDGES and len(self._kept) > 1
            ):
                _, (_, dropped) = self._kept.popitem(last=False)
                self._edges -= len(dropped.edges)


_KNOWN = _Known()
