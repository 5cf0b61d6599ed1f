"""From pixels to polygons that cover exactly the same pixels, holes included.

The border is followed along the edges of pixels with the inside on the right
hand, so outer rings run clockwise on screen and holes the other way. Where two
pixels touch only at a corner the ring stays with its own: rings never cross.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionstudio.model import geometry
from visionstudio.model.shapes import Polygon
from visionstudio.model.spans import Ints, Spans

_ROW = 1 << 32


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Straight pieces of border: where they begin and end, as keys of corner points."""

    begin: Ints
    end: Ints


def polygon_of(spans: Spans) -> Polygon | None:
    """The border of the pixels as a polygon, one outer ring per piece. None for no pixels."""
    rings = [_corners(r) for r in _rings(spans)]
    if not rings:
        return None
    turn = [_signed_area(r) for r in rings]
    outer = [r for r, area in zip(rings, turn, strict=True) if area > 0]
    holes = [r for r, area in zip(rings, turn, strict=True) if area < 0]
    inside: list[list[NDArray[np.float64]]] = [[] for _ in outer]
    for hole, owner in zip(holes, _owners(outer, holes), strict=True):
        inside[owner].append(hole)
    ordered: list[NDArray[np.float64]] = []
    marks: list[bool] = []
    for ring, own in zip(outer, inside, strict=True):
        ordered += [ring, *own]
        marks += [False, *([True] * len(own))]
    return Polygon(tuple(ordered), tuple(marks))


def _rings(spans: Spans) -> list[Ints]:
    """Closed rings as corner keys, each `y · 2³² + x` with both moved to be positive."""
    if not spans:
        return []
    left, top, _, _ = spans.bounds()
    moved = spans.moved(-left, -top)
    across = _horizontal(moved)
    down = _vertical(moved)
    # After a piece comes one of the other direction that begins where it ends.
    names = [across[0], across[1], down[0], down[1]]  # tops, bottoms, rights, lefts
    offsets = np.cumsum([0] + [len(p.begin) for p in names])
    follow = np.empty(int(offsets[-1]), np.int64)
    # The first choice stays with the same pixel where two touch at a corner.
    for kind, choices in enumerate(((2, 3), (3, 2), (1, 0), (0, 1))):
        ends = names[kind].end
        first = _find(names[choices[0]].begin, ends, int(offsets[choices[0]]))
        second = _find(names[choices[1]].begin, ends, int(offsets[choices[1]]))
        follow[offsets[kind] : offsets[kind + 1]] = np.where(first >= 0, first, second)
    begin = np.concatenate([p.begin for p in names])
    rings = [begin[chain] for chain in _cycles(follow)]
    return [ring + (top * _ROW + left) for ring in rings]


def _horizontal(spans: Spans) -> tuple[_Pieces, _Pieces]:
    """Upper edges from left to right, lower edges from right to left."""
    y, first, last = (spans - spans.moved(0, 1)).runs()
    upper = _Pieces(y * _ROW + first, y * _ROW + last)
    y, first, last = (spans - spans.moved(0, -1)).runs()
    lower = _Pieces((y + 1) * _ROW + last, (y + 1) * _ROW + first)
    return upper, lower


def _vertical(spans: Spans) -> tuple[_Pieces, _Pieces]:
    """Right edges downwards, left edges upwards, joined over rows."""
    rows, first, last = spans.runs()
    x, top, bottom = _stacked(last, rows)
    right = _Pieces(top * _ROW + x, bottom * _ROW + x)
    x, top, bottom = _stacked(first, rows)
    return right, _Pieces(bottom * _ROW + x, top * _ROW + x)


def _find(begin: Ints, wanted: Ints, offset: int) -> Ints:
    """The number of the piece that begins at each wanted corner, -1 where none does."""
    if len(begin) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(begin)
    place = np.minimum(np.searchsorted(begin[order], wanted), len(begin) - 1)
    return np.where(begin[order][place] == wanted, order[place] + offset, -1)


def _cycles(follow: Ints) -> list[Ints]:
    """The cycles of a permutation, each from its smallest member on, by pointer doubling.

    A cycle is found in as many passes over all members as its length has bits
    (Wyllie, 1979): no step is a loop in Python, which would keep other threads waiting.
    """
    count = len(follow)
    first, leap = np.arange(count), follow
    span = 1
    while span < count:
        reached = np.minimum(first, first[leap])
        if (reached == first).all():
            break
        first, leap = reached, leap[leap]
        span *= 2
    # How many steps it is from each member to the first of its cycle.
    is_first = first == np.arange(count)
    steps, leap = np.where(is_first, 0, 1), np.where(is_first, np.arange(count), follow)
    while not is_first[leap].all():
        steps, leap = steps + steps[leap], leap[leap]
    # Those most steps away from the first come right after it.
    order = np.lexsort((np.where(is_first, -count, -steps), first))
    return np.split(order, np.flatnonzero(np.diff(first[order])) + 1)


def _corners(keys: Ints) -> NDArray[np.float64]:
    # Both coordinates may be negative: the lower half is read as a signed number.
    y = (keys + _ROW // 2) // _ROW
    return np.stack([keys - y * _ROW, y], axis=1).astype(np.float64)


def _signed_area(ring: NDArray[np.float64]) -> float:
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _owners(outer: list[NDArray[np.float64]], holes: list[NDArray[np.float64]]) -> list[int]:
    """For each hole the outer ring around it that lies nearest."""
    if len(outer) == 1:
        return [0] * len(holes)
    low = np.array([r.min(axis=0) for r in outer])
    high = np.array([r.max(axis=0) for r in outer])
    size = np.prod(high - low, axis=1)
    owners = []
    for hole in holes:
        # A pixel of the piece that surrounds the hole: above its highest edge.
        y = float(hole[:, 1].min())
        at = np.flatnonzero(hole[:, 1] == y)
        x = float(hole[at, 0].min()) + 0.5
        around = np.flatnonzero((low < (x, y)).all(axis=1) & (high > (x, y - 0.5)).all(axis=1))
        around = around[np.argsort(size[around])]
        inside = (int(n) for n in around if geometry.contains(outer[n], x, y - 0.5))
        owners.append(next(inside, 0))
    return owners


def _stacked(x: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Unit pieces at (x, row) joined down their columns: x, first row and end row."""
    order = np.lexsort((rows, x))
    x, rows = x[order], rows[order]
    if len(x) == 0:
        return x, rows, rows
    new = np.concatenate([[True], (np.diff(x) != 0) | (np.diff(rows) != 1)])
    end = np.concatenate([new[1:], [True]])
    return x[new], rows[new], rows[end] + 1
