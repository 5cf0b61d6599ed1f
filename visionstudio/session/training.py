"""Training runs as the window sees them: start, watch, stop, and use what came out.

The data is frozen into a plan in the storage thread; a child process trains.
The curves of a run live here, so that a closed dialog can be opened again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.api.params import Value
from visionstudio.engine.events import (
    Event,
    Failed,
    Finished,
    Preview,
    Progress,
    Stopped,
)
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training import (
    TrainingRun,
    TrainPlan,
    build_plan,
    load_plan,
    start_training,
)
from visionstudio.engine.training.drawn import plan_drawn
from visionstudio.engine.training.runs import LAST, RunInfo, list_runs, load_run, read_events
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.runs import new_run_folder
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore

Curves = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What the dialog asks for. `minutes` None: as long as the epochs take. With `find_lr` only
    a learning rate is looked for and nothing is kept. `drawn` are a generator's weights, and
    how many pictures of each class it adds."""

    model: ModelInfo
    params: dict[str, Value]
    holdout: float = 0.2
    minutes: float | None = None
    seed: int = 0
    find_lr: bool = False
    drawn: tuple[Path, int] | None = None


@dataclass(eq=False)
class Training:
    """One run: its curves by metric name as (step, value), previews by name with how often they
    were drawn, and how it ended."""

    request: TrainingRequest
    folder: Path
    job: Job
    plan: TrainPlan | None = None
    curves: Curves = field(default_factory=lambda: defaultdict(list))
    previews: dict[str, tuple[Path, int]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    changed: Signal = field(default_factory=Signal)
    process: TrainingRun | None = None
    paused: bool = False

    @property
    def weights(self) -> Path | None:
        """The best weights so far, None before there are any."""
        path = self.folder / "best.safetensors"
        return path if path.exists() else None

    def stop(self) -> None:
        """End soon and keep the best weights."""
        if self.process is not None:
            self.process.stop()

    def pause(self, wanted: bool) -> None:
        """Hold training after the step at hand, or go on."""
        if self.process is not None and not self.job.state.is_final:
            self.paused = wanted
            (self.process.pause if wanted else self.process.go_on)()
            self.changed.emit()

    @property
    def suggested_lr(self) -> float | None:
        """The learning rate that was found, None when none was looked for."""
        rate = self.summary.get("metrics", {}).get("suggested_lr")
        return None if rate is None else float(rate)


class Trainings:
    """All training runs of a session."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session = session
        self._models = models
        self._jobs = jobs
        self.all: list[Training] = []
        self.started = Signal()  # (training)
        self.finished = Signal()  # (training); also when it failed or was stopped

    @property
    def running(self) -> list[Training]:
        return [t for t in self.all if not t.job.state.is_final]

    def start(self, request: TrainingRequest) -> Training:
        """Freeze the data and start the child; what goes wrong ends the job."""
        folder = new_run_folder(self._session.store.folder, request.model.id)
        title = f"Train {request.model.title}"
        if request.find_lr:
            folder = Path(tempfile.mkdtemp(prefix="visionstudio-lr-"))
            title = f"Find a learning rate for {request.model.title}"
        job = self._jobs.start(title, lambda: training.stop())
        training = Training(request, folder, job)
        self.all.append(training)
        device, registry = self._models.device, self._models.registry

        def freeze(store: ProjectStore) -> TrainPlan:
            drawn = request.drawn
            return build_plan(
                store,
                request.model,
                dict(request.params),
                holdout=request.holdout,
                minutes=request.minutes,
                seed=request.seed,
                device=device,
                find_lr=request.find_lr,
                drawn=None if drawn is None else plan_drawn(*drawn, registry),
            )

        def failed(error: VisionStudioError) -> None:
            self._end(training, lambda: job.fail(error))

        self._session.in_store(freeze, lambda plan: self._launch(training, plan), failed)
        self.started.emit(training)
        return training

    def resume(self, run: RunInfo, model: ModelInfo) -> Training:
        """Go on with a run that was interrupted, from its last checkpoint."""
        file = run.file
        request = TrainingRequest(model, dict(file.params), file.holdout, file.minutes, file.seed)
        job = self._jobs.start(f"Train {model.title}", lambda: training.stop())
        training = Training(request, run.folder, job)
        self.all.append(training)

        def read(_: ProjectStore) -> tuple[TrainPlan, Curves]:
            return load_plan(run.folder), curves_of(run.folder)

        def launch(found: tuple[TrainPlan, Curves]) -> None:
            training.curves.update(found[1])
            self._launch(training, found[0], resume=True)

        self._session.in_store(read, launch, lambda e: self._end(training, lambda: job.fail(e)))
        self.started.emit(training)
        return training

    def _launch(self, training: Training, plan: TrainPlan, *, resume: bool = False) -> None:
        training.plan = plan
        if training.job.state.is_final:
            return
        training.job.report(0.0, "starting")
        post = self._session.post
        try:
            training.process = start_training(
                plan,
                training.folder,
                lambda event: post(lambda: self._on_event(training, event)),
                resume=resume,
            )
        except VisionStudioError as error:
            problem = error
            self._end(training, lambda: training.job.fail(problem))

    def _on_event(self, training: Training, event: Event) -> None:
        job = training.job
        match event:
            case Progress(fraction, message, metrics, step):
                for name, value in metrics.items():
                    points = training.curves[name]
                    points.append((step if step is not None else len(points), float(value)))
                job.report(fraction, message)
                training.changed.emit()
            case Preview(name, path):
                _, number = training.previews.get(name, (None, 0))
                training.previews[name] = Path(path), number + 1
                training.changed.emit()
            case Finished():
                training.summary = event.summary
                self._end(training, lambda: job.finish(_figures(event.summary)))
            case Failed():
                self._end(training, lambda: job.fail(event.error()))
            case Stopped():
                self._end(training, job.stop)
            case _:
                pass

    def _end(self, training: Training, how: Callable[[], None]) -> None:
        how()
        training.paused = False
        if training.request.find_lr:
            shutil.rmtree(training.folder, ignore_errors=True)
        training.changed.emit()
        self.finished.emit(training)
        self._models.changed.emit()

    def close(self) -> None:
        """End what still runs; the best weights so far stay in the run's folder."""
        for training in self.running:
            if training.process is not None:
                training.process.kill()


def trained_runs(project: Path, model_id: str) -> list[RunInfo]:
    """Runs under ``runs/`` with weights of that model, newest first."""
    found = []
    for folder in sorted((project / "runs").glob("*/"), reverse=True):
        try:
            run = load_run(folder)
        except VisionStudioError:
            continue  # a run that never got as far as its files is no choice
        if run.model == model_id and (folder / "best.safetensors").exists():
            found.append(run)
    return found


def interrupted_runs(project: Path) -> list[RunInfo]:
    """Runs that did not end by themselves and have a checkpoint, newest first. Reads files."""
    return [
        run
        for run in list_runs(project / "runs")
        if run.state in ("running", "failed") and (run.folder / LAST).is_file()
    ]


def curves_of(folder: Path) -> Curves:
    """The curves of a run as far as they were stored. Reads files."""
    found: Curves = defaultdict(list)
    for event in read_events(folder):
        step = event.get("step")
        for name, value in (event.get("metrics") or {}).items():
            if isinstance(value, int | float) and step is not None:
                found[name].append((int(step), float(value)))
    return found


def _figures(summary: Mapping[str, Any]) -> str:
    metrics = summary.get("metrics", {})
    return " · ".join(f"{name} {value:.3f}" for name, value in metrics.items())
