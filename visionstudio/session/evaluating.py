"""How well results fit a project's labels.

Truth are the labels of the chosen pictures, or of all that are labelled or
verified. Results are compared in memory, by `engine.evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from visionstudio.api.results import Classification, Detections, Masks, Result, SemanticMap
from visionstudio.engine.evaluation import (
    evaluate_boxes,
    evaluate_labels,
    evaluate_masks,
    evaluate_semantic,
)
from visionstudio.engine.evaluation.coco import read_results
from visionstudio.engine.evaluation.semantic import IGNORE, IndexMap
from visionstudio.formats.coco_write import to_coco
from visionstudio.formats.dataset import Dataset, DatasetAnnotation, DatasetItem
from visionstudio.formats.results import coco_rows, read_labels, read_maps
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import Tag, to_mask
from visionstudio.session.exporting import project_dataset
from visionstudio.storage.store import ProjectStore

SEAMS = 0.005
"""Below this share of pixels, what is unlabelled in a pixel map are seams, not background."""

Figures = tuple[str, dict[str, float]]


Key = tuple[int, int]
"""Media id and frame; the frame of a picture is 0."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels to compare with: an item for each picture and each labelled frame.

    The ids of pictures and classes are the project's; frames have ids behind
    them. `keys` says what each item is.
    """

    dataset: Dataset
    keys: dict[int, Key]

    @property
    def class_ids(self) -> dict[str, int]:
        """The project's id of every class name."""
        return {c.name: c.id for c in self.dataset.classes if c.id is not None}


def truth_of(store: ProjectStore, wanted: Iterable[Key] | None = None) -> Truth:
    """The labels of pictures and frames, by default all. InvalidValue when there are none."""
    chosen = None if wanted is None else frozenset(wanted)
    media_ids = None if chosen is None else {media_id for media_id, _ in chosen}
    dataset = project_dataset(store, media_ids)
    items: list[DatasetItem] = []
    keys: dict[int, Key] = {}
    free = max((item.id or 0 for item in dataset.items), default=0) + 1
    for item in dataset.items:
        media_id = item.id or 0
        for frame, one in _frames(item):
            if chosen is not None and (media_id, frame) not in chosen:
                continue
            if item.kind is not MediaKind.IMAGE:
                one, free = replace(one, id=free), free + 1
            items.append(one)
            keys[one.id or 0] = media_id, frame
    if not any(item.annotations for item in items):
        raise InvalidValue(
            "there are no labels to compare with",
            where=str(store.folder),
            next_step="label or import some pictures",
        )
    return Truth(replace(dataset, items=tuple(items)), keys)


def _frames(item: DatasetItem) -> Iterator[tuple[int, DatasetItem]]:
    """A picture as it is; a video as one picture for each of its labelled frames."""
    if item.kind is MediaKind.IMAGE:
        yield 0, item
        return
    by_frame: dict[int, list[DatasetAnnotation]] = {}
    for annotation in item.annotations:
        if not annotation.flags & Flags.OUTSIDE:
            by_frame.setdefault(annotation.frame, []).append(annotation)
    for frame, rows in sorted(by_frame.items()):
        path = f"{item.path}#{frame}"
        yield frame, replace(item, path=path, kind=MediaKind.IMAGE, annotations=tuple(rows))


def measure(truth: Truth, results: Mapping[int, Result], output: str) -> Figures:
    """Task and figures of results by item id. `output` is the kind of the model's results."""
    if output == "classes":
        found = {
            str(i): list(r.labels) for i, r in results.items() if isinstance(r, Classification)
        }
        return "classify", evaluate_labels(_labels(truth), found)
    if output == "semantic":
        return "semantic", _measure_maps(truth, results)
    if output not in ("boxes", "masks"):
        raise InvalidValue(f"results of the kind '{output}' cannot be compared with labels")
    rows: list[dict[str, Any]] = []
    for item_id, result in results.items():
        if isinstance(result, Detections | Masks):
            rows += coco_rows(result, item_id, "", truth.class_ids)
    content = coco_truth(truth.dataset)
    if output == "masks":
        return "segment", evaluate_masks(content, rows)
    return "detect", evaluate_boxes(content, rows)


