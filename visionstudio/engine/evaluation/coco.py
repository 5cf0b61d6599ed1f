"""COCO's figures for boxes, masks and keypoints, by faster-coco-eval.

Equal to pycocotools', including its -1 for a figure that has no ground truth
(no small object in the data, say). Input is checked first: what is wrong in a
file is an error that names the row, not a crash or a silent zero.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from visionstudio.formats import coco_rle
from visionstudio.formats.rows import Row, RowFault, number, numbers, printable, read_json
from visionstudio.model.errors import FormatError, InvalidValue

CocoTask = Literal["detect", "segment", "keypoints"]
Fields = dict[str, Any]

_FIELD = {"detect": "bbox", "segment": "segmentation", "keypoints": "keypoints"}
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
    return _evaluate(truth, results, "detect", "")


def evaluate_masks(truth: Mapping[str, Any], results: Sequence[Fields]) -> dict[str, float]:
    """The 12 figures of masks; ground truth that is only a box counts as its area."""
    return _evaluate(truth, results, "segment", "")


def evaluate_keypoints(truth: Mapping[str, Any], results: Sequence[Fields]) -> dict[str, float]:
    """The 10 figures `AP … ARl` of keypoints, by object keypoint similarity."""
    return _evaluate(truth, results, "keypoints", "")


def evaluate_files(truth: Path, results: Path, task: CocoTask) -> dict[str, float]:
    """The figures of a COCO results file against a COCO file. Raises FormatError."""
    data = read_json(truth, ("images", "annotations", "categories"))
    missing = [k for k in ("images", "annotations", "categories") if k not in data.lists]
    if missing:
        raise FormatError(f"this is no COCO file: it has no list '{missing[0]}'", where=str(truth))
    content = {key: _values(rows, truth) for key, rows in data.lists.items() if key}
    return _evaluate(content, read_results(results), task, str(truth), str(results))


def read_results(path: Path) -> list[Fields]:
    """The rows of a COCO results file: a list of objects. Raises FormatError."""
    data = read_json(path, ())
    if "" not in data.lists:
        raise FormatError("a COCO results file is a list of results", where=str(path))
    return _values(data.lists[""], path)


def _values(rows: Sequence[Row], path: Path) -> list[Fields]:
    for row in rows:
        reason = row.fault
        if not reason and not isinstance(row.value, dict):
            reason = f"it is no object: {printable(row.value)}"
        if reason:
            raise FormatError(reason, where=f"{path}, {row.where}")
    return [row.value for row in rows]


def _evaluate(
    truth: Mapping[str, Any],
    results: Sequence[Fields],
    task: CocoTask,
    truth_name: str,
    results_name: str = "",
) -> dict[str, float]:
    from faster_coco_eval import COCO, COCOeval_faster

    checked = _Checked(task, truth, truth_name)
    rows = [checked.result(row, i, results_name) for i, row in enumerate(results)]
    if not checked.annotations:
        raise InvalidValue("there is no ground truth to compare with", where=truth_name)
    names = _KEYPOINT_NAMES if task == "keypoints" else _NAMES
    if not rows:
        return dict.fromkeys(names, 0.0)
    ground = COCO(
        {
            "images": checked.images,
            "categories": checked.categories,
            "annotations": checked.annotations,
        }
    )
    evaluator = COCOeval_faster(ground, ground.loadRes(rows), _KIND[task], print_function=_quiet)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    found = evaluator.stats_as_dict
    return {ours: _finite(found.get(theirs, -1.0)) for ours, theirs in names.items()}


def _quiet(*_: object) -> None:
    """faster-coco-eval tells its progress here."""


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else -1.0


class _Checked:
    """Ground truth whose every row is complete, and the check of results against it."""

    def __init__(self, task: CocoTask, truth: Mapping[str, Any], name: str) -> None:
        self.task = task
        self.field = _FIELD[task]
        self.images = [dict(row) for row in truth["images"]]
        self.categories = [dict(row) for row in truth["categories"]]
        self.sizes = {
            row.get("id"): (int(row.get("height") or 0), int(row.get("width") or 0))
            for row in self.images
            if isinstance(row.get("id"), int | str)
        }
        self.class_ids = {
            row.get("id") for row in self.categories if isinstance(row.get("id"), int | str)
        }
        self.annotations: list[Fields] = []
        for index, row in enumerate(truth["annotations"]):
            try:
                self._take(row)
            except RowFault as fault:
                where = f"{name}, annotations[{index}]" if name else f"annotations[{index}]"
                raise FormatError(
                    f"ground truth is not usable: {fault}", where=where, next_step="correct the row"
                ) from None

    def _take(self, source: Fields) -> None:
        row = dict(source)
        # COCOeval takes the id 0 for "unmatched"; ids themselves mean nothing here.
        row["id"] = len(self.annotations) + 1
        self._known(row)
        row["iscrowd"] = int(bool(row.get("iscrowd", 0)))
        box = row.get("bbox") or None
        if box is not None:
            box = numbers(box, "the bbox", 4)
        if self.task == "segment" and not row.get("segmentation") and box is not None:
            x, y, w, h = box
            row["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        if self.task == "keypoints" and not row.get("keypoints"):
            return
        self._geometry(row)
        if box is not None and "area" not in row:
            row["area"] = box[2] * box[3]
        row["area"] = number(row.get("area", 0), "the area")
        self.annotations.append(row)

    def result(self, source: Fields, index: int, name: str) -> Fields:
        """A result row that is complete. Raises FormatError naming it."""
        try:
            row = copy.copy(source)
            self._known(row)
            row["score"] = number(row.get("score"), "the score")
            self._geometry(row)
            if self.task == "segment":
                row["segmentation"] = self._runs(row)
        except RowFault as fault:
            where = f"{name}, [{index}]" if name else f"results[{index}]"
            raise FormatError(
                f"result is not usable: {fault}", where=where, next_step="correct the row"
            ) from None
        kept = ("image_id", "category_id", self.field, "score")
        return {key: row[key] for key in kept}

    def _runs(self, row: Fields) -> Fields:
        """The segmentation as compressed run lengths, which is all that results may have there."""
        from faster_coco_eval import mask as mask_utils

        value: Any = row["segmentation"]
        if isinstance(value, list):
            height, width = self.sizes[row["image_id"]]
            merged: Fields = mask_utils.merge(mask_utils.frPyObjects(value, height, width))
            return merged
        if isinstance(value["counts"], list):
            return {"size": value["size"], "counts": coco_rle.compress(value["counts"])}
        return dict(value)

    def _known(self, row: Fields) -> None:
        image = row.get("image_id")
        if not isinstance(image, int | str) or image not in self.sizes:
            raise RowFault(f"no picture has the id {printable(image)}")
        class_id = row.get("category_id")
        if not isinstance(class_id, int | str):
            raise RowFault(f"the category_id is {printable(class_id)}")

    def _geometry(self, row: Fields) -> None:
        value = row.get(self.field)
        if value is None:
            raise RowFault(f"it has no {self.field}, which --task {self.task} needs")
        if self.task == "detect":
            box = numbers(value, "the bbox", 4)
            if box[2] < 0 or box[3] < 0:
                raise RowFault(f"the box has a negative size, {box[2]:g} x {box[3]:g}")
        elif self.task == "keypoints":
            if len(numbers(value, "the keypoints")) % 3:
                raise RowFault("the keypoints are not triples of x y v")
        else:
            self._segmentation(row, value)

    def _segmentation(self, row: Fields, value: Any) -> None:
        height, width = self.sizes[row["image_id"]]
        if isinstance(value, dict):
            coco_rle.check(value, height, width)
            return
        if not isinstance(value, list) or not value:
            raise RowFault(f"the segmentation is {printable(value)}")
        if not (height and width):
            raise RowFault("the size of its picture is unknown")
        for ring in value:
            count = len(numbers(ring, "a polygon"))
            if count < 6 or count % 2:
                raise RowFault(f"a polygon has {count} numbers, three x y pairs are the least")
