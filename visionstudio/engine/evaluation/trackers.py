"""Several trackers on one clip, by OTB's protocols, with their speed."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.api.results import TrackState
from visionstudio.engine.evaluation.sot import (
    NORMALISED,
    PRECISION,
    SUCCESS,
    Protocol,
    SotCurves,
    curves,
    mean_curves,
    overlaps,
    starts,
)
from visionstudio.engine.events import Finished, FrameFailed, FrameResult
from visionstudio.engine.host import Host, answers
from visionstudio.engine.requests import Track
from visionstudio.engine.tracking import BoxTuple, Tracked
from visionstudio.model.errors import InvalidValue

Runner = Callable[[Track], tuple[list[Tracked], float]]
"""Runs a request and gives what the tracker says of every frame, and the seconds it took."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A tracker to compare, with its weights file where it needs one."""

    model: str
    weights: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrackerResult:
    """One tracker on the clip: mean curves of its runs and their figures.

    `overlap` holds (frame, IoU) of the first run; `fps` counts the frames of all runs.
    """

    subject: Subject
    curves: SotCurves
    metrics: dict[str, float]
    fps: float
    frames: int
    lost: int
    runs: int
    overlap: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def tracked_by(
    request: Track,
    progress: Callable[[float | None, str], None] | None = None,
    host: Host | None = None,
) -> tuple[list[Tracked], float]:
    """What a tracker of one object says of every frame, and the seconds it took for them.

    The time runs from the first frame on: loading the model is no part of it. `progress` is
    told how far it is, and stops the run by raising Cancelled.
    """
    tracked: list[Tracked] = []
    seconds = begun = 0.0
    for event in answers(request, progress, host):
        begun = begun or time.perf_counter()
        if isinstance(event, FrameResult) and isinstance(event.result, TrackState):
            tracked.append(Tracked(int(event.key), event.result))
        elif isinstance(event, FrameFailed):
            tracked.append(Tracked(int(event.key), TrackState(None, 0.0, lost=True)))
        elif isinstance(event, Finished):
            seconds = event.seconds
    if len(tracked) > 1:  # the first frame's share is that of the others
        seconds = (time.perf_counter() - begun) * len(tracked) / (len(tracked) - 1)
    return tracked, seconds


def last_frame(truth: NDArray[np.float64], frames: int | None) -> int | None:
    """The last frame of a video that has ground truth: no tracker need go farther."""
    there = np.flatnonzero(np.isfinite(truth).all(axis=1))
    if not len(there):
        return None
    return int(there[-1]) if not frames else min(int(there[-1]), frames - 1)


def parse_subjects(text: str) -> list[Subject]:
    """Trackers of ``tracker/csrt,nano=FILE.onnx``; the task may be left out. InvalidValue."""
    found = []
    for part in text.split(","):
        name, _, weights = part.strip().partition("=")
        if not name:
            raise InvalidValue(
                f"no tracker is named in '{text}'", next_step="for example --trackers csrt,kcf"
            )
        model = name if "/" in name else f"tracker/{name}"
        found.append(Subject(model, Path(weights).expanduser() if weights else None))
    return found


def compare_trackers(
    source: Path,
    subjects: Sequence[Subject],
    truth: NDArray[np.float64],
    run: Runner,
    *,
    protocol: Protocol = "ope",
    box: BoxTuple | None = None,
    device: str = "auto",
    end: int | None = None,
) -> list[TrackerResult]:
    """Every tracker on the same starts of one clip, in the order given. Blocks.

    `truth` is what `read_ground_truth` gives; each run goes to frame `end`, or the last one. A
    tracker that cannot run raises what it said.
    """
    return [
        _measured(source, subject, starts(truth, protocol, box), truth, run, device, end)
        for subject in subjects
    ]


def _measured(
    source: Path,
    subject: Subject,
    begins: Sequence[tuple[int, BoxTuple]],
    truth: NDArray[np.float64],
    run: Runner,
    device: str,
    end: int | None,
) -> TrackerResult:
    found: list[SotCurves] = []
    ious: list[float] = []
    first = np.zeros((0, 2))
    frames = lost = 0
    seconds = 0.0
    for number, (start, box) in enumerate(begins):
        request = Track(
            model=subject.model,
            path=str(source.absolute()),
            kind="frames" if source.is_dir() else "video",
            start=start,
            end=end,
            box=box,
            weights=str(subject.weights.absolute()) if subject.weights is not None else None,
            device=device,
        )
        tracked, took = run(request)
        found.append(curves(tracked, truth))
        each = overlaps(tracked, truth)
        ious.append(float(each.mean()))
        frames += len(tracked)
        seconds += took
        lost += sum(t.state.lost for t in tracked)
        if number == 0:
            judged = [
                t.frame
                for t in tracked
                if t.frame < len(truth) and np.isfinite(truth[t.frame]).all()
            ]
            first = np.column_stack([judged, each])
    mean = mean_curves(found)
    metrics = {"mean_iou": float(np.mean(ious)), **mean.figures()}
    fps = frames / seconds if seconds else 0.0
    return TrackerResult(subject, mean, metrics, fps, frames, lost, len(begins), first)


def best_tracker(results: Sequence[TrackerResult]) -> int:
    """Which one has the largest area under the success curve."""
    return int(np.argmax([r.metrics["auc"] for r in results]))


def comparison_table(results: Sequence[TrackerResult]) -> list[tuple[str, ...]]:
    """A head and a row for each tracker, best first; * marks the best of a column."""
    names = list(results[0].metrics)
    values = np.array([[r.metrics[n] for n in names] + [r.fps] for r in results])
    best = values.max(axis=0)
    rows: list[tuple[str, ...]] = [("tracker", *names, "frames/s", "lost")]
    for i in np.argsort(-values[:, names.index("auc")], kind="stable"):
        cells = [f"{v:.3f}{'*' if v == best[j] else ''}" for j, v in enumerate(values[i, :-1])]
        speed = f"{values[i, -1]:.1f}{'*' if values[i, -1] == best[-1] else ''}"
        rows.append((results[i].subject.model, *cells, speed, str(results[i].lost)))
    return rows


def curves_csv(results: Sequence[TrackerResult]) -> str:
    """All curves in long form: tracker, curve, threshold, share."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("tracker", "curve", "threshold", "share"))
    for result in results:
        for name, places, shares in curve_points(result):
            for place, share in zip(places, shares, strict=True):
                writer.writerow((result.subject.model, name, f"{place:g}", f"{share:.6f}"))
    return out.getvalue()


def curve_points(
    result: TrackerResult,
) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Name, thresholds and shares of each curve."""
    return [
        ("success", SUCCESS, result.curves.success),
        ("precision", PRECISION, result.curves.precision),
        ("normalised precision", NORMALISED, result.curves.normalised),
    ]
