"""Plane geometry against brute force and other people's implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torchvision.ops
from hypothesis import given
from hypothesis import strategies as st
from torch import from_numpy

from visionstudio.model import rle
from visionstudio.model.errors import InvalidValue
from visionstudio.model.geometry import (
    box_iou,
    contains,
    distance_to_segments,
    pixel_counts,
    rasterize,
    ring_area,
    simplify,
)


def by_even_odd(ring: np.ndarray, height: int, width: int) -> np.ndarray:
    """Every pixel centre against every edge."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.zeros((height, width), dtype=bool)
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = ax + (y - ay) * (bx - ax) / (by - ay)
        inside ^= crosses & (x < at)
    return inside


@pytest.mark.parametrize("seed", range(40))
def test_rasterize_equals_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    ring = random.uniform(-20, 80, (random.integers(3, 20), 2))
    height, width = random.integers(1, 60, 2)
    assert (rasterize([ring], height, width) == by_even_odd(ring, height, width)).all()


def test_rasterize_takes_holes_and_nothing() -> None:
    outer, inner = np.array([[0, 0], [9, 0], [9, 9], [0, 9]]), np.array([[3, 3], [6, 3], [6, 6.0]])
    covered = rasterize([outer.astype(float), inner], 10, 10)
    assert not covered[3, 5]
    assert covered[1, 1]
    assert rasterize([], 4, 5).shape == (4, 5)
    assert not rasterize([outer + 100.0], 10, 10).any()


def test_box_iou_equals_torchvision() -> None:
    random = np.random.default_rng(0)
    low = random.uniform(0, 80, (30, 2))
    boxes = np.concatenate([low, low + random.uniform(0, 40, (30, 2))], axis=1)
    boxes[3, 2:] = boxes[3, :2]  # an empty box overlaps nothing
    ours = box_iou(boxes, boxes[:10])
    theirs = torchvision.ops.box_iou(from_numpy(boxes), from_numpy(boxes[:10])).nan_to_num(0)
    assert np.allclose(ours, theirs.numpy())


@given(st.floats(1, 50), st.floats(1, 50))
def test_area_and_inside_of_a_rectangle(width: float, height: float) -> None:
    ring = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    assert ring_area(ring) == pytest.approx(width * height)
    assert contains(ring, width / 2, height / 2)
    assert not contains(ring, width * 1.5, height / 2)


def test_distance_to_segments() -> None:
    start, end = np.array([[0.0, 0], [10, 10]]), np.array([[10.0, 0], [10, 10]])
    assert np.allclose(distance_to_segments(start, end, 5, 3), [3, np.hypot(5, 7)])
    assert np.allclose(distance_to_segments(start, end, -3, 4), [5, np.hypot(13, 6)])


def test_simplify_keeps_what_is_farther_than_the_tolerance() -> None:
    line = np.array([[0, 0], [1, 0.05], [2, 0], [3, 2], [4, 0]], dtype=float)
    assert simplify(line, 0.1).tolist() == [[0, 0], [2, 0], [3, 2], [4, 0]]
    assert simplify(line, 0).shape == line.shape


@given(st.integers(0, 9), st.integers(0, 9), st.randoms(use_true_random=False))
def test_run_lengths_come_back(height: int, width: int, random) -> None:  # type: ignore[no-untyped-def]
    mask = np.array([random.random() < 0.5 for _ in range(height * width)], dtype=bool)
    mask = mask.reshape(height, width)
    counts = rle.encode(mask)
    assert (rle.decode(counts, height, width) == mask).all()
    assert rle.area(counts) == mask.sum()


def test_wrong_run_lengths_are_refused() -> None:
    with pytest.raises(InvalidValue, match="expected 2x3=6"):
        rle.decode(np.array([5], np.uint32), 2, 3)


@given(st.lists(st.lists(st.tuples(st.floats(-9, 40), st.floats(-9, 40)), min_size=3), min_size=1))
def test_pixels_counted_are_those_that_are_drawn(outlines: list[list[tuple[float, float]]]) -> None:
    rings = [np.array(o) for o in outlines]
    sizes = np.array([(20 + n % 3, 30 - n % 5) for n in range(len(rings))])
    drawn = [rasterize([r], *s).sum() for r, s in zip(rings, sizes.tolist(), strict=True)]
    assert pixel_counts(rings, sizes).tolist() == drawn
