"""Outlines of bitmaps, exactly along the edges of their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_STEP = ((1, 0), (0, 1), (-1, 0), (0, -1))  # x, y of the directions right, down, left, up


def mask_rings(mask: NDArray[np.bool_]) -> tuple[list[FloatArray], tuple[bool, ...]]:
    """The rings of a (H, W) mask and which of them are holes, each behind its own outline.

    Rings run along pixel edges and have points at their corners only, so that
    filling them gives the mask again. Pixels that touch by a corner are apart.
    """
    rings = [_corners(ring) for ring in _walks(np.asarray(mask, dtype=bool))]
    outer = [(ring, part) for ring, part, area in rings if area > 0]
    inner = [(ring, part) for ring, part, area in rings if area < 0]
    # What lies inside a hole begins further down than what has the hole: filled after it.
    outer.sort(key=lambda one: one[0][:, 1].min())
    found: list[FloatArray] = []
    holes: list[bool] = []
    parts = _parts(np.asarray(mask, dtype=bool))
    owned: dict[int, list[FloatArray]] = {}
    for ring, (x, y) in inner:
        owned.setdefault(int(parts[y, x]), []).append(ring)
    for ring, (x, y) in outer:
        mine = owned.get(int(parts[y, x]), [])
        found += [ring, *mine]
        holes += [False] + [True] * len(mine)
    return found, tuple(holes)


def _parts(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The number of the part that each pixel belongs to; parts join over pixel edges only."""
    import cv2  # loads slowly, and few need it

    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1])


def _edges(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(4, H + 1, W + 1): whether an edge leaves the grid point (y, x) rightwards, down, left, up.

    Edges have what is set on their right hand.
    """
    height, width = mask.shape
    there = np.pad(mask, 1)
    inside = there[1:-1, 1:-1]
    found = np.zeros((4, height + 1, width + 1), dtype=bool)
    found[0, :-1, :-1] = inside & ~there[:-2, 1:-1]
    found[1, :-1, 1:] = inside & ~there[1:-1, 2:]
    found[2, 1:, 1:] = inside & ~there[2:, 1:-1]
    found[3, 1:, :-1] = inside & ~there[1:-1, :-2]
    return found


def _walks(mask: NDArray[np.bool_]) -> list[list[tuple[int, int, int]]]:
    """Closed walks along the edges as (direction, x, y) of every turn's edge."""
    edges = _edges(mask)
    direction, y, x = (a.astype(np.int64) for a in np.nonzero(edges))
    step = np.array(_STEP)[direction]
    to_x, to_y = x + step[:, 0], y + step[:, 1]
    number = np.full(edges.shape, -1, dtype=np.int64)
    number[direction, y, x] = np.arange(len(x))
    # Right first: where two pixels touch by a corner, each keeps its own outline.
    following = np.full(len(x), -1, dtype=np.int64)
    for turn in (3, 0, 1):
        one = number[(direction + turn) % 4, to_y, to_x]
        following = np.where(one >= 0, one, following)
    after = following.tolist()
    places = list(zip(direction.tolist(), x.tolist(), y.tolist(), strict=True))
    seen = bytearray(len(places))
    walks = []
    for start in range(len(places)):
        if seen[start]:
            continue
        walk, edge = [], start
        while not seen[edge]:
            seen[edge] = 1
            walk.append(places[edge])
            edge = after[edge]
        walks.append(walk)
    return walks


def _corners(walk: list[tuple[int, int, int]]) -> tuple[FloatArray, tuple[int, int], float]:
    """The turning points of a walk, a pixel (x, y) on its right hand, and its signed area."""
    array = np.array(walk)
    turns = array[:, 0] != np.roll(array[:, 0], 1)
    ring = array[turns, 1:].astype(np.float64)
    direction, x, y = walk[0]
    pixel = ((x, y), (x - 1, y), (x - 1, y - 1), (x, y - 1))[direction]
    a, b = ring, np.roll(ring, -1, axis=0)
    area = float((a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]).sum() / 2)
    return ring, pixel, area
