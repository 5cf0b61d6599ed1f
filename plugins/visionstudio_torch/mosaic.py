"""Four pictures in one, each in its quarter (the idea of YOLOv4, Bochkovskiy et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio_torch.transforms import PAD, Image, Matrix, clip_boxes, warp_boxes, warp_image

_CENTRE = 0.3, 0.7  # where the four meet, as a share of the size
_ZOOM = 1.0, 1.6  # times the smallest scale at which a picture fills its quarter


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Where a picture went: a map into the mosaic, of which `window` x1, y1, x2, y2 is seen."""

    matrix: Matrix
    window: tuple[int, int, int, int]

    def boxes(self, boxes: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The seen parts of the picture's boxes (n, 4), and which are still worth learning."""
        x1, y1, x2, y2 = self.window
        origin = np.array([x1, y1, x1, y1], np.float32)
        inside, keep = clip_boxes(warp_boxes(boxes, self.matrix) - origin, y2 - y1, x2 - x1)
        return inside + origin, keep


def mosaic(
    images: Sequence[Image], height: int, width: int, rng: np.random.Generator
) -> tuple[Image, list[Tile]]:
    """A (height, width) picture of a random part of each of four, and where they went."""
    out = np.full((height, width, 3), PAD, np.uint8)
    x, y = (max(1, round(n * rng.uniform(*_CENTRE))) for n in (width, height))
    windows = (0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)
    tiles = []
    for image, (x1, y1, x2, y2) in zip(images, windows, strict=True):
        h, w = image.shape[:2]
        high, wide = y2 - y1, x2 - x1
        factor = max(high / h, wide / w) * rng.uniform(*_ZOOM)
        room = np.array([w * factor - wide, h * factor - high])
        offset = -rng.uniform(0, 1, 2) * np.maximum(room, 0)
        scaling = np.diag([factor, factor])
        part = np.concatenate([scaling, offset[:, None]], axis=1)
        if high and wide:
            out[y1:y2, x1:x2] = warp_image(image, part, (high, wide))
        moved = np.concatenate([scaling, (offset + (x1, y1))[:, None]], axis=1)
        tiles.append(Tile(moved, (x1, y1, x2, y2)))
    return out, tiles
