"""Sets of pixels as sorted runs: any size of picture costs what the border costs.

A mask of 100 megapixels has a few ten thousand runs. Union, difference, outline
and reduced renderings work on these and never on the pixels, which is what keeps
painting and combining masks fluid on large pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionstudio.model import rle
from visionstudio.model.shapes import Mask

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ROW = 1 << 32  # from one row to the next; columns are within ±2³¹
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
        begin, end = base + starts[some], base + ends[some]
        if len(begin) == 0:
            return cls.empty()
        places = np.concatenate([begin, end])
        steps = np.repeat(np.array([1, -1]), len(begin))
        # At one place beginnings come first, so that runs that touch become one.
        order = np.lexsort((-steps, places))
        depth = np.cumsum(steps[order])
        outer = (depth == 0) | ((depth == 1) & (steps[order] == 1))
        return cls(places[order][outer])

    @classmethod
    def of_mask(cls, mask: Mask) -> Spans:
        """The pixels of a mask."""
        return cls._of_counts(mask.counts, mask.width, mask.x, mask.y)

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
        return Mask(left, top, width, height, counts.astype(np.uint32))

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
        x, first, last = _stacked(np.concatenate([starts, ends]), np.concatenate([rows, rows]))
        down = np.stack([x, first, x, last], axis=1)
        return np.concatenate([across, down]).astype(np.float64)


def _stacked(x: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Unit pieces at (x, row) joined down their columns: x, first row and end row."""
    order = np.lexsort((rows, x))
    x, rows = x[order], rows[order]
    if len(x) == 0:
        return x, rows, rows
    new = np.concatenate([[True], (np.diff(x) != 0) | (np.diff(rows) != 1)])
    end = np.concatenate([new[1:], [True]])
    return x[new], rows[new], rows[end] + 1
