"""The prompt tool: clicks, boxes, steps back and forth, acceptance, errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.canvas_desk import CLASSES, Desk
from tests.gui.conftest import Driver
from visionstudio.model.shapes import Bounds, Mask, Polygon
from visionstudio.model.spans import Spans
from visionstudio.session.prompting import Answer
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.tools.prompt import PromptTool

ALT, NONE = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier
RIGHT, LEFT = Qt.MouseButton.RightButton, Qt.MouseButton.LeftButton


class Prompter:
    """Answers with a square around every point that is there, or the box, when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[tuple[float, float, bool]], Bounds | None, str]] = []
        self.done: Callable[[Answer], None] | None = None
        self.at_once = True

    def ask(
        self,
        points: Sequence[tuple[float, float, bool]],
        box: Bounds | None,
        method: str,
        done: Callable[[Answer], None],
    ) -> None:
        self.asked.append((list(points), box, method))
        self.done = done
        if self.at_once:
            self.answer()

    def answer(self, problem: str = "") -> None:
        points, box, _ = self.asked[-1]
        field = np.zeros((400, 600), bool)
        if box is not None:
            x1, y1, x2, y2 = (round(v) for v in box)
            field[y1:y2, x1:x2] = True
        for x, y, there in points:
            field[round(y) - 10 : round(y) + 10, round(x) - 10 : round(x) + 10] = there
        area = Spans.empty() if problem else Spans.of_array(field)
        corners = np.array([[0.0, 0], [9, 0], [9, 9]])
        done, self.done = self.done, None
        if done is not None:
            done(Answer(area, Polygon((corners,)), 0.9, problem))

    def drop(self) -> None:
        self.done = None


