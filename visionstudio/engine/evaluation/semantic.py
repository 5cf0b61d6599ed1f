"""Figures of semantic segmenters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import InvalidValue

IGNORE = 255

IndexMap = NDArray[np.integer]


def evaluate_semantic(
    pairs: Iterable[tuple[IndexMap, IndexMap]],
    classes: Sequence[str],
    *,
    ignore: int = IGNORE,
) -> dict[str, float]:
    """`mIoU` and `IoU CLASS` over all pixels of all pictures (Everingham et al., IJCV 2015, 4.4).

    `pairs` are truth and prediction, (H, W) indices into `classes`, of equal
    shape; pixels whose truth is `ignore` do not count. A class that occurs in
    neither is left out of the mean. Raises InvalidValue for unequal shapes,
    indices outside, or no pixel at all.
    """
    count = len(classes)
    confusion = np.zeros((count, count), dtype=np.int64)
    for truth, predicted in pairs:
        confusion += confusion_of(truth, predicted, count, ignore)
    return figures_of(confusion, classes)


def figures_of(confusion: NDArray[np.int64], classes: Sequence[str]) -> dict[str, float]:
    """`mIoU` and `IoU CLASS` of pixel counts, truth by prediction. InvalidValue without any."""
    if not confusion.sum():
        raise InvalidValue("there are no labelled pixels to compare with")
    iou = iou_of(confusion)
    found = np.flatnonzero(~np.isnan(iou)).tolist()
    figures = {"mIoU": float(np.nanmean(iou))}
    return figures | {f"IoU {classes[i]}": float(iou[i]) for i in found}


def iou_of(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class (Jaccard); NaN where it occurs in neither."""
    hits = np.diag(confusion).astype(np.float64)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    out = np.full(len(hits), np.nan)
    return np.asarray(np.divide(hits, union, out=out, where=union > 0))


def confusion_of(
    truth: IndexMap, predicted: IndexMap, count: int, ignore: int = IGNORE
) -> NDArray[np.int64]:
    """Pixel counts (count, count), truth by prediction. Raises InvalidValue for unequal shapes."""
    if truth.shape != predicted.shape:
        raise InvalidValue(f"a map of {predicted.shape} cannot be compared with {truth.shape}")
    counted = truth != ignore
    rows, columns = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
    highest = max(int(rows.max(initial=0)), int(columns.max(initial=0)))
    if highest >= count:
        raise InvalidValue(f"a map of {count} classes holds index {highest}")
    return np.bincount(rows * count + columns, minlength=count * count).reshape(count, count)
