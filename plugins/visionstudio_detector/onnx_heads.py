"""What the outputs of an exported detector mean, found by their shapes.

| outputs | read as |
|---|---|
| (1, n, 5 + C) | YOLOv5, v6, v7: centre, size, objectness, classes, in pixels |
| (1, 4 + C, n) | YOLOv8 and later: centre, size, classes, in pixels |
| (1, n, 6) | ends with non-maximum suppression: corners, score, class |
| (1, 5 + C, H, W) | FastestDet: objectness, offsets, size, classes per cell |
| (1, n, 4) and (1, n, C) | SSD (probabilities, background first) or DETR (logits) |
| boxes, labels and scores | torchvision and TensorFlow, already chosen |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import WeightsError

Array = NDArray[np.float32]
Outputs = Mapping[str, Array]
Read = Callable[[Outputs], tuple[Array, Array]]
"""Outputs → boxes (n, 4) as corners and scores (n, C)."""


@dataclass(frozen=True, slots=True)
class Head:
    """How to read a model: `kind` names the family, `classes` are C.

    `parts` says that boxes are in parts of the picture, not in pixels; `suppress` whether they
    still need non-maximum suppression; `values`, `order` and `fit` are how such models usually
    want their pictures.
    """

    kind: str
    classes: int
    read: Read
    parts: bool = False
    suppress: bool = True
    values: str = "0 to 1"
    order: str = "rgb"
    fit: str = "letterbox"


def find_head(outputs: Outputs, height: int, names: int = 0) -> Head:
    """The head whose shapes the outputs of a probe have, at a picture's `height`.

    `names` is how many classes are named, 0 for unknown.

    Raises WeightsError that lists the shapes when none fits.
    """
    found = (
        _chosen(outputs, names)
        or _pair(outputs, names)
        or _grid(outputs, height)
        or _rows(outputs, names)
    )
    if found is not None:
        return found
    shapes = ", ".join(f"{n} {'×'.join(map(str, v.shape))}" for n, v in outputs.items())
    raise WeightsError(
        f"the model's outputs are of no known kind of detector ({shapes})",
        next_step="export a YOLO, SSD, DETR or FastestDet detector without custom layers",
    )


def _corners(boxes: Array) -> Array:
    """Centre, size → corners."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _sigmoid(x: Array) -> Array:
    return (1 / (1 + np.exp(-np.clip(x, -60, 60)))).astype(np.float32)


# -- one output with a row per box ------------------------------------------------------------


def _rows(outputs: Outputs, names: int) -> Head | None:
    flat = {n: v for n, v in outputs.items() if v.ndim == 3 and min(v.shape[1:]) >= 5}
    if not flat:
        return None
    # Some exports also give the raw grids; the decoded rows are the largest of all.
    name = max(flat, key=lambda n: flat[n].size)
    _, first, second = flat[name].shape
    across = first < second and (names == 0 or first == 4 + names or second != 5 + names)
    if second == 6 and not across and _is_ended(flat[name][0]):
        classes = names or max(80, int(flat[name][0][:, 5].max(initial=0)) + 1)
        return Head("YOLO with suppression", classes, _ended(name, classes), suppress=False)
    if across:
        return Head("YOLOv8", first - 4, _centred(name, across=True))
    if 0 < _largest(flat[name][0][:, :4]) <= 2 and second != 5 + max(names, 80):
        return Head("RT-DETR", second - 4, _centred(name), True, False, fit="stretch")
    return Head("YOLOv5", second - 5, _centred(name, objectness=True))


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0))


def _centred(name: str, *, across: bool = False, objectness: bool = False) -> Read:
    """Centre, size, perhaps objectness, then classes: a row per box, or a column if `across`."""

    def read(outputs: Outputs) -> tuple[Array, Array]:
        rows = outputs[name][0].T if across else outputs[name][0]
        scores = rows[:, 4:5] * rows[:, 5:] if objectness else rows[:, 4:]
        return _corners(rows[:, :4]), scores

    return read


def _is_ended(rows: Array) -> bool:
    """Whether (n, 6) rows look like corners, score and class."""
    whole = np.abs(rows[:, 5] - np.round(rows[:, 5])).max(initial=0) < 1e-4
    ordered = (rows[:, 2:4] >= rows[:, :2] - 1e-3).all()
    scores = ((rows[:, 4] >= 0) & (rows[:, 4] <= 1)).all()
    return bool(whole and ordered and scores)


def _ended(name: str, classes: int) -> Read:
    def read(outputs: Outputs) -> tuple[Array, Array]:
        rows = outputs[name][0]
        return rows[:, :4], _one_hot(rows[:, 5], rows[:, 4], classes)

    return read


