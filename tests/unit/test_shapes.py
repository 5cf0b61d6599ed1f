"""Shapes: what is stored comes back, areas and insides agree with pixels, points move them."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionstudio.model.errors import InvalidValue
from visionstudio.model.shape_codec import decode, encode
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import (
    KINDS,
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

NUMBER = st.floats(-1e6, 1e6, allow_nan=False)
SIZE = st.floats(0, 1e5, allow_nan=False)


def points(least: int) -> st.SearchStrategy[np.ndarray]:
    pairs = st.lists(st.tuples(NUMBER, NUMBER), min_size=least, max_size=12)
    return pairs.map(lambda p: np.array(p, dtype=np.float64))


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    rings = tuple(draw(st.lists(points(3), min_size=1, max_size=4)))
    holes = (
        False,
        *draw(st.lists(st.booleans(), min_size=len(rings) - 1, max_size=len(rings) - 1)),
    )
    return Polygon(rings, holes)


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    x, y = draw(st.integers(-50, 50)), draw(st.integers(-50, 50))
    return Mask.from_array(np.array(bits).reshape(height, width), x, y)


SHAPES: st.SearchStrategy[Shape] = st.one_of(
    st.builds(Box, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(RotatedBox, NUMBER, NUMBER, SIZE, SIZE, NUMBER),
    st.builds(Ellipse, NUMBER, NUMBER, SIZE, SIZE, NUMBER),
    polygons(),
    points(2).map(Polyline),
    points(1).map(Points),
    points(1).map(lambda p: Skeleton(p, tuple(i % 3 for i in range(len(p))))),
    masks(),
    st.just(Tag()),
)


@given(SHAPES)
def test_what_is_stored_comes_back(shape: Shape) -> None:
    kind, data = encode(shape)
    assert kind in KINDS
    assert decode(kind, data) == shape
    assert hash(decode(kind, data)) == hash(shape)


@given(st.sampled_from(KINDS), st.binary(max_size=64))
def test_damaged_bytes_are_refused_by_name(kind: str, data: bytes) -> None:
    with contextlib.suppress(InvalidValue):
        decode(kind, data)


@given(SHAPES, st.integers(-100, 100), st.integers(-100, 100))
def test_moving_moves_the_bounds(shape: Shape, dx: int, dy: int) -> None:
    if isinstance(shape, Tag):
        assert shape.translated(dx, dy) == shape
        return
    before, after = np.array(shape.bounds()), np.array(shape.translated(dx, dy).bounds())
    assert np.allclose(after, before + (dx, dy, dx, dy), atol=1e-4)


@given(masks())
def test_a_mask_is_its_pixels(mask: Mask) -> None:
    assert mask.area() == mask.array().sum()
    full = mask.full(80, 90)
    for y in range(0, 80, 7):
        for x in range(0, 90, 7):
            assert mask.contains(x + 0.5, y + 0.5) == full[y, x]


@pytest.mark.parametrize(
    "shape",
    [
        Box(3, 4, 40.0, 31.0),
        RotatedBox(50, 50, 40, 20, 0.6),
        Ellipse(50, 40, 30, 12, -0.4),
        Polygon(
            (
                np.array([[5, 5], [90, 10], [60, 80.5], [10, 70]]),
                np.array([[30, 25], [55, 25], [50, 50], [30, 45]]),
            )
        ),
        Polygon(
            (np.array([[1, 1], [20.3, 1], [1, 30]]), np.array([[60, 60], [90.4, 61], [60, 80]])),
            (False, False),
        ),
    ],
    ids=lambda s: s.kind,
)
def test_area_and_inside_agree_with_the_pixels(shape: Shape) -> None:
    covered = to_mask(shape, 100, 100)
    assert covered.sum() == pytest.approx(shape.area(), rel=0.02)
    inside = np.array([[shape.contains(x + 0.5, y + 0.5) for x in range(100)] for y in range(100)])
    assert (inside != covered).mean() < 0.002


def test_a_box_with_whole_corners_covers_exactly_its_area() -> None:
    assert to_mask(Box(2, 3, 7, 9), 20, 20).sum() == 30


def test_box_corners_are_sorted_and_drag_against_the_opposite() -> None:
    box = Box(10, 20, 0, 5)
    assert box == Box(0, 5, 10, 20)
    corners = box.points()
    corners[2] = (15, 30)
    assert box.with_points(corners) == Box(0, 5, 15, 30)


def test_a_rotated_box_keeps_its_angle_and_opposite_corner_when_one_is_dragged() -> None:
    box = RotatedBox(50, 50, 40, 20, 0.5)
    corners = box.points()
    fixed = corners[2].copy()
    corners[0] += (-4, 3)
    moved = box.with_points(corners)
    assert moved.angle == box.angle
    assert np.allclose(moved.points()[2], fixed)
    assert np.allclose(moved.points()[0], corners[0])


def test_an_ellipse_handle_changes_one_radius() -> None:
    ellipse = Ellipse(10, 10, 5, 3)
    handles = ellipse.points()
    handles[0] = (18, 10)
    assert ellipse.with_points(handles) == Ellipse(10, 10, 8, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Box(math.nan, 0, 1, 1),
        lambda: Box(0, 0, math.inf, 1),
        lambda: RotatedBox(0, 0, -1, 1, 0),
        lambda: Ellipse(0, 0, 1, -2),
        lambda: Polygon((np.zeros((2, 2)),)),
        lambda: Polygon((np.zeros((3, 2)),), (True,)),
        lambda: Polyline(np.zeros((1, 2))),
        lambda: Skeleton(np.zeros((2, 2)), (2,)),
        lambda: Skeleton(np.zeros((1, 2)), (3,)),
        lambda: Mask(0, 0, 2, 2, np.array([3], np.uint32)),
    ],
)
def test_impossible_shapes_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue):
        make()
