"""Where the figures of boxes, masks and keypoints come from.

At an IoU of 0.5: precision over recall for each class, the threshold with the best
F1, and at that threshold what was right, missed, false, of a wrong class, badly placed
or found twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.evaluation.coco import coco_figures_by_class
from visionstudio.engine.evaluation.coco_input import CocoInput, Fields
from visionstudio.engine.evaluation.curves import calibration, precision_recall
from visionstudio.engine.evaluation.evaluation import (
    BoxRow,
    Bucket,
    Case,
    ClassFigures,
    Confusion,
    Evaluation,
    Kind,
    Picture,
)
from visionstudio.engine.evaluation.matching import IGNORED, NOTHING, match, pair_up
from visionstudio.engine.evaluation.overlap import overlaps

LEAST = 0.5  # the IoU from which on a result is the object
NEAR = 0.1  # and from which on it is the object badly placed
MOST = 100  # results of a class in a picture, as COCO counts
_BUCKETS = (("small", 0.0, 32.0**2), ("medium", 32.0**2, 96.0**2), ("large", 96.0**2, 1e10))


def analyse_objects(
    data: CocoInput,
    pictures: Mapping[Any, Picture] | None = None,
    threshold: float | None = None,
) -> Evaluation:
    """Figures, curves, confusion and cases of COCO rows.

    `pictures` say what each image id is; by default what the file says of it. `threshold`
    is the score from which on results count as answers, by default the best one.
    """
    frames = _frames(data, pictures or {})
    classes = _classes(data)
    scored = [_of_class(frames, k) for k in range(len(classes))]
    pooled = precision_recall(
        np.concatenate([s.scores for s in scored]),
        np.concatenate([s.hits for s in scored]),
        sum(s.truths for s in scored),
    )
    least = pooled.best_threshold if threshold is None else threshold
    cases, counts = _cases(frames, len(classes), least)
    metrics, average = coco_figures_by_class(data)
    ids = list(_ids(data))
    return Evaluation(
        task=data.task,
        metrics=metrics,
        classes=tuple(
            _figures(name, one, average.get(ids[k]), counts[k], counts[:, k], k)
            for k, (name, one) in enumerate(zip(classes, scored, strict=True))
            if one.truths or len(one.scores)
        ),
        confusion=Confusion(classes, tuple(tuple(r) for r in counts.tolist()), background=True),
        calibration=calibration(
            np.clip(np.concatenate([s.scores for s in scored]), 0, 1),
            np.concatenate([s.hits for s in scored]),
        ),
        buckets=_buckets(frames, cases, metrics),
        pictures=tuple(f.picture for f in frames),
        cases=tuple(cases),
        threshold=least,
    )


@dataclass(slots=True, eq=False)
class _Frame:
    """The m objects and n results of a picture, results best first."""

    picture: Picture
    size: tuple[int, int]
    truths: list[Fields] = field(default_factory=list)
    results: list[Fields] = field(default_factory=list)
    truth_class: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    found_class: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    crowd: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    overlap: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))


def _ids(data: CocoInput) -> dict[Any, int]:
    """The place of every category id; those that only results have come last."""
    known = [c["id"] for c in data.categories]
    others = {r["category_id"] for r in data.results} | {a["category_id"] for a in data.annotations}
    return {c: i for i, c in enumerate([*known, *sorted(others - set(known), key=str)])}


def _classes(data: CocoInput) -> tuple[str, ...]:
    names = {c["id"]: str(c.get("name", c["id"])) for c in data.categories}
    return tuple(names.get(c, f"class {c}") for c in _ids(data))


def _frames(data: CocoInput, pictures: Mapping[Any, Picture]) -> list[_Frame]:
    place = _ids(data)
    truths: dict[Any, list[Fields]] = defaultdict(list)
    results: dict[Any, list[Fields]] = defaultdict(list)
    for row in data.annotations:
        truths[row["image_id"]].append(row)
    for row in data.results:
        results[row["image_id"]].append(row)
    frames = []
    for image in data.images:
        key = image["id"]
        size = int(image.get("height") or 0), int(image.get("width") or 0)
        known = pictures.get(key) or Picture(
            key if isinstance(key, int) else 0, 0, str(image.get("file_name", key))
        )
        frame = _Frame(known, size, truths[key], sorted(results[key], key=lambda r: -r["score"]))
        frame.truth_class = np.array([place[r["category_id"]] for r in frame.truths], np.int64)
        frame.found_class = np.array([place[r["category_id"]] for r in frame.results], np.int64)
        frame.scores = np.array([r["score"] for r in frame.results], np.float64)
        frame.crowd = np.array([bool(r["iscrowd"]) for r in frame.truths], bool)
        frame.overlap = overlaps(data.task, frame.results, frame.truths, size)
        frames.append(frame)
    return frames


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    truths: int


def _of_class(frames: Sequence[_Frame], k: int) -> _Scored:
    """All results of a class that count, and whether they were right."""
    scores, hits, count = [np.zeros(0)], [np.zeros(0, bool)], 0
    for frame in frames:
        own = np.flatnonzero(frame.truth_class == k)
        mine = np.flatnonzero(frame.found_class == k)[:MOST]
        count += int((~frame.crowd[own]).sum())
        if len(mine):
            taken = match(frame.overlap[np.ix_(mine, own)], frame.crowd[own], LEAST)
            counted = taken != IGNORED
            scores.append(frame.scores[mine][counted])
            hits.append(taken[counted] >= 0)
    return _Scored(np.concatenate(scores), np.concatenate(hits), count)


def _figures(
    name: str,
    scored: _Scored,
    ap: float | None,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    k: int,
) -> ClassFigures:
    """A class's curve, and its counts at the threshold from its row and column."""
    curve = precision_recall(scored.scores, scored.hits, scored.truths)
    right, truths, found = int(row[k]), int(row.sum()), int(column.sum())
    figures = {"AP": ap} if ap is not None else {}
    figures |= {
        "AP50": curve.average_precision,
        "precision": right / found if found else 0.0,
        "recall": right / truths if truths else 0.0,
        "F1": 2 * right / (truths + found) if truths + found else 0.0,
        "best F1": curve.best_f1,
        "best threshold": curve.best_threshold,
    }
    return ClassFigures(name, scored.truths, found, figures, curve)