class Table(Desk):
    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.prompter = Prompter()
        canvas.prompter = self.prompter
        canvas.set_tool("prompt")

    @property
    def tool(self) -> PromptTool:
        tool = self.canvas.tool
        assert isinstance(tool, PromptTool)
        return tool

    def push(self, x: float, y: float, button: Any = LEFT, keys: Any = NONE) -> None:
        self.move(x, y)
        QTest.mouseClick(self.canvas.viewport(), button, keys, self.at(x, y))

    def drag_box(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        port = self.canvas.viewport()
        QTest.mousePress(port, LEFT, NONE, self.at(*start))
        QTest.mouseMove(port, self.at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        QTest.mouseMove(port, self.at(*end))
        QTest.mouseRelease(port, LEFT, NONE, self.at(*end))

    def press_key(self, key: Qt.Key) -> None:
        QTest.keyClick(self.canvas, key)


@pytest.fixture
def table(qtbot: QtBot) -> Table:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(700, 500)
    canvas.show()
    canvas.set_image(np.full((400, 600, 3), 90, np.uint8))
    canvas.set_annotations((), CLASSES)
    canvas.set_active_class(CLASSES[0])
    return Table(canvas)


def test_clicks_and_a_box_become_a_mask(table: Table) -> None:
    table.push(100, 100)
    table.push(200, 100, RIGHT)
    table.push(150, 120, keys=ALT)
    table.drag_box((50, 60), (260, 160))
    points, box, method = table.prompter.asked[-1]
    assert [(round(x), round(y), there) for x, y, there in points] == [
        (100, 100, True),
        (200, 100, False),
        (150, 120, False),
    ]
    assert box is not None
    assert np.allclose(box, (50, 60, 260, 160), atol=1.5)
    assert method == "auto"
    assert table.tool.busy
    assert not table.shapes
    table.press_key(Qt.Key.Key_Return)
    (shape,) = table.shapes
    assert isinstance(shape, Mask)
    assert shape.area() > 10_000
    assert not table.tool.busy
    table.tool.set_option("shape", "polygon")
    table.push(100, 100)
    table.press_key(Qt.Key.Key_Return)
    assert isinstance(table.shapes[1], Polygon)


def test_steps_go_back_and_forth_and_esc_drops_all(table: Table) -> None:
    table.push(100, 100)
    table.push(300, 200)
    assert table.tool.undo_step()
    assert len(table.prompter.asked[-1][0]) == 1
    assert table.tool.redo_step()
    assert len(table.prompter.asked[-1][0]) == 2
    table.press_key(Qt.Key.Key_Backspace)
    assert len(table.prompter.asked[-1][0]) == 1
    table.push(40, 40)
    assert not table.tool.redo_step()  # a new step is another way on
    kept = table.tool.unfinished()
    assert kept is not None
    table.press_key(Qt.Key.Key_Escape)
    assert not table.tool.busy
    assert table.tool.unfinished() is None
    assert table.tool.resume(kept)
    assert len(table.prompter.asked[-1][0]) == 2
    table.press_key(Qt.Key.Key_Escape)
    for wrong in (
        {"steps": [1]},
        {"steps": [[[1, 2, 3], True]]},
        {},
        {"steps": [[["a", 2], True]]},
    ):
        assert not table.tool.resume(wrong)


def test_enter_before_the_answer_accepts_it_when_it_comes(table: Table) -> None:
    table.prompter.at_once = False
    table.push(100, 100)
    assert not table.tool.answered
    assert "Looking" in table.canvas.current_hint
    table.press_key(Qt.Key.Key_Return)
    assert not table.shapes
    table.prompter.answer()
    assert len(table.shapes) == 1


def test_what_went_wrong_is_said_and_nothing_is_drawn(table: Table) -> None:
    table.prompter.at_once = False
    table.push(100, 100)
    table.prompter.answer("the network cannot work")
    assert table.canvas.current_hint == "the network cannot work"
    table.press_key(Qt.Key.Key_Return)
    assert not table.shapes
    table.press_key(Qt.Key.Key_Escape)
    table.push(100, 100, keys=ALT)
    assert "First click" in table.canvas.current_hint
    assert not table.tool.busy
    table.canvas.set_editable(False)
    table.push(100, 100)
    assert "reading only" in table.canvas.current_hint
    assert not table.tool.busy


def test_a_click_before_there_is_somebody_to_ask_is_answered_later(table: Table) -> None:
    table.canvas.prompter = None  # a project that has just been opened
    table.push(100, 100)
    assert "Looking" in table.canvas.current_hint
    table.press_key(Qt.Key.Key_Return)
    assert not table.shapes
    table.canvas.prompter = table.prompter
    table.tool.prompter_came()
    assert len(table.prompter.asked) == 1
    assert len(table.shapes) == 1


def test_another_picture_drops_the_prompt_and_late_answers(table: Table) -> None:
    table.prompter.at_once = False
    table.push(100, 100)
    late = table.prompter.done
    table.canvas.set_image(np.zeros((200, 300, 3), np.uint8))
    assert not table.tool.busy
    assert late is not None
    late(Answer(Spans.of_array(np.ones((5, 5), bool))))
    table.press_key(Qt.Key.Key_Return)
    assert not table.shapes


def test_the_arrow_keys_pointer_clicks_too(table: Table) -> None:
    table.canvas.setFocus()
    port = table.canvas.viewport()
    QTest.mouseMove(port, QPoint(300, 200))
    table.press_key(Qt.Key.Key_Right)
    table.press_key(Qt.Key.Key_Return)
    assert len(table.prompter.asked) == 1


@pytest.mark.slow
def test_in_the_window_a_click_becomes_a_stored_mask(driver: Driver, tmp_path: Path) -> None:
    from skimage import data

    folder = tmp_path / "coins"
    folder.mkdir()
    Image.fromarray(data.coins()).save(folder / "coins.png")
    driver.open(folder)
    driver.session.set_active_class(driver.session.add_class("coin").id)
    driver.key(Qt.Key.Key_Q)
    tool = driver.canvas.tool
    assert isinstance(tool, PromptTool)
    driver.click(335, 44)
    driver.qtbot.waitUntil(lambda: tool.answered, timeout=60_000)
    driver.key(Qt.Key.Key_Return)
    driver.saved()
    (coin,) = driver.session.annotations
    assert isinstance(coin.shape, Mask)
    assert 2300 < coin.shape.area() < 2900  # an ellipse of 60 by 56 pixels has 2,639
    driver.drag((182, 100), (230, 148))
    driver.qtbot.waitUntil(lambda: tool.answered, timeout=60_000)
    driver.click(211, 144)  # below the coin in the box
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    driver.qtbot.waitUntil(lambda: tool.answered, timeout=60_000)
    assert driver.count() == 1  # the last step of the prompt was taken back, not the mask
    driver.key(Qt.Key.Key_Return)
    driver.saved()
    assert driver.count() == 2
