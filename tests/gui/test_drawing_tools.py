"""Drawing tools for vector shapes: by mouse, by keys alone, with snapping and following."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.canvas_desk import LEFT, SQUARE, Desk, make_desk, points_of
from tests.gui.conftest import Driver
from visionstudio.model.shapes import Ellipse, Points, Polygon, Polyline, RotatedBox, Skeleton
from visionstudio.ui.tools.trace import along

SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
RIGHT = Qt.MouseButton.RightButton
KEYS = Qt.Key


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    return make_desk(qtbot)


# -- rotated boxes


@pytest.mark.parametrize("dragged", [False, True])
def test_a_rotated_box_by_a_side_and_a_height(desk: Desk, dragged: bool) -> None:
    desk.canvas.set_tool("rotated_box")
    if dragged:
        desk.drag((100, 100), (160, 140), (200, 200))
    else:
        desk.click(100, 100)
        desk.click(200, 200)
    assert "opposite side" in desk.canvas.current_hint
    desk.click(150, 250)
    (box,) = desk.shapes
    assert isinstance(box, RotatedBox)
    assert box.width == pytest.approx(100 * math.sqrt(2), abs=1)
    assert box.height == pytest.approx(50 * math.sqrt(2), abs=1)
    assert math.degrees(box.angle) == pytest.approx(45, abs=0.5)
    assert points_of(box)[:2] == [[100, 100], [200, 200]]
    assert not desk.canvas.is_drawing


def test_a_rotated_box_taken_back_step_by_step(desk: Desk) -> None:
    desk.canvas.set_tool("rotated_box")
    desk.click(100, 100)
    desk.click(200, 100)
    desk.key(KEYS.Key_Backspace)
    desk.move(180, 150)
    QTest.mouseClick(desk.canvas.viewport(), LEFT, SHIFT, desk.at(180, 132))  # held to 15° steps
    desk.click(180, 220)
    (box,) = desk.shapes
    assert isinstance(box, RotatedBox)
    assert math.degrees(box.angle) == pytest.approx(15 * round(math.degrees(box.angle) / 15))
    desk.click(300, 300)
    desk.click(400, 300)
    desk.click(350, 301)
    assert len(desk.shapes) == 1
    assert desk.canvas.is_drawing  # too flat: go on
    desk.key(KEYS.Key_Escape)
    assert not desk.canvas.is_drawing


# -- ellipses


def test_an_ellipse_and_a_circle(desk: Desk) -> None:
    desk.canvas.set_tool("ellipse")
    desk.drag((100, 100), (150, 120), (200, 160))
    assert desk.shapes == [Ellipse(150, 130, 50, 30)]
    desk.click(300, 100)
    QTest.mouseMove(desk.canvas.viewport(), desk.at(360, 140))
    desk.click(360, 140, SHIFT)
    assert desk.shapes[1] == Ellipse(330, 130, 30, 30)
    desk.canvas.tool.set_option("from_centre", True)
    desk.drag((300, 300), (320, 310), (340, 320))
    assert desk.shapes[2] == Ellipse(300, 300, 40, 20)


# -- polylines and points


def test_a_polyline_by_clicks_and_free_hand(desk: Desk) -> None:
    desk.canvas.set_tool("polyline")
    desk.click(50, 50)
    desk.click(100, 50)
    desk.drag((150, 50), *[(150 + n, 50 + n) for n in range(5, 101, 5)])
    desk.key(KEYS.Key_Return)
    (line,) = desk.shapes
    assert isinstance(line, Polyline)
    # A straight stroke of 20 samples is kept as its two ends.
    assert points_of(line) == [[50, 50], [100, 50], [150, 50], [250, 150]]


def test_points_one_by_one_and_in_sets(desk: Desk) -> None:
    desk.canvas.set_tool("points")
    desk.click(50, 60)
    desk.click(90, 60)
    assert [points_of(s) for s in desk.shapes] == [[[50, 60]], [[90, 60]]]
    desk.canvas.tool.set_option("together", True)
    for x in (100, 140, 180):
        desk.click(x, 200)
    QTest.mouseClick(desk.canvas.viewport(), RIGHT, pos=desk.at(180, 200))
    desk.key(KEYS.Key_Return)
    assert isinstance(desk.shapes[2], Points)
    assert points_of(desk.shapes[2]) == [[100, 200], [140, 200]]


# -- polygons


def test_a_polygon_drawn_free_hand_closes_where_it_began(desk: Desk) -> None:
    desk.canvas.set_tool("polygon")
    circle = Ellipse(300, 200, 80, 80).outline(90)
    desk.drag((380, 200), *[(x, y) for x, y in circle[1:]], (380, 199))
    (polygon,) = desk.shapes
    assert polygon.area() == pytest.approx(math.pi * 80**2, rel=0.02)
    assert 12 < len(polygon.points()) < 60


def test_steps_back_and_forth_in_a_drawing(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    driver.saved()
    driver.key(KEYS.Key_P)
    for point in ((20, 20), (60, 20), (60, 60)):
        driver.click(*point)
    driver.drag((40, 90), (10, 60))
    tool = driver.canvas.tool
    shape = lambda: [[round(v) for v in p] for p in tool.unfinished()["points"]]  # type: ignore[index] # noqa: E731
    assert shape() == [[20, 20], [60, 20], [60, 60], [40, 90], [10, 60]]
    driver.key(KEYS.Key_Z, CTRL)  # the stroke
    driver.key(KEYS.Key_Z, CTRL)  # the point it began at
    assert shape() == [[20, 20], [60, 20], [60, 60]]
    driver.key(KEYS.Key_Backspace)
    driver.key(KEYS.Key_Z, CTRL | SHIFT)
    assert shape() == [[20, 20], [60, 20], [60, 60]]
    driver.key(KEYS.Key_Z, CTRL | SHIFT)
    driver.key(KEYS.Key_Z, CTRL | SHIFT)
    assert len(shape()) == 5
    for _ in range(5):
        driver.key(KEYS.Key_Z, CTRL)
    assert not driver.canvas.is_drawing
    assert driver.session.undo_title is not None
    driver.key(KEYS.Key_Z, CTRL | SHIFT)  # what was taken back last comes back first
    assert shape() == [[20, 20]]
    driver.click(60, 20)
    driver.click(60, 60)
    driver.key(KEYS.Key_Return)
    driver.saved()
    assert driver.count() == 1
    driver.key(KEYS.Key_Z, CTRL)  # now the whole polygon
    driver.wait(lambda: driver.count() == 0)
    driver.click(60, 60)
    driver.key(KEYS.Key_Z, CTRL)
    driver.key(KEYS.Key_Z, CTRL)  # something else: the point does not come back before that
    driver.wait(lambda: not driver.session.classes)
    driver.key(KEYS.Key_Z, CTRL | SHIFT)
    driver.wait(lambda: bool(driver.session.classes))
    assert not driver.canvas.is_drawing


# -- keys alone


def test_every_shape_can_be_drawn_with_keys_alone(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    driver.window.viewer.focus_canvas()
    arrows = {"r": KEYS.Key_Right, "d": KEYS.Key_Down, "l": KEYS.Key_Left, "u": KEYS.Key_Up}

    def walk(way: str) -> None:
        """r d l u: ten pixels; a capital one; . clicks."""
        for step in way:
            if step == ".":
                driver.key(KEYS.Key_Return)
            else:
                driver.key(arrows[step.lower()], None if step.isupper() else SHIFT)

    for keys, way, kind in (
        ((KEYS.Key_W,), ".rrddR.", "box"),
        ((KEYS.Key_R, SHIFT), ".rr.dd.", "rotated_box"),
        ((KEYS.Key_O,), ".rrdd.", "ellipse"),
        ((KEYS.Key_P,), ".rr.dd.ll..", "polygon"),
        ((KEYS.Key_L,), ".rr.uu..", "polyline"),
        ((KEYS.Key_I,), "r.", "points"),
    ):
        driver.key(*keys)
        before = driver.count()
        walk(way if kind == "points" else "lR" + way)
        assert driver.count() == before + 1, kind
        assert driver.session.annotations[-1].shape.kind == kind
    driver.saved()
    box = driver.session.annotations[0].shape
    assert (box.width, box.height) == (21, 20)
    polygon = driver.session.annotations[3].shape
    assert polygon.area() == 400


# -- how points look


def test_a_hidden_keypoint_is_a_ring(desk: Desk, qtbot: QtBot) -> None:
    desk.put(Skeleton([[100, 100], [200, 100], [300, 100]], (2, 1, 0)))
    qtbot.waitUntil(lambda: desk.canvas.settled)
    picture = desk.canvas.viewport().grab().toImage()
    middle, beside = (
        [picture.pixelColor(desk.at(x + dx, 100)).name() for x in (100, 200, 300)] for dx in (0, 2)
    )
    orange, dark, grey = "#e69f00", "#161616", "#5a5a5a"
    assert middle == [orange, dark, grey]
    assert beside[:2] == [orange, orange]


# -- snapping


def test_snapping_shows_where_a_click_goes(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)))
    desk.canvas.snapping = True
    desk.canvas.set_tool("polyline")
    desk.click(204, 97)  # a corner
    desk.click(150, 104)  # an edge
    desk.click(303, 3)  # the border of the picture
    desk.click(206, 206, CTRL)  # off for a moment
    desk.key(KEYS.Key_Return)
    corner, edge, border, free = points_of(desk.shapes[0])
    assert (corner, edge, border, free) == ([200, 100], [150, 100], [303, 0], [206, 206])
    exact = desk.shapes[0].points()
    assert exact[0].tolist() == [200, 100]
    desk.canvas.snapping = False
    desk.click(204, 97)
    desk.click(150, 104, CTRL)  # on for a moment
    desk.key(KEYS.Key_Return)
    assert points_of(desk.shapes[1]) == [[204, 97], [150, 100]]


def test_a_polygon_follows_the_border_of_its_neighbour(desk: Desk) -> None:
    octagon = Ellipse(200, 200, 60, 60).outline(8)
    desk.put(Polygon((octagon,)))
    desk.canvas.snapping = True
    desk.canvas.set_tool("polygon")
    for longer in (False, True):
        desk.click(*octagon[0])
        desk.move(*octagon[3])
        assert "follow" in desk.canvas.current_hint
        if longer:
            desk.key(KEYS.Key_F)
        desk.click(*octagon[3])
        desk.click(400, 320)
        desk.key(KEYS.Key_Return)
    short, long = (s.points() for s in desk.shapes)
    assert short[:4].tolist() == octagon[:4].tolist()
    assert len(short) == 5
    assert long[:6].tolist() == octagon[[0, 7, 6, 5, 4, 3]].tolist()
    desk.click(*octagon[0])
    desk.click(*octagon[3], SHIFT)  # straight
    desk.click(400, 320)
    desk.key(KEYS.Key_Return)
    assert len(desk.shapes[2].points()) == 3


def test_ways_along_a_border() -> None:
    square = Polygon((SQUARE,))
    assert along(square, (150, 100), (100, 150)) == [(100, 100)]
    assert along(square, (100, 150), (150, 100)) == [(100, 100)]
    way = along(square, (150, 100), (100, 150), longer=True)
    assert way == [(200, 100), (200, 200), (100, 200)]
    assert along(square, (100, 100), (200, 100)) == []
    assert along(square, (110, 100), (190, 100)) == []
    assert along(Polyline(SQUARE), (200, 200), (100, 100)) == [(200, 100)]
    assert along(square, (0, 0), (200, 200)) == []
