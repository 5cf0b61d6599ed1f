"""The models at hand: what plugins offer, which weights there are, and the host that runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionstudio.api import Task
from visionstudio.api.params import Value
from visionstudio.engine.registry import ModelInfo, Registry
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.signal import Signal

if TYPE_CHECKING:
    from visionstudio.engine.events import Event
    from visionstudio.engine.host import Host
    from visionstudio.engine.requests import AnyRequest

Post = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What to run: a model, its weights and its parameters by name."""

    model: ModelInfo
    weights: Path | None = None
    params: dict[str, Value] = field(default_factory=dict)


class Models:
    """Discovery and the vision host, for the window. All calls from the GUI thread.

    The host starts with the first request, and discovery in a thread: neither is imported before,
    which the start of the window would have to wait for. Tests give another `host_factory`.
    """

    def __init__(self, post: Post, host_factory: Callable[[], Host] | None = None) -> None:
        self.registry = Registry()
        self.device = "auto"
        self.changed = Signal()  # the registry or the weights changed
        self.failed = Signal()  # (VisionStudioError)
        self.post = post
        self._host_factory = host_factory
        self._host: Host | None = None
        self._scan: threading.Thread | None = None

    def discover(self, *, refresh: bool = False) -> None:
        """Look for plugins in the background; `changed` follows."""

        def look() -> Registry:
            from visionstudio.engine.discovery import discover

            return discover(refresh=refresh)

        self._in_thread(look)

    def set_enabled(self, plugin: str, enabled: bool) -> None:
        """Switch a plugin on or off, for good; `changed` follows."""

        def switch() -> Registry:
            from visionstudio.engine import switches
            from visionstudio.engine.discovery import discover

            switches.set_enabled(plugin, enabled)
            return discover()

        self._in_thread(switch)

    def _in_thread(self, work: Callable[[], Registry]) -> None:
        self._scan = threading.Thread(
            target=self._scan_with, args=(work,), name="discovery", daemon=True
        )
        self._scan.start()

    def _scan_with(self, work: Callable[[], Registry]) -> None:
        try:
            registry = work()
        except VisionStudioError as problem:
            error = problem
            self.post(lambda: self.failed.emit(error))
            return
        self.post(lambda: self._discovered(registry))

    def _discovered(self, registry: Registry) -> None:
        self.registry = registry
        self.changed.emit()

    def of_task(self, task: Task) -> list[ModelInfo]:
        """The usable models of a task, in the order plugins list them."""
        return [m for m in self.registry.models.values() if m.task == task]

    def submit(
        self,
        request: AnyRequest,
        on_event: Callable[[Any], None],
        prepare: Callable[[Event], object] | None = None,
    ) -> Callable[[], None]:
        """Run a request; events are posted to the GUI thread. Returns what cancels it.

        `prepare` turns an event into what is posted, still in the host's thread: for
        work on results that the window should not wait for.
        """
        host = self.host()

        def arrived(event: Event) -> None:
            ready = event if prepare is None else prepare(event)
            self.post(lambda: on_event(ready))

        job = host.submit(request, arrived)
        return lambda: host.cancel(job)

    def host(self) -> Host:
        """The vision host, started when first needed."""
        if self._host is None:
            if self._host_factory is None:
                from visionstudio.engine.host import ProcessHost

                self._host_factory = ProcessHost
            self._host = self._host_factory()
        return self._host

    def free_memory(self) -> None:
        """Kill the host: everything it holds, on the GPU too, is given back."""
        if self._host is not None:
            self._host.restart("memory was freed")

    def close(self) -> None:
        """End the host. Blocks until it is gone."""
        if self._host is not None:
            self._host.close()
            self._host = None
        if self._scan is not None:
            self._scan.join(timeout=10)
