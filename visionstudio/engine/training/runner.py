"""One training run, in the process that calls: the child of the window, or the command line.

Under torchrun every rank calls `run_training`; only rank 0 writes and tells.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from visionstudio.api.manifest import ModelSpec
from visionstudio.api.params import build
from visionstudio.api.tasks import TrainResult
from visionstudio.engine.children import quiet_threads
from visionstudio.engine.context import JobContext
from visionstudio.engine.devices import cores, resolve_device
from visionstudio.engine.evaluation.evaluation import EVALUATION_FILE
from visionstudio.engine.events import Event, Failed, Finished, OnEvent, Progress, Stopped
from visionstudio.engine.implementations import find_spec, implementation, is_out_of_memory
from visionstudio.engine.model_store import published_weights
from visionstudio.engine.training.data import PlanData
from visionstudio.engine.training.drawn import with_drawn
from visionstudio.engine.training.lines import encode_line
from visionstudio.engine.training.measuring import MOST_SECONDS, measure_run
from visionstudio.engine.training.plan import TrainPlan, save_plan
from visionstudio.engine.training.runs import (
    BEST,
    EVENTS_FILE,
    LAST,
    RunFile,
    new_run_file,
    save_run,
)
from visionstudio.engine.training.steering import Control, RunContext
from visionstudio.engine.weights import check_weights, usable_weights
from visionstudio.model.errors import (
    Cancelled,
    StorageFull,
    TrainingError,
    VisionStudioError,
    one_line,
)

log = logging.getLogger(__name__)
QUIET_SECONDS = 1.0  # progress without figures is kept in events.jsonl this often


def run_training(
    plan: TrainPlan,
    run_folder: Path,
    on_event: OnEvent,
    *,
    resume: bool = False,
    control: Control | None = None,
) -> Event:
    """Train and return the final event, which `on_event` also gets.

    Never raises for what goes wrong in the run: that is a Failed event with advice.
    Finished.summary holds 'run', 'weights', 'epochs', 'metrics' and 'stopped'. StorageFull
    when the run folder cannot be written at all.
    """
    quiet_threads()
    try:
        run_folder.mkdir(parents=True, exist_ok=True)
        recorder = _Recorder(plan, run_folder, on_event, resume) if _is_first() else None
    except OSError as error:
        raise StorageFull(
            f"the run folder cannot be written: {error.strerror}",
            where=str(run_folder),
            next_step="make room, or choose another folder",
        ) from error
    emit = recorder.emit if recorder is not None else _nowhere
    run = _Run(plan, run_folder, control or Control(), emit, resume)
    try:
        event = run.train()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        event = _final(error, plan, run_folder)
    if recorder is not None:
        recorder.finish(event, run)
    return event


def _is_first() -> bool:
    """Whether this process is the one of torchrun's that writes, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def _nowhere(_event: Event) -> None: ...


