"""Columns, hits and drawing helpers against slow but obvious versions of themselves."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
)
from visionstudio.ui.canvas.bulk import dashes, spread
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.columns import Columns
from visionstudio.ui.canvas.hit import hit, inside_region
from visionstudio.ui.canvas.masks import border_of, halo_of, rim_of
from visionstudio.ui.canvas.outline import outline
from visionstudio.ui.canvas.view import View
from visionstudio.ui.tools.vertices import (
    Grip,
    dragged,
    find_grip,
    held_inside,
    middles,
    without_vertex,
)

CLASSES = tuple(
    LabelClass(id=n, name=f"c{n}", colour=c) for n, c in ((1, "#ff0000"), (2, "#0072b2"))
)


def some_shape(rng: np.random.Generator, kind: int) -> Shape:
    x, y = rng.uniform(60, 340, 2).tolist()
    w, h = rng.uniform(8, 50, 2).tolist()
    match kind % 7:
        case 0:
            return Box(x, y, x + w, y + h)
        case 1:
            return RotatedBox(x, y, w, h, float(rng.uniform(0, 3)))
        case 2:
            turn = np.sort(rng.uniform(0, 2 * np.pi, 9))
            ring = np.stack([x + w * np.cos(turn), y + h * np.sin(turn)], axis=1)
            return Polygon((ring,))
        case 3:
            return Ellipse(x, y, w, h, float(rng.uniform(0, 3)))
        case 4:
            return Mask.from_array(rng.random((int(h), int(w))) > 0.05, int(x), int(y))
        case 5:
            return Polyline(rng.uniform(50, 350, (4, 2)))
    return Points(rng.uniform(50, 350, (3, 2)))


def rows_of(count: int, seed: int = 0) -> list[Annotation]:
    rng = np.random.default_rng(seed)
    return [
        Annotation(
            id=n + 1,
            media_id=1,
            class_id=n % 2 + 1,
            shape=some_shape(rng, n),
            state=State.PROPOSED if n % 5 == 0 else State.EDITED,
            score=float(rng.uniform()) if n % 5 == 0 else None,
        )
        for n in range(count)
    ]


def test_boxes_are_the_bounds_of_the_shapes() -> None:
    columns, rows = Columns(), rows_of(140)
    columns.put(rows)
    bounds = np.array([a.shape.bounds() for a in rows])
    assert columns.boxes[: columns.count] == pytest.approx(bounds, abs=1e-3)


def test_inside_agrees_with_the_shapes_themselves() -> None:
    rng = np.random.default_rng(3)
    for annotation in rows_of(35, seed=2):
        columns = Columns()
        columns.put([annotation])
        x1, y1, x2, y2 = annotation.shape.bounds()
        for x, y in rng.uniform((x1, y1), (x2 + 0.1, y2 + 0.1), (40, 2)).tolist():
            found = hit(columns, x, y, 1e-6) is not None
            if isinstance(annotation.shape, Ellipse):
                near = Ellipse(*[getattr(annotation.shape, k) for k in ("cx", "cy")],
                               annotation.shape.rx * 0.99, annotation.shape.ry * 0.99,
                               annotation.shape.angle)  # fmt: skip
                assert found or not near.contains(x, y)
                assert not found or annotation.shape.contains(x, y)
            else:
                assert found == annotation.shape.contains(x, y)


def test_replacing_and_removing_keep_the_rest() -> None:
    columns, rows = Columns(), rows_of(300)
    columns.put(rows)
    fresh = rows_of(300, seed=9)[:100]
    columns.put(fresh)
    columns.remove(range(201, 301))
    for _ in range(40):  # growing outlines leave holes that are squeezed out
        size = int(np.random.default_rng(0).integers(500, 900))
        ring = np.random.default_rng(1).uniform(0, 100, (size, 2))
        columns.put([Annotation(id=1, media_id=1, class_id=1, shape=Polygon((ring,)))])
        columns.remove([1])
        columns.squeeze()
    assert columns.point_count < 60_000
    expected = {a.id: a for a in [*rows[100:200], *fresh[1:]]}
    assert {i: columns.get(i) for i in columns.ids(np.arange(columns.count))} == expected
    for annotation in expected.values():
        row = columns.row_of[annotation.id]
        assert columns.boxes[row] == pytest.approx(annotation.shape.bounds(), abs=1e-3)


def test_regions_hold_what_lies_wholly_in_them() -> None:
    columns, rows = Columns(), rows_of(140)
    columns.put(rows)
    region = (100.0, 100.0, 250.0, 250.0)
    expected = {
        a.id
        for a in rows
        if a.shape.bounds()[0] >= 100
        and a.shape.bounds()[1] >= 100
        and a.shape.bounds()[2] <= 250
        and a.shape.bounds()[3] <= 250
    }
    assert set(columns.ids(inside_region(columns, region))) == expected
    assert expected


def test_edges_of_a_bitmap_enclose_exactly_its_pixels() -> None:
    bits = np.random.default_rng(5).random((20, 30)) > 0.5
    x1, y1, x2, y2 = border_of(bits.astype(np.uint8)).T
    upright = x1 == x2
    for row in range(20):
        for column in range(30):
            y = row + 0.5
            left = upright & (x1 <= column) & (y1 < y) & (y2 > y)
            assert np.count_nonzero(left) % 2 == bits[row, column]


def test_dashes_run_on_around_corners() -> None:
    path = np.array([[0, 0, 7, 0], [7, 0, 7, 8], [7, 8, 0, 8.0]])
    cut = dashes(path, 6, 4)
    lengths = np.hypot(cut[:, 2] - cut[:, 0], cut[:, 3] - cut[:, 1])
    assert lengths.sum() == pytest.approx(6 + 6 + 2)
    assert cut[0].tolist() == [0, 0, 6, 0]
    assert cut[1].tolist() == [7, 3, 7, 8]


def test_dashes_of_a_shape_do_not_depend_on_the_others() -> None:
    lines = np.array([[0, 0, 9, 0], [0, 5, 9, 5], [9, 5, 9, 9.0]])
    together = dashes(lines, 6, 4, np.array([0, 1, 1]))
    apart = np.concatenate([dashes(lines[:1], 6, 4), dashes(lines[1:], 6, 4)])
    assert together == pytest.approx(apart)


def pixels(canvas: Canvas) -> np.ndarray:
    image = canvas.viewport().grab().toImage()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[:, :, :3].astype(int)


def test_tiles_after_many_changes_equal_tiles_drawn_anew(qtbot: QtBot) -> None:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(500, 500)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.set_image(np.full((400, 400, 3), 100, np.uint8))
    canvas.set_zoom(1.3)
    canvas.set_annotations(rows_of(120), CLASSES)
    qtbot.waitUntil(lambda: canvas.settled)
    moved = rows_of(120, seed=4)
    for n in range(0, 100, 9):
        canvas.update_annotations(moved[n : n + 5], [n + 8])
        canvas.set_threshold(n / 150)
        qtbot.waitUntil(lambda: canvas.settled)
    changed = pixels(canvas)
    canvas._scene.sheet.reset()
    canvas._slices.start()
    qtbot.waitUntil(lambda: canvas.settled)
    away = np.abs(pixels(canvas) - changed).max(axis=2)
    # Qt rounds the soft edge of a line a little differently where it is clipped.
    assert away.max() <= 80
    assert np.count_nonzero(away) < 1000


# -- what can be grabbed

VIEW = View(width=400, height=400, view_width=400, view_height=400)


def test_vertices_go_before_sides() -> None:
    box = Box(100, 100, 200, 200)
    assert find_grip(box, VIEW, 103, 98) == Grip("vertex", 0)
    assert find_grip(box, VIEW, 150, 102) == Grip("side", 0)
    assert find_grip(box, VIEW, 150, 150) is None


def test_a_side_dragged_past_the_other_turns_the_box_over() -> None:
    assert dragged(Box(100, 100, 200, 200), Grip("side", 1), 50, 0) == Box(50, 100, 100, 200)


def test_a_hole_goes_with_its_third_vertex() -> None:
    outer = np.array([[0, 0], [9, 0], [9, 9], [0, 9.0]])
    hole = np.array([[1, 1], [3, 1], [1, 3.0]])
    assert without_vertex(Polygon((outer, hole)), 5) == Polygon((outer,))
    assert without_vertex(Polygon((hole,)), 0) is None


def test_a_move_stops_at_the_edge_of_the_picture() -> None:
    assert held_inside((10, 20, 50, 60), -30, 500, VIEW) == (-10, 340)
    # What was outside already may come in, but is not forced to.
    assert held_inside((-20, 0, 50, 60), -5, 0, VIEW) == (0, 0)


def test_zooming_out_and_in_returns_to_the_point() -> None:
    view = View(width=4000, height=3000, view_width=800, view_height=600).fitted()
    closer = view.zoomed(2.0, 400, 300)
    x, y = view.to_image(400, 300)
    assert closer.to_image(400, 300) == pytest.approx((x, y), abs=0.5)
    assert closer.resized(1600, 1200, 2.0).to_image(400, 300) == pytest.approx((x, y), abs=0.5)


def unit_lines(lines: np.ndarray) -> set[tuple[str, int, int]]:  # type: ignore[type-arg]
    """Level and upright lines cut at every whole number."""
    found = set()
    for x1, y1, x2, y2 in lines.astype(int).tolist():
        found |= {("level", x, y1) for x in range(min(x1, x2), max(x1, x2))}
        found |= {("upright", x1, y) for y in range(min(y1, y2), max(y1, y2))}
    return found


def unit_border(bits: np.ndarray) -> set[tuple[str, int, int]]:  # type: ignore[type-arg]
    """Between which pixels and their neighbours, or what is beside the picture, it changes."""
    inside = {(int(x), int(y)) for y, x in np.argwhere(bits)}
    return {
        line
        for x, y in inside
        for line, beside in (
            (("level", x, y), (x, y - 1)),
            (("level", x, y + 1), (x, y + 1)),
            (("upright", x, y), (x - 1, y)),
            (("upright", x + 1, y), (x + 1, y)),
        )
        if beside not in inside
    }


def test_the_border_of_a_picture_lies_where_pixels_differ() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        bits = (rng.random(rng.integers(1, 12, 2)) < rng.random()).astype(np.uint8)
        lines = border_of(bits)
        assert unit_lines(lines) == unit_border(bits)
        assert ((lines[:, 0] == lines[:, 2]) ^ (lines[:, 1] == lines[:, 3])).all()


def test_the_rim_of_a_dense_mask_and_its_halo() -> None:
    rng = np.random.default_rng(6)
    bits = (rng.random((15, 20)) < 0.6).astype(np.uint8)
    rim, halo = rim_of(bits), halo_of(rim_of(bits))
    for y in range(15):
        for x in range(20):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            known = [bits[v, u] for v, u in beside if 0 <= v < 15 and 0 <= u < 20]
            assert rim[y, x] == (bits[y, x] and not all(known))
            around = rim[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            assert halo[y, x] == around.any()


def test_many_rings_at_once_as_one_by_one() -> None:
    rng = np.random.default_rng(4)
    rings = tuple(rng.uniform(0, 400, (n, 2)) for n in (3, 7, 4))
    shape = Polygon(rings)
    assert shape.bounds() == Polygon((np.concatenate(rings),)).bounds()
    line = outline(shape)
    expected = {
        (tuple(a), tuple(b))
        for r in rings
        for a, b in zip(r.tolist(), np.roll(r, -1, axis=0).tolist(), strict=True)
    }
    drawn = zip(line.points.tolist(), line.points[line.following].tolist(), strict=True)
    assert {(tuple(a), tuple(b)) for a, b in drawn} == expected
    view = View().resized(800, 800, 1.0)
    halfway = {tuple((np.array(a) + b) / 2) for a, b in expected}
    assert {tuple(m) for m in middles(shape, view)[0].tolist()} <= halfway
    columns = Columns()
    shapes: tuple[Shape, ...] = (shape, Box(1, 2, 30, 40))
    rows = [Annotation(id=n, media_id=1, class_id=1, shape=s) for n, s in enumerate(shapes, 1)]
    columns.put(rows)
    both, owner = columns.segments(np.array([0, 1]))
    for row in (0, 1):
        alone, its = columns.segments(np.array([row]))
        np.testing.assert_array_equal(alone, both[owner == row])
        assert not its.any()


@pytest.mark.parametrize("wide", [200.0, 1e7])  # with a place for every square, and by sorting
def test_very_many_points_are_spread(wide: float) -> None:
    points = np.random.default_rng(5).uniform(-wide, wide, (5_000, 2))
    kept: dict[tuple[int, ...], list[float]] = {}
    for point in points.tolist():
        kept.setdefault(tuple(int(v // 4) for v in point), point)
    np.testing.assert_array_equal(spread(points, 4.0), list(kept.values()))
