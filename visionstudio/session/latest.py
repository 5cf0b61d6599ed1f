"""One thing at a time in a thread, of which only the newest wish counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from visionstudio.model.errors import MediaError, VisionStudioError, one_line

_log = logging.getLogger(__name__)
Post = Callable[[Callable[[], None]], None]
IDLE_SECONDS = 2.0
"""How long the thread waits for another wish: starting one makes the GUI thread wait for it."""


class Latest:
    """Runs `work` in a thread and hands its result to `done` in the GUI thread.

    A wish that comes while another is being worked on waits; a newer one takes
    its place. Results that are no longer wanted are dropped.
    """

    def __init__(self, post: Post, name: str) -> None:
        self._post = post
        self._name = name
        self._condition = threading.Condition()
        self._wish: tuple[int, Callable[[], Any], Callable[[Any], None]] | None = None
        self._number = self._answered = 0
        self._thread: threading.Thread | None = None
        self._closing = False

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._answered != self._number

    def want(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[VisionStudioError], None] | None = None,
    ) -> None:
        """Do this next. `done` gets the result; `failed`, or else `done`, an error of it."""

        def answer(found: Any) -> None:
            is_error = failed is not None and isinstance(found, VisionStudioError)
            (failed if is_error and failed is not None else done)(found)

        with self._condition:
            self._number += 1
            self._wish = (self._number, work, answer)
            self._closing = False
            self._condition.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def drop(self) -> None:
        """What was wanted is not wanted any more."""
        with self._condition:
            self._number += 1
            self._answered = self._number
            self._wish = None

    def close(self) -> None:
        """Drop everything and wait for the thread."""
        self.drop()
        with self._condition:
            self._closing = True
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wish or self._closing, IDLE_SECONDS)
                if self._wish is None:
                    self._thread = None
                    return
                (number, work, done), self._wish = self._wish, None
            try:
                result = work()
            except VisionStudioError as error:
                result = error
            except Exception as error:  # a fault of ours must not end what is shown
                _log.exception("%s has failed", self._name)
                result = MediaError(one_line(error))
            self._post(partial(self._deliver, number, done, result))

    def _deliver(self, number: int, done: Callable[[Any], None], result: Any) -> None:
        if number == self._number:
            self._answered = number
            done(result)
