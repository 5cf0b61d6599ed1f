"""The shapes an annotation can have, as immutable values.

Coordinates are float64 pixels in the upright picture: origin at the top-left
corner of pixel (0, 0), x to the right, y down, boxes half-open.

Each shape has a `kind` (its stored name), `bounds()`, `area()`, `contains()`,
`translated()`, and its free points as `points()` / `with_points()`, which is
all that an editor needs to drag a vertex. `encode` and `decode` turn any shape
into the compact bytes that the project stores.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionstudio.model import geometry, rle
from visionstudio.model.errors import InvalidValue

Bounds = tuple[float, float, float, float]
FloatArray = NDArray[np.float64]


def _points(values: ArrayLike, least: int, what: str) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise InvalidValue(
            f"{what} needs at least {least} points as (n, 2), got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InvalidValue(f"{what} has a coordinate that is not a finite number")
    array.flags.writeable = False
    return array


def _finite(what: str, *values: float) -> None:
    if not all(math.isfinite(v) for v in values):
        raise InvalidValue(f"{what} has a coordinate that is not a finite number")


class _Shape:
    """What all shapes share; equality is by kind and exact coordinates."""

    kind: ClassVar[str]
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Shape)
            and self.kind == other.kind
            and _payload(self) == _payload(other)
        )

    def __hash__(self) -> int:
        return hash((self.kind, _payload(self)))

    def bounds(self) -> Bounds:
        """x1, y1, x2, y2 of the smallest upright box around the shape."""
        points = self.points()
        low, high = points.min(axis=0), points.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

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

    def translated(self, dx: float, dy: float) -> Self:
        """The shape moved by (dx, dy)."""
        return self.with_points(self.points() + (dx, dy))


@dataclass(frozen=True, slots=True, eq=False)
class Box(_Shape):
    """An upright box [x1, x2) × [y1, y2). Corners are sorted on construction."""

    kind: ClassVar[str] = "box"
    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = float(self.x1), float(self.y1), float(self.x2), float(self.y2)
        _finite("a box", x1, y1, x2, y2)
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
        corners = _points(points, 4, "a box")
        moved = np.flatnonzero((corners != self.points()).any(axis=1))
        if len(moved) == 1:
            i = int(moved[0])
            opposite = self.points()[(i + 2) % 4]
            return Box(*corners[i], *opposite)
        low, high = corners.min(axis=0), corners.max(axis=0)
        return Box(*low, *high)


@dataclass(frozen=True, slots=True, eq=False)
class RotatedBox(_Shape):
    """A box of width × height about (cx, cy), turned by `angle` radians clockwise on screen."""

    kind: ClassVar[str] = "rotated_box"
    cx: float
    cy: float
    width: float
    height: float
    angle: float

    def __post_init__(self) -> None:
        _finite("a rotated box", self.cx, self.cy, self.width, self.height, self.angle)
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
        corners = _points(points, 4, "a rotated box")
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


@dataclass(frozen=True, slots=True, eq=False)
class Polygon(_Shape):
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
        rings = tuple(_points(r, 3, "a polygon") for r in source)
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
        return np.concatenate(self.rings)

    def with_points(self, points: ArrayLike) -> Polygon:
        array = np.asarray(points, dtype=np.float64)
        cuts = np.cumsum([len(r) for r in self.rings])[:-1]
        return Polygon(tuple(np.split(array, cuts)), self.holes)


@dataclass(frozen=True, slots=True, eq=False)
class Polyline(_Shape):
    """An open line through (n ≥ 2, 2) points."""

    kind: ClassVar[str] = "polyline"
    line: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "line", _points(self.line, 2, "a polyline"))

    def points(self) -> FloatArray:
        return self.line

    def with_points(self, points: ArrayLike) -> Polyline:
        return Polyline(np.asarray(points, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Points(_Shape):
    """A set of (n ≥ 1, 2) points."""

    kind: ClassVar[str] = "points"
    xy: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "xy", _points(self.xy, 1, "points"))

    def points(self) -> FloatArray:
        return self.xy

    def with_points(self, points: ArrayLike) -> Points:
        return Points(np.asarray(points, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton(_Shape):
    """Keypoints in the order of the class's skeleton, each with COCO visibility.

    `visibility` is 0 (not labelled), 1 (labelled but hidden) or 2 (visible).
    """

    kind: ClassVar[str] = "skeleton"
    xy: FloatArray
    visibility: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "xy", _points(self.xy, 1, "a skeleton"))
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


@dataclass(frozen=True, slots=True, eq=False)
class Ellipse(_Shape):
    """An ellipse of radii rx, ry about (cx, cy), turned by `angle` radians clockwise on screen."""

    kind: ClassVar[str] = "ellipse"
    cx: float
    cy: float
    rx: float
    ry: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        _finite("an ellipse", self.cx, self.cy, self.rx, self.ry, self.angle)
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
        handles = _points(points, 4, "an ellipse")
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


@dataclass(frozen=True, slots=True, eq=False)
class Mask(_Shape):
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

    def translated(self, dx: float, dy: float) -> Mask:
        return Mask(self.x + round(dx), self.y + round(dy), self.width, self.height, self.counts)


@dataclass(frozen=True, slots=True, eq=False)
class Tag(_Shape):
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

_RING_HEAD = struct.Struct("<I")
_MASK_HEAD = struct.Struct("<iiII")
_HOLE = 0x8000_0000


def _payload(shape: _Shape) -> bytes:
    match shape:
        case Box(x1, y1, x2, y2):
            return struct.pack("<4d", x1, y1, x2, y2)
        case RotatedBox(cx, cy, width, height, angle):
            return struct.pack("<5d", cx, cy, width, height, angle)
        case Ellipse(cx, cy, rx, ry, angle):
            return struct.pack("<5d", cx, cy, rx, ry, angle)
        case Polygon(rings, holes):
            sizes = [len(r) | (_HOLE if h else 0) for r, h in zip(rings, holes, strict=True)]
            head = struct.pack(f"<I{len(sizes)}I", len(sizes), *sizes)
            return head + np.concatenate(rings).astype("<f8").tobytes()
        case Polyline(points) | Points(points):
            return points.astype("<f8").tobytes()
        case Skeleton(points, visibility):
            return _RING_HEAD.pack(len(points)) + bytes(visibility) + points.astype("<f8").tobytes()
        case Mask(x, y, width, height, counts):
            return _MASK_HEAD.pack(x, y, width, height) + counts.astype("<u4").tobytes()
        case Tag():
            return b""
    raise InvalidValue(f"unknown kind of shape {type(shape).__name__}")


def encode(shape: Shape) -> tuple[str, bytes]:
    """The shape as its kind and compact little-endian bytes."""
    return shape.kind, _payload(shape)


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
            (count,) = _RING_HEAD.unpack_from(data)
            heads = struct.unpack_from(f"<{count}I", data, 4)
            points = _pairs(data[4 + 4 * count :])
            sizes = [h & ~_HOLE for h in heads]
            if sum(sizes) != len(points):
                raise InvalidValue(f"a polygon of {sum(sizes)} points stores {len(points)}")
            # Splitting costs more than all the rest; nearly all polygons have one ring.
            rings = [points] if count == 1 else np.split(points, np.cumsum(sizes)[:-1])
            return Polygon(tuple(rings), tuple(bool(h & _HOLE) for h in heads))
        case "polyline":
            return Polyline(_pairs(data))
        case "points":
            return Points(_pairs(data))
        case "skeleton":
            (count,) = _RING_HEAD.unpack_from(data)
            return Skeleton(_pairs(data[4 + count :]), tuple(data[4 : 4 + count]))
        case "mask":
            x, y, width, height = _MASK_HEAD.unpack_from(data)
            return Mask(x, y, width, height, np.frombuffer(data[_MASK_HEAD.size :], dtype="<u4"))
        case "tag":
            return Tag()
    raise InvalidValue(f"unknown kind of shape '{kind}'")


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
