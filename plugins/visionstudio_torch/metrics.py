"""Validation figures in numpy, for judging a model between epochs.

Average precision follows the COCO protocol (Lin et al., 2014): greedy matching by score,
101 recall points, mean over the classes that occur. The full COCO report is the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RECALLS = np.linspace(0, 1, 101)
_FEW = 10
COCO_IOUS = tuple(float(v) for v in np.round(np.linspace(0.5, 0.95, 10), 2))


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Labelled boxes (n, 4) of a picture with class indices; ignored ones are neither right
    nor wrong."""

    boxes: NDArray[np.float64]
    indices: NDArray[np.int64]
    ignore: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Predicted boxes (n, 4) of a picture with class indices and scores.

    `overlap` (n, m) is the IoU with each of the truth's objects where that is not the boxes',
    such as the masks'; with an ignored one the share of the prediction that lies in it.
    """

    boxes: NDArray[np.float64]
    indices: NDArray[np.int64]
    scores: NDArray[np.float32]
    overlap: NDArray[np.float64] | None = None


def average_precision(
    truths: Sequence[Truth],
    found: Sequence[Found],
    classes: int,
    ious: Sequence[float] = COCO_IOUS,
    max_detections: int = 100,
) -> NDArray[np.float64]:
    """AP as (classes, len(ious)); NaN for a class that has no box to be found."""
    result = np.full((classes, len(ious)), np.nan)
    for k in range(classes):
        parts = [_match(t, f, k, ious, max_detections) for t, f in zip(truths, found, strict=True)]
        positives = sum(p.positives for p in parts)
        if positives == 0:
            continue
        scores = np.concatenate([p.scores for p in parts])
        order = np.argsort(-scores, kind="mergesort")
        hits = np.concatenate([p.hits for p in parts], axis=1)[:, order]
        skipped = np.concatenate([p.skipped for p in parts], axis=1)[:, order]
        for i in range(len(ious)):
            result[k, i] = _area(hits[i][~skipped[i]], positives)
    return result


def box_figures(
    truths: Sequence[Truth], found: Sequence[Found], classes: Sequence[str]
) -> dict[str, float]:
    """{"AP", "AP50"} over all classes that occur, and "AP50 NAME" of each while they are few.

    {} when nothing is labelled.
    """
    table = average_precision(truths, found, len(classes))
    if np.isnan(table).all():
        return {}
    figures = {"AP": float(np.nanmean(table)), "AP50": float(np.nanmean(table[:, 0]))}
    if 1 < len(classes) <= _FEW:
        each = zip(classes, table[:, 0], strict=True)
        figures |= {f"AP50 {name}": float(v) for name, v in each if not np.isnan(v)}
    return figures


@dataclass(frozen=True, slots=True, eq=False)
class _Matches:
    scores: NDArray[np.float32]  # (d,) best first
    hits: NDArray[np.bool_]  # (ious, d)
    skipped: NDArray[np.bool_]  # (ious, d): matched to something ignored
    positives: int


def _match(
    truth: Truth, found: Found, k: int, ious: Sequence[float], max_detections: int
) -> _Matches:
    own = truth.indices == k
    # Real objects first: a detection only falls to an ignored region when no object takes it.
    order = np.argsort(truth.ignore[own], kind="mergesort")
    boxes, ignore = truth.boxes[own][order], truth.ignore[own][order]
    mine = np.flatnonzero(found.indices == k)
    mine = mine[np.argsort(-found.scores[mine], kind="mergesort")][:max_detections]
    if found.overlap is None:
        overlap = overlaps(found.boxes[mine], boxes, ignore)
    else:
        overlap = found.overlap[mine][:, np.flatnonzero(own)[order]]
    hits = np.zeros((len(ious), len(mine)), bool)
    skipped = np.zeros_like(hits)
    for i, least in enumerate(ious):
        taken = np.zeros(len(boxes), bool)
        for d in range(len(mine)):
            free = np.flatnonzero((~taken | ignore) & (overlap[d] >= least - 1e-10))
            if len(free) == 0:
                continue
            real = free[~ignore[free]]
            pool = real if len(real) else free
            # Of equal overlaps the last, as the COCO API does.
            best = pool[len(pool) - 1 - int(np.argmax(overlap[d][pool][::-1]))]
            taken[best] = True
            hits[i, d], skipped[i, d] = not ignore[best], bool(ignore[best])
    return _Matches(found.scores[mine], hits, skipped, int((~ignore).sum()))


def overlaps(
    found: NDArray[Any], boxes: NDArray[Any], crowd: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """IoU (n, m) of boxes (n, 4) and (m, 4); for a crowd the share of the first one in it."""
    found, boxes = np.asarray(found, np.float64), np.asarray(boxes, np.float64)
    low = np.maximum(found[:, None, :2], boxes[None, :, :2])
    high = np.minimum(found[:, None, 2:], boxes[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=2)
    own = (found[:, 2:] - found[:, :2]).prod(axis=1)[:, None]
    other = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[None]
    union = own + other - inner
    if crowd is not None:
        union = np.where(crowd[None], own, union)
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def _area(hits: NDArray[np.bool_], positives: int) -> float:
    """Mean of the interpolated precision at 101 recalls."""
    if len(hits) == 0:
        return 0.0
    right = np.cumsum(hits)
    recall = right / positives
    precision = right / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    return float(
        np.where(places < len(hits), envelope[np.minimum(places, len(hits) - 1)], 0).mean()
    )


@dataclass
class Confusion:
    """Pixel counts (classes, classes) truth by prediction, and what follows from them."""

    classes: int
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.classes, self.classes), np.int64)

    def add(
        self, truth: NDArray[np.integer], found: NDArray[np.integer], ignore: int = 255
    ) -> None:
        """Count two label maps of one shape, without the pixels labelled `ignore`."""
        counted = truth != ignore
        pairs = truth[counted].astype(np.int64) * self.classes + found[counted]
        size = self.classes**2
        self.counts += np.bincount(pairs, minlength=size).reshape(self.classes, self.classes)

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union per class (Jaccard); NaN where a class occurs in neither."""
        inner = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) - inner
        out = np.full(self.classes, np.nan)
        return np.asarray(np.divide(inner, union, out=out, where=union > 0))
