"""What the tracked object looks like: a few remembered looks, and how similar a region is.

A look is a small picture and its colour histogram. Similarity is the geometric
mean of the looks' normalised cross-correlation (structure) and Bhattacharyya
coefficient (colours), so that both must agree. New looks are learned only from
regions that are certain, so that the background is not learned as the object.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Rect = tuple[int, int, int, int]  # x, y, width, height in pixels
Picture = NDArray[np.uint8]

SIDE = 32  # px of the square that looks are compared in
BINS = 8  # per Lab channel
CERTAIN = 0.65  # similarity from which a region is learned from
WHOLE = 0.95  # visible share from which a region is learned from
RATE = 0.1  # of the running look


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A (SIDE, SIDE, 3) float32 picture and its (BINS³,) histogram that sums to 1."""

    picture: NDArray[np.float32]
    colours: NDArray[np.float32]

    def similarity(self, other: Look) -> float:
        """0 (nothing alike) to 1 (the same)."""
        structure = max(_correlation(self.picture, other.picture), 0.0)
        colours = float(np.sqrt(self.colours * other.colours).sum())
        return float(np.sqrt(min(structure, 1.0) * min(colours, 1.0)))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm < 1e-6:  # a flat region has no structure to compare: alike if both are flat
        return 1.0 if np.linalg.norm(a) < 1e-3 and np.linalg.norm(b) < 1e-3 else 0.0
    return float((a * b).sum()) / norm


def visible_part(rect: Rect, width: int, height: int) -> tuple[Rect, float]:
    """The part of the rectangle inside the frame and its share of the whole area."""
    x, y, w, h = rect
    x1, y1 = max(x, 0), max(y, 0)
    x2, y2 = min(x + w, width), min(y + h, height)
    if x2 <= x1 or y2 <= y1:
        return (x1, y1, 0, 0), 0.0
    return (x1, y1, x2 - x1, y2 - y1), (x2 - x1) * (y2 - y1) / (w * h)


def reduce(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture at (width, height), each pixel the mean of those it stands for."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def look_at(frame: Picture, rect: Rect) -> Look | None:
    """The look of the visible part of a rectangle; None when less than 2 px of it are visible."""
    height, width = frame.shape[:2]
    (x, y, w, h), _ = visible_part(rect, width, height)
    if w < 2 or h < 2:
        return None
    patch = reduce(frame[y : y + h, x : x + w], (SIDE, SIDE))
    lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3).ravel()
    return Look(patch.astype(np.float32), (counts / counts.sum()).astype(np.float32))


class Appearance:
    """The object as drawn, and as it looks lately."""

    def __init__(self, first: Look) -> None:
        self.first = first
        self.recent = first

    def similarity(self, look: Look | None) -> float:
        """The better similarity to the first and to the recent look, 0 to 1."""
        if look is None:
            return 0.0
        return max(self.first.similarity(look), self.recent.similarity(look))

    def difference(self, look: Look) -> float:
        """Root mean square difference in grey levels to the nearer of both looks."""
        return min(
            float(np.sqrt(np.mean((look.picture - known.picture) ** 2)))
            for known in (self.first, self.recent)
        )

    def learn(self, look: Look, similarity: float, visible: float) -> None:
        """Let the recent look follow, if the region is certain and wholly in the frame."""
        if similarity < CERTAIN or visible < WHOLE:
            return
        self.recent = Look(
            (1 - RATE) * self.recent.picture + RATE * look.picture,
            (1 - RATE) * self.recent.colours + RATE * look.colours,
        )
