"""Results of any task against labels: one `Evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visionstudio.api.results import Classification, Detections, Masks, Result, SemanticMap
from visionstudio.engine.evaluation.classification import analyse_labels
from visionstudio.engine.evaluation.coco_input import CocoTask, check_input, read_results
from visionstudio.engine.evaluation.detection import analyse_objects
from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.engine.evaluation.maps import analyse_maps
from visionstudio.engine.evaluation.semantic import IGNORE, IndexMap
from visionstudio.engine.evaluation.truth import (
    Truth,
    class_names,
    coco_truth,
    truth_map,
    unlabelled_share,
)
from visionstudio.formats.dataset import DatasetItem
from visionstudio.formats.results import coco_rows, read_labels, read_maps
from visionstudio.model.errors import InvalidValue

SEAMS = 0.005
"""Below this share of pixels, what is unlabelled in a pixel map are seams, not background."""

OUTPUTS = ("classes", "boxes", "masks", "semantic")
"""The kinds of results that can be compared with labels."""


class Collector:
    """Takes results one by one and keeps of each what a comparison needs: not its masks' pixels.

    `output` is the kind of the model's results, one of OUTPUTS. `add` may be called from
    another thread than the rest.
    """

    def __init__(self, truth: Truth, output: str) -> None:
        if output not in OUTPUTS:
            raise InvalidValue(f"results of the kind '{output}' cannot be compared with labels")
        self.truth = truth
        self.output = output
        self._rows: dict[int, list[dict[str, Any]]] = {}
        self._labels: dict[int, Classification] = {}
        self._maps: dict[int, SemanticMap] = {}

    def drop_unseen(self) -> None:
        """Leave out the pictures without a result, where time was short."""
        seen = {*self._rows, *self._labels, *self._maps}
        items = tuple(i for i in self.truth.dataset.items if i.id in seen)
        self.truth = replace(self.truth, dataset=replace(self.truth.dataset, items=items))

    def __len__(self) -> int:
        return len(self._rows) + len(self._labels) + len(self._maps)

    def add(self, item_id: int, result: object) -> None:
        """The result of a picture or frame of the truth; of another kind it is left out."""
        match result:
            case Classification():
                self._labels[item_id] = result
            case SemanticMap():
                plain = SemanticMap(result.labels, result.classes, result.background)
                self._maps[item_id] = plain
            case Detections() | Masks():
                self._rows[item_id] = coco_rows(result, item_id, "", self.truth.class_ids)

    def evaluate(self, threshold: float | None = None) -> Evaluation:
        """Compare what was added with the labels.

        `threshold` is the score from which on objects count as answers, by default the best.
        """
        if self.output == "classes":
            return _labels(self.truth, self._labels.get)
        if self.output != "semantic":
            rows = [row for rows in self._rows.values() for row in rows]
            task: CocoTask = "segment" if self.output == "masks" else "detect"
            return _objects(self.truth, rows, task, threshold)
        if not self._maps:
            raise InvalidValue("there are no pixel maps to compare with the labels")
        one = next(iter(self._maps.values()))
        items = [i for i in self.truth.dataset.items if i.id in self._maps]
        labels = ((i, self._maps[i.id].labels) for i in items if i.id is not None)
        return _maps(self.truth, labels, items, one.classes, one.background)


def analyse(
    truth: Truth,
    results: Mapping[int, Result],
    output: str,
    *,
    threshold: float | None = None,
) -> Evaluation:
    """What results by item id are worth; see `Collector`."""
    collector = Collector(truth, output)
    for item_id, result in results.items():
        collector.add(item_id, result)
    return collector.evaluate(threshold)


def analyse_file(truth: Truth, predictions: Path) -> Evaluation:
    """The same of what ``visionstudio predict --out`` wrote. Raises FormatError."""
    if predictions.is_dir() and (predictions / "results.json").is_file():
        predictions = predictions / "results.json"
    if predictions.is_dir():
        return _map_files(truth, predictions)
    if _holds_labels(predictions):
        found = read_labels(predictions)
        by_id = {i.id: found[i.path] for i in truth.dataset.items if i.path in found}
        return _labels(truth, by_id.get)
    rows = read_results(predictions)
    ids = {key: item_id for item_id, key in truth.keys.items()}
    rows = [
        row | {"image_id": ids[row["image_id"], row.get("frame", 0)]}
        for row in rows
        if (row.get("image_id"), row.get("frame", 0)) in ids
    ]
    outlined = bool(rows) and all(row.get("segmentation") for row in rows)
    return _objects(truth, rows, "segment" if outlined else "detect", None)


def _holds_labels(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip()[:1] == b"{"


def _objects(
    truth: Truth, rows: Sequence[dict[str, Any]], task: CocoTask, threshold: float | None
) -> Evaluation:
    pictures = {i.id: truth.picture(i) for i in truth.dataset.items}
    data = check_input(coco_truth(truth.dataset), rows, task)
    return analyse_objects(data, pictures, threshold)


def _labels(truth: Truth, found: Callable[[int], Classification | None]) -> Evaluation:
    tags = truth.tags()
    items = [i for i in truth.dataset.items if i.id in tags]
    ids = [i.id or 0 for i in items]
    return analyse_labels(
        [truth.picture(i) for i in items],
        [tags[i] for i in ids],
        [found(i) for i in ids],
        [c.name for c in truth.dataset.classes],
    )


def _map_files(truth: Truth, folder: Path) -> Evaluation:
    from visionstudio.media.image import read_pixels

    names, maps = read_maps(folder)
    items = [i for i in truth.dataset.items if i.path in maps]
    if not items:
        raise InvalidValue("none of the maps is of a labelled picture", where=str(folder))
    found = ((item, read_pixels(maps[item.path]).values) for item in items)
    return _maps(truth, found, items, names, 0)


def _maps(
    truth: Truth,
    found: Iterable[tuple[DatasetItem, IndexMap]],
    items: Sequence[DatasetItem],
    names: Sequence[str],
    background: int | None,
) -> Evaluation:
    """Mean IoU of the model's classes, and of those that only the labels have."""
    classes = [*names, *sorted(class_names(items) - set(names))]
    if len(classes) > IGNORE:
        raise InvalidValue(f"{len(classes)} classes, at most {IGNORE} fit into a pixel map")
    index = {name: i for i, name in enumerate(classes)}
    nothing = IGNORE if background is None else background
    if background is not None and unlabelled_share(items, index) < SEAMS:
        nothing = IGNORE

    def pairs() -> Iterable[Any]:
        for item, labels in found:
            if labels.ndim != 2:
                raise InvalidValue(f"a pixel map is (H, W), got shape {labels.shape}")
            yield truth.picture(item), truth_map(item, index, nothing, *labels.shape), labels

    return analyse_maps(pairs(), classes)