def _cases(
    frames: Sequence[_Frame], classes: int, threshold: float
) -> tuple[list[Case], NDArray[np.int64]]:
    """What became of every object and answer, and the confusion matrix of it."""
    cases: list[Case] = []
    for place, frame in enumerate(frames):
        cases += _frame_cases(place, frame, classes, threshold)
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for case in cases:
        counts[case.row, case.column] += 1
    return cases, counts


def _frame_cases(place: int, frame: _Frame, classes: int, threshold: float) -> list[Case]:
    sure = np.flatnonzero(frame.scores >= threshold)
    overlap = frame.overlap[sure]
    found_class = frame.found_class[sure]
    pairs = pair_up(overlap, found_class, frame.truth_class, frame.crowd, LEAST)
    cases = []
    for i, truth in enumerate(pairs.truth.tolist()):
        if truth == IGNORED:
            continue
        score, column = float(frame.scores[sure[i]]), int(found_class[i])
        kind, row, near = _verdict(frame, overlap[i], column, truth, classes)
        cases.append(
            Case(
                place, row, column, kind,
                0.0 if kind == "right" else score,
                score,
                float(overlap[i, near]) if near is not None else 0.0,
                _box(frame.truths[near]) if near is not None else None,
                _box(frame.results[sure[i]]),
            )
        )  # fmt: skip
    for m in pairs.missed.tolist():
        row = int(frame.truth_class[m])
        # What was found of it below the threshold says how nearly it was found.
        own = (frame.found_class == row) & (frame.overlap[:, m] >= LEAST)
        best = float(frame.scores[own].max(initial=0.0))
        area = _box(frame.truths[m])
        cases.append(Case(place, row, classes, "missed", 1 - best, None, 0.0, area, None))
    return cases


def _verdict(
    frame: _Frame, overlap: NDArray[np.float64], column: int, truth: int, classes: int
) -> tuple[Kind, int, int | None]:
    """What an answer is, its row in the confusion matrix, and the object it is about."""
    if truth != NOTHING:
        row = int(frame.truth_class[truth])
        return ("right" if row == column else "class"), row, truth
    own = np.where((frame.truth_class == column) & ~frame.crowd, overlap, 0.0)
    near = int(own.argmax()) if len(own) else 0
    if len(own) and own[near] >= LEAST:
        return "duplicate", classes, near
    if len(own) and own[near] >= NEAR:
        return "place", classes, near
    return "false", classes, None


def _box(row: Fields) -> BoxRow | None:
    """x1, y1, x2, y2 of a row; of keypoints or runs without a box the one around them."""
    box = row.get("bbox")
    if box:
        x, y, w, h = (float(v) for v in box)
        return x, y, x + w, y + h
    if row.get("keypoints"):
        points = np.array(row["keypoints"], np.float64).reshape(-1, 3)
        points = points[points[:, 2] > 0] if (points[:, 2] > 0).any() else points
        (x1, y1), (x2, y2) = points[:, :2].min(axis=0).tolist(), points[:, :2].max(axis=0).tolist()
        return x1, y1, x2, y2
    from faster_coco_eval import mask as mask_utils

    runs = row.get("segmentation")
    if not isinstance(runs, dict) or not isinstance(runs.get("counts"), str | bytes):
        return None
    x, y, w, h = (float(v) for v in mask_utils.toBbox(runs))
    return x, y, x + w, y + h


def _buckets(
    frames: Sequence[_Frame], cases: Sequence[Case], metrics: Mapping[str, float]
) -> tuple[Bucket, ...]:
    """How objects of COCO's three sizes were found."""
    areas = np.array(
        [t["area"] for f in frames for t, c in zip(f.truths, f.crowd, strict=True) if not c]
    )
    missed: list[float] = []
    for case in cases:
        if case.kind in ("missed", "class"):
            missed.append(_area_of(frames[case.picture], case.truth))
    lost = np.array(missed)
    buckets = []
    for name, low, high in _BUCKETS:
        count = int(((areas >= low) & (areas < high)).sum())
        gone = int(((lost >= low) & (lost < high)).sum())
        average = metrics.get(f"AP{name[0]}", -1.0)
        recall = (count - gone) / count if count else -1.0
        buckets.append(Bucket(name, low, high, count, recall, average))
    return tuple(buckets)


def _area_of(frame: _Frame, box: BoxRow | None) -> float:
    return next((float(t["area"]) for t in frame.truths if _box(t) == box), 0.0)
