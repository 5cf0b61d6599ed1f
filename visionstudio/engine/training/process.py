"""Training runs in a child process of their own, watched by a thread here."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from visionstudio.engine.children import child_environment, exit_text, kill_group
from visionstudio.engine.devices import cores
from visionstudio.engine.events import FINAL, Event, Failed, OnEvent, Stopped
from visionstudio.engine.logs import LogPump
from visionstudio.engine.training.lines import decode_line
from visionstudio.engine.training.plan import TrainPlan, save_plan
from visionstudio.engine.training.runs import LOG_FILE, load_run, save_run
from visionstudio.model.errors import TrainingError, VisionStudioError

log = logging.getLogger(__name__)


class TrainingRun:
    """A run under way. Every method returns at once, but for `wait`."""

    def __init__(self, plan: TrainPlan, folder: Path, on_event: OnEvent, resume: bool) -> None:
        self.plan, self.folder = plan, folder
        self._on_event = on_event
        self._resume = resume
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._killed = self._stopping = False
        self._final: Event | None = None
        self._thread = threading.Thread(target=self._watch, name="training", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The child's process id, None before it was started."""
        return self._child.pid if self._child is not None else None

    @property
    def final(self) -> Event | None:
        """The final event once there is one."""
        return self._final

    def stop(self) -> None:
        """End soon and keep the best weights: a Finished event follows."""
        with self._lock:
            self._stopping = True
            self._say(b"stop\n")

    def pause(self) -> None:
        """Hold training after the step at hand; its memory stays taken."""
        with self._lock:
            self._say(b"pause\n")

    def go_on(self) -> None:
        """Go on after `pause`."""
        with self._lock:
            self._say(b"go on\n")

    def _say(self, word: bytes) -> None:
        child = self._child
        if child is not None and child.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                child.stdin.write(word)
                child.stdin.flush()

    def kill(self) -> None:
        """End now; what was checkpointed stays. A Stopped event follows."""
        with self._lock:
            self._killed = True
            if self._child is not None:
                with contextlib.suppress(OSError):
                    self._child.kill()

    def wait(self, timeout: float | None = None) -> Event | None:
        """Block until the run is over; its final event, None when `timeout` seconds passed."""
        self._thread.join(timeout)
        return self._final

    def _watch(self) -> None:
        try:
            save_plan(self.plan, self.folder)
            child = self._start()
        except OSError as error:
            failed = TrainingError(
                f"the run cannot be started: {error.strerror}",
                where=str(self.folder),
                next_step="make room, or choose another folder",
            )
            self._end(Failed.of(failed))
            return
        pump = LogPump(cast(BinaryIO, child.stderr), self.folder / LOG_FILE)
        pump.start()
        final = None
        for line in cast(BinaryIO, child.stdout):
            event = decode_line(line)
            if isinstance(event, FINAL):
                final = event
            elif event is not None:
                self._tell(event)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        kill_group(child)
        pump.join(2)
        self._end(final or self._died(child.returncode))

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "visionstudio.engine.training.child", str(self.folder)]
        threads = str(self.plan.threads or cores())
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.IDLE_PRIORITY_CLASS
        child = subprocess.Popen(
            [*command, "--resume"] if self._resume else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment() | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            start_new_session=True,
            creationflags=flags,
        )
        stdin = cast(BinaryIO, child.stdin)
        with self._lock:
            self._child = child
            with contextlib.suppress(OSError):
                stdin.write(msgspec.json.encode([p for p in sys.path if p]) + b"\n")
                if self._stopping:
                    stdin.write(b"stop\n")
                stdin.flush()
            if self._killed:
                child.kill()
        return child

    def _died(self, code: int | None) -> Event:
        """The child ended without a final event."""
        how = exit_text(code)
        event: Event
        if self._killed:
            event, state = Stopped(), "stopped"
        else:
            failed = TrainingError(
                f"the training process {how}",
                where=str(self.folder),
                next_step="resume the run; if memory was short use a smaller batch or image size",
            )
            event, state = Failed.of(failed), "failed"
        with contextlib.suppress(VisionStudioError, OSError):
            run = load_run(self.folder)
            error = "" if self._killed else f"the training process {how}"
            save_run(self.folder, msgspec.structs.replace(run.file, state=state, error=error))
        return event

    def _end(self, event: Event) -> None:
        self._final = event
        self._tell(event)

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            log.exception("a listener of the training")


def start_training(
    plan: TrainPlan, run_folder: Path, on_event: OnEvent, *, resume: bool = False
) -> TrainingRun:
    """Train in a child process of low priority. Returns at once; events come from a thread.

    The last event is Finished (its summary as in `run_training`), Failed or Stopped.
    With `resume` the run goes on from its last checkpoint, if there is one.
    """
    return TrainingRun(plan, run_folder, on_event, resume)
