"""What GUI tests share: Qt warnings and leaked threads fail a test; a window to drive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from visionstudio.settings.store import Settings
from visionstudio.ui.window import MainWindow

HERE = Path(__file__).parent
_THREAD_SECONDS = 10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A warning of Qt is a fault of ours."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            # The offscreen platform says these of every window.
            item.add_marker(
                pytest.mark.qt_log_ignore(
                    "propagateSizeHints",
                    "does not support raise",
                    "does not support grabbing the keyboard",  # of a menu
                    extend=True,
                )
            )


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """What a test starts must have ended a little after it."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + _THREAD_SECONDS
    while True:
        left = [t for t in threading.enumerate() if t not in before and t.is_alive()]
        if not left:
            return
        if time.monotonic() > until:
            pytest.fail(f"threads still run: {', '.join(t.name for t in left)}")
        left[0].join(timeout=0.2)


class Driver:
    """A window with the mouse and keys of a person."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot = qtbot
        self.window = window
        self.canvas = window.viewer.canvas

    @property
    def session(self):  # type: ignore[no-untyped-def]
        assert self.window.session is not None
        return self.window.session

    def open(self, *paths: Path) -> None:
        """Open paths and wait for the first picture or error on screen."""
        with self.qtbot.waitSignal(self.window.viewer.shown, timeout=60_000):
            self.window.open(list(paths))
        self.qtbot.waitUntil(self.window.isActiveWindow)

    def at(self, x: float, y: float) -> QPoint:
        """The place on the canvas of a point of the picture."""
        left, top = self.canvas.view.to_widget(x, y)
        return QPointF(left, top).toPoint()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw with the left button, through the middle."""
        port = self.canvas.viewport()
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        QTest.mouseMove(port, self.at(*start))
        QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=self.at(*start))
        QTest.mouseMove(port, self.at(*middle))
        QTest.mouseMove(port, self.at(*end))
        QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=self.at(*end))

    def click(self, x: float, y: float) -> None:
        """Click on a point of the picture."""
        QTest.mouseMove(self.canvas.viewport(), self.at(x, y))
        QTest.mouseClick(self.canvas.viewport(), Qt.MouseButton.LeftButton, pos=self.at(x, y))

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
        """Press a key where the keyboard is."""
        target = self.window.focusWidget() or self.window
        QTest.keyClick(target, key, modifier or Qt.KeyboardModifier.NoModifier)

    def type(self, text: str) -> None:
        """Type a text where the keyboard is."""
        QTest.keyClicks(self.window.focusWidget(), text)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until something is so."""
        self.qtbot.waitUntil(condition, timeout=60_000)

    def saved(self) -> None:
        """Until everything is on disk."""
        self.wait(lambda: self.session.saved)

    def count(self) -> int:
        """How many annotations the picture has."""
        return len(self.session.annotations)

    def close(self) -> None:
        """Close the window as its button does."""
        self.window.close()


@pytest.fixture
def make_window(qtbot: QtBot) -> Iterator[Callable[[], Driver]]:
    """Makes windows that are closed at the end."""
    made: list[MainWindow] = []

    def make() -> Driver:
        window = MainWindow(Settings())
        window.models.discover = lambda **_: None  # type: ignore[method-assign]
        window.setWindowState(Qt.WindowState.WindowNoState)
        window.resize(1280, 800)
        with qtbot.waitExposed(window):
            window.show()
        window.activateWindow()
        made.append(window)
        return Driver(qtbot, window)

    yield make
    for window in made:
        window.close()
        window.deleteLater()


@pytest.fixture
def driver(make_window: Callable[[], Driver]) -> Driver:
    """A window without a project."""
    return make_window()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of five small pictures, one of them damaged."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in (0, 1, 3, 4):
        values = generator.integers(0, 256, (120, 160, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{number}.png")
    (folder / "2.jpg").write_text("this is no picture")
    return folder
