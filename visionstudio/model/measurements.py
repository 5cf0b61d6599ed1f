"""Measurements in pictures: distances, angles, areas, counts, profiles, and the scale.

They are rows of a project like annotations, but no labels: nothing is trained on them,
no format exports them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from visionstudio.model.errors import InvalidValue
from visionstudio.model.geometry import ring_area

Point = tuple[float, float]


class MeasurementKind(StrEnum):
    DISTANCE = "distance"  # two points or more: the length of the line
    ANGLE = "angle"  # three points, the second is the corner
    AREA = "area"  # the ring of a polygon
    COUNT = "count"  # one point of something that is counted
    PROFILE = "profile"  # two points, `value` is the width of the line in pixels
    SCALE = "scale"  # two points, `value` and `unit` are the length that is known


LEAST_POINTS: Mapping[MeasurementKind, int] = {
    MeasurementKind.DISTANCE: 2,
    MeasurementKind.ANGLE: 3,
    MeasurementKind.AREA: 3,
    MeasurementKind.COUNT: 1,
    MeasurementKind.PROFILE: 2,
    MeasurementKind.SCALE: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement in a picture or frame. Immutable: a change is a new value of the same id.

    `points` are pixels of the upright picture. `label` names what is counted.
    A scale with `everywhere` holds for all pictures that have none of their own.
    """

    id: int
    media_id: int
    frame: int = 0
    kind: MeasurementKind
    points: tuple[Point, ...]
    label: str = ""
    value: float = 0.0
    unit: str = ""
    everywhere: bool = False

    def __post_init__(self) -> None:
        if len(self.points) < LEAST_POINTS[self.kind]:
            raise InvalidValue(
                f"{self.kind} needs {LEAST_POINTS[self.kind]} points, got {len(self.points)}"
            )
        if not all(math.isfinite(v) for point in self.points for v in point):
            raise InvalidValue("the points of a measurement are numbers")
        if not math.isfinite(self.value) or self.value < 0:
            raise InvalidValue(f"the value of a measurement is not negative, got {self.value}")
        if self.kind is MeasurementKind.SCALE and (not self.value or not self.pixels):
            raise InvalidValue("a scale needs two different points and a length above 0")

    @property
    def counts_tracks(self) -> bool:
        """Whether it is a line or a zone where it is drawn on a video."""
        return self.kind in (MeasurementKind.DISTANCE, MeasurementKind.AREA)

    @property
    def pixels(self) -> float:
        """The length of the line in pixels."""
        return length(self.points)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How large a pixel is: `x` across and `y` down, in `unit`. `origin` says who says so."""

    x: float = 1.0
    y: float = 1.0
    unit: str = "px"
    origin: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.x) and math.isfinite(self.y) and self.x > 0 and self.y > 0):
            raise InvalidValue(f"the size of a pixel is above 0, got {self.x} × {self.y}")

    @property
    def is_real(self) -> bool:
        """Whether it is more than pixels."""
        return self.unit != "px"

    def scaled(self, points: Iterable[Point]) -> tuple[Point, ...]:
        """Points in units."""
        return tuple((x * self.x, y * self.y) for x, y in points)


PIXELS = Calibration()


def calibration_of(scale: Measurement) -> Calibration:
    """What a line of known length says of the size of a pixel."""
    size = scale.value / scale.pixels
    return Calibration(size, size, scale.unit or "px", "drawn")


def length(points: Iterable[Point]) -> float:
    """The length of an open line."""
    steps = np.diff(np.asarray(list(points), np.float64), axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum()) if len(steps) else 0.0


def angle(points: tuple[Point, ...]) -> float:
    """Degrees from 0 to 180 between the two arms at the second of three points."""
    (ax, ay), (bx, by), (cx, cy) = points[:3]
    ux, uy, vx, vy = ax - bx, ay - by, cx - bx, cy - by
    return math.degrees(abs(math.atan2(ux * vy - uy * vx, ux * vx + uy * vy)))


def results(measurement: Measurement, calibration: Calibration) -> dict[str, tuple[float, str]]:
    """What a measurement comes to: name → (value, unit)."""
    points, unit = calibration.scaled(measurement.points), calibration.unit
    match measurement.kind:
        case MeasurementKind.DISTANCE | MeasurementKind.PROFILE:
            return {"length": (length(points), unit)}
        case MeasurementKind.ANGLE:
            return {"angle": (angle(points), "°")}
        case MeasurementKind.AREA:
            ring = length((*points, points[0]))
            return {"area": (ring_area(points), f"{unit}²"), "perimeter": (ring, unit)}
        case MeasurementKind.SCALE:
            return {"length": (measurement.value, measurement.unit)}
        case MeasurementKind.COUNT:
            return {"count": (1.0, "")}
