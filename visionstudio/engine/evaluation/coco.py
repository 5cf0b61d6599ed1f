"""COCO's figures for boxes, masks and keypoints, by faster-coco-eval.

Equal to pycocotools', including its -1 for a figure that has no ground truth
(no small object in the data, say).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visionstudio.engine.evaluation.coco_input import (
    CocoInput,
    CocoTask,
    Fields,
    check_input,
    read_results,
    read_truth,
)

_KIND = {"detect": "bbox", "segment": "segm", "keypoints": "keypoints"}
_NAMES = {
    "AP": "AP_all",
    "AP50": "AP_50",
    "AP75": "AP_75",
    "APs": "AP_small",
    "APm": "AP_medium",
    "APl": "AP_large",
    "AR1": "AR_all",
    "AR10": "AR_second",
    "AR100": "AR_third",
    "ARs": "AR_small",
    "ARm": "AR_medium",
    "ARl": "AR_large",
}
_KEYPOINT_NAMES = {
    "AP": "AP_all",
    "AP50": "AP_50",
    "AP75": "AP_75",
    "APm": "AP_medium",
    "APl": "AP_large",
    "AR": "AR_all",
    "AR50": "AR_50",
    "AR75": "AR_75",
    "ARm": "AR_medium",
    "ARl": "AR_large",
}


def evaluate_boxes(truth: Mapping[str, Any], results: Sequence[Fields]) -> dict[str, float]:
    """The 12 figures `AP … ARl` of boxes.

    `truth` is COCO's JSON object; `results` are COCO's result rows (image_id,
    category_id, bbox x, y, w, h, score). Raises FormatError naming a wrong row.
    """
    return coco_figures(check_input(truth, results, "detect"))


def evaluate_masks(truth: Mapping[str, Any], results: Sequence[Fields]) -> dict[str, float]:
    """The 12 figures of masks; ground truth that is only a box counts as its area."""
    return coco_figures(check_input(truth, results, "segment"))


def evaluate_keypoints(truth: Mapping[str, Any], results: Sequence[Fields]) -> dict[str, float]:
    """The 10 figures `AP … ARl` of keypoints, by object keypoint similarity."""
    return coco_figures(check_input(truth, results, "keypoints"))


def evaluate_files(truth: Path, results: Path, task: CocoTask) -> dict[str, float]:
    """The figures of a COCO results file against a COCO file. Raises FormatError."""
    return coco_figures(read_input(truth, results, task))


def read_input(truth: Path, results: Path, task: CocoTask) -> CocoInput:
    """A COCO file and a results file, checked. Raises FormatError."""
    rows = read_truth(truth)
    return check_input(rows, read_results(results), task, str(truth), str(results))


def coco_figures(data: CocoInput) -> dict[str, float]:
    """The figures `AP … ARl`; all zero without results."""
    return coco_figures_by_class(data)[0]


def coco_figures_by_class(data: CocoInput) -> tuple[dict[str, float], dict[Any, float]]:
    """The figures, and AP of every category id that has ground truth."""
    from faster_coco_eval import COCO, COCOeval_faster

    names = _KEYPOINT_NAMES if data.task == "keypoints" else _NAMES
    if not data.results:
        wanted = {a["category_id"] for a in data.annotations if not a["iscrowd"]}
        return dict.fromkeys(names, 0.0), dict.fromkeys(wanted, 0.0)
    ground = COCO(
        {
            "images": data.images,
            "categories": data.categories,
            "annotations": data.annotations,
        }
    )
    found = ground.loadRes(data.results)
    evaluator = COCOeval_faster(ground, found, _KIND[data.task], print_function=_quiet)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    stats = evaluator.stats_as_dict
    figures = {ours: _finite(stats.get(theirs, -1.0)) for ours, theirs in names.items()}
    precision = np.asarray(evaluator.eval["precision"])  # IoU, recall, class, area, most
    each = {}
    for k, category in enumerate(evaluator.params.catIds):
        values = precision[:, :, k, 0, -1]
        if (values > -1).any():
            each[category] = float(values[values > -1].mean())
    return figures, each


def _quiet(*_: object) -> None:
    """faster-coco-eval tells its progress here."""


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else -1.0
