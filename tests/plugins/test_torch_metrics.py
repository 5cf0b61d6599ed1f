"""Validation figures against pycocotools and by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from visionstudio_torch.metrics import (
    COCO_IOUS,
    Confusion,
    Found,
    Truth,
    average_precision,
    box_figures,
)


def _scene(seed: int) -> tuple[list[Truth], list[Found]]:
    """Twelve pictures with boxes, some crowds, and jittered, missing and surplus detections."""
    rng = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(12):
        n = int(rng.integers(0, 12))
        low = rng.uniform(0, 200, (n, 2))
        boxes = np.concatenate([low, low + rng.uniform(5, 80, (n, 2))], axis=1)
        indices = rng.integers(0, 3, n)
        truths.append(Truth(boxes, indices, rng.random(n) < 0.15))
        kept = rng.random(n) < 0.8
        extra = int(rng.integers(0, 5))
        low = rng.uniform(0, 200, (extra, 2))
        more = np.concatenate([low, low + rng.uniform(5, 80, (extra, 2))], axis=1)
        moved = boxes[kept] + rng.normal(0, 4, (int(kept.sum()), 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        all_boxes = np.concatenate([moved, more])
        all_indices = np.concatenate([indices[kept], rng.integers(0, 3, extra)])
        scores = rng.permutation(len(all_boxes)) / 37 + rng.integers(0, 2)
        found.append(Found(all_boxes, all_indices, scores.astype(np.float32)))
    return truths, found


def _coco(truths: list[Truth], found: list[Found]) -> np.ndarray:
    """pycocotools' AP (classes, IoUs)."""

    def xywh(box: np.ndarray) -> list[float]:
        return [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]

    annotations = [
        {
            "image_id": i + 1,
            "category_id": int(k) + 1,
            "bbox": xywh(b),
            "area": float((b[2:] - b[:2]).prod()),
            "iscrowd": int(c),
        }
        for i, t in enumerate(truths)
        for b, k, c in zip(t.boxes, t.indices, t.ignore, strict=True)
    ]
    for i, annotation in enumerate(annotations):
        annotation["id"] = i + 1
    results = [
        {"image_id": i + 1, "category_id": int(k) + 1, "bbox": xywh(b), "score": float(s)}
        for i, f in enumerate(found)
        for b, k, s in zip(f.boxes, f.indices, f.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": i + 1} for i in range(len(truths))],
            "annotations": annotations,
            "categories": [{"id": k + 1} for k in range(3)],
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.areaRng = [[0, 1e10]]
        judge.params.areaRngLbl = ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # (IoUs, recalls, classes)
    return np.where(precision.min(axis=1) < 0, np.nan, precision.mean(axis=1)).T


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_equals_pycocotools(seed: int) -> None:
    truths, found = _scene(seed)
    ours = average_precision(truths, found, 3, COCO_IOUS)
    np.testing.assert_allclose(ours, _coco(truths, found), atol=1e-9)


def test_perfect_and_empty_predictions() -> None:
    truth = [Truth(np.array([[0, 0, 9, 9.0]]), np.array([0]), np.array([False]))]
    right = [Found(np.array([[0, 0, 9, 9.0]]), np.array([0]), np.array([0.9], np.float32))]
    nothing = [Found(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.float32))]
    assert box_figures(truth, right, ["a", "b"]) == {"AP": 1.0, "AP50": 1.0, "AP50 a": 1.0}
    assert box_figures(truth, nothing, ["a"]) == {"AP": 0.0, "AP50": 0.0}
    unlabelled = [Truth(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool))]
    assert box_figures(unlabelled, right, ["a", "b"]) == {}


def test_confusion_counts_what_is_labelled() -> None:
    confusion = Confusion(3)
    truth = np.array([[0, 0, 1], [1, 255, 255]], np.uint8)
    confusion.add(truth, np.array([[0, 1, 1], [1, 2, 0]]))
    iou = confusion.iou()
    np.testing.assert_allclose(iou[:2], [1 / 2, 2 / 3])
    assert np.isnan(iou[2])
