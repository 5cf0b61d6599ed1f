"""Which detection belongs to which track: the cheapest pairing by overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from visionstudio.api import box_iou

FloatArray = NDArray[np.float64]
Pairs = NDArray[np.int64]


def overlap(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """IoU (n, m) of boxes x1, y1, x2, y2; empty where either side is."""
    if not len(boxes) or not len(others):
        return np.zeros((len(boxes), len(others)))
    return box_iou(boxes, others)


def assign(gain: FloatArray, least: FloatArray | float, value: FloatArray) -> Pairs:
    """Pairs (k, 2) of rows and columns with the greatest sum of `gain` (n, m).

    A pair whose `value` is below `least` is none (Kuhn 1955, by scipy).
    """
    if gain.size == 0:
        return np.zeros((0, 2), np.int64)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    good = value[rows, columns] >= least
    return np.stack([rows[good], columns[good]], axis=1)


def left_over(count: int, taken: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers below `count` that were not taken."""
    return np.setdiff1d(np.arange(count), taken)
