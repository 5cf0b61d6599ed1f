"""Where the figures of semantic segmenters come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.evaluation.boundary import BoundaryCounts
from visionstudio.engine.evaluation.evaluation import (
    Case,
    ClassFigures,
    Confusion,
    Evaluation,
    Picture,
)
from visionstudio.engine.evaluation.semantic import (
    IGNORE,
    IndexMap,
    confusion_of,
    figures_of,
    iou_of,
)

_LEAST_PIXELS = 9  # of a patch worth showing; a single pixel at an edge is no case


def analyse_maps(
    pairs: Iterable[tuple[Picture, IndexMap, IndexMap]],
    classes: Sequence[str],
    *,
    ignore: int = IGNORE,
) -> Evaluation:
    """Figures, confusion of pixels, and cases of truth and prediction, (H, W) class indices.

    A case is all pixels of a picture that are of one class and were taken for another;
    its loss is their share of the labelled pixels. Raises InvalidValue as
    `evaluate_semantic` does.
    """
    count = len(classes)
    total = np.zeros((count, count), np.int64)
    outlines = BoundaryCounts(count)
    pictures: list[Picture] = []
    cases: list[Case] = []
    for picture, truth, found in pairs:
        confusion = confusion_of(truth, found, count, ignore)
        total += confusion
        outlines.add(truth, found, ignore)
        cases += _cases(len(pictures), confusion, truth, found)
        pictures.append(picture)
    boundary = outlines.f()
    iou = iou_of(total)
    metrics = figures_of(total, classes)
    metrics["pixel accuracy"] = float(np.diag(total).sum() / total.sum())
    if not np.isnan(boundary).all():
        metrics["boundary F"] = float(np.nanmean(boundary))
    rows, columns, hits = total.sum(axis=1), total.sum(axis=0), np.diag(total)
    return Evaluation(
        task="semantic",
        metrics=metrics,
        classes=tuple(
            ClassFigures(
                classes[k],
                int(rows[k]),
                int(columns[k]),
                {
                    "IoU": float(iou[k]),
                    "precision": float(hits[k] / max(columns[k], 1)),
                    "recall": float(hits[k] / max(rows[k], 1)),
                    "F1": float(2 * hits[k] / max(rows[k] + columns[k], 1)),
                }
                | ({} if np.isnan(boundary[k]) else {"boundary F": float(boundary[k])}),
            )
            for k in np.flatnonzero(~np.isnan(iou)).tolist()
        ),
        confusion=Confusion(tuple(classes), tuple(tuple(r) for r in total.tolist()), unit="pixels"),
        pictures=tuple(pictures),
        cases=tuple(cases),
    )


def _cases(
    place: int, confusion: NDArray[np.int64], truth: IndexMap, found: IndexMap
) -> list[Case]:
    known = max(int(confusion.sum()), 1)
    cases = []
    for row, column in np.argwhere(confusion).tolist():
        pixels = int(confusion[row, column])
        right = row == column
        if pixels < _LEAST_PIXELS and not right:
            continue
        where = (truth == row) & (found == column)
        ys, xs = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
        box = float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1)
        cases.append(
            Case(
                picture=place,
                row=row,
                column=column,
                kind="right" if right else "class",
                loss=0.0 if right else pixels / known,
                truth=box,
                pixels=pixels,
            )
        )
    return cases
