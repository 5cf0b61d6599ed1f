"""A project comes to the window part by part: in order, whole at the end, and when interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Driver
from visionstudio.ui.appearing import Appearing


class Part(QWidget):
    def __init__(self, name: str, heard: list[str]) -> None:
        super().__init__()
        self.setMinimumSize(20, 20)
        self._name, self._heard = name, heard

    def paintEvent(self, event: QPaintEvent) -> None:
        self._heard.append(self._name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(3):
        Image.fromarray(np.full((40, 60, 3), 60 * n, np.uint8)).save(pictures / f"{n}.png")
    return pictures


def test_steps_come_before_the_parts_which_are_painted_in_turn(qtbot: QtBot) -> None:
    heard: list[str] = []
    window = QWidget()
    layout = QVBoxLayout(window)
    parts = [Part(name, heard) for name in "abc"]
    for part in parts:
        layout.addWidget(part)
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    heard.clear()
    appearing = Appearing(window)
    appearing.done.connect(lambda: heard.append("done"))
    with qtbot.waitSignal(appearing.done, timeout=10_000):
        appearing.begin(
            (window, *reversed(parts)),
            lambda: heard.append("first"),
            lambda: heard.append("second"),
        )
        window.resize(300, 300)
        assert heard == []
    assert heard == ["first", "second", "c", "b", "a", "done"]
    assert not appearing.active
    # Cut short, what is left is done at once.
    heard.clear()
    appearing.begin((window, *parts), lambda: heard.append("first"))
    appearing.finish()
    assert heard == ["first"]
    assert all(widget.updatesEnabled() for widget in (window, *parts))
    qtbot.waitUntil(lambda: {"a", "b", "c"} <= set(heard), timeout=10_000)
    assert "done" not in heard


def test_a_project_closed_while_it_appears_keeps_its_layout(
    make_window: Callable[[], Driver], folder: Path, qtbot: QtBot
) -> None:
    driver = make_window()
    window = driver.window
    driver.open(folder)
    qtbot.waitUntil(lambda: not window.appearing.active, timeout=10_000)
    assert all(dock.isVisible() and dock.updatesEnabled() for dock in window.docks)
    window.class_dock.hide()
    window.close_project()
    assert not any(dock.isVisible() for dock in window.docks)
    # Closed in the turn in which it has been opened, before it is arranged.
    window.open([folder])
    qtbot.waitUntil(lambda: window.session is not None, timeout=10_000)
    window.close_project()
    assert window.updatesEnabled()
    driver.open(folder)
    assert window.media_dock.isVisible()
    assert not window.class_dock.isVisible()


def test_what_lies_behind_a_tab_is_not_counted(
    make_window: Callable[[], Driver], folder: Path, qtbot: QtBot
) -> None:
    driver = make_window()
    panel = driver.window.inspection_panel
    driver.open(folder)
    qtbot.waitUntil(lambda: "model_panel" in driver.window.__dict__, timeout=60_000)
    assert panel.isVisible()  # as Qt sees it
    assert panel.histogram.histogram is None
    assert panel.display.colours.count() == 0
    driver.key(Qt.Key.Key_H)
    driver.wait(lambda: panel.histogram.histogram is not None)
    assert panel.display.colours.count() > 5
    # In front it follows the next picture.
    before = panel.histogram.histogram
    driver.window.viewer.focus_canvas()
    driver.window._commands.next_item()
    driver.wait(lambda: panel.histogram.histogram not in (None, before))
