"""Several trackers on one clip, by OTB's protocols, with their speed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
) -> list[TrackerResult]:
    """Every tracker on the same starts of one clip, in the order given. Blocks.

    `truth` is what `read_ground_truth` gives. A tracker that cannot run raises what it said.
    """
    return [
        _measured(source, subject, starts(truth, protocol, box), truth, run, device)
        for subject in subjects
    ]


def _measured(
    source: Path,
    subject: Subject,
    begins: Sequence[tuple[int, BoxTuple]],
    truth: NDArray[np.float64],
    run: Runner,
    device: str,
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
