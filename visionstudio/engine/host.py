"""Where models run: in a child process (`ProcessHost`) or in this one (`LocalHost`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Protocol

from visionstudio.engine.events import (
    FINAL,
    Event,
    Failed,
    Finished,
    FrameFailed,
    FrameResult,
    OnEvent,
    Progress,
    Stopped,
)
from visionstudio.engine.lanes import LaneEngine
from visionstudio.engine.process_host import ProcessHost
from visionstudio.engine.requests import AnyRequest
from visionstudio.model.errors import Cancelled

__all__ = ["Host", "LocalHost", "OnEvent", "ProcessHost", "answers", "run"]


class Host(Protocol):
    """Runs requests, one lane per device.

    `submit` returns at once with the job's id; `on_event` is called from another
    thread, last with exactly one final event. `cancel` asks a job to stop, which
    it does within a second or is killed within ten. `restart` kills what runs and
    gives all memory back; `close` ends the host for good.
    """

    def submit(self, request: AnyRequest, on_event: OnEvent) -> str: ...

    def cancel(self, job: str) -> None: ...

    def restart(self, reason: str) -> None: ...

    def close(self) -> None: ...


class LocalHost:
    """The same lanes in this process: for the command line and for tests."""

    def __init__(self) -> None:
        self._engine = LaneEngine()
        self._numbers = itertools.count(1)

    def submit(self, request: AnyRequest, on_event: OnEvent) -> str:
        job = f"job-{next(self._numbers)}"
        self._engine.submit(job, request, on_event)
        return job

    def cancel(self, job: str) -> None:
        self._engine.cancel(job)

    def restart(self, reason: str) -> None:
        """Cancel all jobs and unload all models; a thread cannot be killed."""
        self._engine.close()
        self._engine = LaneEngine()

    def close(self) -> None:
        self._engine.close()


def run(host: Host, request: AnyRequest) -> Iterator[Event]:
    """The events of a request as they come; the last one is final.

    Leaving the loop early, also by Ctrl-C, cancels the job.
    """
    events: SimpleQueue[Event] = SimpleQueue()
    job = host.submit(request, events.put)
    try:
        while True:
            event = events.get()
            yield event
            if isinstance(event, FINAL):
                return
    finally:
        host.cancel(job)


def answers(
    request: AnyRequest,
    progress: Callable[[float | None, str], None] | None = None,
    host: Host | None = None,
) -> Iterator[FrameResult | FrameFailed | Finished]:
    """What a request gives, run in this process; `progress` is told, a failure raised.

    A `host` that is given keeps its models for the next request. Raises Cancelled.
    """
    at_work: Host = host if host is not None else LocalHost()
    try:
        for event in run(at_work, request):
            match event:
                case Progress(fraction, message):
                    if progress is not None:
                        progress(fraction, message)
                case FrameResult() | FrameFailed() | Finished():
                    yield event
                case Failed():
                    raise event.error()
                case Stopped():
                    raise Cancelled
    finally:
        if host is None:
            at_work.close()
