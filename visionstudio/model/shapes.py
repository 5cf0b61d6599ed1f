"""The shapes an annotation can have, as immutable values.

Coordinates are float64 pixels in the upright picture: origin at the top-left
corner of pixel (0, 0), x to the right, y down, boxes half-open.

Each shape has a `kind` (its stored name), `bounds()`, `area()`, `contains()`,
`translated()`, and its free points as `points()` / `with_points()`, which is
all that an editor needs to drag a vertex. The bytes that the project stores are
those of `shape_codec`, the pixels that a shape covers those of `shape_pixels`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from visionstudio.model import geometry
from visionstudio.model.errors import InvalidValue
from visionstudio.model.mask import Mask
from visionstudio.model.shape_base import (
    Bounds,
    FloatArray,
    ShapeBase,
    check_finite,
    checked_points,
)

__all__ = [
    "KINDS",
    "Bounds",
    "Box",
    "Ellipse",
    "FloatArray",
    "Mask",
    "Points",
    "Polygon",
    "Polyline",
    "RotatedBox",
    "Shape",
    "Skeleton",
    "Tag",
]

COUNT = struct.Struct("<I")
HOLE = 0x8000_0000  # of a ring's number of points in its bytes: that it is a hole


@dataclass(frozen=True, slots=True, eq=False)
class Box(ShapeBase):
    """An upright box [x1, x2) × [y1, y2). Corners are sorted on construction."""

    kind: ClassVar[str] = "box"
    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = float(self.x1), float(self.y1), float(self.x2), float(self.y2)
        check_finite("a box", x1, y1, x2, y2)
        object.__setattr__(self, "x1", min(x1, x2))
        object.__setattr__(self, "y1", min(y1, y2))
        object.__setattr__(self, "x2", max(x1, x2))
        object.__setattr__(self, "y2", max(y1, y2))

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    def bounds(self) -> Bounds:
        return self.x1, self.y1, self.x2, self.y2

    def area(self) -> float:
        return self.width * self.height

    def contains(self, x: float, y: float) -> bool:
        return self.x1 <= x < self.x2 and self.y1 <= y < self.y2

    def points(self) -> FloatArray:
        """The four corners, clockwise from the top left."""
        return np.array(
            [[self.x1, self.y1], [self.x2, self.y1], [self.x2, self.y2], [self.x1, self.y2]]
        )

    def with_points(self, points: ArrayLike) -> Box:
        """The box in which exactly the corner that differs has moved; else the bounds."""
        corners = checked_points(points, 4, "a box")
        moved = np.flatnonzero((corners != self.points()).any(axis=1))
        if len(moved) == 1:
            i = int(moved[0])
            opposite = self.points()[(i + 2) % 4]
            return Box(*corners[i], *opposite)
        low, high = corners.min(axis=0), corners.max(axis=0)
        return Box(*low, *high)

    def payload(self) -> bytes:
        return struct.pack("<4d", self.x1, self.y1, self.x2, self.y2)


@dataclass(frozen=True, slots=True, eq=False)
class RotatedBox(ShapeBase):
    """A box of width × height about (cx, cy), turned by `angle` radians clockwise on screen."""

    kind: ClassVar[str] = "rotated_box"
    cx: float
    cy: float
    width: float
    height: float
    angle: float

    def __post_init__(self) -> None:
        check_finite("a rotated box", self.cx, self.cy, self.width, self.height, self.angle)
        if self.width < 0 or self.height < 0:
            raise InvalidValue(
                f"a rotated box needs sizes ≥ 0, got {self.width:g} x {self.height:g}"
            )

    def area(self) -> float:
        return self.width * self.height

    def points(self) -> FloatArray:
        """The four corners, clockwise from the top left of the unturned box."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (self.width / 2, self.height / 2)
        turn = np.array([[cos, sin], [-sin, cos]])
        return np.asarray(half @ turn + (self.cx, self.cy))

    def with_points(self, points: ArrayLike) -> RotatedBox:
        """The box in which one corner has moved against its opposite, keeping the angle."""
        corners = checked_points(points, 4, "a rotated box")
        before = self.points()
        moved = np.flatnonzero((np.abs(corners - before) > 1e-12).any(axis=1))
        if len(moved) != 1:
            shift = corners.mean(axis=0) - before.mean(axis=0)
            return replace(self, cx=self.cx + float(shift[0]), cy=self.cy + float(shift[1]))
        i = int(moved[0])
        diagonal = corners[i] - before[(i + 2) % 4]
        centre = corners[i] - diagonal / 2
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        width = abs(float(diagonal @ (cos, sin)))
        height = abs(float(diagonal @ (-sin, cos)))
        return RotatedBox(float(centre[0]), float(centre[1]), width, height, self.angle)

    def contains(self, x: float, y: float) -> bool:
        return geometry.contains(self.points(), x, y)

    def payload(self) -> bytes:
        return struct.pack("<5d", self.cx, self.cy, self.width, self.height, self.angle)


