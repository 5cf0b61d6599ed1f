"""Attributes by keys: defined in the dialog, answered beside the objects, changed and undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QLineEdit, QToolButton, QWidget

from tests.gui.conftest import Driver
from visionstudio.model.labels import AttributeSpec
from visionstudio.model.shapes import Box
from visionstudio.ui.dialogs.attributes import AttributesDialog

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def cells(driver: Driver, pictures: Path) -> Driver:
    driver.open(pictures)
    driver.session.add_class("cell")
    for x in (10, 60):
        driver.session.new_annotation(Box(x, 10, x + 30, 40), select=False)
    driver.saved()
    return driver


def dialog(driver: Driver) -> AttributesDialog:
    driver.window.actions_["label.attributes"].trigger()
    driver.wait(lambda: driver.window.findChild(QDialog, "attributesDialog") is not None)
    found = driver.window.findChild(QDialog, "attributesDialog")
    assert isinstance(found, AttributesDialog)
    driver.wait(found.isVisible)
    return found


def part(inside: QWidget, name: str) -> QWidget:
    found = inside.findChild(QWidget, name)
    assert found is not None, name
    return found


def write(inside: QWidget, name: str, text: str) -> None:
    field = part(inside, name)
    field.setFocus()
    if isinstance(field, QLineEdit):
        field.selectAll()
    for n, line in enumerate(text.split("\n")):
        if n:
            QTest.keyClick(field, Qt.Key.Key_Return)
        QTest.keyClicks(field, line)


def choose(inside: QWidget, name: str, row: int) -> None:
    box = part(inside, name)
    assert isinstance(box, QComboBox)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(row):
        QTest.keyClick(box, Qt.Key.Key_Down)


def add(inside: AttributesDialog, name: str, kind: int) -> None:
    button = part(inside, "attributeAdd")
    assert isinstance(button, QToolButton)
    QTest.mouseClick(button, LEFT)
    write(inside, "attributeName", name)
    choose(inside, "attributeKind", kind)


def accept(driver: Driver, inside: AttributesDialog) -> None:
    QTest.mouseClick(part(inside, "attributesOk"), LEFT)
    driver.wait(lambda: driver.window.findChild(QDialog, "attributesDialog") is None)
    driver.window.activateWindow()
    driver.wait(driver.window.isActiveWindow)


def test_define_answer_rename_and_undo(cells: Driver) -> None:
    session = cells.session
    new = dialog(cells)
    add(new, "age", 1)
    write(new, "attributeLow", "0")
    write(new, "attributeHigh", "9")
    add(new, "side", 2)
    assert not part(new, "attributesOk").isEnabled()  # nothing to choose from yet
    write(new, "attributeChoices", "left\nright")
    choose(new, "attributeDefaultChoice", 1)
    add(new, "sick", 3)
    accept(cells, new)
    cells.wait(lambda: len(session.classes[0].attributes) == 3)
    assert session.classes[0].attributes == (
        AttributeSpec("age", "number", low=0, high=9),
        AttributeSpec("side", "choice", ("left", "right"), "left"),
        AttributeSpec("sick", "flag"),
    )

    # A new object begins with the default; two with different answers show that.
    third = session.new_annotation(Box(100, 60, 140, 110))
    assert third.attributes == {"side": "left"}
    section = cells.window.object_panel.attributes
    cells.wait(section.isVisible)
    cells.window.viewer.focus_canvas()
    cells.key(Qt.Key.Key_A, CTRL)
    assert part(section, "attribute_side").placeholderText() == "several values"
    # All by keys: the number, Enter, the choice by its digit, Enter, the flag, back to the picture.
    cells.key(Qt.Key.Key_A, ALT)
    cells.type("12")
    cells.key(Qt.Key.Key_Return)
    assert any("0 – 9" in text for text in cells.window.toasts.texts)
    assert not any("age" in a.attributes for a in session.annotations)
    cells.key(Qt.Key.Key_A, ALT)
    cells.type("7")
    cells.key(Qt.Key.Key_Return)
    cells.key(Qt.Key.Key_2)
    cells.key(Qt.Key.Key_Return)
    assert isinstance(cells.window.focusWidget(), QCheckBox)
    cells.key(Qt.Key.Key_Space)
    cells.key(Qt.Key.Key_Return)
    assert cells.window.focusWidget() is cells.canvas
    wanted = {"age": 7.0, "side": "right", "sick": True}
    assert all(a.attributes == wanted for a in session.annotations)
    cells.saved()
    cells.key(Qt.Key.Key_Z, CTRL)
    cells.wait(lambda: not any("sick" in a.attributes for a in session.annotations))

    # Renamed, its values follow; removed, the dialog says what goes, and undo brings it back.
    change = dialog(cells)
    cells.wait(lambda: "3" in change.list.item(0).text())
    write(change, "attributeName", "years")
    change.list.setCurrentRow(1)
    QTest.mouseClick(part(change, "attributeRemove"), LEFT)
    assert "3 values of side" in change.note.text()
    accept(cells, change)
    cells.wait(lambda: all(a.attributes == {"years": 7.0} for a in session.annotations))
    cells.wait(lambda: any("side: 3" in text for text in cells.window.toasts.texts))
    cells.saved()
    cells.key(Qt.Key.Key_Z, CTRL)
    cells.wait(lambda: all("side" in a.attributes for a in session.annotations))
    assert len(session.classes[0].attributes) == 3
