"""Conversions and Boolean operations against whole arrays, OpenCV, scipy and shapely."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import InvalidValue
from visionstudio.model.reshaping import simplified, to_polygon
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Points, Polygon
from visionstudio.model.spans import Spans
from visionstudio.session import booleans, combining, pixels

BITS = hnp.arrays(bool, st.tuples(st.integers(1, 10), st.integers(1, 10)))
SIZE = (200, 150)
NUMBER = st.floats(5, 95).map(lambda v: round(v, 2))
BOXES = st.tuples(NUMBER, NUMBER, st.floats(3, 40), st.floats(3, 40)).map(
    lambda b: Box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(max_examples=50, deadline=None)
@given(BITS)
def test_a_mask_and_its_polygon_cover_the_same_pixels(bits: np.ndarray) -> None:
    polygon = to_polygon(Mask.from_array(bits, 3, 5))
    if polygon is None:
        assert not bits.any()
        return
    height, width = bits.shape
    assert (to_mask(polygon, height + 9, width + 9)[5 : 5 + height, 3 : 3 + width] == bits).all()
    assert polygon.area() == pytest.approx(np.count_nonzero(bits))
    outer = polygon.holes.count(False)
    assert outer == ndimage.label(bits)[1]  # four neighbours
    assert simplified(polygon, 0.0).area() == pytest.approx(polygon.area())
    for ring in polygon.rings:
        assert shapely.Polygon(ring).is_valid or len(np.unique(ring, axis=0)) < len(ring)


@settings(max_examples=60, deadline=None)
@given(BITS, st.integers(1, 6))
def test_objects_holes_and_specks(bits: np.ndarray, least: int) -> None:
    spans = Spans.of_array(bits)
    labels, count = ndimage.label(bits, np.ones((3, 3)))
    found = pixels.objects(spans)
    assert len(found) == count
    sizes = ndimage.sum_labels(bits, labels, range(1, count + 1))
    assert [s.area() for s in found] == sorted(sizes, reverse=True)
    shape = bits.shape
    filled = pixels.without_holes(spans).raster(0, 0, shape[1], shape[0])
    assert (filled == ndimage.binary_fill_holes(bits)).all()
    kept = np.isin(labels, 1 + np.flatnonzero(np.asarray(sizes) >= least))
    assert (pixels.without_specks(spans, least).raster(0, 0, shape[1], shape[0]) == kept).all()


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(bool, (12, 14)), st.integers(1, 3))
def test_growing_and_shrinking_by_distance(bits: np.ndarray, by: int) -> None:
    spans = Spans.of_array(bits, 10, 10)
    y, x = np.mgrid[-by : by + 1, -by : by + 1]
    disc = np.hypot(y, x) <= by
    wide = np.pad(bits, 10)
    grown = pixels.grown(spans, by, 34, 32).raster(0, 0, 34, 32)
    assert (grown == ndimage.binary_dilation(wide, disc)).all()
    shrunk = pixels.grown(spans, -by, 34, 32).raster(0, 0, 34, 32)
    assert (shrunk == ndimage.binary_erosion(wide, disc)).all()


def test_an_object_at_the_edge_is_not_shrunk_off_it() -> None:
    whole = Spans.of_array(np.ones((50, 60), bool))
    assert pixels.grown(whole, -5, 60, 50).area() == 60 * 50
    assert pixels.smoothed(whole, 3, 60, 50).area() == 60 * 50
    assert pixels.grown(whole, 5, 60, 50).area() == 60 * 50


def test_smoothing_takes_corners_and_keeps_the_rest() -> None:
    square = np.zeros((100, 100), np.uint8)
    square[20:80, 20:80] = 1
    square[50, 80:84] = 1  # a hair
    soft = pixels.smoothed(Spans.of_array(square), 3, 100, 100).raster(0, 0, 100, 100)
    assert (soft == (cv2.GaussianBlur(square.astype(np.float32), (0, 0), 3) > 0.5)).all()
    assert soft[50, 79]
    assert not soft[50, 82]
    assert not soft[20, 20]


def test_large_objects_are_worked_on_by_tiles() -> None:
    y, x = np.ogrid[:1300, :1200]
    ring = (np.hypot(y - 600, x - 640) < 590) & (np.hypot(y - 600, x - 640) > 300)
    spans = Spans.of_array(ring)
    far = cv2.distanceTransform(1 - ring.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown = pixels.grown(spans, 9, 1200, 1300).raster(0, 0, 1200, 1300)
    assert (grown == (far <= 9)).all()
    # Beyond the right edge, that cuts it off, the ring is taken to go on.
    beyond = np.pad(ring, 20, mode="edge").astype(np.uint8)
    deep = cv2.distanceTransform(beyond, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[20:-20, 20:-20]
    assert (pixels.grown(spans, -9, 1200, 1300).raster(0, 0, 1200, 1300) == (deep > 9)).all()
    soft = cv2.GaussianBlur(np.pad(ring, 20, mode="edge").astype(np.float32), (0, 0), 4)
    smooth = pixels.smoothed(spans, 4, 1200, 1300).raster(0, 0, 1200, 1300)
    assert (smooth == (soft[20:-20, 20:-20] > 0.5)).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(BOXES, min_size=2, max_size=4))
def test_polygons_are_combined_exactly(boxes: list[Box]) -> None:
    areas = [shapely.box(*b.bounds()) for b in boxes]
    union = shapely.union_all(areas)
    joined = booleans.joined(boxes, SIZE)
    assert joined.area() == pytest.approx(union.area)
    common = areas[0]
    for area in areas[1:]:
        common = common & area
    overlap = booleans.intersected(boxes, SIZE)
    assert (overlap.area() if overlap else 0.0) == pytest.approx(common.area, abs=1e-5)
    rest = areas[0] - shapely.union_all(areas[1:])
    left = booleans.subtracted(boxes[0], boxes[1:], SIZE)
    assert (left.area() if left else 0.0) == pytest.approx(rest.area, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(BOXES, min_size=1, max_size=3), hnp.arrays(bool, (30, 30)), st.randoms())
def test_with_a_mask_pixels_are_combined(boxes: list[Box], bits: np.ndarray, order) -> None:  # type: ignore[no-untyped-def]
    mask = Mask.from_array(np.pad(bits, ((20, 100), (30, 140))))
    shapes = [mask, *boxes]
    order.shuffle(shapes)
    arrays = [to_mask(s, SIZE[1], SIZE[0]) for s in shapes]

    def array(shape: object) -> np.ndarray:
        return np.zeros((SIZE[1], SIZE[0]), bool) if shape is None else to_mask(shape, *SIZE[::-1])  # type: ignore[arg-type]

    assert (array(booleans.joined(shapes, SIZE)) == np.logical_or.reduce(arrays)).all()
    assert (array(booleans.intersected(shapes, SIZE)) == np.logical_and.reduce(arrays)).all()
    rest = arrays[0] & ~np.logical_or.reduce(arrays[1:])
    assert (array(booleans.subtracted(shapes[0], shapes[1:], SIZE)) == rest).all()


def test_cutting_keeps_every_square_pixel() -> None:
    ring = np.array([[0, 0], [100, 0], [100, 60], [0, 60.0]])
    polygon = Polygon((ring, ring / 4 + 30))
    parts = booleans.cut(polygon, [[40, -10], [45, 70]])
    assert len(parts) == 2
    assert sum(p.area() for p in parts) == pytest.approx(polygon.area())
    for part in parts:
        assert booleans.intersected([polygon, part], SIZE).area() == pytest.approx(part.area())
    assert booleans.cut(polygon, [[40, -10], [45, 20]]) == [polygon]  # not through
    assert booleans.cut(polygon, [[140, -10], [145, 70]]) == [polygon]
    mask = Mask.from_array(to_mask(polygon, 70, 110))
    halves = booleans.cut(mask, [[10, -5], [70, 80]])
    assert len(halves) == 2
    covered = sum(to_mask(h, 70, 110).astype(int) for h in halves)
    assert (covered == to_mask(mask, 70, 110)).all()
    assert booleans.cut(mask, [[10, -5], [20, 10]]) == [mask]


def test_holes_are_punched_and_closed() -> None:
    outer = np.array([[0, 0], [100, 0], [100, 60], [0, 60.0]])
    hole = np.array([[20, 20], [40, 20], [40, 40], [20, 40.0]])
    for shape in (Polygon((outer,)), Mask.from_array(np.ones((60, 100)))):
        punched = booleans.punched(shape, hole, SIZE)
        assert punched is not None
        assert punched.area() == 6000 - 400
        assert not punched.contains(30, 30)
        assert booleans.without_hole(punched, 10, 10) is None
        closed = booleans.without_hole(punched, 30, 30)
        assert closed is not None
        assert closed.area() == 6000
    two = Polygon((outer, outer + 200), (False, False))
    assert [p.area() for p in booleans.parts(two)] == [6000, 6000]


def test_a_place_is_enclosed_or_open() -> None:
    wall = np.zeros((40, 40), bool)
    wall[10:30, 10:30] = True
    wall[15:25, 15:25] = False
    spans = Spans.of_array(wall)
    assert pixels.enclosed(spans, 20, 20, 40, 40).area() == 100
    assert pixels.hole_at(spans, 20, 20).area() == 100
    for outside in ((5, 5), (12, 12), (-3, 60)):
        assert not pixels.enclosed(spans, *outside, 40, 40)
        assert not pixels.hole_at(spans, *outside)
    wall[20, 25:30] = False  # a door
    assert not pixels.enclosed(Spans.of_array(wall), 20, 20, 40, 40)
    assert not pixels.hole_at(Spans.of_array(wall), 20, 20)


def test_the_edge_of_the_picture_closes_a_place() -> None:
    wall = np.zeros((40, 60), bool)
    wall[:, 20] = True
    spans = Spans.of_array(wall)
    assert pixels.enclosed(spans, 5, 5, 60, 40).bounds() == (0, 0, 20, 40)
    assert pixels.enclosed(spans, 30, 5, 60, 40).bounds() == (21, 0, 60, 40)
    assert not pixels.hole_at(spans, 5, 5)
    wall[39, 20] = False  # a door at the edge
    both = pixels.enclosed(Spans.of_array(wall), 5, 5, 60, 40)
    assert both.area() == 60 * 40 - 39
    assert not pixels.enclosed(Spans.empty(), 5, 5, 60, 40)


def test_a_shape_grows_as_a_polygon_within_the_picture() -> None:
    grown = booleans.grown(Box(10, 10, 50, 50), 5, SIZE)
    assert isinstance(grown, Polygon)
    exact = shapely.box(10, 10, 50, 50).buffer(5, quad_segs=4)
    assert grown.area() == pytest.approx(exact.area)
    assert booleans.grown(Box(10, 10, 50, 50), -30, SIZE) is None
    assert booleans.grown(Box(0, 0, 200, 150), 5, SIZE).area() == pytest.approx(200 * 150)
    ellipse = pixels.as_mask(Ellipse(60, 60, 30, 20), *SIZE)
    assert ellipse.area() == pytest.approx(np.pi * 600, rel=0.02)
    assert pixels.as_mask(Points(np.array([[1.0, 2]])), *SIZE) is None


def note(number: int, shape: object, **values: object) -> Annotation:
    return Annotation(**{"id": number, "media_id": 1, "class_id": number, "shape": shape, **values})  # type: ignore[arg-type]


def test_the_first_object_keeps_what_it_is() -> None:
    first = note(3, Box(0, 0, 20, 20), z=7, attributes={"a": 1}, source="import:coco")
    other = note(1, Box(10, 0, 40, 20))
    proposal = note(2, Box(15, 0, 60, 20), state=State.PROPOSED, source="model:m", score=0.5)
    edit = combining.join([first, other, proposal], SIZE)
    after = edit.changes[0].after
    assert isinstance(after, Annotation)
    assert (after.id, after.class_id, after.z, after.attributes) == (3, 3, 7, {"a": 1})
    assert after.source == "import:coco"
    assert after.history == ("join",)
    assert after.shape.area() == 1200
    assert edit.changes[1].after is None
    refused = edit.changes[2].after
    assert isinstance(refused, Annotation)
    assert refused.state is State.REJECTED
    assert combining.subtract([first, other], SIZE).changes[0].after.shape.area() == 200  # type: ignore[union-attr]
    assert combining.subtract([first, note(9, Box(90, 90, 99, 99))], SIZE) is None
    with pytest.raises(InvalidValue, match="nothing would be left"):
        combining.subtract([first, note(9, Box(-1, -1, 99, 99))], SIZE)
    with pytest.raises(InvalidValue, match="do not overlap"):
        combining.intersect([first, note(9, Box(90, 90, 99, 99))], SIZE)
    with pytest.raises(InvalidValue, match="two or more"):
        combining.join([first, note(5, Points(np.array([[1.0, 2]])))], SIZE)


def test_sets_of_pixels_are_combined_as_pictures_are() -> None:
    rng = np.random.default_rng(11)
    for n in range(300):
        size = tuple(rng.integers(1, 9, 2))
        a, b = (rng.random(size) < rng.random() for _ in range(2))
        if n % 3 == 0:  # one wholly before the other
            a[size[0] // 2 :], b[: size[0] // 2] = False, False
        one, other = Spans.of_array(a, -2, -1), Spans.of_array(b, -2, -1)
        for found, expected in (
            (one | other, a | b),
            (one & other, a & b),
            (one - other, a & ~b),
            (one ^ other, a ^ b),
        ):
            assert np.array_equal(found.edges, Spans.of_array(expected, -2, -1).edges)
            assert found.mask() == Mask.from_array(expected, -2, -1) or not expected.any()


def test_some_rows_of_a_set_are_replaced() -> None:
    rng = np.random.default_rng(12)
    bits, fresh = (rng.random((9, 12)) < 0.5 for _ in range(2))
    rows = Spans.of_array(fresh[3:6], 0, 3)
    fresh[:3], fresh[6:] = bits[:3], bits[6:]
    found = Spans.of_array(bits).with_rows(3, 6, rows)
    assert np.array_equal(found.raster(0, 0, 12, 9), fresh)
