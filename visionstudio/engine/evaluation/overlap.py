"""How far results and objects of a picture overlap: IoU of boxes and masks, OKS of keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.evaluation.coco_input import CocoTask, Fields

# COCO's tolerances of its 17 keypoints; for other skeletons their mean.
_SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float64
) / 1000  # fmt: skip


def overlaps(
    task: CocoTask, results: Sequence[Fields], truths: Sequence[Fields], size: tuple[int, int]
) -> NDArray[np.float64]:
    """(n, m) overlap in [0, 1] of result and annotation rows of a picture of (height, width).

    For a crowd it is the share of the result that lies in it.
    """
    if not results or not truths:
        return np.zeros((len(results), len(truths)))
    if task == "keypoints":
        return np.array([[_similarity(r, t) for t in truths] for r in results])
    from faster_coco_eval import mask as mask_utils

    crowd = [int(t["iscrowd"]) for t in truths]
    if task == "detect":
        mine = np.array([r["bbox"] for r in results], np.float64)
        theirs = np.array([t["bbox"] for t in truths], np.float64)
        return np.asarray(mask_utils.iou(mine, theirs, crowd), np.float64).reshape(
            len(results), len(truths)
        )
    own = [r["segmentation"] for r in results]
    wanted = [_runs(t["segmentation"], size) for t in truths]
    return np.asarray(mask_utils.iou(own, wanted, crowd), np.float64).reshape(
        len(results), len(truths)
    )


def _runs(segmentation: Any, size: tuple[int, int]) -> Any:
    from faster_coco_eval import mask as mask_utils

    if isinstance(segmentation, list):
        return mask_utils.merge(mask_utils.frPyObjects(segmentation, *size))
    if isinstance(segmentation["counts"], list):
        return mask_utils.frPyObjects(segmentation, *size)
    return segmentation


def _similarity(result: Fields, truth: Fields) -> float:
    """Object keypoint similarity (COCO), 0 where the skeletons differ."""
    mine = np.array(result["keypoints"], np.float64).reshape(-1, 3)
    theirs = np.array(truth["keypoints"], np.float64).reshape(-1, 3)
    if len(mine) != len(theirs):
        return 0.0
    known = len(mine) == len(_SIGMAS)
    variance = (2 * (_SIGMAS if known else np.full(len(mine), _SIGMAS.mean()))) ** 2
    gap = mine[:, :2] - theirs[:, :2]
    labelled = theirs[:, 2] > 0
    if not labelled.any():
        # Without labelled points what counts is how far it lies outside twice the object's box.
        x, y, w, h = truth.get("bbox") or (0.0, 0.0, 0.0, 0.0)
        low, high = np.array([x - w, y - h]), np.array([x + 2 * w, y + 2 * h])
        gap = np.maximum(low - mine[:, :2], 0) + np.maximum(mine[:, :2] - high, 0)
        labelled = np.ones(len(mine), bool)
    distance = (gap**2).sum(axis=1) / variance / (truth["area"] + np.spacing(1)) / 2
    return float(np.exp(-distance[labelled]).mean())
