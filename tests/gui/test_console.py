"""The Python console: values, edits that can be undone, errors, and stopping what never ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.gui.conftest import Driver
from visionstudio.ui.console.interpreter import is_complete
from visionstudio.ui.console.panel import ConsolePanel

ENTER = Qt.Key.Key_Return
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def console(driver: Driver, pictures: Path) -> tuple[Driver, ConsolePanel]:
    driver.open(pictures)
    driver.wait(lambda: len(driver.session.media) == 5)
    driver.window.viewer.focus_canvas()
    driver.key(Qt.Key.Key_7, Qt.KeyboardModifier.ControlModifier)
    panel = driver.window.console.panel
    driver.wait(panel.input.hasFocus)
    return driver, panel


def say(driver: Driver, panel: ConsolePanel, text: str) -> str:
    """What the console answers to a line."""
    before = len(panel.output.toPlainText())
    QTest.keyClicks(panel.input, text)
    QTest.keyClick(panel.input, ENTER)
    driver.wait(lambda: not panel.interpreter.busy and panel.input.toPlainText() == "")
    return panel.output.toPlainText()[before:]


def test_values_names_and_errors(console: tuple[Driver, ConsolePanel]) -> None:
    driver, panel = console
    assert say(driver, panel, "len(project.media)").endswith("5\n")
    assert say(driver, panel, "_ + 1").endswith("6\n")
    assert driver.session.current is not None
    assert driver.session.current.name in say(driver, panel, "item.name")
    assert "hello\n" in say(driver, panel, "print('hello')")
    told = say(driver, panel, "1 / 0")
    assert "ZeroDivisionError" in told
    assert "interpreter.py" not in told
    assert "SyntaxError" in say(driver, panel, "1 +* 2")
    assert "SystemExit" in say(driver, panel, "raise SystemExit")
    assert "closes its project" in say(driver, panel, "project.close()")
    QTest.keyClick(panel.input, Qt.Key.Key_Up)
    assert panel.input.toPlainText() == "project.close()"
    panel.input.clear()
    QTest.keyClicks(panel.input, "project.annot")
    QTest.keyClick(panel.input, Qt.Key.Key_Tab)
    assert panel.input.toPlainText() == "project.annotations"


def test_names_are_completed_before_anything_has_run(
    console: tuple[Driver, ConsolePanel],
) -> None:
    driver, panel = console
    driver.wait(lambda: "project" in panel.interpreter.names)
    QTest.keyClicks(panel.input, "project.anno")
    QTest.keyClick(panel.input, Qt.Key.Key_Tab)
    assert panel.input.toPlainText() == "project.annotations"
    QTest.keyClicks(panel.input, "(")
    panel.input.clear()
    QTest.keyClicks(panel.input, "project.s")
    QTest.keyClick(panel.input, Qt.Key.Key_Tab)
    assert "set_verified" in panel.output.toPlainText()


def test_a_block_is_indented_grows_and_ends_with_an_empty_line(
    console: tuple[Driver, ConsolePanel],
) -> None:
    driver, panel = console
    low = panel.input.height()
    for line in ("for n in range(2):", "if n:", "print('odd', n)"):
        QTest.keyClicks(panel.input, line)
        QTest.keyClick(panel.input, ENTER)
    assert panel.input.toPlainText().split("\n")[2] == "        print('odd', n)"
    driver.wait(lambda: panel.input.height() > low)
    QTest.keyClick(panel.input, ENTER)
    driver.wait(lambda: not panel.interpreter.busy and "odd 1" in panel.output.toPlainText())
    QTest.keyClicks(panel.input, "a = 1")
    QTest.keyClick(panel.input, ENTER, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(panel.input, "a + 1")
    assert panel.input.toPlainText() == "a = 1\na + 1"
    QTest.keyClick(panel.input, ENTER)
    driver.wait(lambda: not panel.interpreter.busy and not panel.input.toPlainText())
    assert panel.output.toPlainText().endswith("2\n")


def test_an_edit_is_shown_and_undone(console: tuple[Driver, ConsolePanel]) -> None:
    driver, panel = console
    say(driver, panel, "a = project.add(item.id, vs.Box(1, 2, 30, 40), 'cell')")
    driver.wait(lambda: [a.shape.kind for a in driver.session.annotations] == ["box"])
    assert [c.name for c in driver.session.classes] == ["cell"]
    assert "1 30" in say(driver, panel, "print(len(project.annotations(item.id)), 30)")
    driver.window.viewer.focus_canvas()
    driver.wait(lambda: driver.session.undo_title is not None)
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    driver.wait(lambda: not driver.session.annotations)


def test_what_never_ends_is_stopped_and_the_project_closes(
    console: tuple[Driver, ConsolePanel],
) -> None:
    driver, panel = console
    QTest.keyClicks(panel.input, "while True: pass")
    QTest.keyClick(panel.input, ENTER)
    if panel.input.toPlainText():  # a block ends with an empty line
        QTest.keyClick(panel.input, ENTER)
    driver.wait(panel.stop_button.isEnabled)
    QTest.mouseClick(panel.stop_button, LEFT)
    driver.wait(lambda: not panel.interpreter.busy)
    assert "stopped" in panel.output.toPlainText()
    panel.input.setPlainText("while True: pass")
    panel.run()
    driver.wait(panel.stop_button.isEnabled)
    QTest.keyClick(panel.input, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    driver.wait(lambda: not panel.interpreter.busy)
    panel.input.setPlainText("while True: pass")
    panel.run()
    driver.wait(lambda: panel.interpreter.busy)
    assert driver.window.close_project()


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("1", True),
        ("for x in y:", False),
        ("def f():\n  return 1\n", True),
        ("(", False),
        (")", True),
    ],
)
def test_what_is_complete(text: str, complete: bool) -> None:
    assert is_complete(text) is complete
