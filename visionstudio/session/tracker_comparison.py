"""Trackers compared on a video of the project: what is known of an object is their ground truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Task
from visionstudio.engine.evaluation.sot import Protocol
from visionstudio.engine.evaluation.trackers import Subject, TrackerResult
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.requests import Track
from visionstudio.engine.tracking import Tracked
from visionstudio.engine.training.runs import RunInfo
from visionstudio.formats.progress import Progress
from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.errors import InvalidValue
from visionstudio.model.interpolation import filled
from visionstudio.model.media import MediaItem
from visionstudio.session.beside import Beside, Failed
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.model_files import usable_files
from visionstudio.session.models import Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.training import trained_runs
from visionstudio.storage import ProjectStore

_TRACKER: Task = "tracker"


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track with labels: what may serve as ground truth, and the frames that it covers."""

    track_id: int
    class_id: int
    first: int
    last: int
    frames: int  # in which a person says where it is, between key frames too


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tracker of one object with weights that it can use; `run` made them, or they are a file."""

    model: ModelInfo
    weights: Path | None = None
    run: RunInfo | None = None

    @property
    def subject(self) -> Subject:
        return Subject(self.model.id, self.weights)


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: trackers, by which protocol, with a track or a file as ground truth."""

    item: MediaItem
    subjects: tuple[Subject, ...]
    truth: KnownTrack | Path
    protocol: Protocol = "ope"

    @property
    def source(self) -> str:
        """Video and ground truth, for the report."""
        truth = self.truth
        name = truth.name if isinstance(truth, Path) else f"track {truth.track_id}"
        return f"{self.item.name}, {name}"


class TrackerComparison:
    """Compares trackers of one object on videos of a session. All calls in the GUI thread."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session, self._models = session, models
        self._beside = Beside(session, jobs)

    def close(self) -> None:
        """Stop what runs and wait for it; before the project is closed."""
        self._beside.close()

    def look(
        self,
        item: MediaItem,
        done: Callable[[list[KnownTrack], list[Candidate]], None],
        failed: Failed,
    ) -> None:
        """Which tracks of a video may be ground truth, and which trackers can run."""
        registry, folder = self._models.registry, self._session.store.folder
        trackers = [m for m in self._models.of_task(_TRACKER) if m.output != "tracks"]

        def read(store: ProjectStore) -> tuple[list[KnownTrack], list[Candidate]]:
            files = usable_files(registry)
            found = []
            for model in trackers:
                runs = [r for r in trained_runs(folder, model.id) if r.state != "running"]
                found += [Candidate(model, r.folder / "best.safetensors", r) for r in runs]
                if model.ready:
                    found.append(Candidate(model))
                found += [Candidate(model, entry.path) for entry in files.get(model.id, ())]
            return known_tracks(store, item.id), found

        self._session.in_store(read, lambda both: done(*both), failed)

    def compare(
        self,
        contest: Contest,
        told: Callable[[list[TrackerResult]], None],
        done: Callable[[], None],
        failed: Failed,
    ) -> Job:
        """Run every tracker; `told` gets what is there whenever one has ended.

        The job says how far it is, and stops it.
        """
        host, device = self._models.host(), self._models.device
        path = self._session.path_of(contest.item)
        count = len(contest.subjects)

        def work(store: ProjectStore, progress: Progress) -> None:
            from visionstudio.engine.evaluation.sot import starts
            from visionstudio.engine.evaluation.trackers import (
                compare_trackers,
                last_frame,
                tracked_by,
            )

            truth = _read_truth(store, contest)
            end = last_frame(truth, contest.item.frames)
            runs = count * len(starts(truth, contest.protocol))
            ended = 0

            def run(request: Track) -> tuple[list[Tracked], float]:
                nonlocal ended

                def how_far(fraction: float | None, message: str = "") -> None:
                    progress((ended + (fraction or 0.0)) / runs, f"{request.model} · {message}")

                tracked = tracked_by(request, how_far, host)
                ended += 1
                return tracked

            found: list[TrackerResult] = []
            for subject in contest.subjects:
                found += compare_trackers(
                    path, [subject], truth, run, protocol=contest.protocol, device=device, end=end
                )
                now = list(found)
                self._session.post(lambda now=now: told(now))  # type: ignore[misc]

        title = f"Compare trackers · {contest.item.name}"
        return self._beside.run(title, work, lambda _: done(), failed)


def _read_truth(store: ProjectStore, contest: Contest) -> NDArray[np.float64]:
    from visionstudio.engine.tracking import read_ground_truth

    if isinstance(contest.truth, Path):
        return read_ground_truth(contest.truth)
    return truth_of(store, contest.item.id, contest.truth.track_id)


def known_tracks(store: ProjectStore, media_id: int) -> list[KnownTrack]:
    """The tracks of a video that have labels in at least two frames, by number."""
    rows: dict[int, list[Annotation]] = {}
    for row in store.annotations(media_id):
        if row.track_id is not None and row.state.is_label:
            rows.setdefault(row.track_id, []).append(row)
    found = []
    for track_id, mine in sorted(rows.items()):
        frames = [a.frame for a in _seen(mine)]
        if len(frames) > 1:
            found.append(
                KnownTrack(track_id, mine[0].class_id, min(frames), max(frames), len(frames))
            )
    return found


def truth_of(store: ProjectStore, media_id: int, track_id: int) -> NDArray[np.float64]:
    """(n, 4) boxes x1, y1, x2, y2 of a track's labels by frame, NaN where it is not there.

    Raises InvalidValue when the track has none.
    """
    rows = [a for a in store.annotations_of_track(media_id, track_id) if a.state.is_label]
    seen = _seen(rows)
    if not seen:
        raise InvalidValue(
            f"track {track_id} has no labels",
            next_step="accept the track, or choose another ground truth",
        )
    truth = np.full((max(a.frame for a in seen) + 1, 4), np.nan)
    for one in seen:
        truth[one.frame] = one.shape.bounds()
    return truth


def _seen(rows: Sequence[Annotation]) -> list[Annotation]:
    """A track's labels in every frame in which the object is in the picture."""
    ordered = sorted(rows, key=lambda a: (a.frame, a.id))
    return [a for a in filled(ordered) if not a.flags & Flags.OUTSIDE]
