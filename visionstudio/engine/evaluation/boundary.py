"""How well the outlines of pixel maps fit: the boundary F of each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.0075  # of the diagonal, as in DAVIS (Perazzi et al., CVPR 2016)


class BoundaryCounts:
    """Adds up, for each class, outline pixels that are near one of the other map.

    Precision is the share of predicted outline pixels near true ones, recall the share of
    true ones near predicted ones; F is their harmonic mean (Csurka et al., BMVC 2013).
    """

    def __init__(self, classes: int) -> None:
        self._near_found = np.zeros(classes, np.int64)
        self._found = np.zeros(classes, np.int64)
        self._near_truth = np.zeros(classes, np.int64)
        self._truth = np.zeros(classes, np.int64)

    def add(
        self, truth: NDArray[np.integer], found: NDArray[np.integer], ignore: int = 255
    ) -> None:
        """Count two label maps (H, W); outlines in ignored pixels are no outlines."""
        known = truth != ignore
        reach = max(1, round(TOLERANCE * float(np.hypot(*truth.shape))))
        present = np.union1d(truth[known], found[known]).astype(int).tolist()
        for k in present:
            own = _outline(truth == k) & known
            other = _outline((found == k) & known) & known
            self._found[k] += int(other.sum())
            self._near_found[k] += int((other & _near(own, reach)).sum())
            self._truth[k] += int(own.sum())
            self._near_truth[k] += int((own & _near(other, reach)).sum())

    def f(self) -> NDArray[np.float64]:
        """F of each class, NaN where a class has no outline in either."""
        none = np.full(len(self._found), np.nan)
        precision = np.divide(self._near_found, self._found, out=none * 0, where=self._found > 0)
        recall = np.divide(self._near_truth, self._truth, out=none * 0, where=self._truth > 0)
        both = precision + recall
        seen = (self._found + self._truth) > 0
        zero = np.where(seen, 0.0, np.nan)
        twice = 2 * precision * recall
        return np.asarray(np.divide(twice, both, out=zero, where=seen & (both > 0)))


def _near(outline: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Pixels at most `reach` from an outline. By distances, which cost the same at any reach."""
    import cv2

    if not outline.any():
        return outline
    away = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= reach)


def _outline(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels with a neighbour (of four) outside the region; the picture's edge is no outline."""
    padded = np.pad(inside, 1, mode="edge")
    core = padded[1:-1, 1:-1]
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(core & ~around)
