"""How long an event loop does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEventLoop, Qt, QTimer


class Heart:
    """Gaps between the ticks of a one-millisecond timer.

    `work` is what the event loop's thread itself has computed in each: what is left
    of a gap on a machine that has nothing else to do.
    """

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.work: list[float] = []
        self._last: float | None = None
        self._computed = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now, computed = time.perf_counter(), time.thread_time()
        if self._last is not None:
            self.gaps.append((now - self._last) * 1000)
            self.work.append((computed - self._computed) * 1000)
        self._last, self._computed = now, computed

    def watch(
        self, until: Callable[[], bool], seconds: float = 120.0, every_ms: int = 50
    ) -> list[float]:
        """Run the event loop until something is so; the gaps in milliseconds meanwhile."""
        self.gaps, self.work, self._last = [], [], None
        loop = QEventLoop()
        end = time.perf_counter() + seconds
        check = QTimer()
        check.timeout.connect(lambda: (until() or time.perf_counter() > end) and loop.quit())
        check.start(every_ms)
        self._timer.start(1)
        loop.exec()
        self._timer.stop()
        return self.gaps


def after(seconds: float) -> Callable[[], bool]:
    """Something that is so after a while."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end
