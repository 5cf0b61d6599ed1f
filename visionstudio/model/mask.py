"""The shape that is made of pixels."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionstudio.model import rle
from visionstudio.model.errors import InvalidValue
from visionstudio.model.shape_base import Bounds, FloatArray, ShapeBase

MASK_HEAD = struct.Struct("<iiII")
"""Of its bytes: x, y, width and height, before the runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask(ShapeBase):
    """A bitmap of width × height whose top-left pixel is (x, y).

    `counts` are row-major run lengths, zeros first (`rle.encode`). Build one
    from an array with `Mask.from_array`, which crops to what is set.
    """

    kind: ClassVar[str] = "mask"
    x: int
    y: int
    width: int
    height: int
    counts: NDArray[np.uint32]

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.uint32)
        if self.width < 0 or self.height < 0:
            raise InvalidValue(f"a mask needs sizes ≥ 0, got {self.width}x{self.height}")
        if int(counts.sum(dtype=np.int64)) != self.width * self.height:
            raise InvalidValue(
                f"a mask of {self.width}x{self.height} has runs for {int(counts.sum())} pixels"
            )
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)

    @classmethod
    def from_array(cls, mask: ArrayLike, x: int = 0, y: int = 0) -> Mask:
        """The mask of a (H, W) array's non-zero pixels, its top left at (x, y)."""
        array = np.asarray(mask)
        if array.ndim != 2:
            raise InvalidValue(f"a mask needs a (H, W) array, got shape {array.shape}")
        array = array != 0
        rows = np.flatnonzero(array.any(axis=1))
        if len(rows) == 0:
            return cls(x, y, 0, 0, np.zeros(0, np.uint32))
        columns = np.flatnonzero(array.any(axis=0))
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        crop = array[top:bottom, left:right]
        return cls(x + left, y + top, right - left, bottom - top, rle.encode(crop))

    def array(self) -> NDArray[np.bool_]:
        """The (height, width) bitmap."""
        return rle.decode(self.counts, self.height, self.width)

    def full(self, height: int, width: int) -> NDArray[np.bool_]:
        """The mask in a picture of (height, width), clipped to it."""
        picture = np.zeros((height, width), dtype=bool)
        x1, y1 = max(self.x, 0), max(self.y, 0)
        x2, y2 = min(self.x + self.width, width), min(self.y + self.height, height)
        if x1 < x2 and y1 < y2:
            part = self.array()[y1 - self.y : y2 - self.y, x1 - self.x : x2 - self.x]
            picture[y1:y2, x1:x2] = part
        return picture

    def bounds(self) -> Bounds:
        return (
            float(self.x),
            float(self.y),
            float(self.x + self.width),
            float(self.y + self.height),
        )

    def area(self) -> float:
        return float(rle.area(self.counts))

    def contains(self, x: float, y: float) -> bool:
        column, row = math.floor(x) - self.x, math.floor(y) - self.y
        if not (0 <= column < self.width and 0 <= row < self.height):
            return False
        run = int(np.searchsorted(np.cumsum(self.counts), row * self.width + column, "right"))
        return run % 2 == 1

    def points(self) -> FloatArray:
        """A mask has no vertices: an empty (0, 2) array."""
        return np.zeros((0, 2))

    def with_points(self, points: ArrayLike) -> Mask:
        return self

    def __eq__(self, other: object) -> bool:
        """Like that of all shapes, without copies of what may be megabytes."""
        if self is other:
            return True
        return (
            isinstance(other, Mask)
            and (self.x, self.y) == (other.x, other.y)
            and (self.width, self.height) == (other.width, other.height)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = ShapeBase.__hash__

    def payload(self) -> bytes:
        head = MASK_HEAD.pack(self.x, self.y, self.width, self.height)
        return head + self.counts.astype("<u4").tobytes()

    def translated(self, dx: float, dy: float) -> Mask:
        return Mask(self.x + round(dx), self.y + round(dy), self.width, self.height, self.counts)
