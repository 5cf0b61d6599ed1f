"""Which pixels a shape covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.model import geometry
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox, Shape, Tag


def to_mask(shape: Shape, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a picture of (height, width) that the shape covers.

    A pixel is covered when its centre is inside. Shapes without an inside
    cover nothing; a tag covers everything.
    """
    match shape:
        case Mask():
            return shape.full(height, width)
        case Tag():
            return np.ones((height, width), dtype=bool)
        case Polygon():
            covered = np.zeros((height, width), dtype=bool)
            for ring, hole in zip(shape.rings, shape.holes, strict=True):
                inside = geometry.rasterize([ring], height, width)
                covered = covered & ~inside if hole else covered | inside
            return covered
        case Box() | RotatedBox():
            return geometry.rasterize([shape.points()], height, width)
        case Ellipse():
            return geometry.rasterize([shape.outline()], height, width)
    return np.zeros((height, width), dtype=bool)
