"""Lanes: one worker thread per device that runs all jobs of that device, one step at a time.

Interactive jobs go before batches, also between the chunks of a batch that is
under way; jobs of the same kind run in the order they came.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from visionstudio.engine import live_tracking, streams, work
from visionstudio.engine.children import quiet_threads
from visionstudio.engine.context import JobContext
from visionstudio.engine.devices import cpu_threads, list_devices, resolve_device
from visionstudio.engine.discovery import discover
from visionstudio.engine.events import Event, Failed, Finished, OnEvent, Queued, Stopped
from visionstudio.engine.frames import FrameReader
from visionstudio.engine.loaded import LoadedModels
from visionstudio.engine.registry import Registry
from visionstudio.engine.requests import (
    AnyRequest,
    Devices,
    EditImage,
    Examples,
    Generate,
    LiveTrack,
    Predict,
    Prompted,
    Track,
    Unload,
)
from visionstudio.model.errors import Cancelled, PluginError, VisionStudioError, one_line
from visionstudio.settings.folders import cache_folder

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    id: str
    request: AnyRequest
    emit: OnEvent
    cancelled: threading.Event = field(default_factory=threading.Event)
    steps: work.Steps | None = None
    begun: float = 0.0
    device: str = ""
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, event: Event) -> None:
        if not self.ended:
            self.emit(event)

    def end(self, event: Finished | Failed | Stopped) -> None:
        """Emit the final event, once."""
        with self.lock:
            if self.ended:
                return
            self.ended = True
        if self.steps is not None:
            self.steps.close()
        self.emit(event)


class _Lane(threading.Thread):
    """The worker thread of one device. Everything of a plugin runs here."""

    def __init__(self, device: str, make: Callable[[_Job, _Lane], work.Steps]) -> None:
        super().__init__(name=f"lane {device}", daemon=True)
        self.device = device
        self.models = LoadedModels(device)
        self.reader = FrameReader()
        self.live = live_tracking.Streams()
        self._make = make
        self._jobs: list[_Job] = []
        self._changed = threading.Condition()
        self._closed = False

    def add(self, job: _Job) -> None:
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def remove_waiting(self, job: _Job) -> bool:
        """Take out a job that has not begun; False when it has."""
        with self._changed:
            if job not in self._jobs or job.steps is not None or job.begun:
                return False
            self._jobs.remove(job)
            return True

    def close(self) -> None:
        """Cancel everything; the thread ends after the step it is in."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.cancelled.set()
            self._changed.notify()

    def run(self) -> None:
        _limit_threads()
        while (job := self._next()) is not None:
            event = self._step(job)
            if event is not None:
                with self._changed:
                    self._jobs.remove(job)
                job.end(event)
        self.models.forget(None)
        self.reader.close()

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._jobs:
                if self._closed:
                    return None
                self._changed.wait()
            # min is stable: the first of those with the same urgency.
            job = min(self._jobs, key=lambda j: not j.request.interactive)
            job.begun = job.begun or time.perf_counter()
            return job

    def _step(self, job: _Job) -> Finished | Failed | Stopped | None:
        """Run a job up to its next pause; its final event when it is over."""
        try:
            if job.cancelled.is_set():
                return Stopped()
            if job.steps is None:
                job.device = self.device
                job.tell(work.started())
                job.steps = self._make(job, self)
            next(job.steps)
            _limit_threads()
        except StopIteration as end:
            seconds = time.perf_counter() - job.begun
            return Finished(seconds, self.device, end.value or {})
        except Cancelled:
            return Stopped()
        except VisionStudioError as error:
            return Failed.of(error)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            log.exception("job %s", job.id)
            return Failed.of(PluginError(f"the work ended badly: {one_line(error)}"))
        return None


