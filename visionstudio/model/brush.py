"""The pixels that a brush covers on its way, exactly: one run per row.

The tip is a disc or an upright square; what it sweeps along a straight way is
convex, so each row of pixels is covered in one run, found in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Ints = NDArray[np.int64]
Point = tuple[float, float]
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Tip:
    """A brush of `size` ≥ 1 pixels across, round or square."""

    size: int
    square: bool = False

    def snapped(self, x: float, y: float) -> Point:
        """The nearest place at which the tip covers `size` whole pixels across.

        That is the middle of a pixel for odd sizes and a corner for even ones.
        """
        if self.size % 2:
            return float(np.floor(x)) + 0.5, float(np.floor(y)) + 0.5
        return float(np.round(x)), float(np.round(y))

    def swept(self, start: Point, end: Point) -> tuple[int, Ints, Ints]:
        """The pixels whose centre the tip covers on its way from `start` to `end`.

        Gives the first row, and for it and those that follow the first and the
        end column; an empty row has an end that is not behind its first column.
        """
        reach = self.size / 2 + _SLACK
        top = int(np.ceil(min(start[1], end[1]) - reach - 0.5))
        bottom = int(np.floor(max(start[1], end[1]) + reach - 0.5))
        y: FloatArray = np.arange(top, bottom + 1, dtype=np.float64) + 0.5
        low, high = self._times(start, end, y, reach)
        right = self._extreme(start, end, y, reach, low, high)
        # The left end is the right end of the mirrored way.
        mirrored = (-start[0], start[1]), (-end[0], end[1])
        left = -self._extreme(*mirrored, y, reach, low, high)
        first = np.ceil(left - 0.5).astype(np.int64)
        return top, first, np.floor(right - 0.5).astype(np.int64) + 1

    def _times(
        self, start: Point, end: Point, y: FloatArray, reach: float
    ) -> tuple[FloatArray, FloatArray]:
        """When, from 0 to 1 along the way, the tip is on each row."""
        down = end[1] - start[1]
        if down == 0:
            return np.zeros(len(y)), np.ones(len(y))
        ends = np.stack([(y - start[1] - reach) / down, (y - start[1] + reach) / down])
        return np.clip(ends.min(axis=0), 0, 1), np.clip(ends.max(axis=0), 0, 1)

    def _extreme(
        self,
        start: Point,
        end: Point,
        y: FloatArray,
        reach: float,
        low: FloatArray,
        high: FloatArray,
    ) -> FloatArray:
        """The furthest right that the tip gets on each row."""
        across, down = end[0] - start[0], end[1] - start[1]
        if self.square or down == 0:
            when = high if across > 0 else low
        else:
            # The place on the disc's rim whose tangent runs along the way.
            lift = -reach * across * np.sign(down) / np.hypot(across, down)
            when = np.clip((y - start[1] - lift) / down, low, high)
        if self.square:
            return start[0] + across * when + reach
        off = y - start[1] - down * when
        return np.asarray(
            start[0] + across * when + np.sqrt(np.maximum(reach * reach - off * off, 0.0))
        )
