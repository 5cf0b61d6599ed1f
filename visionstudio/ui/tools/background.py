"""Work of a tool that takes longer than a frame: in a thread, and only the newest counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from visionstudio.ui.posting import Poster

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Newest:
    """Runs the work asked for last. What was asked for before it is skipped or its result dropped.

    The thread ends when there is nothing to do. All calls belong to the GUI thread.
    """

    def __init__(self) -> None:
        self._poster = Poster()
        self._lock = threading.Lock()
        self._waiting: Callable[[], None] | None = None
        self._runs = False
        self._wanted = 0
        self._done = 0

    @property
    def busy(self) -> bool:
        """Whether a result is still to come."""
        return self._done != self._wanted

    def request(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Call `work` in the thread and `done` with its result in this one, unless outdated."""
        self._wanted += 1
        stamp = self._wanted

        def run() -> None:
            result = work()
            self._poster.post(lambda: self._deliver(stamp, done, result))

        with self._lock:
            self._waiting = run
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._go_on, name="tool", daemon=True).start()

    def drop(self) -> None:
        """Want nothing any more."""
        self._wanted += 1
        self._done = self._wanted
        with self._lock:
            self._waiting = None

    def _deliver(self, stamp: int, done: Callable[[T], None], result: T) -> None:
        if stamp == self._wanted:
            self._done = stamp
            done(result)

    def _go_on(self) -> None:
        while True:
            with self._lock:
                run, self._waiting = self._waiting, None
                if run is None:
                    self._runs = False
                    return
            try:
                run()
            except Exception:  # whatever it is: the next request must find a thread that works
                _log.exception("a tool's work has failed")
