"""Fine-tuning of R-CNN's features: regions told apart as classes and background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visionstudio.api import TrainContext, TrainResult
from visionstudio_detector.examples import Item
from visionstudio_detector.params import RcnnTrainParams
from visionstudio_detector.rcnn_network import CropNet, crops, with_context
from visionstudio_detector.selective_search import propose
from visionstudio_torch.backbone import keep_statistics
from visionstudio_torch.data import Cached
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.metrics import overlaps
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import to_tensor
from visionstudio_torch.weights import WeightsInfo

_REGIONS = 32  # of a picture in a step
_POSITIVES = 8  # of them, as published: a quarter
_POSITIVE, _NEGATIVE = 0.5, 0.3  # IoU with an object
_PICTURES = 600  # seen in all when nobody says how many epochs
_SHARE = 0.6  # of the remaining time that fine-tuning may take

Example = tuple[Tensor, Tensor]


class _Within:
    """A training context for a part of the training: its own folder and share of the time."""

    def __init__(self, ctx: TrainContext, folder: Path, share: float) -> None:
        self._ctx = ctx
        self.run_folder = folder
        left = ctx.time_left()
        self._kept_back = None if left is None else left * (1 - share)
        self.resume = ctx.resume and (folder / "last.ckpt").is_file()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    def time_left(self) -> float | None:
        left = self._ctx.time_left()
        return None if left is None or self._kept_back is None else left - self._kept_back


def fine_tune(
    net: CropNet,
    items: Cached[int, Item],
    params: RcnnTrainParams,
    info: WeightsInfo,
    ctx: TrainContext,
) -> TrainResult:
    """Train `net.cnn` on regions of the pictures; its own checkpoint lies beneath the run's."""
    if params.weights != "none":
        keep_statistics(net)

    def augment(item: Item, rng: np.random.Generator) -> Example:
        return _example(item, params, ctx.cache, rng)

    def loss(model: nn.Module, batch: Example) -> dict[str, Tensor]:
        return {"loss": nn.functional.cross_entropy(model(batch[0]), batch[1])}

    recipe: Recipe[Item, Example, Example] = Recipe(
        items=items,
        augment=augment,
        collate=lambda parts: (torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])),
        loss=loss,
        validate=lambda _model: {},
        best="",
        info=info,
    )
    folder = ctx.run_folder / "features"
    folder.mkdir(parents=True, exist_ok=True)
    epochs = planned_epochs(params.epochs, len(items), _PICTURES, 1, 100, ctx)
    slow = {"cnn.classifier": 1.0, "": 0.1} if params.weights != "none" else {}
    settings = settings_of(params, epochs, slow=slow)
    within: Any = _Within(ctx, folder, _SHARE)
    return fit(net, recipe, settings, within)


def _example(item: Item, params: RcnnTrainParams, cache: Path, rng: np.random.Generator) -> Example:
    """Crops (n, 3, side, side) and what they show, 0 for background."""
    boxes = np.concatenate([item.boxes, propose(item.image, params.regions, cache)])
    overlap = overlaps(boxes, item.boxes)
    best = overlap.max(axis=1) if len(item.boxes) else np.zeros(len(boxes))
    unsure = np.zeros(len(boxes), bool)
    if len(item.ignore):
        crowd = np.ones(len(item.ignore), bool)
        inside = overlaps(boxes, item.ignore, crowd) >= _POSITIVE
        unsure |= inside.any(axis=1)
    positive = np.flatnonzero(best >= _POSITIVE)
    positive = positive[rng.permutation(len(positive))[:_POSITIVES]]
    negative = np.flatnonzero((best < _NEGATIVE) & ~unsure)
    negative = negative[rng.permutation(len(negative))[: _REGIONS - len(positive)]]
    labels = np.zeros(len(positive) + len(negative), np.int64)
    if len(positive):
        labels[: len(positive)] = item.indices[overlap[positive].argmax(axis=1)] + 1
    chosen = boxes[np.concatenate([positive, negative])]
    around = torch.from_numpy(with_context(chosen, *item.image.shape[:2]))
    cut = crops(to_tensor(item.image), around, params.image_size)
    turned = torch.from_numpy(rng.random(len(cut)) < 0.5)
    cut[turned] = cut[turned].flip(3)
    return cut, torch.from_numpy(labels)
