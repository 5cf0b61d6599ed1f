"""Let a model predict on pictures or frames and store what it finds as proposals.

One run is one step to undo, however many pictures it covers. What was found
until a run is cancelled or fails is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.events import Event, Failed, Finished, FrameFailed, FrameResult, Stopped
from visionstudio.engine.events import Progress as ProgressEvent
from visionstudio.engine.requests import FrameRef, Predict
from visionstudio.model.edits import Edit
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.media_list import MediaList
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.proposals import Guess, guesses
from visionstudio.session.runs import proposals_of_run
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore
from visionstudio.storage.columns import KINDS

AT_ONCE = 500
"""Pictures that the host is told of together: naming a million stops the window."""


@dataclass(frozen=True, slots=True)
class PredictTarget:
    """A picture or one frame of a video."""

    item: MediaItem
    frame: int = 0


class Pictures(Sequence[PredictTarget]):
    """Very many pictures: each becomes a value when it is looked at.

    One that has been taken out of the project meanwhile has no path.
    """

    def __init__(self, media: MediaList, ids: NDArray[np.int64]) -> None:
        self._media, self._ids = media, ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> PredictTarget: ...
    @overload
    def __getitem__(self, place: slice) -> list[PredictTarget]: ...
    def __getitem__(self, place: int | slice) -> PredictTarget | list[PredictTarget]:
        if isinstance(place, slice):
            return [self[n] for n in range(*place.indices(len(self)))]
        media_id = int(self._ids[place])
        return PredictTarget(self._media.get(media_id) or MediaItem(id=media_id, path=""))


def all_pictures(session: ProjectSession, *, unlabelled: bool = False) -> Pictures:
    """All pictures of a project, or those without labels that nobody has verified."""
    media = session.media
    wanted = media.kinds == KINDS.index(MediaKind.IMAGE)
    if unlabelled:
        labels, _ = session.tally.media.of(media.ids)
        wanted &= (labels == 0) & ~media.are_verified
    return Pictures(media, media.ids[wanted])


@dataclass(slots=True)
class _Run:
    choice: ModelChoice
    targets: Sequence[PredictTarget]
    job: Job
    cancel: Callable[[], None] = lambda: None
    at: list[tuple[int, int]] = field(default_factory=list)  # of those asked: media id, frame
    cancelled: bool = False
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
        # (count of proposals, of what is labelled already, of pictures, failed: dict name→reason)
        self.finished = Signal()

    def predict(self, choice: ModelChoice, targets: Sequence[PredictTarget]) -> Job:
        """Start a run; the job says how it goes. One picture goes before batches."""
        title = f"{choice.model.title} · {_how_many(targets)}"
        job = self._jobs.start(title, lambda: cancel())
        run = _Run(choice, targets, job)

        def cancel() -> None:
            run.cancelled = True
            run.cancel()

        self._ask(run)
        return job

    def _ask(self, run: _Run) -> None:
        """Tell the host of the next pictures."""
        asked = len(run.at)
        part = range(asked, min(asked + AT_ONCE, len(run.targets)))
        frames = []
        for place in part:
            target = run.targets[place]
            run.at.append((target.item.id, target.frame))
            if not target.item.path:
                run.failed[place] = "is no longer in the project"
                continue
            path, kind = str(self._session.path_of(target.item)), target.item.kind.value
            frames.append(FrameRef(key=str(place), path=path, kind=kind, frame=target.frame))
        if not frames:
            self._go_on(run)
            return
        request = Predict(
            model=run.choice.model.id,
            weights=str(run.choice.weights) if run.choice.weights else None,
            params=dict(run.choice.params),
            device=self._models.device,
            interactive=len(run.targets) == 1,
            frames=tuple(frames),
        )
        run.cancel = self._models.submit(
            request, lambda event: self._on_event(run, event), _prepared
        )

    def _go_on(self, run: _Run) -> None:
        """The host is through with what it was told of."""
        if len(run.at) == len(run.targets):
            self._store(run, None)
        elif run.cancelled:
            run.job.stop()
            self._store(run, None)
        else:
            self._ask(run)

    def _on_event(self, run: _Run, event: Event | _Found) -> None:
        match event:
            case _Found(key, found):
                run.found[int(key)] = found
                self._report(run)
            case FrameFailed(key, reason):
                run.failed[int(key)] = reason
                self._report(run)
            case ProgressEvent(fraction, message):
                if fraction is not None:
                    part = (len(run.at) - 1) % AT_ONCE + 1
                    fraction = (len(run.at) - part * (1 - fraction)) / len(run.targets)
                run.job.report(fraction, message)
            case Finished():
                self._go_on(run)
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
        def build(store: ProjectStore) -> tuple[Edit | None, int, int]:
            return self._build(store, run)

        def done(built: tuple[Edit | None, int, int]) -> None:
            edit, count, known = built
            if edit is not None:
                self._session.apply(edit)
            if error is not None:
                run.job.fail(error)
            else:
                run.job.finish("1 proposal" if count == 1 else f"{count} proposals")
            names = {run.targets[p].item.name or "a picture": why for p, why in run.failed.items()}
            self.finished.emit(count, known, len(run.found), names)

        self._session.in_store(build, done, run.job.fail)

    def _build(self, store: ProjectStore, run: _Run) -> tuple[Edit | None, int, int]:
        if not run.found:
            return None, 0, 0
        choice = run.choice
        builder = proposals_of_run(
            store, choice.model, choice.weights, choice.params, {"media": len(run.targets)}
        )
        for place, found in sorted(run.found.items()):
            media_id, frame = run.at[place]
            existing = store.annotations(media_id, frame)
            builder.add(media_id, found, existing, frame=frame)
        return builder.edit(), builder.count, builder.known


def _how_many(targets: Sequence[PredictTarget]) -> str:
    return targets[0].item.name if len(targets) == 1 else f"{len(targets)}"
