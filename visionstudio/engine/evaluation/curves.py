"""Precision over recall, F1 over the threshold, and how far scores can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.evaluation.evaluation import Calibration, Curve

POINTS = 200  # of a curve are enough to draw it
BINS = 10
_RECALLS = np.linspace(0, 1, 101)


def precision_recall(scores: NDArray[np.floating], hits: NDArray[np.bool_], truths: int) -> Curve:
    """The curve of n answers with `scores` of which `hits` are right, of `truths` to be found.

    Answers of one score share a threshold. The average precision is COCO's: the mean over
    101 recalls of the highest precision at that recall or beyond (Lin et al., 2014).
    """
    if truths == 0 or len(scores) == 0:
        return Curve()
    order = np.argsort(-scores, kind="mergesort")
    sorted_scores, right = scores[order], np.cumsum(hits[order])
    precision = right / np.arange(1, len(order) + 1)
    recall = right / truths
    average = _average_precision(precision, recall)
    ends = np.flatnonzero(np.append(np.diff(sorted_scores) != 0, True))
    precision, recall, at = precision[ends], recall[ends], sorted_scores[ends]
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    best = int(f1.argmax())
    shown = _thinned(len(ends), best)
    return Curve(
        tuple(at[shown].astype(float).tolist()),
        tuple(precision[shown].tolist()),
        tuple(recall[shown].tolist()),
        average,
        float(f1[best]),
        float(at[best]),
    )


def _average_precision(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    reached = places < len(envelope)
    return float(np.where(reached, envelope[np.minimum(places, len(envelope) - 1)], 0).mean())


def _thinned(count: int, keep: int) -> NDArray[np.int64]:
    if count <= POINTS:
        return np.arange(count)
    spread = np.linspace(0, count - 1, POINTS).astype(np.int64)
    return np.unique(np.append(spread, keep))


def calibration(scores: NDArray[np.floating], hits: NDArray[np.bool_]) -> Calibration | None:
    """Reliability in ten bins of (n,) scores in [0, 1] and whether they were right."""
    if len(scores) == 0:
        return None
    # As usual a bin holds its upper bound, the first also 0.
    bins = np.clip(np.ceil(np.asarray(scores, np.float64) * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sure = np.bincount(bins, weights=scores, minlength=BINS)
    right = np.bincount(bins, weights=hits, minlength=BINS)
    used = counts > 0
    mean_score, mean_right = sure[used] / counts[used], right[used] / counts[used]
    gap = np.abs(mean_score - mean_right)
    return Calibration(
        tuple(mean_score.tolist()),
        tuple(mean_right.tolist()),
        tuple(counts[used].tolist()),
        float((gap * counts[used]).sum() / counts.sum()),
    )
