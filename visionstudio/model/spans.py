"""Sets of pixels as sorted runs: any size of picture costs what the border costs.

A mask of 100 megapixels has a few ten thousand runs. Union, difference, outline
and reduced renderings work on these and never on the pixels, which is what keeps
painting and combining masks fluid on large pictures.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionstudio.model import geometry, rle
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox, Shape

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEXT_ROW = _ROW = 1 << 32
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
        if len(self.edges) == 0:
            return Mask(0, 0, 0, 0, np.zeros(0, np.uint32))
        rows, starts, ends = self.runs()
        top, left = int(rows[0]), int(starts.min())
        width, height = int(ends.max()) - left, int(rows[-1]) - top + 1
        base = (rows - top) * width - left
        flat = np.empty(2 * len(rows), np.int64)
        flat[0::2], flat[1::2] = base + starts, base + ends
        # Runs that end at the right edge and go on at the left one are one run.
        joined = np.flatnonzero(flat[1:-1:2] == flat[2::2])
        flat = np.delete(flat, np.concatenate([2 * joined + 1, 2 * joined + 2]))
        size = width * height
        tail = [] if flat[-1] == size else [size]
        counts = np.diff(np.concatenate([[0], flat, tail]).astype(np.int64))
        made = Mask(left, top, width, height, counts.astype(np.uint32))
        _KNOWN.put(made, self)
        return made

    def runs(self) -> tuple[Ints, Ints, Ints]:
        """Row, first column and end column of each run, in row order."""
        rows = self.edges[0::2] // _ROW
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
        rows, starts, ends = self.runs()
        return int(starts.min()), int(rows[0]), int(ends.max()), int(rows[-1]) + 1

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

    def _combined(self, other: Spans, rule: Callable[[Bools, Bools], Bools]) -> Spans:
        if not self or not other:
            places = self.edges if self else other.edges
        else:
            places = np.union1d(self.edges, other.edges)
        here = np.searchsorted(self.edges, places, "right") % 2 == 1
        there = np.searchsorted(other.edges, places, "right") % 2 == 1
        inside = rule(here, there)
        return Spans(places[inside != np.concatenate([[False], inside[:-1]])])

    def __or__(self, other: Spans) -> Spans:
        return self._combined(other, np.logical_or)

    def __and__(self, other: Spans) -> Spans:
        return self._combined(other, np.logical_and)

    def __sub__(self, other: Spans) -> Spans:
        return self._combined(other, np.greater)

    def __xor__(self, other: Spans) -> Spans:
        return self._combined(other, np.logical_xor)

    def clipped(self, x1: int, y1: int, x2: int, y2: int) -> Spans:
        """What lies in a rectangle."""
        rows, starts, ends = self.within(y1, y2).runs()
        return Spans.of_runs(rows, np.maximum(starts, x1), np.minimum(ends, x2))

    def moved(self, dx: int, dy: int) -> Spans:
        """All of it somewhere else."""
        return Spans(self.edges + (dy * _ROW + dx))

    # -- the border

    def border(self) -> NDArray[np.float64]:
        """The outline along pixel edges: (n, 4) straight pieces x1, y1, x2, y2."""
        rows, starts, ends = self.runs()
        below = self ^ self.moved(0, 1)  # row y here: row y differs from the one above
        y, from_x, to_x = below.runs()
        across = np.stack([from_x, y, to_x, y], axis=1)
        x, first, last = stacked(np.concatenate([starts, ends]), np.concatenate([rows, rows]))
        down = np.stack([x, first, x, last], axis=1)
        return np.concatenate([across, down]).astype(np.float64)


def stacked(x: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Unit pieces at (x, row) joined down their columns: x, first row and end row."""
    order = np.lexsort((rows, x))
    x, rows = x[order], rows[order]
    if len(x) == 0:
        return x, rows, rows
    new = np.concatenate([[True], (np.diff(x) != 0) | (np.diff(rows) != 1)])
    end = np.concatenate([new[1:], [True]])
    return x[new], rows[new], rows[end] + 1


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
