"""Runs of pixels and brush tips against whole arrays, which are slow and obvious."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from visionstudio.model.brush import Tip
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Points, Polygon, RotatedBox
from visionstudio.model.spans import Spans

BITS = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 11)))
OPERATORS = [
    (operator.or_, np.logical_or),
    (operator.and_, np.logical_and),
    (operator.sub, np.greater),
    (operator.xor, np.logical_xor),
]
PLACES = st.tuples(st.floats(-5, 45), st.floats(-5, 45))


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(bool, (2, 8, 10)), st.integers(-30, 30), st.integers(-30, 30))
def test_spans_are_sets_of_pixels(pair: np.ndarray, x: int, y: int) -> None:
    first, second = (Spans.of_array(bits, x, y) for bits in pair)
    for ours, theirs in OPERATORS:
        expected = theirs(*pair)
        got = ours(first, second)
        assert (got.raster(x, y, 10, 8) == expected).all()
        assert got.area() == np.count_nonzero(expected)
        if got:
            assert got.mask() == Mask.from_array(expected, x, y)
        for step in (2, 3):
            assert (got.raster(x, y, 10, 8, step) == expected[::step, ::step]).all()
    part = first.clipped(x + 2, y + 1, x + 7, y + 5)
    assert (part.raster(x + 2, y + 1, 5, 4) == pair[0][1:5, 2:7]).all()
    assert part.area() == np.count_nonzero(pair[0][1:5, 2:7])
    assert (first.moved(3, -2).raster(x + 3, y - 2, 10, 8) == pair[0]).all()


@settings(max_examples=100, deadline=None)
@given(BITS)
def test_spans_and_masks_agree_with_coco(bits: np.ndarray) -> None:
    spans = Spans.of_array(bits)
    mask = spans.mask()
    assert (Spans.of_mask(mask).edges == spans.edges).all()
    encoded = coco.encode(np.asfortranarray(bits.astype(np.uint8)))
    assert mask.area() == spans.area() == int(coco.area(encoded))
    if spans:
        x, y, width, height = coco.toBbox(encoded)
        assert spans.bounds() == (x, y, x + width, y + height)
    row, column = bits.shape[0] // 2, bits.shape[1] // 2
    assert spans.contains(column, row) == bits[row, column]


RINGS = st.lists(st.tuples(st.floats(-9, 40), st.floats(-9, 30)), min_size=3, max_size=9)


@settings(max_examples=150, deadline=None)
@given(RINGS, st.floats(-4, 4), st.floats(1, 20))
def test_spans_of_a_shape_are_the_pixels_that_it_covers(
    ring: list[tuple[float, float]], angle: float, size: float
) -> None:
    outline = np.array(ring)
    shapes = (
        Polygon((outline,)),
        Polygon((outline, outline / 3 + 8, outline / 9 + 9, outline + 60), (0, 1, 0, 0)),
        Box(*outline[:2].reshape(-1)),
        RotatedBox(*outline[0], size, size / 2, angle),
        Ellipse(*outline[0], size, size / 2, angle),
    )
    for number, shape in enumerate(shapes):
        expected = to_mask(shape, 25, 33)
        if number == 1:  # by the rule that is documented: outer rings count against holes
            parts = [to_mask(Polygon((r,)), 25, 33).astype(int) for r in shape.rings]
            expected = parts[0] - parts[1] + parts[2] + parts[3] > 0
        assert (Spans.of_shape(shape, 33, 25).raster(0, 0, 33, 25) == expected).all()
    assert not Spans.of_shape(Points(outline), 33, 25)


def test_the_spans_of_a_mask_are_at_hand() -> None:
    mask = Mask.from_array(np.eye(5))
    assert Spans.of_mask(mask) is Spans.of_mask(mask)
    made = Spans.of_mask(mask).moved(3, 2)
    assert Spans.of_mask(made.mask()) is made


def test_runs_that_touch_or_overlap_become_one() -> None:
    rows = np.array([0, 0, 0, 0, 2])
    spans = Spans.of_runs(rows, np.array([4, 0, 2, 9, 5]), np.array([6, 3, 4, 9, 4]))
    assert [a.tolist() for a in spans.runs()] == [[0], [0], [6]]


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 14), st.booleans(), PLACES, PLACES, st.booleans())
def test_a_tip_covers_the_pixels_whose_centre_it_passes(
    size: int, square: bool, start: tuple[float, float], end: tuple[float, float], still: bool
) -> None:
    tip = Tip(size, square)
    begin = tip.snapped(*start)
    finish = begin if still else tip.snapped(*end)
    top, first, last = tip.swept(begin, finish)
    got = Spans.of_runs(top + np.arange(len(first)), first, last).raster(-20, -20, 80, 80)
    y, x = np.mgrid[-20:60, -20:60] + 0.5
    assert (got == _swept(x, y, begin, finish, size / 2 + 1e-9, square)).all()


def _swept(
    x: np.ndarray,
    y: np.ndarray,
    begin: tuple[float, float],
    finish: tuple[float, float],
    reach: float,
    square: bool,
) -> np.ndarray:
    """For every point, whether it is at some time in the tip."""
    (bx, by), (dx, dy) = begin, (finish[0] - begin[0], finish[1] - begin[1])
    if not square:
        length = max(dx * dx + dy * dy, 1e-18)
        when = np.clip(((x - bx) * dx + (y - by) * dy) / length, 0, 1)
        return np.asarray(np.hypot(x - bx - when * dx, y - by - when * dy) <= reach)
    low, high = np.zeros_like(x), np.ones_like(x)
    for at, origin, way in ((x, bx, dx), (y, by, dy)):
        if way == 0:
            high = np.where(np.abs(at - origin) <= reach, high, -1)
        else:
            ends = (at - origin - reach) / way, (at - origin + reach) / way
            low, high = np.maximum(low, np.minimum(*ends)), np.minimum(high, np.maximum(*ends))
    return np.asarray(low <= high)


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_a_click_covers_the_size_across(size: int) -> None:
    tip = Tip(size)
    place = tip.snapped(30.3, 30.7)
    _, first, last = tip.swept(place, place)
    assert (last - first).max() == size
    assert np.count_nonzero(last > first) == size
