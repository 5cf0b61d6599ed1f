"""Shapes turned, simplified, converted; vertices moved together; borders that are shared."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox
from pytestqt.qtbot import QtBot

from tests.gui.canvas_desk import SQUARE, Desk, make_desk, points_of
from tests.gui.conftest import Driver
from visionstudio.model.annotations import Flags
from visionstudio.model.shapes import Box, Ellipse, Points, Polygon, Polyline, RotatedBox, Shape
from visionstudio.ui.tools.vertices import turn_handle

SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
KEYS = Qt.Key
RIGHT_SQUARE = np.array([[200, 100], [300, 100], [300, 200], [200, 200.0]])


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    return make_desk(qtbot)


# -- turning


@pytest.mark.parametrize(
    "shape",
    [RotatedBox(300, 200, 120, 60, 0.0), Ellipse(300, 200, 60, 30), Polygon((SQUARE + 100,))],
    ids=lambda s: s.kind,
)
def test_a_handle_turns_the_shape(desk: Desk, shape: Shape) -> None:
    desk.put(shape)
    desk.canvas.set_selection({1})
    handle = turn_handle(shape, desk.canvas.view)
    assert handle is not None
    x, y = desk.canvas.view.to_image(*handle[1])
    desk.move(20, 20)  # the test before may have left the mouse there
    desk.move(x, y)
    assert "turn" in desk.canvas.current_hint
    cx, cy = (300, 200) if shape.kind != "polygon" else (250, 250)
    desk.drag((x, y), (cx + 40, cy - 40), (cx + (cy - y), cy))  # from above to the right
    after = desk.rows[1].shape
    assert after.kind == shape.kind
    quarter = (shape.points() - (cx, cy)) @ np.array([[0, 1], [-1, 0]]) + (cx, cy)
    assert after.points() == pytest.approx(quarter, abs=1.5)
    assert len(desk.edits) == 1


def test_keys_turn_and_a_held_key_is_one_edit(desk: Desk) -> None:
    desk.put(Box(100, 100, 200, 160), Polygon((SQUARE,)))
    desk.canvas.set_selection({1, 2})
    desk.key(KEYS.Key_X)
    assert len(desk.edits) == 1
    box = desk.rows[1].shape
    assert isinstance(box, RotatedBox)
    assert math.degrees(box.angle) == pytest.approx(1)
    for _ in range(3):
        QTest.keyPress(desk.canvas, KEYS.Key_Z, SHIFT)
    QTest.keyRelease(desk.canvas, KEYS.Key_Z, SHIFT)
    assert len(desk.edits) == 2
    box = desk.rows[1].shape
    assert isinstance(box, RotatedBox)
    assert math.degrees(box.angle) == pytest.approx(-29)
    assert desk.rows[2].shape.area() == pytest.approx(10_000)


def test_a_side_of_a_rotated_box(desk: Desk) -> None:
    desk.put(RotatedBox(300, 200, 100, 60, math.pi / 2))  # what was its right side is below
    desk.canvas.set_selection({1})
    desk.drag((300 + 15, 250), (315, 260), (315, 280))
    assert desk.rows[1].shape.bounds() == pytest.approx((270, 150, 330, 280), abs=0.6)


# -- vertices together


def test_vertices_chosen_by_a_rectangle_move_together(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)), Polygon((RIGHT_SQUARE + (100, 0),)))
    desk.canvas.set_tool("vertices")
    desk.drag((80, 80), (150, 90), (320, 120))  # the upper edges of both
    assert desk.canvas.selection == {1, 2}
    assert "3 vertices" in desk.canvas.current_hint
    desk.drag((100, 100), (100, 90), (110, 70))
    assert len(desk.edits) == 1
    assert points_of(desk.rows[1].shape) == [[110, 70], [210, 70], [200, 200], [100, 200]]
    assert points_of(desk.rows[2].shape)[0] == [310, 70]
    desk.key(KEYS.Key_Down, SHIFT)
    assert points_of(desk.rows[1].shape)[0] == [110, 80]
    desk.click(400, 200, SHIFT)
    assert "4 vertices" in desk.canvas.current_hint
    desk.key(KEYS.Key_Escape)
    desk.click(200, 200)
    desk.key(KEYS.Key_Delete)
    assert points_of(desk.rows[1].shape) == [[110, 80], [210, 80], [100, 200]]
    desk.key(KEYS.Key_Escape)
    assert desk.canvas.tool_name == "vertices"  # the window leaves it, not the tool


def test_new_vertices_on_edges_at_ends_and_in_sets(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)), Polyline([[300, 50], [400, 50]]), Points([[300, 300]]))
    desk.rows[4] = dataclasses.replace(desk.rows[1], id=4, shape=Polygon((RIGHT_SQUARE,)))
    desk.canvas.set_annotations(desk.rows.values(), ())
    desk.canvas.shared_borders = True
    desk.canvas.set_tool("vertices")
    desk.canvas.set_selection({1})
    desk.click(202, 130, CTRL)
    assert points_of(desk.rows[1].shape)[2] == [200, 130]
    assert [200, 130] in points_of(desk.rows[4].shape)
    desk.canvas.set_selection({2})
    desk.click(450, 80, CTRL)
    desk.click(250, 80, CTRL)
    assert points_of(desk.rows[2].shape) == [[250, 80], [300, 50], [400, 50], [450, 80]]
    desk.canvas.set_selection({3})
    desk.click(320, 320, CTRL)
    assert points_of(desk.rows[3].shape) == [[300, 300], [320, 320]]
    assert len(desk.edits) == 4


# -- shared borders


@pytest.mark.parametrize("together", [True, False])
def test_a_vertex_of_a_shared_border(desk: Desk, together: bool) -> None:
    desk.put(Polygon((SQUARE,)), Polygon((RIGHT_SQUARE,)), Box(200, 200, 300, 300))
    desk.canvas.shared_borders = together
    desk.canvas.set_selection({1})
    desk.drag((200, 200), (205, 210), (220, 230))
    assert len(desk.edits) == 1
    assert points_of(desk.rows[1].shape)[2] == [220, 230]
    if together:
        assert points_of(desk.rows[2].shape)[3] == [220, 230]
        assert desk.rows[3].shape == Box(220, 230, 300, 300)
        assert desk.rows[1].shape.points()[2].tolist() == desk.rows[2].shape.points()[3].tolist()
    else:
        assert points_of(desk.rows[2].shape)[3] == [200, 200]


def test_new_and_deleted_vertices_of_a_shared_border(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)), Polygon((RIGHT_SQUARE,)))
    desk.canvas.shared_borders = True
    desk.canvas.set_selection({1})
    desk.drag((200, 150), (210, 150), (230, 150))  # the middle of the edge between them
    assert [230, 150] in points_of(desk.rows[1].shape)
    assert points_of(desk.rows[2].shape)[-1] == [230, 150]
    assert desk.rows[1].shape.area() + desk.rows[2].shape.area() == pytest.approx(20_000)
    desk.move(230, 150)
    desk.key(KEYS.Key_Delete)
    assert desk.rows[1].shape == Polygon((SQUARE,))
    assert desk.rows[2].shape == Polygon((RIGHT_SQUARE,))
    assert len(desk.edits) == 2
    desk.canvas.set_tool("vertices")
    desk.drag((190, 80), (195, 150), (210, 220))
    desk.drag((200, 100), (205, 100), (240, 100))
    assert points_of(desk.rows[1].shape)[1:3] == [[240, 100], [240, 200]]
    assert desk.rows[1].shape.area() + desk.rows[2].shape.area() == pytest.approx(20_000)
    assert len(desk.edits) == 3


def test_locked_neighbours_stay(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)))
    desk.rows[2] = desk.rows[1].__class__(
        id=2, media_id=1, class_id=1, shape=Polygon((RIGHT_SQUARE,)), flags=Flags.LOCKED
    )
    desk.canvas.set_annotations(desk.rows.values(), ())
    desk.canvas.shared_borders = True
    desk.canvas.set_selection({1})
    desk.drag((200, 200), (205, 210), (220, 230))
    assert desk.rows[2].shape == Polygon((RIGHT_SQUARE,))


# -- dragging with snapping


def test_a_dragged_vertex_snaps_to_another_shape(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)), Polygon((RIGHT_SQUARE + (60, 40),)))
    desk.canvas.snapping = True
    desk.canvas.set_selection({1})
    desk.drag((200, 100), (230, 120), (257, 143))
    assert desk.rows[1].shape.points()[1].tolist() == [260, 140]


def test_a_moved_shape_snaps_by_its_corners(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)), Polygon((RIGHT_SQUARE + (60, 40),)))
    desk.canvas.snapping = True
    desk.canvas.set_selection({1})
    before = desk.rows[1].shape.points()
    # The corner at (200, 100) comes near the one at (260, 140).
    desk.drag((190, 110), (210, 120), (230, 140), (247, 152))
    assert (desk.rows[1].shape.points() - before).tolist() == [[60, 40]] * 4
    desk.canvas.snapping = False
    desk.drag((240, 160), (230, 150), (227, 149))
    assert (desk.rows[1].shape.points() - before).tolist() == [[47, 29]] * 4


# -- in the window: simplify, convert, one undo step


def test_simplify_shows_its_effect_and_is_one_step(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    circle = Polygon((Ellipse(80, 60, 40, 40).outline(300),))
    driver.session.new_annotation(circle)
    driver.saved()
    driver.key(KEYS.Key_S)
    assert driver.canvas.tool_name == "simplify"
    strip = driver.window.viewer.findChild(QAbstractSpinBox)
    assert strip is not None
    assert strip.isVisible()
    first = driver.canvas.current_hint
    assert first.startswith("300 points become ")
    for _ in range(20):
        driver.key(KEYS.Key_BracketRight)
    assert driver.canvas.current_hint != first
    assert driver.session.annotations[0].shape == circle
    driver.key(KEYS.Key_Return)
    driver.saved()
    assert driver.canvas.tool_name == "select"
    simple = driver.session.annotations[0].shape
    assert 3 <= len(simple.points()) < 30
    driver.key(KEYS.Key_Z, CTRL)
    driver.wait(lambda: driver.session.annotations[0].shape == circle)
    driver.key(KEYS.Key_S)
    driver.key(KEYS.Key_Escape)
    assert driver.canvas.tool_name == "select"
    title = driver.session.undo_title
    driver.key(KEYS.Key_S)
    driver.key(KEYS.Key_Z, CTRL)  # leaves the preview, and nothing more
    driver.saved()
    assert driver.canvas.tool_name == "select"
    assert driver.session.undo_title == title
    assert driver.session.annotations[0].shape == circle


def test_conversions_in_the_menu(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    for shape in (Ellipse(80, 60, 40, 20, 0.5), Polyline(SQUARE / 3), Points(SQUARE / 4)):
        driver.session.new_annotation(shape)
    driver.session.select(a.id for a in driver.session.annotations)
    run = lambda name: driver.window.actions_[name].trigger()  # noqa: E731
    kinds = lambda: [a.shape.kind for a in driver.session.annotations]  # noqa: E731
    driver.saved()
    run("shape.to_polygon")
    assert kinds() == ["polygon", "polygon", "points"]
    assert "1 of the selected" in driver.window.status.hint.text()
    run("shape.to_rotated_box")
    assert kinds() == ["rotated_box"] * 3
    driver.saved()
    run("edit.undo")
    driver.wait(lambda: kinds() == ["polygon", "polygon", "points"])
    run("shape.close_or_open")
    assert kinds() == ["polyline", "polyline", "points"]
    run("shape.reverse")
    assert driver.session.annotations[1].shape.points()[0].tolist() == (SQUARE / 3)[3].tolist()
    run("shape.to_box")
    assert kinds() == ["box"] * 3
    driver.saved()
    assert driver.session.undo_title == "Make boxes"


def test_switches_are_settings(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.key(KEYS.Key_S, SHIFT)
    driver.key(KEYS.Key_U, SHIFT)
    assert driver.canvas.snapping
    assert driver.canvas.shared_borders
    assert driver.window.settings.get("snapping") is True
    assert driver.window.actions_["shape.snapping"].isChecked()
    driver.key(KEYS.Key_S, SHIFT)
    assert not driver.canvas.snapping
