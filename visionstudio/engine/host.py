"""Where models run: in a child process (`ProcessHost`) or in this one (`LocalHost`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from visionstudio.engine.events import Event
from visionstudio.engine.requests import AnyRequest

OnEvent = Callable[[Event], None]


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
