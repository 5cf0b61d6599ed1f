"""COCO ground truth and results, checked row by row before anything is computed from them.

What is wrong in a file is an error that names the row, not a crash or a silent zero.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from visionstudio.formats import coco_rle
from visionstudio.formats.rows import Row, RowFault, number, numbers, printable, read_json
from visionstudio.model.errors import FormatError, InvalidValue

CocoTask = Literal["detect", "segment", "keypoints"]
Fields = dict[str, Any]

_FIELD = {"detect": "bbox", "segment": "segmentation", "keypoints": "keypoints"}


@dataclass(frozen=True, slots=True, eq=False)
class CocoInput:
    """Complete rows of COCO's kinds: pictures, categories, ground truth and results.

    Annotations have an `id` from 1, `iscrowd` 0 or 1 and an `area`; results have a
    finite score, and masks as compressed run lengths.
    """

    task: CocoTask
    images: list[Fields]
    categories: list[Fields]
    annotations: list[Fields]
    results: list[Fields]


def check_input(
    truth: Mapping[str, Any],
    results: Sequence[Fields],
    task: CocoTask,
    truth_name: str = "",
    results_name: str = "",
) -> CocoInput:
    """Check COCO's JSON object and result rows. FormatError names a wrong row.

    InvalidValue when there is no ground truth of the task at all.
    """
    checked = _Checked(task, truth, truth_name)
    rows = [checked.result(row, i, results_name) for i, row in enumerate(results)]
    if not checked.annotations:
        raise InvalidValue("there is no ground truth to compare with", where=truth_name)
    return CocoInput(task, checked.images, checked.categories, checked.annotations, rows)


def read_truth(path: Path) -> dict[str, list[Fields]]:
    """The pictures, annotations and categories of a COCO file. Raises FormatError."""
    data = read_json(path, ("images", "annotations", "categories"))
    missing = [k for k in ("images", "annotations", "categories") if k not in data.lists]
    if missing:
        raise FormatError(f"this is no COCO file: it has no list '{missing[0]}'", where=str(path))
    return {key: _values(rows, path) for key, rows in data.lists.items() if key}


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
