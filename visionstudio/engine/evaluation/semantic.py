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
        confusion += _confusion(truth, predicted, count, ignore)
    if not confusion.sum():
        raise InvalidValue("there are no labelled pixels to compare with")
    hits = np.diag(confusion).astype(np.float64)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    found = union > 0
    iou = np.divide(hits, union, out=np.zeros(count), where=found)
    figures = {"mIoU": float(iou[found].mean())}
    return figures | {f"IoU {classes[i]}": float(iou[i]) for i in np.flatnonzero(found).tolist()}


def _confusion(truth: IndexMap, predicted: IndexMap, count: int, ignore: int) -> NDArray[np.int64]:
    if truth.shape != predicted.shape:
        raise InvalidValue(f"a map of {predicted.shape} cannot be compared with {truth.shape}")
    counted = truth != ignore
    rows, columns = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
    highest = max(int(rows.max(initial=0)), int(columns.max(initial=0)))
    if highest >= count:
        raise InvalidValue(f"a map of {count} classes holds index {highest}")
    return np.bincount(rows * count + columns, minlength=count * count).reshape(count, count)
