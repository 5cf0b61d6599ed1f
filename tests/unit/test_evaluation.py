"""The figures of models: equal to pycocotools', and by hand for the small ones."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.engine.evaluation import (
    evaluate_boxes,
    evaluate_files,
    evaluate_labels,
    evaluate_masks,
    evaluate_semantic,
)
from visionstudio.model.errors import FormatError, InvalidValue

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
KEYPOINTS = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]


def oracle(truth: Path, results: Path, kind: str) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO(str(truth))
        evaluator = COCOeval(ground, ground.loadRes(str(results)), kind)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return [float(v) for v in evaluator.stats]


@pytest.fixture(scope="session")
def cocoapi(shared_data: Path) -> Path:
    return shared_data / "crosscheck" / "faster_coco_eval" / "dataset" / "cocoapi"


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("task", "kind", "file", "known"),
    [
        ("detect", "bbox", "instances_val2014_fakebbox100_results.json", (0.505, 0.697)),
        ("segment", "segm", "instances_val2014_fakesegm100_results.json", (0.320, 0.562)),
    ],
)
def test_the_cocoapi_sample_gives_its_known_figures(
    cocoapi: Path, task: Any, kind: str, file: str, known: tuple[float, float]
) -> None:
    truth, results = cocoapi / "instances_val2014_100.json", cocoapi / file
    figures = evaluate_files(truth, results, task)
    assert list(figures) == NAMES
    assert (round(figures["AP"], 3), round(figures["AP50"], 3)) == known
    assert list(figures.values()) == pytest.approx(oracle(truth, results, kind), abs=1e-9)


@pytest.mark.shared_data
def test_keypoints_equal_pycocotools(shared_data: Path) -> None:
    folder = shared_data / "crosscheck" / "faster_coco_eval" / "keypoints_dataset"
    truth, results = folder / "gt_dataset.json", folder / "dt_dataset.json"
    figures = evaluate_files(truth, results, "keypoints")
    assert list(figures) == KEYPOINTS
    assert list(figures.values()) == pytest.approx(oracle(truth, results, "keypoints"), abs=1e-9)


def truth_of(*boxes: list[float], crowd: int = 0) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "bbox": b, "iscrowd": crowd}
            for i, b in enumerate(boxes)
        ],
    }


def found(*boxes: list[float], score: float = 0.9) -> list[dict[str, Any]]:
    return [{"image_id": 1, "category_id": 1, "bbox": b, "score": score} for b in boxes]


def test_a_ground_truth_id_of_zero_is_matched_like_any_other() -> None:
    box = [10.0, 10.0, 20.0, 20.0]
    assert evaluate_boxes(truth_of(box), found(box))["AP"] == pytest.approx(1.0)


def test_no_results_are_zero_and_no_truth_is_an_error() -> None:
    assert evaluate_boxes(truth_of([1, 1, 5, 5]), []) == dict.fromkeys(NAMES, 0.0)
    with pytest.raises(InvalidValue, match="no ground truth"):
        evaluate_boxes(truth_of(), found([1, 1, 5, 5]))


def test_boxes_count_as_masks_where_the_truth_has_no_outline() -> None:
    rows = [
        {
            "image_id": 1,
            "category_id": 1,
            "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]],
            "score": 1.0,
        }
    ]
    assert evaluate_masks(truth_of([10, 10, 20, 20]), rows)["AP"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image_id": 7}, "no picture has the id 7"),
        ({"bbox": [1, 2, 3]}, "3 numbers instead of 4"),
        ({"bbox": [1, 2, -3, 4]}, "negative size"),
        ({"bbox": None}, "no bbox"),
        ({"score": "high"}, "the score is no number"),
        ({"category_id": [1]}, "category_id"),
    ],
)
def test_a_wrong_result_row_is_named(change: dict[str, Any], reason: str) -> None:
    rows = [*found([1, 1, 5, 5]), *found([1, 1, 5, 5])]
    rows[1] |= change
    with pytest.raises(FormatError, match=reason) as caught:
        evaluate_boxes(truth_of([1, 1, 5, 5]), rows)
    assert "results[1]" in str(caught.value)


def test_wrong_run_lengths_are_refused_before_they_reach_native_code(tmp_path: Path) -> None:
    truth = truth_of([1, 1, 5, 5])
    rows = [{"image_id": 1, "category_id": 1, "score": 1, "segmentation": {}}]
    for broken in ({}, {"size": [100, 100], "counts": "zz"}, {"size": [9, 9], "counts": [81]}):
        rows[0]["segmentation"] = broken
        (tmp_path / "dt.json").write_text(json.dumps(rows))
        (tmp_path / "gt.json").write_text(json.dumps(truth))
        with pytest.raises(FormatError, match="result is not usable"):
            evaluate_files(tmp_path / "gt.json", tmp_path / "dt.json", "segment")


def test_mean_iou_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1], [2, 255, 1, 1]], np.uint8)
    guess = np.array([[0, 1, 1, 1], [0, 2, 1, 0]], np.uint8)
    figures = evaluate_semantic([(truth, guess)], ["background", "cell", "gap", "never"])
    assert figures["IoU background"] == pytest.approx(1 / 4)
    assert figures["IoU cell"] == pytest.approx(3 / 5)
    assert figures["IoU gap"] == 0.0
    assert figures["mIoU"] == pytest.approx((0.25 + 0.6 + 0.0) / 3)
    assert "IoU never" not in figures


def test_pixel_maps_must_fit() -> None:
    with pytest.raises(InvalidValue, match="cannot be compared"):
        evaluate_semantic([(np.zeros((2, 2), int), np.zeros((2, 3), int))], ["a"])
    with pytest.raises(InvalidValue, match="index 4"):
        evaluate_semantic([(np.zeros((1, 1), int), np.full((1, 1), 4))], ["a"])


def test_accuracy_counts_missing_guesses_as_wrong() -> None:
    truth = {"1": "cat", "2": "dog", "3": "owl", "4": "cat"}
    guesses = {"1": ["cat"], "2": ["cat", "dog"], "3": list("abcde") + ["owl"]}
    assert evaluate_labels(truth, guesses) == {"accuracy": 0.25, "top5": 0.5}
    with pytest.raises(InvalidValue):
        evaluate_labels({}, {})
