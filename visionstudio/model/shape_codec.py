"""Shapes as the compact bytes that the project stores, and back."""

from __future__ import annotations

import struct

import numpy as np

from visionstudio.model.errors import InvalidValue
from visionstudio.model.mask import MASK_HEAD, Mask
from visionstudio.model.shapes import (
    COUNT,
    HOLE,
    Box,
    Ellipse,
    FloatArray,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)


def encode(shape: Shape) -> tuple[str, bytes]:
    """The shape as its kind and compact little-endian bytes."""
    return shape.kind, shape.payload()


def decode(kind: str, data: bytes) -> Shape:
    """The shape that `encode` made. Raises InvalidValue for anything else."""
    try:
        return _decode(kind, data)
    except (struct.error, ValueError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(f"damaged {kind} of {len(data)} bytes") from error


def _pairs(data: bytes) -> FloatArray:
    return np.frombuffer(data, dtype="<f8").reshape(-1, 2)


def _decode(kind: str, data: bytes) -> Shape:
    match kind:
        case "box":
            return Box(*struct.unpack("<4d", data))
        case "rotated_box":
            return RotatedBox(*struct.unpack("<5d", data))
        case "ellipse":
            return Ellipse(*struct.unpack("<5d", data))
        case "polygon":
            (count,) = COUNT.unpack_from(data)
            heads = struct.unpack_from(f"<{count}I", data, 4)
            points = _pairs(data[4 + 4 * count :])
            sizes = [h & ~HOLE for h in heads]
            if sum(sizes) != len(points):
                raise InvalidValue(f"a polygon of {sum(sizes)} points stores {len(points)}")
            # Splitting costs more than all the rest; nearly all polygons have one ring.
            rings = [points] if count == 1 else np.split(points, np.cumsum(sizes)[:-1])
            return Polygon(tuple(rings), tuple(bool(h & HOLE) for h in heads))
        case "polyline":
            return Polyline(_pairs(data))
        case "points":
            return Points(_pairs(data))
        case "skeleton":
            (count,) = COUNT.unpack_from(data)
            return Skeleton(_pairs(data[4 + count :]), tuple(data[4 : 4 + count]))
        case "mask":
            x, y, width, height = MASK_HEAD.unpack_from(data)
            return Mask(x, y, width, height, np.frombuffer(data[MASK_HEAD.size :], dtype="<u4"))
        case "tag":
            return Tag()
    raise InvalidValue(f"unknown kind of shape '{kind}'")
