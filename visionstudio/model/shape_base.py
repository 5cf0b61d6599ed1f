"""What all shapes share, and how their coordinates are checked."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionstudio.model.errors import InvalidValue

Bounds = tuple[float, float, float, float]
FloatArray = NDArray[np.float64]


def checked_points(values: ArrayLike, least: int, what: str) -> FloatArray:
    """At least `least` finite points as an array (n, 2) that cannot be written to."""
    array = np.array(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise InvalidValue(
            f"{what} needs at least {least} points as (n, 2), got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InvalidValue(f"{what} has a coordinate that is not a finite number")
    array.flags.writeable = False
    return array


def check_finite(what: str, *values: float) -> None:
    """Raise InvalidValue where a coordinate is infinite or no number."""
    if not all(math.isfinite(v) for v in values):
        raise InvalidValue(f"{what} has a coordinate that is not a finite number")


class ShapeBase:
    """What all shapes share; equality is by kind and exact coordinates."""

    kind: ClassVar[str]
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ShapeBase)
            and self.kind == other.kind
            and self.payload() == other.payload()
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.payload()))

    def bounds(self) -> Bounds:
        """x1, y1, x2, y2 of the smallest upright box around the shape."""
        x, y = self.points().T  # one after the other is ten times as fast
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    def area(self) -> float:
        """Square pixels; 0 for shapes without an inside."""
        return 0.0

    def contains(self, x: float, y: float) -> bool:
        """Whether the point is inside; False for shapes without an inside."""
        return False

    def points(self) -> FloatArray:
        """The (n, 2) points that a person can drag, in drawing order."""
        raise NotImplementedError

    def with_points(self, points: ArrayLike) -> Self:
        """The same shape through other points, in the order of `points()`."""
        raise NotImplementedError

    def payload(self) -> bytes:
        """The coordinates as compact little-endian bytes, see `shape_codec`."""
        raise NotImplementedError

    def translated(self, dx: float, dy: float) -> Self:
        """The shape moved by (dx, dy)."""
        return self.with_points(self.points() + (dx, dy))
