"""The thread that stores edits in their order, and what happens when it cannot.

When the disk is full or the folder gone, the edit that failed and all behind
it stay in memory, in order, until `retry` is called; reading goes on.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from visionstudio.model.errors import InvalidValue, VisionStudioError, one_line
from visionstudio.storage.store import ProjectStore

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Task:
    """Work for the storage thread. `is_edit` marks what must not be lost or overtaken."""

    work: Callable[[ProjectStore], Any]
    done: Callable[[Any], object]
    failed: Callable[[VisionStudioError], object]
    is_edit: bool = False


class StorageThread:
    """Runs tasks one after another; `post` brings their results to the GUI thread.

    `on_halt(error)` is posted when an edit could not be stored and waits.
    """

    def __init__(
        self,
        store: ProjectStore,
        post: Callable[[Callable[[], None]], None],
        on_halt: Callable[[VisionStudioError], None],
    ) -> None:
        self._store = store
        self._post = post
        self._on_halt = on_halt
        self._tasks: deque[Task] = deque()
        self._wake = threading.Condition()
        self._halted = False
        self.reopen()

    def reopen(self) -> None:
        """Start working, also again after a `close` that left something behind."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="storage", daemon=True)
        self._thread.start()

    def submit(self, task: Task) -> None:
        """Queue a task. Never blocks."""
        with self._wake:
            self._tasks.append(task)
            self._wake.notify()

    def retry(self, store: ProjectStore | None = None) -> None:
        """Try again what could not be stored, perhaps in another store."""
        with self._wake:
            self._store = store or self._store
            self._halted = False
            self._wake.notify()

    def close(self) -> int:
        """Wait until everything queued is done; returns how many edits cannot be stored."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        return sum(task.is_edit for task in self._tasks)

    def _next(self) -> Task | None:
        with self._wake:
            while True:
                task = next((t for t in self._tasks if not (self._halted and t.is_edit)), None)
                if task is not None:
                    self._tasks.remove(task)
                    return task
                if self._closing:
                    return None
                self._wake.wait()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            try:
                result = task.work(self._store)
            except Exception as error:
                self._fail(task, error)
            else:
                self._post(partial(_call, task.done, result))

    def _fail(self, task: Task, error: Exception) -> None:
        if not isinstance(error, VisionStudioError):
            _log.exception("work on the project failed", exc_info=error)
            error = InvalidValue(f"work on the project failed ({one_line(error)})")
        if task.is_edit and not isinstance(error, InvalidValue):
            with self._wake:
                self._halted = True
                self._tasks.appendleft(task)
            self._post(partial(_call, self._on_halt, error))
        else:
            self._post(partial(_call, task.failed, error))


def _call(callback: Callable[[Any], object], value: Any) -> None:
    callback(value)
