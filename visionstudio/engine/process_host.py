"""The vision host behind a pipe: a spawned child that is killed and restarted as need be."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import BinaryIO, cast

from visionstudio.engine import wire
from visionstudio.engine.children import child_environment, exit_text, kill_group
from visionstudio.engine.devices import cpu_threads
from visionstudio.engine.discovery import discover
from visionstudio.engine.events import FINAL, Event, Failed, OnEvent, Progress, Queued, Stopped
from visionstudio.engine.logs import LogPump, host_log
from visionstudio.engine.requests import AnyRequest
from visionstudio.engine.switches import set_enabled
from visionstudio.model.errors import PluginError, VisionStudioError, one_line

log = logging.getLogger(__name__)

KILL_AFTER = 8.0
"""Seconds after which a job that was cancelled and goes on has its host killed."""

CRASHES, CRASH_SECONDS = 3, 300.0
"""So many crashes within so many seconds switch a plugin off."""

QUIET_SECONDS, HANG_SECONDS = 30.0, 900.0
"""After so long without a sign of what runs it is told, then the plugin counts as hanging."""

WATCH_SECONDS = 5.0
TRIES = 3  # how often a job that had not begun is given to a new child


@dataclass(slots=True, eq=False)
class _Job:
    id: str
    request: AnyRequest
    on_event: OnEvent
    sent_to: _Child | None = None
    tries: int = 0
    begun: bool = False
    cancelled: bool = False
    sign: float = 0.0  # when it was last heard of
    told_quiet: bool = False

    @property
    def model(self) -> str:
        return getattr(self.request, "model", None) or ""


class _Child:
    """One host process with the threads that read its events and its output."""

    def __init__(self, on_event: Callable[[str, Event], None], on_end: Callable[[_Child], None]):
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        threads = str(cpu_threads())
        environment = child_environment() | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "visionstudio.engine.host_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            creationflags=flags,
        )
        self.reason = ""  # why we killed it, '' while we have not
        self._on_event, self._on_end = on_event, on_end
        self._writing = threading.Lock()
        self._log = LogPump(cast(BinaryIO, self.process.stderr), host_log())
        self._log.start()
        self.send(wire.Hello([p for p in sys.path if p]))
        self._reader = threading.Thread(target=self._read, name="vision host", daemon=True)
        self._reader.start()

    def send(self, message: wire.Message) -> None:
        """Send, or do nothing when the child is gone: its reader tells."""
        stream = cast(BinaryIO, self.process.stdin)
        with self._writing, contextlib.suppress(OSError, ValueError):
            wire.write_frame(stream, wire.encode_message(message))

    def _read(self) -> None:
        stream = cast(BinaryIO, self.process.stdout)
        try:
            while (data := wire.read_frame(stream)) is not None:
                job, event, segments = wire.decode_event(data)
                if segments:
                    self.send(wire.Released(segments))
                self._on_event(job, event)
        except (OSError, ValueError):
            pass  # the pipe was closed by `kill`
        except VisionStudioError as error:
            self.kill(one_line(error))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        if self.process.poll() is None:
            kill_group(self.process)
        self._log.join(2)
        self._on_end(self)

    def kill(self, reason: str) -> None:
        """End the process now; shared memory is removed by its tracker, then the group goes."""
        self.reason = self.reason or reason
        with contextlib.suppress(OSError):
            self.process.kill()

    def join(self, timeout: float) -> None:
        if threading.current_thread() is not self._reader:
            self._reader.join(timeout)
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, 9)


class ProcessHost:
    """A `Host` whose work is done by a child process, started with the first request."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._jobs: dict[str, _Job] = {}
        self._child: _Child | None = None
        self._numbers = itertools.count(1)
        self._crashes: dict[str, deque[float]] = defaultdict(deque)
        self._commands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._keeper: threading.Thread | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        child = self._child
        return child.process.pid if child is not None else None

    def submit(self, request: AnyRequest, on_event: OnEvent) -> str:
        """Queue a request; see `Host`."""
        job = _Job(f"job-{next(self._numbers)}", request, on_event)
        with self._lock:
            if self._closed:
                raise PluginError("the vision host is closed")
            self._jobs[job.id] = job
        self._later(lambda: self._send(job))
        return job.id

    def cancel(self, job: str) -> None:
        """Ask a job to stop; if it has not within KILL_AFTER seconds the child is killed."""
        with self._lock:
            known = self._jobs.get(job)
            if known is None or known.cancelled:
                return
            known.cancelled = True
        self._later(lambda: self._cancel(known))
        timer = threading.Timer(KILL_AFTER, self._kill_stubborn, (known,))
        timer.daemon = True
        timer.start()

    def restart(self, reason: str) -> None:
        """Kill the child; running jobs fail with the reason, waiting ones go to a new child."""
        self._later(lambda: self._kill(reason))

    def close(self) -> None:
        """End the child and all jobs. Blocks until the child is gone, a few seconds at most."""
        with self._lock:
            self._closed = True
            child, jobs = self._child, list(self._jobs.values())
        if child is not None:
            child.kill("the vision host was closed")
            child.join(10)
        for job in jobs:
            self._end(job, Stopped())
        if self._keeper is not None:
            self._commands.put(None)
            self._keeper.join(10)

    def _later(self, command: Callable[[], None]) -> None:
        """Run a command in the keeper thread: starting and sending may block."""
        with self._lock:
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="host keeper", daemon=True)
                self._keeper.start()
        self._commands.put(command)

    def _keep(self) -> None:
        while True:
            try:
                command = self._commands.get(timeout=WATCH_SECONDS)
            except Empty:
                command = self._watch
            if command is None:
                return
            try:
                command()
            except Exception:
                log.exception("vision host")

    def _watch(self) -> None:
        """Tell when a job gives no sign; end the host of one that hangs.

        The lane runs what was heard of last, so that is the job that holds it up.
        """
        with self._lock:
            running = [j for j in self._jobs.values() if j.begun]
        if not running:
            return
        job = max(running, key=lambda j: j.sign)
        silent = time.monotonic() - job.sign
        if silent > HANG_SECONDS and self._child is not None:
            minutes = HANG_SECONDS / 60
            self._kill(f"'{job.model}' gave no sign for {minutes:g} minutes")
        elif silent > QUIET_SECONDS and not job.told_quiet:
            job.told_quiet = True
            words = f"{job.model} has given no sign for {QUIET_SECONDS:g} s; it can be cancelled"
            _tell(job, Progress(None, words))

    def _send(self, job: _Job) -> None:
        with self._lock:
            if self._closed or job.cancelled or job.id not in self._jobs:
                self._end(job, Stopped())
                return
            try:
                if self._child is None:
                    self._child = _Child(self._event, self._ended)
            except OSError as error:
                failed = PluginError(
                    f"the vision host cannot be started: {error.strerror}",
                    next_step="free memory or disk space and try again",
                )
                self._end(job, Failed.of(failed))
                return
            child = job.sent_to = self._child
            job.tries += 1
        try:
            child.send(wire.Submit(job.id, job.request))
        except (TypeError, ValueError, VisionStudioError) as error:
            self._end(job, Failed.of(PluginError(f"the request cannot be sent: {error}")))

    def _cancel(self, job: _Job) -> None:
        if job.sent_to is None:
            self._end(job, Stopped())
        else:
            job.sent_to.send(wire.Cancel(job.id))

    def _kill_stubborn(self, job: _Job) -> None:
        with self._lock:
            child = job.sent_to
            if job.id not in self._jobs or child is None or child is not self._child:
                return
        child.kill("a job did not stop when it was cancelled")

    def _kill(self, reason: str) -> None:
        child = self._child
        if child is not None:
            child.kill(reason)
            child.join(10)

    def _event(self, job_id: str, event: Event) -> None:
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            return
        if isinstance(event, FINAL):
            self._end(job, event)
            return
        if isinstance(event, Queued):
            if job.tries > 1:
                return  # told already, before its first child died
        else:
            job.begun = True
            job.sign = time.monotonic()
            job.told_quiet = False
        _tell(job, event)

    def _end(self, job: _Job, event: Event) -> None:
        """The final event of a job, once."""
        with self._lock:
            if self._jobs.pop(job.id, None) is None:
                return
        _tell(job, event)

    def _ended(self, child: _Child) -> None:
        """The child is gone: what ran there fails, what waited goes to the next child."""
        with self._lock:
            if self._child is child:
                self._child = None
            jobs = [j for j in self._jobs.values() if j.sent_to is child]
            closed = self._closed
        crashed = not child.reason
        how = exit_text(child.process.returncode)
        blamed = self._blame(jobs) if crashed else {}
        for job in jobs:
            if job.cancelled or closed:
                self._end(job, Stopped())
            elif not job.begun and job.tries < TRIES:
                job.sent_to = None
                self._later(lambda job=job: self._send(job))  # type: ignore[misc]
            elif crashed:
                self._end(job, _crash(job, how, *blamed.get(job.id, ("?", False))))
            else:
                self._end(
                    job,
                    Failed(
                        f"the vision host was restarted: {child.reason}",
                        job.model,
                        "start it again",
                    ),
                )

    def _blame(self, jobs: list[_Job]) -> dict[str, tuple[str, bool]]:
        """By job that ran when the host crashed: its plugin, and whether that is now off."""
        found: dict[str, tuple[str, bool]] = {}
        models = discover().models
        now = time.monotonic()
        for job in jobs:
            if not job.begun or job.model not in models:
                continue
            plugin = models[job.model].plugin
            crashes = self._crashes[plugin]
            crashes.append(now)
            while crashes and now - crashes[0] > CRASH_SECONDS:
                crashes.popleft()
            off = len(crashes) >= CRASHES
            if off:
                crashes.clear()
                with contextlib.suppress(VisionStudioError):
                    minutes = CRASH_SECONDS / 60
                    set_enabled(plugin, False, f"it crashed {CRASHES} times in {minutes:g} minutes")
            found[job.id] = (plugin, off)
        return found


def _crash(job: _Job, how: str, plugin: str, off: bool) -> Failed:
    advice = f"try again, or another model; details are in {host_log()}"
    if off:
        advice = (
            f"it is switched off now after {CRASHES} crashes;"
            f" to use it again: visionstudio plugins enable {plugin}"
        )
    return Failed(
        f"plugin '{plugin}' ended the vision host: it {how}", job.model, advice, "PluginError"
    )


def _tell(job: _Job, event: Event) -> None:
    """The listener's own faults must not end the thread that reads the host."""
    try:
        job.on_event(event)
    except Exception:
        log.exception("a listener of %s", job.id)