class LaneEngine:
    """Takes requests, finds each its lane, and sees that each ends with one final event."""

    def __init__(self, registry: Callable[[], Registry] = discover) -> None:
        quiet_threads()
        self._registry = registry
        self._lanes: dict[str, _Lane] = {}
        self._open: dict[str, tuple[_Job, _Lane | None]] = {}
        self._lock = threading.Lock()
        self._arrivals: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        # Finding a device may import torch, which must not hold up who submits.
        self._sorter = threading.Thread(target=self._sort, name="lane sorter", daemon=True)
        self._sorter.start()

    def submit(self, job_id: str, request: AnyRequest, on_event: OnEvent) -> None:
        """Queue a request. Returns at once."""
        job = _Job(job_id, request, self._forgetting(job_id, on_event))
        with self._lock:
            self._open[job_id] = (job, None)
        job.tell(Queued())
        self._arrivals.put(job)

    def _forgetting(self, job_id: str, on_event: OnEvent) -> OnEvent:
        def emit(event: Event) -> None:
            if isinstance(event, (Finished, Failed, Stopped)):
                with self._lock:
                    self._open.pop(job_id, None)
            on_event(event)

        return emit

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; one that has not begun stops at once."""
        with self._lock:
            job, lane = self._open.get(job_id, (None, None))
        if job is None:
            return
        job.cancelled.set()
        if lane is not None and lane.remove_waiting(job):
            job.end(Stopped())

    def close(self, timeout: float | None = 10.0) -> None:
        """Cancel all jobs and wait for the lanes."""
        self._closed = True
        self._arrivals.put(None)
        self._sorter.join(timeout)
        for lane in self._lanes.values():
            lane.close()
        for lane in self._lanes.values():
            lane.join(timeout)

    def _sort(self) -> None:
        while (job := self._arrivals.get()) is not None:
            try:
                self._place(job)
            except VisionStudioError as error:
                job.end(Failed.of(error))
            except Exception as error:
                log.exception("job %s", job.id)
                job.end(Failed.of(PluginError(f"the work cannot start: {one_line(error)}")))

    def _place(self, job: _Job) -> None:
        begun = time.perf_counter()
        if job.cancelled.is_set() or self._closed:
            job.end(Stopped())
        elif isinstance(job.request, Devices):
            summary = {
                "devices": [asdict(d) for d in list_devices()],
                "loaded": [row for lane in self._lanes.values() for row in lane.models.ledger()],
            }
            job.end(Finished(time.perf_counter() - begun, resolve_device("auto"), summary))
        elif isinstance(job.request, Unload):
            self._unload(job, job.request)
        else:
            lane = self._lane(resolve_device(job.request.device))
            with self._lock:
                if job.id in self._open:
                    self._open[job.id] = (job, lane)
            lane.add(job)

    def _lane(self, device: str) -> _Lane:
        if device not in self._lanes:
            self._lanes[device] = _Lane(device, self._steps)
            self._lanes[device].start()
        return self._lanes[device]

    def _unload(self, job: _Job, request: Unload) -> None:
        """Each lane forgets its models in its own thread; the last one ends the job."""
        lanes = list(self._lanes.values())
        left = len(lanes)

        def done(event: Event) -> None:
            nonlocal left
            if isinstance(event, (Finished, Failed, Stopped)):
                with self._lock:
                    left -= 1
                if left == 0:
                    job.end(event)

        if not lanes:
            job.end(Finished(0.0, "", {}))
        for lane in lanes:
            lane.add(_Job(f"{job.id} {lane.device}", request, done))

    def _steps(self, job: _Job, lane: _Lane) -> work.Steps:
        request = job.request
        seed = request.seed if isinstance(request, Generate | Examples) else 0
        cache = Path(cache_folder()) / "plugins"
        ctx = JobContext(lane.device, cpu_threads(), seed, cache, job.tell, job.cancelled)
        tools = work.Tools(self._registry(), lane.models, lane.reader, ctx, job.tell)
        match request:
            case Predict():
                return work.predict(request, tools)
            case Prompted():
                return work.prompted(request, tools)
            case EditImage():
                return work.edit(request, tools)
            case Track():
                return streams.track(request, tools)
            case LiveTrack():
                return live_tracking.track_live(request, tools, lane.live)
            case Generate():
                return streams.generate(request, tools)
            case Examples():
                return streams.examples(request, tools)
            case Unload(model=model):
                return _forget(lane, model)
        raise PluginError(f"a lane cannot do {type(request).__name__}")


def _forget(lane: _Lane, model: str | None) -> work.Steps:
    lane.models.forget(model)
    yield
    return {}


def _limit_threads() -> None:
    """One core stays free; torch keeps the number per thread, so each lane sets it itself."""
    threads = cpu_threads()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
