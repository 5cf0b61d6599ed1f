"""Follow a region drawn by hand, or all that a detector finds, and store the tracks.

The frames arrive one by one while the tracker works; the track is stored when
it ends or is stopped, as one step to undo. The drawn box is the person's own,
the tracker's are proposals; frames in which the object is lost have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from visionstudio.api import TrackState
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Stopped
from visionstudio.engine.events import Progress as ProgressEvent
from visionstudio.engine.requests import Track
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue, VisionStudioError
from visionstudio.model.interpolation import is_key
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.session import proposals, track_editing
from visionstudio.session.all_tracks import AllTracks, LinkedTracks, loose_objects
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.runs import record_run
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore


class Way(Enum):
    """How far an object is followed from where it is."""

    FORWARDS = "forwards"
    BACKWARDS = "backwards"
    TO_KEY = "to key"  # up to its next key frame


@dataclass(slots=True)
class _Run:
    choice: ModelChoice
    item: MediaItem
    start: int
    class_id: int
    origin: Annotation | None = None
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
        origin: Annotation | None = None,
    ) -> Job:
        """Follow the box from frame `start` to `end`, or to the video's last or first frame.

        With `origin`, an object of frame `start`, its track goes on: what a person has
        placed stays, older proposals on the way give way to the new ones.
        """
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
        run = _Run(choice, item, start, class_id, origin)
        cancel = self._models.submit(request, lambda event: self._on_event(run, job, event))
        return job

    def track_objects(
        self, choice: ModelChoice, item: MediaItem, objects: Sequence[Annotation], way: Way
    ) -> None:
        """Follow objects of one frame, each by a job of its own, keeping their tracks.

        Between two key frames only those are followed that have a later key frame.
        """

        def ends(store: ProjectStore) -> list[int | None]:
            return [_next_key(store, one) if way is Way.TO_KEY else None for one in objects]

        def begin(found: list[int | None]) -> None:
            pairs = list(zip(objects, found, strict=True))
            if way is Way.TO_KEY:
                pairs = [(one, end) for one, end in pairs if end is not None]
                if not pairs:
                    self._session.failed.emit(
                        InvalidValue(
                            "no key frame of the object comes later",
                            next_step="make one where the tracker is to stop",
                        )
                    )
            for one, end in pairs:
                self.track(
                    choice,
                    item,
                    Box(*one.shape.bounds()),
                    one.class_id,
                    start=one.frame,
                    end=end,
                    backwards=way is Way.BACKWARDS,
                    origin=one,
                )

        self._session.in_store(ends, begin)

    def track_labels(self, choice: ModelChoice, item: MediaItem) -> Job:
        """Link what is in the video already, labels and proposals without a track, to tracks."""
        job = self._jobs.start(f"{choice.model.title} · {item.name}", lambda: cancel())
        cancel: Callable[[], None] = lambda: None  # noqa: E731 (until the request runs)

        def begin(loose: list[Annotation]) -> None:
            nonlocal cancel
            if not loose:
                job.fail(
                    InvalidValue(
                        "the video has no objects without a track",
                        next_step="predict them first, or choose a detector",
                    )
                )
                return
            request = Track(
                model=choice.model.id,
                path=str(self._session.path_of(item)),
                kind=item.kind.value,
                detections=tuple(
                    (a.frame, *a.shape.bounds(), 1.0 if a.score is None else a.score) for a in loose
                ),
                weights=str(choice.weights) if choice.weights else None,
                params=dict(choice.params),
                device=self._models.device,
            )
            cancel = self._follow(request, LinkedTracks(choice, item, loose), job)

        self._session.in_store(lambda store: loose_objects(store, item.id), begin, job.fail)
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
        cancel = self._follow(request, AllTracks(choice, item, detector), job)
        return job

    def _follow(self, request: Track, run: AllTracks, job: Job) -> Callable[[], None]:
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

        return self._models.submit(request, on_event)

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


def _next_key(store: ProjectStore, one: Annotation) -> int | None:
    """The last frame before the next key frame of an object's track; None where none comes."""
    if one.track_id is None:
        return None
    rows = store.annotations_of_track(one.media_id, one.track_id)
    keys = [r.frame for r in rows if r.frame > one.frame and is_key(r)]
    return keys[0] - 1 if keys and keys[0] > one.frame + 1 else None


def _build(store: ProjectStore, run: _Run) -> Edit | None:
    seen = {f: s for f, s in run.states.items() if not s.lost and s.box is not None}
    if not seen:
        return None
    choice = run.choice
    inputs = {"media": run.item.id, "start": run.start, "frames": len(run.states)}
    record = record_run(store, "track", choice.model, choice.weights, choice.params, inputs)
    track, changes, taken = _begun(store, run)
    free = sorted(f for f in seen if f not in taken)
    first = store.reserve_ids("annotation", max(len(free), 1))
    for offset, frame in enumerate(free):
        state = seen[frame]
        by_hand = frame == run.start
        row = Annotation(
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
        changes.append(Change(None, row))
    return Edit(f"Track with {run.choice.model.title}", tuple(changes))


def _begun(store: ProjectStore, run: _Run) -> tuple[int, list[Change], set[int]]:
    """The track that goes on, what changes of it, and the frames that keep what they have."""
    origin = run.origin
    if origin is None:
        return store.reserve_ids("track"), [], set()
    if origin.track_id is None:
        track = store.reserve_ids("track")
        stored = store.annotations_by_id([origin.id])
        begun = [Change(a, track_editing.begin(a, track)) for a in stored]
        return track, list(begun), {run.start} if begun else set()
    rows = store.annotations_of_track(run.item.id, origin.track_id)
    old = [r for r in rows if r.state is State.PROPOSED and r.frame in run.states]
    changes = [Change(r, None) for r in old if r.frame != run.start]
    gone = {c.row.id for c in changes}
    return origin.track_id, changes, {r.frame for r in rows if r.id not in gone}


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
