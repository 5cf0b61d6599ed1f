"""detector/faster-rcnn and its relatives from torchvision: training and prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
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
    Facts,
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
from visionstudio_detector.results import FLOOR, coco_names, predict_boxes
from visionstudio_detector.torchvision_net import (
    TorchvisionNet,
    build,
    classes_of,
    has_frozen_norms,
    tidy,
)
from visionstudio_detector.validation import box_validation
from visionstudio_torch import preview
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import seed_torch
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import augmentation_of, to_tensor
from visionstudio_torch.weights import (
    WeightsInfo,
    apply_weights,
    load_weights,
    start_from,
    take_fitting,
)

MODEL = "detector/faster-rcnn"
_EARLY = ("conv_stem", "bn1", "blocks.0", "blocks.1")  # of the backbone, strides 2 and 4
Net = FasterRcnnNet | TorchvisionNet
State = dict[str, Tensor]


@dataclass(frozen=True)
class Family:
    """One kind of Faster R-CNN.

    `for_weights` makes an empty network for a state dict and its number of classes,
    `for_training` one to begin with. `classes_of` tells the number of classes from a state
    dict, 0 when it is not of this kind; `side` is the usual short side, `pictures` how many
    are seen in all when nobody says. `tidy` gives published tensors today's names.
    """

    model: str
    for_weights: Callable[[int, State], Net]
    for_training: Callable[[int, FasterRcnnTrainParams], Net]
    classes_of: Callable[[State], int]
    side: int
    pictures: int
    tidy: Callable[[State], State] = dict


class TwoStage:
    """A family as the plugin interface wants it: `Detector` and `Trainer`."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._net: Net | None = None
        self._classes: tuple[str, ...] = ()
        self._side = 0
        self._device = "cpu"

    def load(self, params: DetectParams, weights: Path | None, ctx: Context) -> None:
        """Read trained or published weights. Raises WeightsError, also when there are none."""
        family = self._family
        if weights is None:
            raise WeightsError(
                "this detector has no weights yet",
                where=family.model,
                next_step="train it on your labels, or choose a weights file",
            )
        state, info = load_weights(weights, family.model, foreign=True)
        state = family.tidy(state)
        ours = info.input_size[0] > 0
        count = len(info.classes) if ours else family.classes_of(state)
        if count < 1:
            raise WeightsError(
                "the file holds no weights of this detector",
                where=str(weights),
                next_step="choose weights of its kind",
            )
        net = family.for_weights(count, state)
        apply_weights(net, state, weights)
        self._net = net.eval().to(memory_format=torch.channels_last).to(ctx.device)
        self._classes = info.classes if len(info.classes) == count else coco_names(count)
        self._side = info.input_size[0] if ours else family.side
        self._device = ctx.device

    def facts(self) -> Facts:
        """Classes, and the short side that pictures are resized to."""
        return Facts(self._classes, (self._side, self._side))

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: DetectParams, ctx: Context
    ) -> Sequence[Detections]:
        """All boxes with a score of at least 0.05; `threshold` is left to the display."""
        net = self._net
        if net is None:
            raise ModelError("the model is not loaded", where=self._family.model)
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
        net = self._family.for_training(len(data.classes), params)
        # On CPUs a fifth faster for these convolutions.
        net = net.to(memory_format=torch.channels_last)
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
                model=self._family.model,
                classes=data.classes,
                class_ids=data.class_ids,
                params=asdict(params),
                input_size=(params.image_size, params.image_size),
                data_hash=data.data_hash,
            ),
        )
        shown = max(len(data.train), params.batch)
        epochs = planned_epochs(params.epochs, shown, self._family.pictures, 3, 1000, ctx)
        return fit(net, recipe, settings_of(params, epochs), ctx)

    def examples(
        self, data: TrainingData, params: FasterRcnnTrainParams, ctx: Context
    ) -> Iterator[NDArray[np.uint8]]:
        """Training pictures as they are varied, with their boxes."""
        items = Cached(data.train, partial(load, side=params.image_size), lambda i: i.bytes)
        vary = augmenter(augmentation_of(params), items)
        return preview.examples(items, vary, lambda e: drawn(e, data.classes), ctx.seed)


def _validate(
    net: nn.Module,
    held: Cached[Any, Item],
    classes: tuple[str, ...],
    batch: int,
    ctx: TrainContext,
) -> dict[str, float]:
    """AP and AP50 on the held-out pictures."""
    assert isinstance(net, FasterRcnnNet | TorchvisionNet)
    net.set_limits(FLOOR, 0.5, 100)
    device = next(net.parameters()).device
    return box_validation(
        lambda images: net([image.to(device) for image in images]), held, classes, batch, ctx
    )


def _built_in(classes: int, params: FasterRcnnTrainParams) -> Net:
    pretrained = params.weights != "none"
    net = FasterRcnnNet(classes, pretrained=pretrained)
    if params.weights not in ("builtin", "none"):
        start_from(net, Path(params.weights).expanduser(), MODEL)
    if pretrained:
        # Edges and colours need no new learning, and their layers cost a third of the time.
        freeze(net.backbone.body, () if params.freeze else _EARLY)
    return net


class FasterRcnn(TwoStage):
    """On the built-in backbone."""

    def __init__(self) -> None:
        super().__init__(
            Family(
                model=MODEL,
                for_weights=lambda classes, _state: FasterRcnnNet(classes, pretrained=False),
                for_training=_built_in,
                classes_of=lambda _state: 0,
                side=320,
                # About so many reach most of what can be reached, in less than three minutes
                # on two cores.
                pictures=940,
            )
        )


def _torchvision(name: str, side: int) -> Family:
    model = f"{MODEL}-{name}"

    def for_training(classes: int, params: FasterRcnnTrainParams) -> Net:
        if params.weights == "none":
            if params.freeze:
                raise TrainingError(
                    "a backbone that has learned nothing cannot be frozen",
                    where=model,
                    next_step="start from a weights file, or train all layers",
                )
            return build(name, classes, frozen_norms=False)
        if params.weights == "builtin":
            raise TrainingError(
                "no weights of this detector come with the program",
                where=model,
                next_step="give a weights file, or none to begin from scratch",
            )
        path = Path(params.weights).expanduser()
        state, _ = load_weights(path, model, foreign=True)
        state = tidy(state)
        net = build(name, classes, frozen_norms=has_frozen_norms(state))
        take_fitting(net, state, path)
        if params.freeze:
            freeze(net.backbone.body)
        return net

    return Family(
        model=model,
        for_weights=lambda n, state: build(name, n, frozen_norms=has_frozen_norms(state)),
        for_training=for_training,
        classes_of=classes_of,
        side=side,
        pictures=4000,
        tidy=tidy,
    )


class FasterRcnnMobilenet(TwoStage):
    """torchvision's on MobileNetV3-Large, made for a short side of 320."""

    def __init__(self) -> None:
        super().__init__(_torchvision("mobilenet", 320))


class FasterRcnnResnet50(TwoStage):
    """torchvision's on ResNet-50."""

    def __init__(self) -> None:
        super().__init__(_torchvision("resnet50", 800))


class FasterRcnnResnet50V2(TwoStage):
    """torchvision's on ResNet-50 with its later training recipe."""

    def __init__(self) -> None:
        super().__init__(_torchvision("resnet50-v2", 800))
