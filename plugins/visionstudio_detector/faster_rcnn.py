"""detector/faster-rcnn: training and prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from visionstudio.api import (
    Context,
    Detections,
    Frame,
    ModelError,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_detector.examples import Item, augmenter, collate, drawn, load, shrunk
from visionstudio_detector.network import FasterRcnnNet
from visionstudio_detector.params import DetectParams, FasterRcnnTrainParams
from visionstudio_detector.results import FLOOR, predict_boxes
from visionstudio_detector.validation import box_validation
from visionstudio_torch import preview
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import seed_torch
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import augmentation_of, to_tensor
from visionstudio_torch.weights import WeightsInfo, apply_weights, load_weights, start_from

MODEL = "detector/faster-rcnn"
_EARLY = ("conv_stem", "bn1", "blocks.0", "blocks.1")  # of the backbone, strides 2 and 4


class FasterRcnn:
    """Faster R-CNN as the plugin interface wants it: `Detector` and `Trainer`."""

    def __init__(self) -> None:
        self._net: FasterRcnnNet | None = None
        self._classes: tuple[str, ...] = ()
        self._side = 0
        self._device = "cpu"

    def load(self, params: DetectParams, weights: Path | None, ctx: Context) -> None:
        """Read trained weights. Raises WeightsError, also when there are none."""
        if weights is None:
            raise WeightsError(
                "this detector has no weights yet",
                where=MODEL,
                next_step="train it on your labels, or choose a weights file",
            )
        state, info = load_weights(weights, MODEL)
        net = FasterRcnnNet(len(info.classes), pretrained=False)
        apply_weights(net, state, weights)
        self._net = net.eval().to(memory_format=torch.channels_last).to(ctx.device)
        self._classes = info.classes
        self._side = info.input_size[0]
        self._device = ctx.device

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: DetectParams, ctx: Context
    ) -> Sequence[Detections]:
        """All boxes with a score of at least 0.05; `threshold` is left to the display."""
        net = self._net
        if net is None:
            raise ModelError("the model is not loaded", where=MODEL)
        net.set_limits(FLOOR, params.nms_iou, params.max_detections)
        return predict_boxes(
            frames,
            [shrunk(frame, self._side) for frame in frames],
            lambda images: net([to_tensor(image).to(self._device) for image in images]),
            self._classes,
            ctx,
        )

    def train(
        self, data: TrainingData, params: FasterRcnnTrainParams, ctx: TrainContext
    ) -> TrainResult:
        """Train on boxes and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
        if not data.classes:
            raise TrainingError("there is no class to learn", next_step="label some objects first")
        seed_torch(ctx.seed)
        net = _new_net(len(data.classes), params)
        read = partial(load, side=params.image_size)
        items = Cached(data.train, read, lambda item: item.bytes)
        held = Cached(data.val, read, lambda item: item.bytes)
        recipe = Recipe(
            items=items,
            augment=augmenter(augmentation_of(params), items),
            collate=collate,
            loss=lambda model, batch: model(*batch),
            validate=lambda model: _validate(model, held, data.classes, params.batch, ctx),
            best="AP",
            info=WeightsInfo(
                model=MODEL,
                classes=data.classes,
                class_ids=data.class_ids,
                params=asdict(params),
                input_size=(params.image_size, params.image_size),
                data_hash=data.data_hash,
            ),
        )
        # About 940 pictures in all reach most of what can be reached, in less than three minutes
        # on two cores.
        shown = max(len(data.train), params.batch)
        epochs = planned_epochs(params.epochs, shown, 940, 3, 1000, ctx)
        return fit(net, recipe, settings_of(params, epochs), ctx)

    def examples(
        self, data: TrainingData, params: FasterRcnnTrainParams, ctx: Context
    ) -> Iterator[NDArray[np.uint8]]:
        """Training pictures as they are varied, with their boxes."""
        items = Cached(data.train, partial(load, side=params.image_size), lambda i: i.bytes)
        vary = augmenter(augmentation_of(params), items)
        return preview.examples(items, vary, lambda e: drawn(e, data.classes), ctx.seed)


def _new_net(classes: int, params: FasterRcnnTrainParams) -> FasterRcnnNet:
    pretrained = params.weights != "none"
    net = FasterRcnnNet(classes, pretrained=pretrained)
    if params.weights not in ("builtin", "none"):
        start_from(net, Path(params.weights).expanduser(), MODEL)
    if pretrained:
        # Edges and colours need no new learning, and their layers cost a third of the time.
        freeze(net.backbone.body, () if params.freeze else _EARLY)
    # On CPUs a fifth faster for these convolutions.
    return net.to(memory_format=torch.channels_last)


def _validate(
    net: nn.Module,
    held: Cached[Any, Item],
    classes: tuple[str, ...],
    batch: int,
    ctx: TrainContext,
) -> dict[str, float]:
    """AP and AP50 on the held-out pictures."""
    assert isinstance(net, FasterRcnnNet)
    net.set_limits(FLOOR, 0.5, 100)
    device = next(net.parameters()).device
    return box_validation(
        lambda images: net([image.to(device) for image in images]), held, classes, batch, ctx
    )
