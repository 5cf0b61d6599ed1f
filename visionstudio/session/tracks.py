"""Follow a region drawn by hand, or all that a detector finds, and store the tracks.

The frames arrive one by one while the tracker works; the track is stored when
it ends or is stopped, as one step to undo. The drawn box is the person's own,
the tracker's are proposals; frames in which the object is lost have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from visionstudio.engine.events import Event, Failed, Finished, FrameFailed, FrameResult, Stopped
from visionstudio.engine.events import Progress as ProgressEvent
from visionstudio.engine.requests import Track
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.errors import InvalidValue, VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.session import proposals
from visionstudio.session.all_tracks import AllTracks, LinkedTracks, loose_objects
from visionstudio.session.following import Followed, Following, next_key
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore


class Way(Enum):
    """How far an object is followed from where it is."""

    FORWARDS = "forwards"
    BACKWARDS = "backwards"
    TO_KEY = "to key"  # up to its next key frame


class Tracks:
    """Starts trackers for a session and stores their tracks."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session = session
        self._models = models
        self._jobs = jobs
        self.progressed = Signal()  # (media id, frame, [(class id, TrackState)])
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
        one = Followed(box, class_id, start, end, origin)
        return self._follow_objects(Following(choice, item, [one], backwards))

    def track_objects(
        self, choice: ModelChoice, item: MediaItem, objects: Sequence[Annotation], way: Way
    ) -> None:
        """Follow objects of one frame in one pass through the video, keeping their tracks.

        Between two key frames only those are followed that have a later key frame, from both
        ends.
        """
        if way is not Way.TO_KEY:
            found = [Followed(_box(a), a.class_id, a.frame, origin=a) for a in objects]
            self._follow_objects(Following(choice, item, found, way is Way.BACKWARDS))
            return

        def begin(keys: list[Annotation | None]) -> None:
            found = [
                Followed(_box(a), a.class_id, a.frame, key.frame - 1, a, key)
                for a, key in zip(objects, keys, strict=True)
                if key is not None
            ]
            if found:
                self._follow_objects(Following(choice, item, found))
                return
            self._session.failed.emit(
                InvalidValue(
                    "no key frame of the object comes later",
                    next_step="make one where the tracker is to stop",
                )
            )

        self._session.in_store(lambda store: [next_key(store, a) for a in objects], begin)

    def _follow_objects(self, run: Following) -> Job:
        job = self._jobs.start(f"{run.choice.model.title} · {run.item.name}", lambda: cancel())
        cancel: Callable[[], None]

        def go() -> None:
            nonlocal cancel
            request = Track(
                model=run.choice.model.id,
                path=str(self._session.path_of(run.item)),
                kind=run.item.kind.value,
                backwards=run.backwards != run.returning,
                spans=run.spans(),
                weights=str(run.choice.weights) if run.choice.weights else None,
                params=dict(run.choice.params),
                device=self._models.device,
                interactive=True,
            )
            cancel = self._models.submit(request, lambda event: self._on_event(run, job, event, go))

        go()
        return job

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

    def _on_event(self, run: Following, job: Job, event: Event, go: Callable[[], None]) -> None:
        match event:
            case FrameResult(key, result):
                if isinstance(result, tuple):
                    run.add(int(key), result)
                    shown = [(run.objects[place].class_id, state) for place, state in result]
                    self.progressed.emit(run.item.id, int(key), shown)
            case FrameFailed(_, reason):
                run.refused.append(reason)
            case ProgressEvent(fraction, message):
                if fraction is not None and run.both_ways:
                    fraction = fraction / 2 + run.returning / 2
                job.report(fraction, message)
            case Finished() if run.both_ways and not run.returning:
                run.returning = True
                go()
            case Finished():
                self._store(run, job, None)
            case Failed():
                self._store(run, job, event.error())
            case Stopped():
                job.stop()
                self._store(run, job, None)
            case _:
                pass

    def _store(self, run: Following, job: Job, error: VisionStudioError | None) -> None:
        def done(edit: Edit | None) -> None:
            if edit is not None:
                self._session.apply(edit)
            seen, lost = run.counts()
            if error is not None:
                job.fail(error)
            else:
                job.finish(f"{seen} frames, lost in {lost}")
            if run.refused:
                self._session.failed.emit(InvalidValue(run.refused[0]))
            self.finished.emit(run.item.id, seen, lost)

        self._session.in_store(run.edit, done, job.fail)


def _box(one: Annotation) -> Box:
    return Box(*one.shape.bounds())


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
