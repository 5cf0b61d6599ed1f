"""What tools that work on pixels share: the pixels of shapes."""

from __future__ import annotations

import numpy as np

from visionstudio.model.shapes import Mask, Shape, to_mask
from visionstudio.model.spans import Spans

NO_MASK = Mask(0, 0, 0, 0, np.zeros(0, np.uint32))
"""Stands for a shape that the tool itself draws for the time being."""


def pixels_of(shape: Shape, width: int, height: int) -> Spans:
    """The pixels that a shape covers in a picture of width × height; of masks all."""
    if isinstance(shape, Mask):
        return Spans.of_mask(shape)
    # Only around the shape: the picture may have a hundred megapixels.
    x1, y1, x2, y2 = shape.bounds()
    left, top = max(int(np.floor(x1)), 0), max(int(np.floor(y1)), 0)
    right, bottom = min(int(np.ceil(x2)), width), min(int(np.ceil(y2)), height)
    if left >= right or top >= bottom:
        return Spans.empty()
    part = to_mask(shape.translated(-left, -top), bottom - top, right - left)
    return Spans.of_array(part, left, top)
