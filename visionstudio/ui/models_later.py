"""What models need comes once the first picture is on screen, as it takes longer than that."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from visionstudio.ui.window import MainWindow


class ModelsLater(QObject):
    """Imports it in a thread, then makes the project's workbench and the model panel."""

    made = Signal()  # of a project that has been opened: both are there

    def __init__(self, window: MainWindow, post: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(window)
        self._window = window
        self._post = post
        self._thread: threading.Thread | None = None
        self._begin = QTimer(self)  # in a turn of its own, after the picture has been painted
        self._begin.setSingleShot(True)
        self._begin.setInterval(0)
        self._begin.timeout.connect(self._bring)

    def start(self) -> None:
        """The picture, or why it cannot be shown, is there."""
        if self._thread is None:
            self._begin.start()

    def stop(self) -> None:
        """The project is closed."""
        self._begin.stop()

    def wait(self) -> None:
        """Until the thread has ended; for the end of the program."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _bring(self) -> None:
        if "visionstudio.ui.panels.model" in sys.modules:
            self._make()
            return
        self._thread = threading.Thread(target=self._import, name="models", daemon=True)
        self._thread.start()

    def _import(self) -> None:
        import visionstudio.session.workbench
        import visionstudio.ui.panels.model  # noqa: F401

        gc.freeze()  # see `open_paths`
        self._post(self._imported)

    def _imported(self) -> None:
        self._thread = None
        self._make()

    def _make(self) -> None:
        project = self._window.project
        if project is not None and not project.has_workbench:
            _ = project.workbench
            self._begin.start()  # the panel in the next turn: neither stops the window
        elif project is not None:
            _ = self._window.model_panel
            self.made.emit()
