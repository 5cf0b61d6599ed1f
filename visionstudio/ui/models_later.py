"""What models need comes once the first picture is on screen, as it takes longer than that."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from visionstudio.ui.project_window import ProjectWindow


class ModelsLater(QObject):
    """Imports it in a thread, then makes the project's workbench and the model panel.

    Each step has a turn of the event loop of its own, so that none stops the window.
    """

    made = Signal()  # of a project that has been opened: both are there

    def __init__(self, window: ProjectWindow, post: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(window)
        self._window = window
        self._post = post
        self._thread: threading.Thread | None = None
        self._steps: list[Callable[[], object]] | None = None  # None: not begun
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.setInterval(0)
        self._next.timeout.connect(self._step)

    def start(self) -> None:
        """The picture, or why it cannot be shown, is there. Once for a project."""
        if self._steps is None:
            self._steps = [self._bring]
            self._next.start()

    def stop(self) -> None:
        """The project is closed."""
        self._next.stop()
        self._steps = None

    def wait(self) -> None:
        """Until the thread has ended; for the end of the program."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _step(self) -> None:
        if self._steps:
            self._steps.pop(0)()
        if self._steps:
            self._next.start()

    def _bring(self) -> None:
        if "visionstudio.ui.panels.model" in sys.modules:
            self._brought()
        elif self._thread is None:
            self._thread = threading.Thread(target=self._import, name="models", daemon=True)
            self._thread.start()

    def _import(self) -> None:
        import visionstudio.session.workbench
        import visionstudio.ui.panels.model  # noqa: F401

        gc.freeze()  # see `open_paths`
        self._post(self._imported)

    def _imported(self) -> None:
        self._thread = None
        if self._steps is not None:
            self._brought()

    def _brought(self) -> None:
        window = self._window
        self._steps = [
            lambda: window.project and window.project.workbench,
            lambda: window.new_model_panel,
            lambda: window.appearing.begin((window.model_dock,)),
            lambda: window.model_panel,
            self.made.emit,
        ]
        self._next.start()
