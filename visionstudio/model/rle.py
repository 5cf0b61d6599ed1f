"""Run-length coding of binary masks: row-major, the first run counts zeros.

COCO uses the same idea in column-major order; `formats` transposes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import InvalidValue


def encode(mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Run lengths of a (H, W) bool mask, row-major, zeros first; they sum to H·W."""
    flat = np.ascontiguousarray(mask, dtype=bool).reshape(-1)
    if flat.size == 0:
        return np.zeros(0, np.uint32)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate(([0], changes, [flat.size]))
    runs = np.diff(edges)
    if flat[0]:
        runs = np.concatenate(([0], runs))
    return runs.astype(np.uint32)


def decode(counts: NDArray[np.uint32], height: int, width: int) -> NDArray[np.bool_]:
    """The (height, width) bool mask of run lengths as `encode` makes them.

    Raises InvalidValue when the runs do not sum to height·width.
    """
    runs = np.asarray(counts, dtype=np.int64)
    if height < 0 or width < 0 or int(runs.sum()) != height * width:
        raise InvalidValue(
            f"run lengths sum to {int(runs.sum())}, expected {height}x{width}={height * width}"
        )
    values = np.zeros(runs.size, dtype=bool)
    values[1::2] = True
    return np.repeat(values, runs).reshape(height, width)


def area(counts: NDArray[np.uint32]) -> int:
    """How many pixels are set."""
    return int(np.asarray(counts, dtype=np.int64)[1::2].sum())
