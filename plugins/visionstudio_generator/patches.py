"""Filling a region from patches that occur elsewhere in the picture.

After Wexler, Shechtman and Irani (2007): every patch that touches the region should look
like some patch outside it; from a coarse picture to the full one, patches are matched and
the region is painted anew with what matches, again and again. The matches are found by
PatchMatch (Barnes et al., 2009): good ones spread to neighbours, and chance finds others.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Report = Callable[[float], object]
_HALF = 3  # px, a patch is 7 wide
_COARSEST = 12  # px, the region's thickness at which it begins
_ROUNDS, _SEARCHES = 5, 2  # paintings per level, of matching before each
_FINE = 20_000  # patches above which a level is only refined
_AROUND = 1.5  # of the region's size that is looked at on each side
_LEAST_AROUND = 48  # px
_MIN_SIDE = 24  # px of a level


def fill(image: Image, mask: Mask, seed: int, report: Report) -> Image | None:
    """The picture (H, W, 3) with what is in `mask` (H, W) replaced; None where nothing
    outside is large enough to be a patch.

    `report` is told how far it is, several times a second for usual regions.
    """
    if not mask.any():
        return image.copy()
    part = _surroundings(mask)
    small, hole = image[part], mask[part]
    levels = _pyramid(small, hole)
    rng = np.random.default_rng(seed)
    painted, matches = None, None
    for number, (level, region) in enumerate(reversed(levels)):
        if painted is None:
            painted = cv2.inpaint(level, region.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        else:
            grown = cv2.resize(painted, region.shape[::-1], interpolation=cv2.INTER_LINEAR)
            painted = np.where(region[..., None], grown, level)
        found = _Level(level, region, rng)
        if not found.possible:
            continue
        matches = found.paint(
            np.asarray(painted, np.uint8),
            matches,
            lambda done, n=number: report((n + done) / len(levels)),  # type: ignore[misc]
        )
        painted = found.painted
    if matches is None or painted is None:
        return None
    out = image.copy()
    out[part][hole] = np.asarray(painted)[hole]
    return out


def _surroundings(mask: Mask) -> tuple[slice, slice]:
    """The part of the picture that patches are taken from."""
    parts = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        low, high = int(places[0]), int(places[-1]) + 1
        more = max(_LEAST_AROUND, round(_AROUND * (high - low)))
        parts.append(slice(max(0, low - more), min(mask.shape[1 - axis], high + more)))
    return parts[0], parts[1]


def _pyramid(image: Image, mask: Mask) -> list[tuple[Image, Mask]]:
    """Halved again and again while the region is thick, the full one first."""
    levels = [(image, mask)]
    while True:
        image, mask = levels[-1]
        padded = np.pad(mask, 1).astype(np.uint8)
        thick = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
        height, width = (n // 2 for n in mask.shape)
        if thick <= _COARSEST or min(height, width) < _MIN_SIDE:
            return levels
        # What a coarse pixel mixes with the region is part of it.
        share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        known = (~mask).astype(np.float32)[..., None]
        weight = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA)[..., None]
        sums = cv2.resize(image * known, (width, height), interpolation=cv2.INTER_AREA)
        coarse = np.where(weight > 0, sums / np.maximum(weight, 1e-6), 0)
        levels.append((np.asarray(coarse.round(), np.uint8), share > 0.5))


class _Level:
    """One size of the picture. Targets are patches that touch the region, by their middles."""

    def __init__(self, image: Image, mask: Mask, rng: np.random.Generator) -> None:
        self._mask, self._rng = mask, rng
        self._shape = mask.shape
        ones = np.ones((2 * _HALF + 1,) * 2, np.uint8)
        near = cv2.dilate(mask.astype(np.uint8), ones) > 0
        # Patches that can be taken lie inside the picture and outside the region.
        self._valid = ~near
        inset = np.zeros(mask.shape, bool)
        inset[_HALF:-_HALF, _HALF:-_HALF] = True
        self._valid &= inset
        self._sources = np.argwhere(self._valid)
        self._targets = np.argwhere(near & inset)
        self._index = np.full(mask.shape, -1, np.int64)
        self._index[tuple(self._targets.T)] = np.arange(len(self._targets))
        steps = np.arange(-_HALF, _HALF + 1)
        self._steps = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        self.painted = image

    @property
    def possible(self) -> bool:
        return len(self._sources) > 0 and len(self._targets) > 0

    def paint(
        self, start: Image, coarser: NDArray[np.int64] | None, report: Report
    ) -> NDArray[np.int64]:
        """Match and paint in turns; gives the matches (H, W, 2), of use to the finer level."""
        self.painted = start
        matches = self._first(coarser)
        large = len(self._targets) > _FINE
        rounds = 1 if large else _ROUNDS
        cost = self._cost(matches)
        for number in range(rounds):
            for search in range(_SEARCHES):
                matches, cost = self._improved(matches, cost, near_only=large)
                report((number + search / _SEARCHES) / rounds)
            self._repaint(matches, cost)
            cost = self._cost(matches)
        dense = np.zeros((*self._shape, 2), np.int64)
        dense[tuple(self._targets.T)] = matches
        return dense

    def _first(self, coarser: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The coarser level's matches in this one's pixels; chance where there are none."""
        chance = self._sources[self._rng.integers(len(self._sources), size=len(self._targets))]
        if coarser is None:
            return chance
        limits = np.array(coarser.shape[:2]) - 1
        before = coarser[tuple(np.minimum(self._targets // 2, limits).T)]
        scaled = 2 * before + self._targets % 2
        scaled = np.clip(scaled, 0, np.array(self._shape) - 1)
        usable = self._valid[tuple(scaled.T)] & before.any(axis=1)
        return np.where(usable[:, None], scaled, chance)

    def _patches(self, middles: NDArray[np.int64]) -> NDArray[np.int16]:
        """(n, 49, 3) values around middles (n, 2)."""
        at = middles[:, None] + self._steps[None]
        return np.asarray(self.painted[at[..., 0], at[..., 1]], np.int16)

    def _cost(
        self, matches: NDArray[np.int64], chosen: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """Mean squared difference of targets and what they are matched with."""
        targets = self._targets if chosen is None else self._targets[chosen]
        gap = (self._patches(targets) - self._patches(matches)).astype(np.float32)
        return np.asarray((gap * gap).mean(axis=(1, 2)), np.float32)

    def _improved(
        self, matches: NDArray[np.int64], cost: NDArray[np.float32], *, near_only: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            # What a neighbour is matched with, moved back by as much.
            beside = self._targets - step
            inside = ((beside >= 0) & (beside < self._shape)).all(axis=1)
            index = np.full(len(beside), -1, np.int64)
            index[inside] = self._index[tuple(beside[inside].T)]
            matches, cost = self._better(matches, cost, matches[index] + step, index >= 0)
        radius = 2 if near_only else max(self._shape)
        while radius >= 1:
            moved = matches + self._rng.integers(-radius, radius + 1, matches.shape)
            matches, cost = self._better(matches, cost, moved, np.ones(len(moved), bool))
            radius //= 2
        return matches, cost

    def _better(
        self,
        matches: NDArray[np.int64],
        cost: NDArray[np.float32],
        others: NDArray[np.int64],
        usable: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Of two matches for each target the one that costs less."""
        usable = usable & ((others >= 0) & (others < self._shape)).all(axis=1)
        chosen = np.flatnonzero(usable)
        chosen = chosen[self._valid[tuple(others[chosen].T)]]
        if not len(chosen):
            return matches, cost
        new = self._cost(others[chosen], chosen)
        wins = new < cost[chosen]
        matches, cost = matches.copy(), cost.copy()
        matches[chosen[wins]], cost[chosen[wins]] = others[chosen[wins]], new[wins]
        return matches, cost

    def _repaint(self, matches: NDArray[np.int64], cost: NDArray[np.float32]) -> None:
        """Every pixel of the region becomes the mean of what the patches over it want."""
        scale = max(float(np.percentile(cost, 75)), 1.0)
        weight = np.exp(-cost / (2 * scale)) + 1e-6
        total = np.zeros((*self._shape, 3), np.float32)
        weights = np.zeros(self._shape, np.float32)
        for step in self._steps:
            there = tuple((self._targets + step).T)  # each at most once
            total[there] += weight[:, None] * self.painted[tuple((matches + step).T)]
            weights[there] += weight
        filled = total / np.maximum(weights, 1e-12)[..., None]
        inner = self._mask & (weights > 0)
        self.painted = self.painted.copy()
        self.painted[inner] = filled[inner].round().clip(0, 255).astype(np.uint8)