def measure_file(truth: Truth, predictions: Path) -> Figures:
    """Task and figures of what ``visionstudio predict --out`` wrote. Raises FormatError."""
    if predictions.is_dir() and (predictions / "results.json").is_file():
        predictions = predictions / "results.json"
    if predictions.is_dir():
        return "semantic", _measure_map_files(truth, predictions)
    if _is_labels(predictions):
        found = read_labels(predictions)
        by_id = {str(i.id): found[i.path] for i in truth.dataset.items if i.path in found}
        return "classify", evaluate_labels(_labels(truth), by_id)
    rows = read_results(predictions)
    ids = {key: item_id for item_id, key in truth.keys.items()}
    rows = [
        row | {"image_id": ids[row["image_id"], row.get("frame", 0)]}
        for row in rows
        if (row.get("image_id"), row.get("frame", 0)) in ids
    ]
    content = coco_truth(truth.dataset)
    if rows and all(row.get("segmentation") for row in rows):
        return "segment", evaluate_masks(content, rows)
    return "detect", evaluate_boxes(content, rows)


def _is_labels(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip()[:1] == b"{"


def coco_truth(dataset: Dataset) -> dict[str, Any]:
    """COCO's JSON object in which difficult objects, like crowds, are neither right nor wrong."""
    marked = [
        replace(
            item,
            annotations=tuple(
                replace(a, flags=a.flags | Flags.CROWD) if a.flags & Flags.DIFFICULT else a
                for a in item.annotations
            ),
        )
        for item in dataset.items
    ]
    return to_coco(replace(dataset, items=tuple(marked)))


def _labels(truth: Truth) -> dict[str, str]:
    """The first tag of every picture that has one, by item id."""
    found = {}
    for item in truth.dataset.items:
        tags = [a.label for a in item.annotations if isinstance(a.shape, Tag)]
        if tags:
            found[str(item.id)] = tags[0]
    return found


def _measure_maps(truth: Truth, results: Mapping[int, Result]) -> dict[str, float]:
    maps = {i: r for i, r in results.items() if isinstance(r, SemanticMap)}
    if not maps:
        raise InvalidValue("there are no pixel maps to compare with the labels")
    one = next(iter(maps.values()))
    items = [i for i in truth.dataset.items if i.id in maps]
    found = ((item, maps[item.id].labels) for item in items if item.id is not None)
    return _figures(found, items, one.classes, one.background)


def _measure_map_files(truth: Truth, folder: Path) -> dict[str, float]:
    from visionstudio.media.image import read_pixels

    names, maps = read_maps(folder)
    items = [i for i in truth.dataset.items if i.path in maps]
    if not items:
        raise InvalidValue("none of the maps is of a labelled picture", where=str(folder))
    found = ((item, read_pixels(maps[item.path]).values) for item in items)
    return _figures(found, items, names, 0)


def _figures(
    found: Iterable[tuple[DatasetItem, IndexMap]],
    items: Sequence[DatasetItem],
    names: Sequence[str],
    background: int | None,
) -> dict[str, float]:
    """Mean IoU of the model's classes, and of those that only the labels have."""
    labels = {a.label for i in items for a in i.annotations if not isinstance(a.shape, Tag)}
    classes = [*names, *sorted(labels - set(names))]
    if len(classes) > IGNORE:
        raise InvalidValue(f"{len(classes)} classes, at most {IGNORE} fit into a pixel map")
    index = {name: i for i, name in enumerate(classes)}
    nothing = IGNORE if background is None else background
    if background is not None and _unlabelled_share(items, index) < SEAMS:
        nothing = IGNORE
    pairs = ((_truth_map(item, index, nothing, *m.shape), m) for item, m in found)
    return evaluate_semantic(_same_size(pairs), classes)


def _same_size(pairs: Iterable[tuple[IndexMap, IndexMap]]) -> Iterator[tuple[IndexMap, IndexMap]]:
    for truth, found in pairs:
        if found.ndim != 2:
            raise InvalidValue(f"a pixel map is (H, W), got shape {found.shape}")
        yield truth, found


def _unlabelled_share(items: Sequence[DatasetItem], index: Mapping[str, int]) -> float:
    free = total = 0
    for item in items:
        if item.width and item.height:
            labels = _truth_map(item, index, IGNORE, item.height, item.width)
            free += int((labels == IGNORE).sum())
            total += labels.size
    return free / total if total else 1.0


def _truth_map(
    item: DatasetItem, index: Mapping[str, int], nothing: int, height: int, width: int
) -> IndexMap:
    """The labels' class index per pixel, later ones on top; `nothing` where there is none."""
    labels = np.full((height, width), nothing, np.uint8)
    for annotation in sorted(item.annotations, key=lambda a: a.z):
        if isinstance(annotation.shape, Tag):
            continue
        ignore = bool(annotation.flags & (Flags.CROWD | Flags.DIFFICULT))
        covered = to_mask(annotation.shape, height, width)
        labels[covered] = IGNORE if ignore else index[annotation.label]
    return labels
