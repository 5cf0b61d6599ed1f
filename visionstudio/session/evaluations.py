"""Evaluations as the window sees them: a model runs on labelled pictures and is compared with them.

Predicting is the vision host's work, comparing a thread's; the window waits for neither.
What was found on a run's held-out pictures is kept with the run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from visionstudio.engine.evaluation.evaluation import Evaluation, load_evaluation
from visionstudio.engine.events import Event, Failed, Finished, FrameFailed, FrameResult, Stopped
from visionstudio.engine.events import Progress as ProgressEvent
from visionstudio.engine.requests import Predict
from visionstudio.engine.training.runs import RunInfo, list_runs
from visionstudio.model.errors import InvalidValue, MediaError, VisionStudioError, one_line
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore

if TYPE_CHECKING:
    from visionstudio.engine.evaluation import Collector

_log = logging.getLogger(__name__)

Split = Literal["val", "train", "all"]


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """A model with its weights, the run that made them where there is one, and the pictures."""

    choice: ModelChoice
    run: RunInfo | None = None
    split: Split = "all"

    @property
    def title(self) -> str:
        """Run or model, for lists."""
        return self.run.title if self.run is not None else self.choice.model.title


@dataclass(eq=False)
class Evaluated:
    """An evaluation of this session: what was asked, and what was found, None until then."""

    request: EvaluationRequest
    job: Job
    evaluation: Evaluation | None = None
    collector: Collector | None = None
    failed: int = 0  # pictures that could not be predicted


class Evaluations:
    """All evaluations of a session, newest last. Called from the GUI thread."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session = session
        self._models = models
        self._jobs = jobs
        self.all: list[Evaluated] = []
        self.changed = Signal()  # (evaluated); it has ended, or has another threshold

    def start(self, request: EvaluationRequest) -> Evaluated:
        """Read the labels, predict on their pictures, compare; the job says how it goes."""
        cancel: list[Callable[[], None]] = []
        job = self._jobs.start(f"Evaluate {request.title}", lambda: _cancel(evaluated, cancel))
        evaluated = Evaluated(request, job)
        self.all.append(evaluated)
        job.report(0.0, "reading the labels")

        def read(store: ProjectStore) -> Collector:
            from visionstudio.engine.evaluation import Collector
            from visionstudio.session.evaluating import truth_of

            run, split = request.run, request.split
            keys = None if run is None or split == "all" else run.of(split)
            return Collector(truth_of(store, keys), request.choice.model.output)

        def predict(collector: Collector) -> None:
            if not job.state.is_final:
                evaluated.collector = collector
                cancel.append(self._predict(evaluated, collector))

        self._session.in_store(read, predict, lambda error: self._fail(evaluated, error))
        return evaluated

    def use_threshold(self, evaluated: Evaluated, threshold: float | None) -> None:
        """Count objects from another score on; None for the best one. `changed` follows."""
        if evaluated.collector is not None and evaluated.evaluation is not None:
            self._compare(evaluated, evaluated.collector, threshold)

    def _predict(self, evaluated: Evaluated, collector: Collector) -> Callable[[], None]:
        choice = evaluated.request.choice

        def kept(event: Event) -> Event:
            """Results are taken in the host's thread: masks become run lengths there."""
            if isinstance(event, FrameResult) and not isinstance(event.result, tuple):
                collector.add(int(event.key), event.result)
                return ProgressEvent(None, "")
            return event

        try:
            request = Predict(
                model=choice.model.id,
                frames=collector.truth.frames(),
                weights=str(choice.weights) if choice.weights else None,
                params=dict(choice.params),
                device=self._models.device,
            )
        except VisionStudioError as error:
            self._fail(evaluated, error)
            return lambda: None
        return self._models.submit(request, lambda e: self._on_event(evaluated, e), kept)

    def _on_event(self, evaluated: Evaluated, event: Event) -> None:
        job, collector = evaluated.job, evaluated.collector
        match event:
            case ProgressEvent(fraction, message):
                job.report(fraction, message)
            case FrameFailed():
                evaluated.failed += 1
            case Failed():
                self._fail(evaluated, event.error())
            case Stopped():
                job.stop()
                self.changed.emit(evaluated)
            case Finished() if collector is not None:
                if len(collector):
                    job.report(1.0, "comparing")
                    self._compare(evaluated, collector, None)
                else:
                    text = "none of the pictures could be predicted"
                    self._fail(evaluated, MediaError(text, where=evaluated.request.title))
            case _:
                pass

    def _compare(self, evaluated: Evaluated, collector: Collector, threshold: float | None) -> None:
        request, post = evaluated.request, self._session.post

        def work() -> None:
            try:
                found = collector.evaluate(threshold)
            except VisionStudioError as error:
                problem = error
                post(lambda: self._fail(evaluated, problem))
                return
            except Exception as error:
                _log.exception("comparing the results of %s", request.title)
                fault = InvalidValue(f"the results cannot be compared: {one_line(error)}")
                post(lambda: self._fail(evaluated, fault))
                return
            weights = str(request.choice.weights or "")
            found = msgspec.structs.replace(
                found, model=request.choice.model.id, weights=weights, split=request.split
            )
            if request.run is not None and request.split == "val" and threshold is None:
                from visionstudio.engine.reports import keep_evaluation

                keep_evaluation(request.run, found)
            post(lambda: self._found(evaluated, found))

        threading.Thread(target=work, name="evaluation", daemon=True).start()

    def _found(self, evaluated: Evaluated, found: Evaluation) -> None:
        evaluated.evaluation = found
        figures = list(found.metrics.items())[:2]
        evaluated.job.finish(" · ".join(f"{name} {value:.3f}" for name, value in figures))
        self.changed.emit(evaluated)

    def _fail(self, evaluated: Evaluated, error: VisionStudioError) -> None:
        evaluated.job.fail(error)
        self.changed.emit(evaluated)

    def write_report(
        self,
        found: Evaluation,
        run: RunInfo | None,
        path: Path,
        done: Callable[[Path], None],
        failed: Callable[[VisionStudioError], None],
    ) -> None:
        """Write a report in a thread; `done(path)` or `failed(error)` follows."""
        post = self._session.post

        def work() -> None:
            from visionstudio.engine.reports import write_evaluation_report

            try:
                written = write_evaluation_report(path, found, run)
            except VisionStudioError as error:
                problem = error
                post(lambda: failed(problem))
                return
            post(lambda: done(written))

        threading.Thread(target=work, name="report", daemon=True).start()


def _cancel(evaluated: Evaluated, cancel: Sequence[Callable[[], None]]) -> None:
    """Stop predicting, or, before that has begun, at once."""
    for stop in cancel:
        stop()
    if not cancel:
        evaluated.job.stop()


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run of the project with what is known of its held-out pictures."""

    run: RunInfo
    evaluation: Evaluation | None


def stored_runs(project: Path) -> list[StoredRun]:
    """The runs with weights, newest first, with their evaluations. Blocks: it reads files."""
    found = []
    for run in list_runs(project / "runs"):
        if run.weights is None:
            continue
        try:
            evaluation = load_evaluation(run.folder)
        except InvalidValue:
            evaluation = None
        found.append(StoredRun(run, evaluation))
    return found
