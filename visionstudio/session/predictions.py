"""Let a model predict on pictures or frames and store what it finds as proposals.

One run is one step to undo, however many pictures it covers. What was found
until a run is cancelled or fails is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from visionstudio.engine.events import Event, Failed, Finished, FrameFailed, FrameResult, Stopped
from visionstudio.engine.events import Progress as ProgressEvent
from visionstudio.engine.requests import FrameRef, Predict
from visionstudio.model.edits import Edit
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.proposals import Guess, guesses
from visionstudio.session.runs import proposals_of_run
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore


@dataclass(frozen=True, slots=True)
class PredictTarget:
    """A picture or one frame of a video."""

    item: MediaItem
    frame: int = 0


@dataclass(slots=True)
class _Run:
    choice: ModelChoice
    targets: Sequence[PredictTarget]
    job: Job
    found: dict[int, list[Guess]] = field(default_factory=dict)  # by place in targets
    failed: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    key: str
    guesses: list[Guess]


def _prepared(event: Event) -> Event | _Found:
    """Masks become shapes in the host's thread: in a large picture that takes a while."""
    if isinstance(event, FrameResult) and not isinstance(event.result, tuple):
        return _Found(event.key, guesses(event.result))
    return event


class Predictions:
    """Starts prediction runs for a session and stores their proposals."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session = session
        self._models = models
        self._jobs = jobs
        self.finished = (
            Signal()
        )  # (count of proposals, count of pictures, failed: dict name→reason)

    def predict(self, choice: ModelChoice, targets: Sequence[PredictTarget]) -> Job:
        """Start a run; the job says how it goes. One picture goes before batches."""
        title = f"{choice.model.title} · {_how_many(targets)}"
        request = Predict(
            model=choice.model.id,
            weights=str(choice.weights) if choice.weights else None,
            params=dict(choice.params),
            device=self._models.device,
            interactive=len(targets) == 1,
            frames=tuple(
                FrameRef(
                    key=str(place),
                    path=str(self._session.path_of(t.item)),
                    kind=t.item.kind.value,
                    frame=t.frame,
                )
                for place, t in enumerate(targets)
            ),
        )
        job = self._jobs.start(title, lambda: cancel())
        run = _Run(choice, targets, job)
        cancel = self._models.submit(request, lambda event: self._on_event(run, event), _prepared)
        return job

    def _on_event(self, run: _Run, event: Event | _Found) -> None:
        match event:
            case _Found(key, found):
                run.found[int(key)] = found
                self._report(run)
            case FrameFailed(key, reason):
                run.failed[int(key)] = reason
                self._report(run)
            case ProgressEvent(fraction, message):
                run.job.report(fraction, message)
            case Finished():
                self._store(run, None)
            case Failed():
                self._store(run, event.error())
            case Stopped():
                run.job.stop()
                self._store(run, None)
            case _:
                pass

    def _report(self, run: _Run) -> None:
        done = len(run.found) + len(run.failed)
        run.job.report(done / len(run.targets), f"{done} / {len(run.targets)}")

    def _store(self, run: _Run, error: VisionStudioError | None) -> None:
        def build(store: ProjectStore) -> tuple[Edit | None, int]:
            return self._build(store, run)

        def done(built: tuple[Edit | None, int]) -> None:
            edit, count = built
            if edit is not None:
                self._session.apply(edit)
            if error is not None:
                run.job.fail(error)
            else:
                run.job.finish("1 proposal" if count == 1 else f"{count} proposals")
            names = {run.targets[p].item.name: why for p, why in run.failed.items()}
            self.finished.emit(count, len(run.found), names)

        self._session.in_store(build, done, run.job.fail)

    def _build(self, store: ProjectStore, run: _Run) -> tuple[Edit | None, int]:
        if not run.found:
            return None, 0
        choice = run.choice
        builder = proposals_of_run(
            store, choice.model, choice.weights, choice.params, {"media": len(run.targets)}
        )
        for place, found in sorted(run.found.items()):
            target = run.targets[place]
            existing = store.annotations(target.item.id, target.frame)
            builder.add(target.item.id, found, existing, frame=target.frame)
        return builder.edit(), builder.count


def _how_many(targets: Sequence[PredictTarget]) -> str:
    return targets[0].item.name if len(targets) == 1 else f"{len(targets)}"
