"""Tools with real mouse and key events on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from tests.gui.canvas_desk import LEFT, SQUARE, Desk, make_desk, points_of
from visionstudio.model.annotations import Flags
from visionstudio.model.shapes import Box, Ellipse, Polygon, Polyline, Shape
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.tools import TOOLS
from visionstudio.ui.tools.adjust import AdjustTool


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    return make_desk(qtbot)


# -- box


def test_a_box_by_dragging(desk: Desk) -> None:
    desk.canvas.set_tool("box")
    desk.drag((50, 60), (100, 100), (150, 160))
    assert desk.shapes == [Box(50, 60, 150, 160)]


def test_a_box_by_two_clicks(desk: Desk) -> None:
    desk.canvas.set_tool("box")
    desk.click(50, 60)
    assert desk.canvas.is_drawing
    desk.click(150, 160)
    assert desk.shapes == [Box(50, 60, 150, 160)]
    assert not desk.canvas.is_drawing


def test_a_box_is_clipped_to_the_picture(desk: Desk) -> None:
    desk.canvas.set_tool("box")
    desk.drag((550, 350), (620, 420))
    assert desk.shapes == [Box(550, 350, 600, 400)]


def test_a_slip_of_the_hand_is_no_box(desk: Desk) -> None:
    desk.canvas.set_tool("box")
    desk.drag((50, 60), (120, 61))
    assert desk.shapes == []
    assert "Too small" in desk.canvas.current_hint


def test_escape_drops_a_box_and_then_leaves_the_key_to_the_window(desk: Desk) -> None:
    desk.canvas.set_tool("box")
    desk.press(50, 60)
    desk.move(100, 100)
    desk.key(Qt.Key.Key_Escape)
    desk.release(100, 100)
    assert desk.shapes == []
    assert not desk.canvas.cancel()


def test_a_region_is_not_a_shape(desk: Desk) -> None:
    desk.canvas.set_tool("region")
    desk.drag((50, 60), (150, 160))
    assert desk.shapes == []
    assert desk.regions == [Box(50, 60, 150, 160)]


def test_nothing_is_drawn_in_a_project_that_is_only_read(desk: Desk) -> None:
    desk.canvas.set_editable(False)
    for tool in ("box", "polygon"):
        desk.canvas.set_tool(tool)
        desk.drag((50, 60), (150, 160))
        assert not desk.canvas.is_drawing
    assert desk.shapes == []


# -- polygon


def test_a_polygon_closed_on_its_first_point(desk: Desk) -> None:
    desk.canvas.set_tool("polygon")
    for point in ((100, 100), (200, 100), (200, 200)):
        desk.click(*point)
    desk.move(102, 101)
    assert "close" in desk.canvas.current_hint
    desk.click(102, 101)
    assert points_of(desk.shapes[0]) == [[100, 100], [200, 100], [200, 200]]


def test_a_polygon_closed_by_enter_and_by_double_click(desk: Desk) -> None:
    desk.canvas.set_tool("polygon")
    for point in ((100, 100), (200, 100), (200, 200)):
        desk.click(*point)
    desk.key(Qt.Key.Key_Return)
    for point in ((300, 100), (400, 100)):
        desk.click(*point)
    desk.click(400, 200)
    QTest.mouseDClick(desk.canvas.viewport(), LEFT, pos=desk.at(400, 200))
    assert [len(s.points()) for s in desk.shapes] == [3, 3]
    assert points_of(desk.shapes[1])[-1] == [400, 200]


def test_backspace_takes_points_back_and_escape_all(desk: Desk) -> None:
    desk.canvas.set_tool("polygon")
    for point in ((100, 100), (200, 100), (250, 150), (200, 200)):
        desk.click(*point)
    desk.key(Qt.Key.Key_Backspace)
    desk.click(100, 200)
    desk.key(Qt.Key.Key_Return)
    assert points_of(desk.shapes[0]) == [[100, 100], [200, 100], [250, 150], [100, 200]]
    desk.click(300, 300)
    desk.key(Qt.Key.Key_Escape)
    assert not desk.canvas.is_drawing
    assert len(desk.shapes) == 1


def test_two_points_are_no_polygon_yet(desk: Desk) -> None:
    desk.canvas.set_tool("polygon")
    desk.click(100, 100)
    desk.click(200, 100)
    desk.key(Qt.Key.Key_Return)
    assert desk.shapes == []
    assert desk.canvas.is_drawing


# -- select and edit


def test_click_selects_shift_adds_and_an_empty_place_clears(desk: Desk) -> None:
    desk.put(Box(50, 50, 150, 150), Box(250, 50, 350, 150))
    desk.click(100, 100)
    assert desk.canvas.selection == {1}
    desk.click(300, 100, Qt.KeyboardModifier.ShiftModifier)
    assert desk.canvas.selection == {1, 2}
    desk.click(500, 300)
    assert desk.canvas.selection == frozenset()


def test_a_rubber_band_selects_what_lies_inside(desk: Desk) -> None:
    desk.put(Box(50, 50, 150, 150), Box(250, 50, 350, 150), Box(450, 50, 550, 150))
    desk.drag((30, 30), (200, 100), (380, 200))
    assert desk.canvas.selection == {1, 2}


def test_hover_is_told_once_per_object(desk: Desk) -> None:
    desk.put(Box(50, 50, 150, 150))
    told: list[int | None] = []
    desk.canvas.hovered.connect(told.append)
    for x in (300, 100, 110, 300):
        desk.move(x, 100)
    assert told == [1, None]


def test_moving_is_one_edit_and_stays_in_the_picture(desk: Desk) -> None:
    desk.put(Box(50, 50, 150, 150), Box(250, 50, 350, 150))
    desk.canvas.set_selection({1, 2})
    desk.drag((100, 100), (90, 110), (80, 120))
    assert desk.edits == [{1: Box(30, 70, 130, 170), 2: Box(230, 70, 330, 170)}]
    desk.drag((100, 100), (-200, 100))
    assert desk.edits[1][1].bounds()[0] == 0
    assert desk.edits[1][2].bounds()[0] == 200


def test_a_corner_of_a_box_and_a_side(desk: Desk) -> None:
    desk.put(Box(100, 100, 200, 200))
    desk.canvas.set_selection({1})
    desk.move(200, 200)
    assert "vertex" in desk.canvas.current_hint  # shown before the click
    desk.drag((200, 200), (220, 230), (240, 260))
    assert desk.rows[1].shape == Box(100, 100, 240, 260)
    desk.drag((100, 180), (80, 190), (70, 150))
    assert desk.rows[1].shape == Box(70, 100, 240, 260)


def test_a_vertex_of_a_polygon_without_selecting_it_first(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)))
    desk.drag((200, 200), (220, 220), (250, 240))
    assert points_of(desk.rows[1].shape)[2] == [250, 240]
    assert desk.canvas.selection == {1}
    assert len(desk.edits) == 1


def test_dragging_an_edge_adds_a_vertex_and_alt_click_deletes_one(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)))
    desk.canvas.set_selection({1})
    desk.drag((150, 100), (150, 80), (150, 60))
    expected = [[100, 100], [150, 60], [200, 100], [200, 200], [100, 200]]
    assert points_of(desk.rows[1].shape) == expected
    desk.click(150, 60, Qt.KeyboardModifier.AltModifier)
    assert points_of(desk.rows[1].shape) == SQUARE.tolist()


def test_delete_on_a_vertex_leaves_three(desk: Desk) -> None:
    desk.put(Polygon((SQUARE,)))
    desk.canvas.set_selection({1})
    for point in ((200, 200), (100, 200)):
        desk.move(300, 300)
        desk.move(*point)
        desk.key(Qt.Key.Key_Delete)
    assert len(desk.edits) == 1
    assert points_of(desk.rows[1].shape) == [[100, 100], [200, 100], [100, 200]]


@pytest.mark.parametrize(
    ("shape", "grip", "to"),
    [
        (Polyline(np.array([[100, 100], [200.0, 150]])), (200, 150), (260, 180)),
        (Ellipse(300, 200, 80, 40), (380, 200), (400, 200)),
    ],
)
def test_other_shapes_are_edited_through_their_points(
    desk: Desk, shape: Shape, grip: tuple[int, int], to: tuple[int, int]
) -> None:
    desk.put(shape)
    desk.canvas.set_selection({1})
    desk.drag(grip, ((grip[0] + to[0]) / 2, (grip[1] + to[1]) / 2), to)
    assert np.hypot(*(desk.rows[1].shape.points() - to).T).min() < 1


def test_escape_takes_a_drag_back(desk: Desk) -> None:
    desk.put(Box(100, 100, 200, 200))
    desk.press(150, 150)
    desk.move(200, 200)
    desk.key(Qt.Key.Key_Escape)
    desk.release(200, 200)
    assert desk.edits == []
    assert desk.canvas.hit_at(110, 150) == 1


def test_arrows_nudge_by_one_or_ten(desk: Desk) -> None:
    desk.put(Box(100, 100, 200, 200))
    desk.canvas.set_selection({1})
    desk.key(Qt.Key.Key_Right)
    desk.key(Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert desk.edits == [{1: Box(101, 100, 201, 200)}, {1: Box(101, 90, 201, 190)}]


def test_a_held_arrow_is_one_edit(desk: Desk) -> None:
    desk.put(Box(100, 100, 200, 200))
    desk.canvas.set_selection({1})
    for _ in range(5):
        QTest.keyPress(desk.canvas, Qt.Key.Key_Down)
    QTest.keyRelease(desk.canvas, Qt.Key.Key_Down)
    assert desk.edits == [{1: Box(100, 105, 200, 205)}]


def test_locked_shapes_can_be_selected_but_not_changed(desk: Desk) -> None:
    desk.put(Box(100, 100, 200, 200), flags=Flags.LOCKED)
    desk.drag((150, 150), (200, 200))
    desk.key(Qt.Key.Key_Right)
    assert desk.canvas.selection == {1}
    assert desk.edits == []


def test_double_click_zooms_to_the_object(desk: Desk) -> None:
    desk.put(Box(100, 100, 140, 140))
    zoom = desk.canvas.zoom
    QTest.mouseDClick(desk.canvas.viewport(), LEFT, pos=desk.at(120, 120))
    assert desk.canvas.zoom > 2 * zoom
    x, y = desk.canvas.view.to_widget(120, 120)
    port = desk.canvas.viewport()
    assert (x, y) == pytest.approx((port.width() / 2, port.height() / 2), abs=2)


# -- keys shared with the window


def test_keys_of_a_drawing_go_before_the_windows_shortcuts(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    canvas = Canvas()
    window.setCentralWidget(canvas)
    window.resize(700, 500)
    pressed: list[str] = []
    for key in ("Return", "Backspace", "Space", "Del"):
        action = QAction(key, window)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _=False, key=key: pressed.append(key))
        window.addAction(action)
    window.show()
    qtbot.waitActive(window)
    canvas.set_image(np.full((400, 600, 3), 90, np.uint8))
    canvas.setFocus()
    desk = Desk(canvas)
    canvas.set_tool("polygon")
    for point in ((100, 100), (200, 100), (200, 200), (100, 200)):
        desk.click(*point)
    desk.key(Qt.Key.Key_Backspace)
    desk.key(Qt.Key.Key_Return)
    desk.key(Qt.Key.Key_Space)
    assert pressed == []
    assert len(desk.shapes) == 1
    desk.key(Qt.Key.Key_Return)
    desk.key(Qt.Key.Key_Delete)
    assert pressed == ["Return", "Del"]


def test_every_tool_says_what_the_next_click_does(desk: Desk) -> None:
    hints: list[str] = []
    for name, tool in TOOLS.items():
        desk.canvas.set_tool(name)
        assert desk.canvas.tool_name == name
        assert desk.canvas.current_hint
        # Those that change what is selected say the same while nothing is.
        if not issubclass(tool, AdjustTool):
            hints.append(desk.canvas.current_hint)
    assert len(set(hints)) == len(hints) > 12
