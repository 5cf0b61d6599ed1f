"""What a project brings comes part by part: all of it at once would stop the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget


class Appearing(QObject):
    """Lets widgets be changed unseen, step by step, then paints them one by one.

    Each step and each widget has a turn of the event loop of its own; until then its
    place keeps what was there. `done` follows when the last one has been painted.
    """

    done = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._steps: list[Callable[[], object]] = []
        self._unseen: list[QWidget] = []
        self.active = False
        # Started anew after each: one that repeats would come before timers that are due.
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.setInterval(0)
        self._next.timeout.connect(self._show_next)

    def begin(self, widgets: Sequence[QWidget], *steps: Callable[[], object]) -> None:
        """These are not painted in this turn any more, but after the steps, in this order.

        A window before the widgets in it, which stay out of its own painting.
        """
        self.finish()
        self._unseen, self._steps = list(widgets), list(steps)
        self.active = True
        for widget in widgets:
            widget.setUpdatesEnabled(False)
        self._next.start()

    def finish(self) -> None:
        """Do and paint what is left at once; `done` does not follow."""
        self._next.stop()
        self.active = False
        while self._steps:
            self._steps.pop(0)()
        for widget in reversed(self._unseen):
            widget.setUpdatesEnabled(True)
        self._unseen = []

    def _show_next(self) -> None:
        if self._steps:
            self._steps.pop(0)()
        elif self._unseen:
            self._unseen.pop(0).setUpdatesEnabled(True)
        else:
            self.finish()
            self.done.emit()
            return
        if self.active:  # unless the step has closed the project
            self._next.start()
