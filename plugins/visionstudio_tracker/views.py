"""Square views of a frame around an object, at a size that networks like."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Frame

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """A square of the frame, `side` px wide about (x, y), shown `size` px wide."""

    x: float
    y: float
    side: float
    size: int

    @property
    def scale(self) -> float:
        """Pixels of the view per pixel of the frame."""
        return self.size / self.side

    def cut(self, frame: Frame) -> NDArray[np.uint8]:
        """The (size, size, 3) picture; beyond the frame its border goes on."""
        left, top = self.x - self.side / 2, self.y - self.side / 2
        matrix = np.array([[self.scale, 0, -left * self.scale], [0, self.scale, -top * self.scale]])
        shrink = self.scale < 1
        seen = cv2.warpAffine(
            frame,
            matrix,
            (self.size, self.size),
            flags=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(seen, np.uint8)

    def to_view(self, boxes: FloatArray) -> FloatArray:
        """Boxes (n, 4) x1, y1, x2, y2 of the frame in the view's pixels."""
        corner = np.array([self.x - self.side / 2, self.y - self.side / 2] * 2)
        return np.asarray((boxes - corner) * self.scale)

    def to_frame(self, boxes: FloatArray) -> FloatArray:
        """Boxes of the view in the frame's pixels."""
        corner = np.array([self.x - self.side / 2, self.y - self.side / 2] * 2)
        return np.asarray(boxes / self.scale + corner)


def view_of(box: FloatArray, context: float, size: int) -> View:
    """The view about a box that is `context` times as wide as the object is large (√area)."""
    w, h = np.maximum(box[2:] - box[:2], 1.0)
    centre = (box[:2] + box[2:]) / 2
    return View(float(centre[0]), float(centre[1]), context * float(np.sqrt(w * h)), size)


def jittered(
    box: FloatArray,
    count: int,
    rng: np.random.Generator,
    *,
    move: float,
    grow: float,
    stretch: float = 0.0,
) -> FloatArray:
    """Boxes (count, 4) like `box`, moved, grown and stretched at random (standard deviations).

    `move` is in mean sides of the box, `grow` and `stretch` in natural logarithms.
    """
    w, h = np.maximum(box[2:] - box[:2], 1.0)
    centre = (box[:2] + box[2:]) / 2 + rng.normal(0, move * (w + h) / 2, (count, 2))
    sides = np.exp(rng.normal(0, grow, (count, 1)) + rng.normal(0, stretch, (count, 1)) * (1, -1))
    half = sides * (w, h) / 2
    return np.concatenate([centre - half, centre + half], axis=1)
