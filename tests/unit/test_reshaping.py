"""Shapes made from shapes, against OpenCV, brute force and what geometry says."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from visionstudio.model import reshaping
from visionstudio.model.geometry import distance_to_segments, ring_area
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)

SQUARE = np.array([[10, 10], [30, 10], [30, 30], [10, 30.0]])
HOLE = np.array([[15, 15], [20, 15], [20, 20], [15, 20.0]])
TURNABLE: list[Shape] = [
    Box(3, 4, 13, 34),
    RotatedBox(20, 20, 10, 4, 0.3),
    Ellipse(30, 20, 10, 5, 0.2),
    Polygon((SQUARE, HOLE)),
    Polyline(SQUARE[:3]),
    Points(SQUARE),
    Skeleton(SQUARE, (2, 1, 0, 2)),
]
clouds = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.integers(-50, 50)
)


@pytest.mark.parametrize("shape", TURNABLE, ids=lambda s: s.kind)
def test_turning_there_and_back(shape: Shape) -> None:
    there = shape
    for _ in range(90):
        there = reshaping.turned(there, math.radians(1))
    quarter = reshaping.turned(shape, math.pi / 2)
    assert there.points() == pytest.approx(quarter.points(), abs=1e-6)
    assert reshaping.centre(there) == pytest.approx(reshaping.centre(shape), abs=1e-6)
    assert there.area() == pytest.approx(shape.area())
    back = reshaping.turned(there, -math.pi / 2)
    assert back.points() == pytest.approx(shape.points(), abs=1e-6)
    assert back.kind == ("rotated_box" if shape.kind == "box" else shape.kind)


def test_a_quarter_clockwise_on_screen() -> None:
    """x to the right, y down: what pointed right points down."""
    line = reshaping.turned(Polyline([[0, 0], [10, 0]]), math.pi / 2, about=(0, 0))
    assert line.points() == pytest.approx(np.array([[0, 0], [0, 10]]), abs=1e-12)
    assert reshaping.turned(Tag(), 1) == Tag()


def test_a_hole_pulls_the_centre_away() -> None:
    x, y = reshaping.centre(Polygon((SQUARE, HOLE)))
    rows, columns = np.nonzero(to_mask(Polygon((SQUARE, HOLE)), 40, 40))
    assert (x, y) == pytest.approx((columns.mean() + 0.5, rows.mean() + 0.5))


@given(clouds)
def test_the_least_box_holds_all_and_is_no_larger_than_others(points: np.ndarray) -> None:
    box = reshaping.least_rotated_box(points)
    cos, sin = math.cos(box.angle), math.sin(box.angle)
    local = (points - (box.cx, box.cy)) @ np.array([[cos, -sin], [sin, cos]])
    assert (np.abs(local) <= np.array([box.width, box.height]) / 2 + 1e-7).all()
    # A coarse look at every angle, and OpenCV, which is exact to float32.
    angles = np.radians(np.arange(0, 90, 0.5))
    wide = np.ptp(points @ np.stack([np.cos(angles), np.sin(angles)]), axis=0)
    high = np.ptp(points @ np.stack([-np.sin(angles), np.cos(angles)]), axis=0)
    assert box.area() <= (wide * high).min() + 1e-6
    (_, (width, height), _) = cv2.minAreaRect(points.astype(np.float32))
    assert box.area() == pytest.approx(width * height, rel=1e-3, abs=0.05)
    assert -math.pi / 4 <= box.angle < math.pi / 4 + 1e-12


def test_the_hull_of_very_many_points() -> None:
    points = np.random.default_rng(3).normal(size=(20_000, 2)).round(3)
    expected = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2)
    ours = reshaping.hull(points)
    assert {tuple(p) for p in ours.round(3)} == {tuple(p) for p in expected.astype(float).round(3)}


@settings(deadline=None)
@given(clouds, st.floats(0, 30))
def test_simplified_rings_stay_near_and_stay_rings(points: np.ndarray, tolerance: float) -> None:
    if len(points) < 3:
        return
    ring = reshaping.simplified(Polygon((points,)), tolerance)
    assert isinstance(ring, Polygon)
    kept = ring.rings[0]
    assert 3 <= len(kept) <= len(points)
    assert {tuple(p) for p in kept} <= {tuple(p) for p in points}
    for x, y in points:
        away = distance_to_segments(kept, np.roll(kept, -1, axis=0), x, y).min()
        assert away <= tolerance + 1e-9


def test_a_fine_circle_needs_few_points() -> None:
    circle = Polygon((Ellipse(100, 100, 80, 80).outline(2000),))
    few = reshaping.simplified(circle, 1.0)
    assert len(few.points()) < 40
    assert few.area() == pytest.approx(circle.area(), rel=0.02)
    flat = reshaping.simplified(circle, 1e9)
    assert len(flat.points()) == 3
    holed = reshaping.simplified(Polygon((SQUARE, HOLE)), 1e9)
    assert isinstance(holed, Polygon)
    assert [len(r) for r in holed.rings] == [3, 3]
    assert holed.holes == (False, True)


def test_order_of_points() -> None:
    back = reshaping.reversed_points(Polygon((SQUARE,)))
    assert back is not None
    assert back.points().tolist() == SQUARE[[0, 3, 2, 1]].tolist()
    line = reshaping.opened(Polygon((SQUARE,)))
    assert line == Polyline(SQUARE)
    assert reshaping.closed(Polyline(SQUARE)) == Polygon((SQUARE,))
    assert reshaping.opened(Polygon((SQUARE, HOLE))) is None
    assert reshaping.closed(Polyline(SQUARE[:2])) is None
    assert reshaping.reversed_points(Box(0, 0, 1, 1)) is None


def test_other_kinds_cover_the_same() -> None:
    ellipse = Ellipse(50, 40, 30, 10, 0.5)
    polygon = reshaping.to_polygon(ellipse)
    assert polygon is not None
    assert polygon.area() == pytest.approx(ellipse.area(), rel=0.005)
    assert reshaping.to_box(ellipse) == Box(*ellipse.bounds())
    turned = RotatedBox(50, 40, 30, 10, 0.5)
    again = reshaping.to_rotated_box(Polygon((turned.points(),)))
    assert again is not None
    assert again.points() == pytest.approx(turned.points())
    assert reshaping.to_rotated_box(Box(1, 2, 5, 10)) == RotatedBox(3, 6, 4, 8, 0)
    assert reshaping.to_polygon(Box(10, 10, 30, 30)) == Polygon((SQUARE,))
    assert reshaping.to_box(Tag()) is None
    assert reshaping.to_polygon(Points(SQUARE)) is None


def test_a_mask_is_boxed_by_its_pixels() -> None:
    disc = to_mask(Ellipse(40, 30, 20, 8, 0.6), 60, 80)
    box = reshaping.to_rotated_box(Mask.from_array(disc))
    assert box is not None
    assert ring_area(box.points()) == pytest.approx(40 * 16, rel=0.15)
    assert (disc <= to_mask(box, 60, 80)).all()
