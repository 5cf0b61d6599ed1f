"""Follow a region drawn by hand, or all that a detector finds, and store the tracks.

The frames arrive one by one while the tracker works; the track is stored when
it ends or is stopped, as one step to undo. The drawn box is the person's own,
the tracker's are proposals; frames in which the object is lost have none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from visionstudio.api import TrackState
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Stopped
from visionstudio.engine.events import Progress as ProgressEvent
from visionstudio.engine.requests import Track
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Edit
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.session import proposals
from visionstudio.session.all_tracks import AllTracks
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.runs import record_run
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore


@dataclass(slots=True)
class _Run:
    choice: ModelChoice
    item: MediaItem
    start: int
    class_id: int
    states: dict[int, TrackState] = field(default_factory=dict)


class Tracks:
    """Starts trackers for a session and stores their tracks."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session = session
        self._models = models
        self._jobs = jobs
        self.progressed = Signal()  # (media id, frame, TrackState)
        self.finished = Signal()  # (media id, frames with the object, frames without)
        self.all_finished = Signal()  # (media id, how many tracks)

    def track(
        self,
        choice: ModelChoice,
        item: MediaItem,
        box: Box,
        class_id: int,
        *,
        start: int,
        end: int | None = None,
        backwards: bool = False,
    ) -> Job:
        """Follow the box from frame `start` to `end`, or to the video's last or first frame."""
        request = Track(
            model=choice.model.id,
            path=str(self._session.path_of(item)),
            kind=item.kind.value,
            start=start,
            end=end,
            backwards=backwards,
            box=box.bounds(),
            weights=str(choice.weights) if choice.weights else None,
            params=dict(choice.params),
            device=self._models.device,
            interactive=True,
        )
        job = self._jobs.start(f"{choice.model.title} · {item.name}", lambda: cancel())
        run = _Run(choice, item, start, class_id)
        cancel = self._models.submit(request, lambda event: self._on_event(run, job, event))
        return job

    def track_all(self, choice: ModelChoice, item: MediaItem, detector: ModelChoice) -> Job:
        """Follow every object that `detector` finds, through the whole video."""
        request = Track(
            model=choice.model.id,
            path=str(self._session.path_of(item)),
            kind=item.kind.value,
            detector=detector.model.id,
            detector_weights=str(detector.weights) if detector.weights else None,
            detector_params=dict(detector.params),
            weights=str(choice.weights) if choice.weights else None,
            params=dict(choice.params),
            device=self._models.device,
        )
        job = self._jobs.start(f"{choice.model.title} · {item.name}", lambda: cancel())
        run = AllTracks(choice, item, detector)

        def on_event(event: Event) -> None:
            match event:
                case FrameResult(key, result):
                    if isinstance(result, tuple):
                        run.add(int(key), result)
                case ProgressEvent(fraction, message):
                    job.report(fraction, message)
                case Finished():
                    self._store_all(run, job, None)
                case Failed():
                    self._store_all(run, job, event.error())
                case Stopped():
                    job.stop()
                    self._store_all(run, job, None)

        cancel = self._models.submit(request, on_event)
        return job

    def _store_all(self, run: AllTracks, job: Job, error: VisionStudioError | None) -> None:
        def done(edit: Edit | None) -> None:
            if edit is not None:
                self._session.apply(edit)
            if error is not None:
                job.fail(error)
            else:
                job.finish(f"{run.count} tracks")
            self.all_finished.emit(run.item.id, run.count)

        self._session.in_store(run.edit, done, job.fail)

    def _on_event(self, run: _Run, job: Job, event: Event) -> None:
        match event:
            case FrameResult(key, result):
                if isinstance(result, TrackState):
                    run.states[int(key)] = result
                    self.progressed.emit(run.item.id, int(key), result)
            case ProgressEvent(fraction, message):
                job.report(fraction, message)
            case Finished():
                self._store(run, job, None)
            case Failed():
                self._store(run, job, event.error())
            case Stopped():
                job.stop()
                self._store(run, job, None)
            case _:
                pass

    def _store(self, run: _Run, job: Job, error: VisionStudioError | None) -> None:
        def done(edit: Edit | None) -> None:
            if edit is not None:
                self._session.apply(edit)
            lost = sum(s.lost for s in run.states.values())
            if error is not None:
                job.fail(error)
            else:
                job.finish(f"{len(run.states) - lost} frames, lost in {lost}")
            self.finished.emit(run.item.id, len(run.states) - lost, lost)

        self._session.in_store(lambda store: _build(store, run), done, job.fail)


def _build(store: ProjectStore, run: _Run) -> Edit | None:
    seen = {f: s for f, s in run.states.items() if not s.lost and s.box is not None}
    if not seen:
        return None
    choice = run.choice
    inputs = {"media": run.item.id, "start": run.start, "frames": len(run.states)}
    record = record_run(store, "track", choice.model, choice.weights, choice.params, inputs)
    first = store.reserve_ids("annotation", len(seen))
    track = store.reserve_ids("track", 1)
    rows = []
    for offset, (frame, state) in enumerate(sorted(seen.items())):
        by_hand = frame == run.start
        rows.append(
            Annotation(
                id=first + offset,
                media_id=run.item.id,
                class_id=run.class_id,
                shape=Box(*(state.box or (0, 0, 0, 0))),
                frame=frame,
                track_id=track,
                state=State.EDITED if by_hand else State.PROPOSED,
                score=None if by_hand else state.score,
                flags=Flags.KEYFRAME if by_hand else Flags.NONE,
                source="manual" if by_hand else f"model:{run.choice.model.id}",
                run_id=None if by_hand else record.id,
            )
        )
    return edits.add(f"Track with {run.choice.model.title}", rows)


def accept_track(session: ProjectSession, track_id: int) -> None:
    """Accept all proposals of a track, in every frame, as one step."""

    item = session.current
    if item is None:
        return

    def find(store: ProjectStore) -> Edit:
        return proposals.accept(store.annotations_of_track(item.id, track_id))

    def apply(edit: Edit) -> None:
        if edit.changes:
            session.apply(edit)

    session.in_store(find, apply)
