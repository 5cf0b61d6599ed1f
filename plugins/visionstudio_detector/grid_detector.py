"""A detector on grids of anchors as the plugin interface wants it: `Detector` and `Trainer`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Context,
    Detections,
    Exportable,
    Facts,
    Frame,
    ModelError,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_detector.examples import augmenter, drawn, load_square
from visionstudio_detector.grid import GridNet, Rows, detect
from visionstudio_detector.grid_loss import GridLoss
from visionstudio_detector.params import DetectParams, GridTrainParams
from visionstudio_detector.validation import box_validation
from visionstudio_torch import preview
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import seed_torch
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.found import FLOOR, coco_names, predict_boxes
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import augmentation_of, letterbox, letterbox_size, to_tensor
from visionstudio_torch.two_stage import Example, collate
from visionstudio_torch.weights import (
    WeightsInfo,
    apply_weights,
    load_weights,
    start_from,
    take_fitting,
)

State = dict[str, Tensor]
Build = Callable[[int], GridNet]
_FLOOR_JUDGED = 0.01  # average precision also looks at weak boxes


@dataclass(frozen=True)
class Family:
    """What one kind of these detectors is.

    `build` makes a network for a number of classes; `classes_of` tells that number from a
    state dict, 0 when it is not one of this kind. `side` is the usual longest side and `pad`
    the grey around a picture. `read` turns a strange file into a state dict or None;
    `tidy` drops what other programs keep beside the weights.
    """

    model: str
    build: Build
    classes_of: Callable[[State], int]
    loss: GridLoss
    backbone: tuple[str, ...]
    side: int = 640
    pad: int = 114
    read: Callable[[Path, Build], State | None] = lambda _path, _build: None
    tidy: Callable[[State], State] = dict


class GridDetector:
    """`Detector` and `Trainer` of a family."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._net: GridNet | None = None
        self._classes: tuple[str, ...] = ()
        self._side = family.side
        self._device = "cpu"

    def load(self, params: DetectParams, weights: Path | None, ctx: Context) -> None:
        """Read trained weights or a public checkpoint. Raises WeightsError, also for none."""
        family = self._family
        if weights is None:
            raise WeightsError(
                "this detector has no weights yet",
                where=family.model,
                next_step="train it on your labels, or choose a weights file",
            )
        state, info = self._read(weights)
        ours = info.input_size[0] > 0
        count = len(info.classes) if ours else family.classes_of(state)
        if count < 1:
            raise WeightsError(
                "the file holds no weights of this detector",
                where=str(weights),
                next_step="choose weights of its kind and size",
            )
        net = family.build(count)
        apply_weights(net, state, weights)
        self._classes = info.classes if len(info.classes) == count else coco_names(count)
        self._side = info.input_size[0] if ours else family.side
        fuse(net.eval())
        self._net = net.to(memory_format=torch.channels_last).to(ctx.device)
        self._device = ctx.device

    def facts(self) -> Facts:
        """Classes, and the longest side that pictures are scaled to."""
        return Facts(self._classes, (self._side, self._side))

    def export(self) -> Exportable:
        """As YOLOv5 is usually exported: one row of box, objectness and classes per anchor."""
        if self._net is None:
            raise ModelError("the model is not loaded", where=self._family.model)
        side = letterbox_size(self._side, self._side, self._side)
        return Exportable(
            module=Rows(self._net.cpu()).eval(),
            input_size=side,
            outputs=("output",),
            classes=self._classes,
            meaning="(N, rows, 5 + classes): centre x and y, width, height in pixels, "
            "objectness, a score per class; non-maximum suppression is still to be done. Fit a "
            f"picture into the input and pad it with grey ({self._family.pad}).",
        )

    def _read(self, path: Path) -> tuple[State, WeightsInfo]:
        state = self._family.read(path, self._family.build)
        if state is not None:
            return state, WeightsInfo("", (), input_size=(0, 0))
        state, info = load_weights(path, self._family.model, foreign=True)
        return {n: _full(t) for n, t in self._family.tidy(state).items()}, info

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: DetectParams, ctx: Context
    ) -> Sequence[Detections]:
        """All boxes with a score of at least 0.05; `threshold` is left to the display."""
        net = self._net
        if net is None:
            raise ModelError("the model is not loaded", where=self._family.model)

        def find(images: list[NDArray[np.uint8]]) -> list[dict[str, Tensor]]:
            batch = torch.stack([to_tensor(image) for image in images]).to(self._device)
            return detect(net, batch, FLOOR, params.nms_iou, params.max_detections)

        pad = self._family.pad
        sizes = [letterbox_size(f.shape[0], f.shape[1], self._side) for f in frames]
        seen = [letterbox(f, *size, pad) for f, size in zip(frames, sizes, strict=True)]
        return predict_boxes(frames, seen, find, self._classes, ctx)

    def train(self, data: TrainingData, params: GridTrainParams, ctx: TrainContext) -> TrainResult:
        """Train on boxes and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
        if not data.classes:
            raise TrainingError("there is no class to learn", next_step="label some objects first")
        seed_torch(ctx.seed)
        family = self._family
        net = self._new_net(len(data.classes), params)
        read = partial(load_square, side=params.image_size)
        items = Cached(data.train, read, lambda item: item.bytes)
        held = Cached(data.val, read, lambda item: item.bytes)

        def loss(model: nn.Module, batch: tuple[Tensor, list[State]]) -> State:
            images, targets = batch
            return family.loss(net, model(images), targets)

        def validate(model: nn.Module) -> dict[str, float]:
            assert isinstance(model, GridNet)
            device = next(model.parameters()).device

            def find(images: list[Tensor]) -> list[State]:
                batch = torch.stack(images).to(device)
                return detect(model, batch, _FLOOR_JUDGED, 0.6, 100)

            return box_validation(find, held, data.classes, params.batch, ctx)

        recipe = Recipe(
            items=items,
            augment=augmenter(augmentation_of(params), items),
            collate=_stacked,
            loss=loss,
            validate=validate,
            best="AP",
            info=WeightsInfo(
                model=family.model,
                classes=data.classes,
                class_ids=data.class_ids,
                params=asdict(params),
                input_size=(params.image_size, params.image_size),
                mean=(0.0, 0.0, 0.0),
                std=(1.0, 1.0, 1.0),
                data_hash=data.data_hash,
            ),
        )
        # From scratch these nets need many passes; starting from a checkpoint a few suffice.
        pictures = 10_000 if params.weights == "none" else 2_000
        epochs = planned_epochs(
            params.epochs, max(len(data.train), params.batch), pictures, 10, 300, ctx
        )
        return fit(net, recipe, settings_of(params, epochs), ctx)

    def examples(
        self, data: TrainingData, params: GridTrainParams, ctx: Context
    ) -> Iterator[NDArray[np.uint8]]:
        """Training pictures as they are varied, with their boxes."""
        items = Cached(data.train, partial(load_square, side=params.image_size), lambda i: i.bytes)
        vary = augmenter(augmentation_of(params), items)
        return preview.examples(items, vary, lambda e: drawn(e, data.classes), ctx.seed)

    def _new_net(self, classes: int, params: GridTrainParams) -> GridNet:
        family = self._family
        net = family.build(classes)
        if params.weights == "none":
            if params.freeze:
                raise TrainingError(
                    "a backbone that has learned nothing cannot be frozen",
                    where=family.model,
                    next_step="start from a weights file, or train all layers",
                )
        else:
            self._start_from(net, Path(params.weights).expanduser())
        if params.freeze:
            freeze(net, family.backbone)
        return net.to(memory_format=torch.channels_last)

    def _start_from(self, net: GridNet, path: Path) -> None:
        state = self._family.read(path, self._family.build)
        if state is None:
            start_from(net, path, self._family.model, foreign=True)
            return
        take_fitting(net, state, path)


def _stacked(examples: list[Example]) -> tuple[Tensor, list[State]]:
    images, targets = collate(examples)
    return torch.stack(images), targets


def _full(tensor: Tensor) -> Tensor:
    """Half precision, in which checkpoints are published, as single."""
    return tensor.float() if tensor.is_floating_point() else tensor


def fuse(module: nn.Module) -> None:
    """Fold every batch norm into the convolution before it, for prediction only."""
    for child in module.children():
        conv, norm = getattr(child, "conv", None), getattr(child, "bn", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            child.conv = nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
            child.bn = nn.Identity()
        else:
            fuse(child)