class _Run:
    """The steps of a run."""

    def __init__(
        self,
        plan: TrainPlan,
        folder: Path,
        control: Control,
        emit: Callable[[Event], None],
        resume: bool,
    ) -> None:
        self.plan, self.folder, self.control, self.emit = plan, folder, control, emit
        self.resume = resume
        self.device = plan.device
        self.begun = time.monotonic()

    def train(self) -> Event:
        plan = self.plan
        self.device = _own_device(resolve_device(plan.device))
        self.emit(Progress(0.0, "reading the data"))
        data = PlanData(plan)
        for reason in data.unreadable:
            self.emit(Progress(None, f"left out: {reason}"))
        spec = find_spec(plan.manifest, plan.model, plan.plugin)
        if spec.train_params is None:
            raise TrainingError("the model cannot be trained", where=plan.model)
        params: Any = build(spec.train_params, self._with_usable_weights(spec))
        self.emit(Progress(0.0, "loading the model"))
        trainer = implementation(plan.factory)()
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(plan.threads or cores())
        self.begun = time.monotonic()
        ctx = RunContext(plan, self.folder, self.device, self.control, self.emit, self.resume)
        whole = data if plan.drawn is None else with_drawn(data, plan.drawn, ctx)
        event = self._finished(trainer.train(whole, params, ctx))
        del trainer  # its memory is wanted for measuring
        if _is_first() and not plan.find_lr:
            self._measure(ctx)
        return event

    def _measure(self, ctx: RunContext) -> None:
        """See how good the weights are, for the report, in what is left of the time."""
        until = ctx.ends if ctx.ends is not None else time.monotonic() + MOST_SECONDS
        judge = JobContext(
            self.device, ctx.threads, self.plan.seed, ctx.cache, self.emit, self.control.cancel
        )
        measure_run(self.plan, self.folder, judge, until)

    def _with_usable_weights(self, spec: ModelSpec) -> dict[str, Any]:
        """The parameters, where a pickled checkpoint to start from is replaced by its tensors.

        "auto" becomes the model's published weights where they are here, else "none".
        """
        values = dict(self.plan.params)
        start = values.get("weights")
        if start == "auto":
            start = values["weights"] = str(published_weights(spec.weights) or "none")
            self.emit(Progress(0.0, f"starts from {Path(start).name}"))
        if isinstance(start, str) and Path(start).expanduser().is_file():
            values["weights"] = str(usable_weights(Path(start).expanduser(), self.plan.model))
        return values

    def _finished(self, result: Any) -> Finished:
        if not isinstance(result, TrainResult):
            raise TrainingError(
                f"plugin '{self.plan.plugin}' returned {type(result).__name__}, not TrainResult",
                where=self.plan.model,
            )
        if self.plan.find_lr:
            return self._found_rate(result)
        weights = self.folder / BEST
        if _is_first():
            check_weights(weights, self.plan.model)
        metrics = {str(k): float(v) for k, v in result.metrics.items()}
        summary = {
            "run": str(self.folder),
            "weights": str(weights),
            "epochs": int(result.epochs),
            "metrics": metrics,
            "stopped": self.control.stop.is_set(),
        }
        return Finished(time.monotonic() - self.begun, self.device, summary)

    def _found_rate(self, result: TrainResult) -> Finished:
        rate = result.metrics.get("suggested_lr")
        if rate is None:
            raise TrainingError(
                "this model cannot look for a learning rate",
                where=self.plan.model,
                next_step="try a few by hand, each a third of the one before",
            )
        metrics = {"suggested_lr": float(rate)}
        summary = {"run": str(self.folder), "weights": "", "epochs": 0, "metrics": metrics}
        return Finished(time.monotonic() - self.begun, self.device, {**summary, "stopped": False})


def _own_device(device: str) -> str:
    """Each process of torchrun has a GPU of its own."""
    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if rank is not None and device.startswith("cuda") else device


class _Recorder:
    """Writes what a run leaves behind: plan, run.json, events.jsonl, report."""

    def __init__(self, plan: TrainPlan, folder: Path, on_event: OnEvent, resume: bool) -> None:
        self._folder, self._on_event = folder, on_event
        save_plan(plan, folder)
        if not resume:
            for name in (EVENTS_FILE, LAST, BEST, EVALUATION_FILE):
                (folder / name).unlink(missing_ok=True)
        self._file: RunFile = new_run_file(plan, plan.device)
        save_run(folder, self._file)
        self._events = (folder / EVENTS_FILE).open("ab")
        self._last = 0.0

    def emit(self, event: Event) -> None:
        now = time.monotonic()
        quiet = isinstance(event, Progress) and not event.metrics
        if not quiet or now - self._last > QUIET_SECONDS:
            self._last = now
            self._events.write(encode_line(event))
            self._events.flush()
        self._on_event(event)

    def finish(self, event: Event, run: _Run) -> None:
        """Write how it ended; a full disk then does not hide the event."""
        changes: dict[str, Any] = {
            "device": run.device,
            "seconds": round(time.monotonic() - run.begun, 3),
        }
        match event:
            case Finished(summary=summary):
                changes |= {"epochs": summary["epochs"], "metrics": summary["metrics"]}
                changes["state"] = "stopped" if summary["stopped"] else "finished"
            case Failed():
                changes |= {"state": "failed", "error": str(event.error())}
            case _:
                changes["state"] = "stopped"
        with contextlib.suppress(OSError, StorageFull):
            self._file = msgspec.structs.replace(self._file, **changes)
            save_run(self._folder, self._file)
            self._events.write(encode_line(event))
            self._events.close()
            from visionstudio.engine.reports.run import write_run_report

            write_run_report(self._folder)
        self._on_event(event)


def _final(error: BaseException, plan: TrainPlan, folder: Path) -> Event:
    """What ended a run, as its final event with advice."""
    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        return Stopped()
    log.error("training %s", plan.model, exc_info=error)
    where = str(folder)
    if is_out_of_memory(error):
        advice = "use a smaller batch or image size, or another device"
        return Failed.of(TrainingError("memory ran out", where=where, next_step=advice))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "make room and resume the run: its last checkpoint is kept"
        return Failed.of(TrainingError("the disk is full", where=where, next_step=advice))
    if isinstance(error, VisionStudioError):
        return Failed.of(error)
    return Failed.of(
        TrainingError(
            f"plugin '{plan.plugin}' failed while training: {one_line(error)}",
            where=where,
            next_step="try other parameters or another model; details are in train.log",
        )
    )
