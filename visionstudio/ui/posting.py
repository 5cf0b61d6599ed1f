"""From any thread to the GUI thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal


class Poster(QObject):
    """`post(callback)` runs the callback in the thread that made this object, soon, in order."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, callback: Callable[[], None]) -> None:
        """Callable from every thread."""
        self._posted.emit(callback)

    def _run(self, callback: Callable[[], None]) -> None:
        callback()