_FEW_RINGS = 64
_joined: tuple[tuple[FloatArray, ...], FloatArray] | None = None  # of the last of many rings


@dataclass(frozen=True, slots=True, eq=False)
class Polygon(ShapeBase):
    """One or more closed rings; a hole belongs to the last ring before it that is none.

    `rings` are (n ≥ 3, 2) arrays without a repeated last point. `holes` says for
    each ring whether it is one; by default only the first is not.
    """

    kind: ClassVar[str] = "polygon"
    rings: tuple[FloatArray, ...]
    holes: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        source: Sequence[ArrayLike] = self.rings
        if isinstance(source, np.ndarray) and source.ndim == 2:
            source = (source,)
        rings = tuple(checked_points(r, 3, "a polygon") for r in source)
        if not rings:
            raise InvalidValue("a polygon needs at least one ring")
        holes = tuple(bool(h) for h in self.holes) or (False,) + (True,) * (len(rings) - 1)
        if len(holes) != len(rings) or holes[0]:
            raise InvalidValue(
                f"a polygon of {len(rings)} rings needs as many hole marks, the first unset"
            )
        object.__setattr__(self, "rings", rings)
        object.__setattr__(self, "holes", holes)

    def area(self) -> float:
        sizes = (geometry.ring_area(r) for r in self.rings)
        return float(sum(-s if h else s for s, h in zip(sizes, self.holes, strict=True)))

    def contains(self, x: float, y: float) -> bool:
        inside = False
        for ring, hole in zip(self.rings, self.holes, strict=True):
            if geometry.contains(ring, x, y):
                inside = not hole
        return inside

    def points(self) -> FloatArray:
        if len(self.rings) <= _FEW_RINGS:
            return np.concatenate(self.rings)
        # Joining thousands of rings takes longer than a copy, and is asked for in every frame.
        global _joined
        known = _joined
        if known is None or known[0] is not self.rings:
            known = _joined = self.rings, np.concatenate(self.rings)
        return known[1].copy()

    def with_points(self, points: ArrayLike) -> Polygon:
        array = np.asarray(points, dtype=np.float64)
        cuts = np.cumsum([len(r) for r in self.rings])[:-1]
        return Polygon(tuple(np.split(array, cuts)), self.holes)

    def payload(self) -> bytes:
        sizes = [len(r) | (HOLE if h else 0) for r, h in zip(self.rings, self.holes, strict=True)]
        head = struct.pack(f"<I{len(sizes)}I", len(sizes), *sizes)
        return head + np.concatenate(self.rings).astype("<f8").tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class Polyline(ShapeBase):
    """An open line through (n ≥ 2, 2) points."""

    kind: ClassVar[str] = "polyline"
    line: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "line", checked_points(self.line, 2, "a polyline"))

    def points(self) -> FloatArray:
        return self.line

    def with_points(self, points: ArrayLike) -> Polyline:
        return Polyline(np.asarray(points, dtype=np.float64))

    def payload(self) -> bytes:
        return self.line.astype("<f8").tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class Points(ShapeBase):
    """A set of (n ≥ 1, 2) points."""

    kind: ClassVar[str] = "points"
    xy: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "xy", checked_points(self.xy, 1, "points"))

    def points(self) -> FloatArray:
        return self.xy

    def with_points(self, points: ArrayLike) -> Points:
        return Points(np.asarray(points, dtype=np.float64))

    def payload(self) -> bytes:
        return self.xy.astype("<f8").tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton(ShapeBase):
    """Keypoints in the order of the class's skeleton, each with COCO visibility.

    `visibility` is 0 (not labelled), 1 (labelled but hidden) or 2 (visible).
    """

    kind: ClassVar[str] = "skeleton"
    xy: FloatArray
    visibility: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "xy", checked_points(self.xy, 1, "a skeleton"))
        marks = tuple(int(v) for v in self.visibility)
        if len(marks) != len(self.xy) or not set(marks) <= {0, 1, 2}:
            raise InvalidValue(
                f"a skeleton of {len(self.xy)} points needs as many visibilities of 0, 1 or 2"
            )
        object.__setattr__(self, "visibility", marks)

    def bounds(self) -> Bounds:
        seen = self.xy[np.array(self.visibility) > 0]
        points = seen if len(seen) else self.xy
        low, high = points.min(axis=0), points.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def points(self) -> FloatArray:
        return self.xy

    def with_points(self, points: ArrayLike) -> Skeleton:
        return Skeleton(np.asarray(points, dtype=np.float64), self.visibility)

    def payload(self) -> bytes:
        head = COUNT.pack(len(self.xy)) + bytes(self.visibility)
        return head + self.xy.astype("<f8").tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class Ellipse(ShapeBase):
    """An ellipse of radii rx, ry about (cx, cy), turned by `angle` radians clockwise on screen."""

    kind: ClassVar[str] = "ellipse"
    cx: float
    cy: float
    rx: float
    ry: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        check_finite("an ellipse", self.cx, self.cy, self.rx, self.ry, self.angle)
        if self.rx < 0 or self.ry < 0:
            raise InvalidValue(f"an ellipse needs radii ≥ 0, got {self.rx:g}, {self.ry:g}")

    def bounds(self) -> Bounds:
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        dx = math.hypot(self.rx * cos, self.ry * sin)
        dy = math.hypot(self.rx * sin, self.ry * cos)
        return self.cx - dx, self.cy - dy, self.cx + dx, self.cy + dy

    def area(self) -> float:
        return math.pi * self.rx * self.ry

    def contains(self, x: float, y: float) -> bool:
        if self.rx == 0 or self.ry == 0:
            return False
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        dx, dy = x - self.cx, y - self.cy
        u, v = (dx * cos + dy * sin) / self.rx, (dy * cos - dx * sin) / self.ry
        return u * u + v * v <= 1

    def points(self) -> FloatArray:
        """Four handles at the ends of the axes: right, bottom, left, top when unturned."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        u = np.array([cos, sin]) * self.rx
        v = np.array([-sin, cos]) * self.ry
        return np.asarray(np.array([u, v, -u, -v]) + (self.cx, self.cy))

    def with_points(self, points: ArrayLike) -> Ellipse:
        """One moved handle changes its radius; all moved alike move the ellipse."""
        handles = checked_points(points, 4, "an ellipse")
        before = self.points()
        moved = np.flatnonzero((np.abs(handles - before) > 1e-12).any(axis=1))
        if len(moved) != 1:
            shift = handles.mean(axis=0) - before.mean(axis=0)
            return replace(self, cx=self.cx + float(shift[0]), cy=self.cy + float(shift[1]))
        i = int(moved[0])
        radius = float(np.hypot(*(handles[i] - (self.cx, self.cy))))
        return replace(self, rx=radius) if i % 2 == 0 else replace(self, ry=radius)

    def outline(self, count: int = 64) -> FloatArray:
        """The (count, 2) points of an inscribed polygon, for drawing and export."""
        t = np.arange(count) * (2 * math.pi / count)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        u, v = self.rx * np.cos(t), self.ry * np.sin(t)
        return np.stack([self.cx + u * cos - v * sin, self.cy + u * sin + v * cos], axis=1)

    def payload(self) -> bytes:
        return struct.pack("<5d", self.cx, self.cy, self.rx, self.ry, self.angle)


@dataclass(frozen=True, slots=True, eq=False)
class Tag(ShapeBase):
    """A label on the whole picture or frame."""

    kind: ClassVar[str] = "tag"

    def bounds(self) -> Bounds:
        return 0.0, 0.0, 0.0, 0.0

    def points(self) -> FloatArray:
        return np.zeros((0, 2))

    def with_points(self, points: ArrayLike) -> Tag:
        return self

    def translated(self, dx: float, dy: float) -> Tag:
        return self

    def payload(self) -> bytes:
        return b""


Shape = Box | RotatedBox | Polygon | Polyline | Points | Skeleton | Ellipse | Mask | Tag
KINDS: tuple[str, ...] = (
    "box",
    "rotated_box",
    "polygon",
    "polyline",
    "points",
    "skeleton",
    "ellipse",
    "mask",
    "tag",
)
