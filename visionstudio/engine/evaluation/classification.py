"""Where the figures of classifiers come from: which class was taken for which, and how surely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from visionstudio.api.results import Classification
from visionstudio.engine.evaluation.curves import calibration, precision_recall
from visionstudio.engine.evaluation.evaluation import (
    Case,
    ClassFigures,
    Confusion,
    Evaluation,
    Picture,
)
from visionstudio.engine.evaluation.labels import evaluate_labels

NO_ANSWER = "no answer"
_LEAST_SCORE = 1e-6  # of a class that was not among the answers


def analyse_labels(
    pictures: Sequence[Picture],
    truth: Sequence[str],
    results: Sequence[Classification | None],
    classes: Sequence[str],
) -> Evaluation:
    """Figures, curves, confusion and a case for each picture, whose class is `truth`.

    A picture without a result counts as wrong. The loss of a case is the cross entropy,
    −log of the score of the true class. Raises InvalidValue without pictures.
    """
    names = _names(classes, truth, results)
    place = {name: i for i, name in enumerate(names)}
    rows = np.array([place[name] for name in truth], np.int64)
    best = [r.labels[0] if r is not None and r.labels else NO_ANSWER for r in results]
    columns = np.array([place[name] for name in best], np.int64)
    sure = np.array([float(r.scores[0]) if r is not None and r.labels else 0.0 for r in results])
    scores = _scores(results, place)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (rows, columns), 1)
    keys = [str(i) for i in range(len(truth))]
    guesses = {k: r.labels for k, r in zip(keys, results, strict=True) if r is not None}
    return Evaluation(
        task="classify",
        metrics=evaluate_labels(dict(zip(keys, truth, strict=True)), guesses),
        classes=tuple(
            _figures(name, counts, k, scores[:, k], rows == k)
            for k, name in enumerate(names)
            if name != NO_ANSWER and (counts[k].any() or counts[:, k].any())
        ),
        confusion=Confusion(names, tuple(tuple(r) for r in counts.tolist()), unit="pictures"),
        calibration=calibration(sure, rows == columns),
        pictures=tuple(pictures),
        cases=tuple(
            Case(
                picture=i,
                row=int(rows[i]),
                column=int(columns[i]),
                kind="right" if rows[i] == columns[i] else "class",
                loss=-math.log(max(float(scores[i, rows[i]]), _LEAST_SCORE)),
                score=float(sure[i]),
            )
            for i in range(len(truth))
        ),
    )


def _names(
    classes: Sequence[str], truth: Sequence[str], results: Sequence[Classification | None]
) -> tuple[str, ...]:
    """The given classes that occur, others that occur, and a last one where answers are missing."""
    guessed = {r.labels[0] for r in results if r is not None and r.labels}
    occurring = {*truth, *guessed}
    names = [c for c in classes if c in occurring]
    names += sorted(occurring - set(names))
    missing = any(r is None or not r.labels for r in results)
    return (*names, NO_ANSWER) if missing else tuple(names)


def _scores(
    results: Sequence[Classification | None], place: Mapping[str, int]
) -> NDArray[np.float64]:
    """(pictures, classes): the score of each class, 0 where it was not answered."""
    scores = np.zeros((len(results), len(place)))
    for i, result in enumerate(results):
        if result is not None:
            for name, score in zip(result.labels, result.scores.tolist(), strict=True):
                if name in place:
                    scores[i, place[name]] = score
    return scores


def _figures(
    name: str,
    counts: NDArray[np.int64],
    k: int,
    scores: NDArray[np.float64],
    own: NDArray[np.bool_],
) -> ClassFigures:
    right, truths, found = int(counts[k, k]), int(counts[k].sum()), int(counts[:, k].sum())
    answered = scores > 0
    curve = precision_recall(scores[answered], own[answered], truths)
    figures = {
        "precision": right / found if found else 0.0,
        "recall": right / truths if truths else 0.0,
        "F1": 2 * right / (truths + found) if truths + found else 0.0,
        "AP": curve.average_precision,
        "best F1": curve.best_f1,
        "best threshold": curve.best_threshold,
    }
    return ClassFigures(name, truths, found, figures, curve)
