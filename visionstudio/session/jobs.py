"""Long work that the window shows: what, how far, how long still, and a way to stop it.

A `Job` lives in the GUI thread. Whoever does the work reports through the job;
reports from other threads are posted there first. Exactly one of `finish`,
`fail` and `stop` ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from visionstudio.model.errors import VisionStudioError
from visionstudio.session.signal import Signal

_TELLING = 0.02
"""Below this fraction the start, which is slower than the rest, would be taken for the rule."""


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.STOPPED)


@dataclass(eq=False)
class Job:
    """One piece of long work. `fraction` is 0…1, or None while nobody knows."""

    title: str
    cancel: Callable[[], None]
    changed: Signal
    state: JobState = JobState.WAITING
    fraction: float | None = None
    message: str = ""
    error: VisionStudioError | None = None
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def report(self, fraction: float | None, message: str = "") -> None:
        """Progress. Ignored once the job has ended."""
        if self.state.is_final:
            return
        self.state = JobState.RUNNING
        if fraction is not None:
            self.fraction = min(max(fraction, 0.0), 1.0)
        if message:
            self.message = message
        self.changed.emit(self)

    def finish(self, message: str = "") -> None:
        self.fraction = 1.0
        self._end(JobState.DONE, message)

    def fail(self, error: VisionStudioError) -> None:
        if not self.state.is_final:
            self.error = error
        self._end(JobState.FAILED, str(error))

    def stop(self, message: str = "") -> None:
        self._end(JobState.STOPPED, message)

    def _end(self, state: JobState, message: str) -> None:
        if self.state.is_final:
            return
        self.state = state
        self.message = message
        self.ended = time.monotonic()
        self.changed.emit(self)

    def seconds(self) -> float:
        """How long the job has run, or ran."""
        return (self.ended if self.ended is not None else time.monotonic()) - self.started

    def seconds_left(self) -> float | None:
        """The time still needed if it goes on as it did; None before that can be told."""
        if not self.fraction or self.fraction < _TELLING or self.state.is_final:
            return None
        return self.seconds() * (1 - self.fraction) / self.fraction


class Jobs:
    """All jobs since the program started, newest last."""

    def __init__(self) -> None:
        self.all: list[Job] = []
        self.changed = Signal()  # (job)

    def start(self, title: str, cancel: Callable[[], None]) -> Job:
        """A new job, shown at once."""
        job = Job(title, cancel, self.changed)
        self.all.append(job)
        self.changed.emit(job)
        return job

    @property
    def running(self) -> list[Job]:
        """Jobs that have not ended."""
        return [j for j in self.all if not j.state.is_final]

    def clear_ended(self) -> None:
        """Forget the jobs that have ended."""
        self.all = self.running
        self.changed.emit(None)