def _one_hot(labels: Array, scores: Array, classes: int) -> Array:
    """A score per class (n, C) from one label and score per box; other labels are dropped."""
    out = np.zeros((len(labels), classes), np.float32)
    index = np.round(labels).astype(int)
    fits = (index >= 0) & (index < classes)
    out[np.flatnonzero(fits), index[fits]] = scores[fits]
    return out


# -- a grid -----------------------------------------------------------------------------------


def _grid(outputs: Outputs, height: int) -> Head | None:
    if len(outputs) != 1:
        return None
    ((name, value),) = outputs.items()
    if value.ndim != 4 or value.shape[1] < 6 or not height // 64 <= value.shape[2] <= height // 4:
        return None

    def read(outputs: Outputs) -> tuple[Array, Array]:
        cells = outputs[name][0]
        rows, columns = np.mgrid[: cells.shape[1], : cells.shape[2]]
        x = (columns + np.tanh(cells[1])) / cells.shape[2]
        y = (rows + np.tanh(cells[2])) / cells.shape[1]
        boxes = np.stack([x, y, _sigmoid(cells[3]), _sigmoid(cells[4])], axis=-1).reshape(-1, 4)
        # Its authors weigh objectness and class so.
        classes = np.clip(cells[5:], 0, 1).reshape(len(cells) - 5, -1).T ** 0.4
        scores = np.clip(cells[0], 0, 1).reshape(-1, 1) ** 0.6 * classes
        return _corners(boxes), scores

    return Head("FastestDet", value.shape[1] - 5, read, parts=True, order="bgr", fit="stretch")


# -- boxes and scores apart -------------------------------------------------------------------


def _pair(outputs: Outputs, names: int) -> Head | None:
    """Boxes (1, n, 4) and scores (1, n, C) of the same n."""
    fours = [n for n, v in outputs.items() if v.ndim == 3 and v.shape[2] == 4]
    # Three classes and "nothing" are four numbers, too: then the names decide.
    for box_name in sorted(fours, key=lambda n: "box" not in n.lower()):
        boxes = outputs[box_name]
        for name, scores in outputs.items():
            if name != box_name and scores.ndim == 3 and scores.shape[:2] == boxes.shape[:2]:
                return _ssd_or_detr(box_name, name, boxes[0], scores[0], names)
    return None


def _ssd_or_detr(box_name: str, name: str, boxes: Array, scores: Array, names: int) -> Head:
    number = scores.shape[1]
    sums = scores.sum(axis=1)
    if ((scores >= 0) & (scores <= 1)).all() and np.allclose(sums, 1, atol=1e-2) and number > 1:
        parts = _largest(boxes) <= 4

        def ssd(outputs: Outputs) -> tuple[Array, Array]:
            return outputs[box_name][0], outputs[name][0][:, 1:]

        return Head("SSD", number - 1, ssd, parts, values="-1 to 1", fit="stretch")
    # DETR's last class means "no object"; its successors have a sigmoid for each class.
    nothing = number == names + 1 or (names == 0 and number == 92)

    def detr(outputs: Outputs) -> tuple[Array, Array]:
        logits = outputs[name][0]
        if nothing:
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            chances = (shifted / shifted.sum(axis=1, keepdims=True))[:, :-1]
        else:
            chances = _sigmoid(logits)
        return _corners(outputs[box_name][0]), chances

    return Head("DETR", number - nothing, detr, True, False, values="ImageNet", fit="stretch")


# -- boxes, labels, scores --------------------------------------------------------------------


def _chosen(outputs: Outputs, names: int) -> Head | None:
    """Three outputs for boxes (…, n, 4), labels (…, n) and scores (…, n)."""
    flat = {
        n: v[0] if v.ndim > 1 and v.shape[-1] != 4 and len(v) == 1 else v
        for n, v in outputs.items()
    }
    boxes = [n for n, v in outputs.items() if v.shape[-1:] == (4,) and v.ndim in (2, 3)]
    lists = [n for n, v in flat.items() if v.ndim == 1 and n not in boxes]
    if len(boxes) != 1 or len(lists) < 2:
        return None
    labels = next((n for n in lists if "class" in n.lower() or "label" in n.lower()), None)
    scores = next((n for n in lists if "score" in n.lower() or "conf" in n.lower()), None)
    if labels is None or scores is None:
        return None
    # TensorFlow says y before x and counts in parts of the picture.
    tensorflow = "detection_boxes" in boxes[0]
    classes = names or 90

    def read(outputs: Outputs) -> tuple[Array, Array]:
        found = outputs[boxes[0]].reshape(-1, 4)
        if tensorflow:
            found = found[:, [1, 0, 3, 2]]
        # Both count the background as class 0.
        return found, _one_hot(
            outputs[labels].reshape(-1) - 1, outputs[scores].reshape(-1), classes
        )

    values = "0 to 255" if tensorflow else "0 to 1"
    return Head("boxes, labels, scores", classes, read, tensorflow, False, values)
