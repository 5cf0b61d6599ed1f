"""detector/faster-rcnn: training and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

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
from visionstudio_detector.examples import Item, augmenter, collate, load, resized
from visionstudio_detector.network import FasterRcnnNet
from visionstudio_detector.params import DetectParams, FasterRcnnTrainParams
from visionstudio_torch import preview
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import memory_guard, seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, Settings, fit
from visionstudio_torch.metrics import Found, Truth, box_figures
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import Augmentation, to_tensor
from visionstudio_torch.weights import WeightsInfo, apply_weights, load_weights, start_from

MODEL = "detector/faster-rcnn"
FLOOR = 0.05  # results below this score are never of use; those above are filtered live
_PREVIEWS = 4
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
        images = [resized(frame, self._side) for frame in frames]
        # Pictures of one size share a batch, so that no picture's result depends on others'.
        by_size: dict[tuple[int, ...], list[int]] = {}
        for i, image in enumerate(images):
            by_size.setdefault(image.shape, []).append(i)
        results: dict[int, Detections] = {}
        with torch_threads(ctx.threads), memory_guard("predict fewer pictures at once"):
            for places in by_size.values():
                batch = [to_tensor(images[i]).to(self._device) for i in places]
                with torch.inference_mode():
                    found = net(batch)
                for i, one in zip(places, found, strict=True):
                    results[i] = self._detections(one, frames[i].shape, images[i].shape)
                ctx.report(len(results) / len(frames))
        return [results[i] for i in range(len(frames))]

    def _detections(
        self, found: dict[str, Tensor], frame: tuple[int, ...], seen: tuple[int, ...]
    ) -> Detections:
        height, width = frame[:2]
        boxes = found["boxes"].double().cpu().numpy()
        boxes = boxes * np.array([width / seen[1], height / seen[0]] * 2)
        boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float64))
        solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return Detections(
            boxes[solid],
            found["scores"].float().cpu().numpy()[solid],
            found["labels"].cpu().numpy()[solid],
            self._classes,
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
            augment=augmenter(augmentation(params)),
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
        settings = Settings(epochs=epochs, lr=params.lr, batch=params.batch)
        return fit(net, recipe, settings, ctx)


def augmentation(params: FasterRcnnTrainParams) -> Augmentation:
    """How training pictures are varied."""
    return Augmentation(
        flip_x=params.flip != "none",
        flip_y=params.flip == "both",
        scale=params.scale,
        brightness=params.colour,
        contrast=params.colour,
        colour=params.colour / 2,
    )


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
    """AP and AP50 on the held-out pictures, and a preview of the first ones."""
    if not isinstance(net, FasterRcnnNet) or len(held) == 0:
        return {}
    net.set_limits(FLOOR, 0.5, 100)
    device = next(net.parameters()).device
    truths: list[Truth] = []
    found: list[Found] = []
    pictures: list[NDArray[np.uint8]] = []
    for start in range(0, len(held), batch):
        ctx.report(message="validation")
        items = [held[i] for i in range(start, min(start + batch, len(held)))]
        answers = net([to_tensor(item.image).to(device) for item in items])
        for item, answer in zip(items, answers, strict=True):
            one = Found(
                answer["boxes"].double().cpu().numpy(),
                answer["labels"].cpu().numpy(),
                answer["scores"].float().cpu().numpy(),
            )
            marked = np.repeat([False, True], [len(item.boxes), len(item.ignore)])
            boxes = np.concatenate([item.boxes, item.ignore]).astype(np.float64)
            indices = np.concatenate([item.indices, item.ignore_indices])
            truths.append(Truth(boxes, indices, marked))
            found.append(one)
            if len(pictures) < _PREVIEWS:
                sure = one.scores >= 0.5
                pictures.append(
                    preview.draw_boxes(item.image, one.boxes[sure], one.indices[sure], classes)
                )
    ctx.preview("validation", preview.strip(pictures))
    return box_figures(truths, found, classes)
