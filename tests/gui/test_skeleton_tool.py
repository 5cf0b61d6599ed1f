"""Skeletons in the window: define, draw by mouse and keys, hide and take away points."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLineEdit, QPushButton, QToolButton

from tests.gui.conftest import Driver
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Skeleton
from visionstudio.session.skeletons import PERSON
from visionstudio.ui.dialogs.skeleton import SkeletonDialog

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
KEYS = Qt.Key
SPEC = SkeletonSpec(
    ("head", "left hand", "right hand", "foot"), ((0, 1), (0, 2), (0, 3)), ((1, 2),)
)


@pytest.fixture
def person(driver: Driver, pictures: Path) -> Driver:
    driver.open(pictures)
    one = driver.session.add_class("person")
    driver.session.change_skeleton(one.id, SPEC, [None] * 4)
    driver.wait(lambda: driver.session.classes[0].skeleton is not None)
    driver.window.viewer.focus_canvas()
    return driver


def right_click(driver: Driver, x: float, y: float) -> None:
    QTest.mouseMove(driver.canvas.viewport(), driver.at(x, y))
    QTest.mouseClick(driver.canvas.viewport(), RIGHT, pos=driver.at(x, y))


def only(driver: Driver) -> Skeleton:
    (annotation,) = driver.session.annotations
    assert isinstance(annotation.shape, Skeleton)
    return annotation.shape


def points(shape: Skeleton) -> list[list[int]]:
    return [[round(v) for v in p] for p in shape.points()]


def test_draw_point_after_point(person: Driver) -> None:
    person.key(KEYS.Key_Y)
    assert "1/4 head" in person.canvas.current_hint
    person.click(80, 20)
    assert "2/4 left hand" in person.canvas.current_hint
    person.click(60, 50)
    person.key(KEYS.Key_Backspace)
    assert "2/4 left hand" in person.canvas.current_hint
    person.key(KEYS.Key_Z, CTRL | SHIFT)
    right_click(person, 100, 50)  # hidden
    assert "4/4 foot" in person.canvas.current_hint
    person.key(KEYS.Key_N)  # not there
    shape = only(person)
    assert points(shape)[:3] == [[80, 20], [60, 50], [100, 50]]
    assert shape.visibility == (2, 2, 1, 0)
    assert "1/4 head" in person.canvas.current_hint  # the next one
    # With keys alone, and Enter for the rest.
    for key in (KEYS.Key_Left, KEYS.Key_Return, KEYS.Key_Down, KEYS.Key_H, KEYS.Key_Return):
        person.key(key)
    person.key(KEYS.Key_Escape)
    person.key(KEYS.Key_Escape)
    assert person.canvas.tool_name == "select"


def test_keys_alone(person: Driver) -> None:
    person.key(KEYS.Key_Y)
    for _ in range(2):
        person.key(KEYS.Key_Right, SHIFT)
        person.key(KEYS.Key_Return)
    person.key(KEYS.Key_Down, SHIFT)
    person.key(KEYS.Key_H)
    person.key(KEYS.Key_Return)
    shape = only(person)
    assert shape.visibility == (2, 2, 1, 2)
    step = shape.xy[1] - shape.xy[0]
    assert step.tolist() == [10, 0]


def test_points_are_moved_hidden_and_taken_away(person: Driver) -> None:
    person.session.new_annotation(Skeleton([[80, 20], [60, 50], [100, 50], [80, 90]], (2, 2, 2, 2)))
    person.canvas.set_tool("select")
    person.click(80, 20)
    person.canvas.setFocus()
    person.click(60, 50)
    assert "right click" in person.canvas.current_hint
    right_click(person, 60, 50)
    assert only(person).visibility == (2, 1, 2, 2)
    right_click(person, 60, 50)
    assert only(person).visibility == (2, 0, 2, 2)
    assert not [w for w in QApplication.topLevelWidgets() if w.objectName() == "objectMenu"]
    person.drag((60, 50), (50, 60))  # its cross is still there to be grabbed
    assert only(person).visibility == (2, 2, 2, 2)
    assert points(only(person))[1] == [50, 60]
    person.key(KEYS.Key_H)
    assert only(person).visibility == (2, 1, 2, 2)
    person.key(KEYS.Key_Delete)
    assert only(person).visibility == (2, 0, 2, 2)
    person.window.actions_["shape.swap_sides"].trigger()
    assert only(person).visibility == (2, 2, 0, 2)
    assert points(only(person))[1] == [100, 50]


def test_the_first_use_defines_the_skeleton(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("person")
    driver.window.viewer.focus_canvas()
    driver.key(KEYS.Key_Y)
    dialog = driver.window.findChild(SkeletonDialog)
    assert dialog is not None
    QTest.mouseClick(dialog.findChild(QPushButton, "skeletonPerson"), LEFT)
    assert dialog.draft.spec() is not None
    assert len(dialog.draft.edges) == 19
    QTest.mouseClick(dialog.findChild(QPushButton, "skeletonOk"), LEFT)
    driver.wait(lambda: driver.session.classes[0].skeleton is not None)
    assert driver.session.classes[0].skeleton.names == PERSON.names
    assert driver.canvas.tool_name == "skeleton"
    driver.wait(lambda: "1/17 nose" in driver.canvas.current_hint)


def test_the_editor(person: Driver) -> None:
    person.session.new_annotation(Skeleton([[80, 20], [60, 50], [100, 50], [80, 90]], (2, 2, 2, 2)))
    person.saved()
    person.window.actions_["label.skeleton"].trigger()
    dialog = person.window.findChild(SkeletonDialog)
    assert dialog is not None
    press = lambda name: QTest.mouseClick(dialog.findChild(QToolButton, name), LEFT)  # noqa: E731
    press("skeletonAdd")
    editor = dialog.list.viewport().findChild(QLineEdit)
    assert editor is not None
    QTest.keyClicks(editor, "tail")
    QTest.keyClick(editor, KEYS.Key_Return)
    person.wait(lambda: dialog.draft.names[-1] == "tail")
    for _ in range(3):
        press("skeletonUp")
    assert dialog.draft.names == ["head", "tail", "left hand", "right hand", "foot"]
    places = [p.toPoint() for p in dialog.drawing.places()]
    QTest.mouseClick(dialog.drawing, LEFT, pos=places[1])
    QTest.mouseClick(dialog.drawing, LEFT, pos=places[4])
    assert frozenset((1, 4)) in dialog.draft.edges
    dialog.list.setCurrentRow(2)
    assert dialog.mirror.currentText() == "right hand"
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    person.wait(lambda: len(person.session.classes[0].skeleton.names) == 5)
    assert only(person).visibility == (2, 0, 2, 2, 2)
    assert points(only(person))[2] == [60, 50]
    person.wait(lambda: person.canvas.settled)
    # The picture follows: the new bone is drawn once its point is set.
    assert person.canvas.skeleton == person.session.classes[0].skeleton
