"""Two-stage networks at work: training and prediction, whether of boxes or of instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visionstudio.api import (
    Context,
    Exportable,
    Facts,
    Frame,
    ModelError,
    Result,
    Sample,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_torch import preview, transforms
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import seed_torch
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.found import FLOOR, coco_names, predict_alike
from visionstudio_torch.rcnn import OneByOne, RcnnNet
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.torchvision_rcnn import (
    TorchvisionNet,
    build,
    classes_of,
    has_frozen_norms,
    tidy,
)
from visionstudio_torch.transforms import Augmentation, Matrix, augmentation_of, to_tensor
from visionstudio_torch.weights import (
    WeightsInfo,
    apply_weights,
    load_weights,
    start_from,
    take_fitting,
)

_EARLY = ("conv_stem", "bn1", "blocks.0", "blocks.1")  # of the backbone, strides 2 and 4
_LONGEST = 5 / 3  # longest side as a multiple of the short one
Net = RcnnNet | TorchvisionNet
State = dict[str, Tensor]
Example = tuple[Tensor, dict[str, Tensor]]
Find = Callable[[list[Tensor]], Sequence[dict[str, Tensor]]]
"""(3, H, W) uint8 pictures → "boxes", "scores", "labels" (and "masks") of each."""


class Item(Protocol):
    """A sample as it is kept: resized, and how many bytes it takes."""

    @property
    def bytes(self) -> int: ...


L = TypeVar("L", bound=Item)


@dataclass(frozen=True)
class Family:
    """One kind of network.

    `for_weights` makes an empty network for a state dict and its number of classes,
    `for_training` one to begin with, of classes and training parameters. `classes_of` tells
    the number of classes from a state dict, 0 when it is not of this kind; `side` is the usual
    short side, `pictures` how many are seen in all when nobody says. `tidy` gives published
    tensors today's names.
    """

    model: str
    for_weights: Callable[[int, State], Net]
    for_training: Callable[[int, Any], Net]
    classes_of: Callable[[State], int]
    side: int
    pictures: int
    tidy: Callable[[State], State] = dict


@dataclass(frozen=True)
class Task(Generic[L]):
    """What is found: boxes or instances.

    `load` resizes a sample to a short side; `augmenter` makes the function that varies an
    item, with the others for mosaics; `drawn` shows an example; `result` turns what the
    network found in its own picture into the frame's result; `validate` gives the figures of
    held-out items, the best of which have the highest "AP".
    """

    load: Callable[[Sample, int], L]
    augmenter: Callable[[Augmentation, Cached[Any, L]], Callable[[L, np.random.Generator], Example]]
    drawn: Callable[[Example, Sequence[str]], NDArray[np.uint8]]
    result: Callable[[Mapping[str, Tensor], Frame, Matrix, tuple[str, ...]], Any]
    validate: Callable[[Find, Cached[Any, L], tuple[str, ...], int, TrainContext], dict[str, float]]


class TwoStage(Generic[L]):
    """A family at a task as the plugin interface wants it: `Model` and `ExampleTrainer`."""

    def __init__(self, family: Family, task: Task[L]) -> None:
        self._family = family
        self._task = task
        self._net: Net | None = None
        self._classes: tuple[str, ...] = ()
        self._side = 0
        self._device = "cpu"
        self._trained: Mapping[str, Any] = {}  # training parameters of the weights

    def load(self, params: Any, weights: Path | None, ctx: Context) -> None:
        """Read trained or published weights. Raises WeightsError, also when there are none."""
        family = self._family
        if weights is None:
            kind = family.model.partition("/")[0]
            raise WeightsError(
                f"this {kind} has no weights yet",
                where=family.model,
                next_step="train it on your labels, or choose a weights file",
            )
        state, info = load_weights(weights, family.model, foreign=True)
        state = family.tidy(state)
        ours = info.input_size[0] > 0
        count = len(info.classes) if ours else family.classes_of(state)
        if count < 1:
            kind = family.model.partition("/")[0]
            raise WeightsError(
                f"the file holds no weights of this {kind}",
                where=str(weights),
                next_step="choose weights of its kind",
            )
        net = family.for_weights(count, state)
        apply_weights(net, state, weights)
        self._net = net.eval().to(memory_format=torch.channels_last).to(ctx.device)
        self._classes = info.classes if len(info.classes) == count else coco_names(count)
        self._side = info.input_size[0] if ours else family.side
        self._device, self._trained = ctx.device, info.params

    def facts(self) -> Facts:
        """Classes, and the short side that pictures are resized to."""
        return Facts(self._classes, (self._side, self._side))

    def export(self) -> Exportable:
        """As torchvision's detectors are exported. Raises ModelError for instances."""
        net = self._net
        if net is None:
            raise ModelError("the model is not loaded", where=self._family.model)
        if net.roi_heads.mask_predictor is not None:
            raise ModelError(
                "a network for instances cannot be written as ONNX yet",
                where=self._family.model,
                next_step="write it as safetensors",
            )
        net.set_limits(FLOOR, 0.5, 100)
        # Of a picture 4:3 that is fitted into it, the short side is as long as in training.
        side = -(-round(self._side * 4 / 3) // 32) * 32
        return Exportable(
            module=OneByOne(net.cpu()).eval(),
            input_size=(side, side),
            outputs=("boxes", "scores", "labels"),
            classes=self._classes,
            meaning="(n, 4) corners in pixels of the input, (n,) scores, best first, and (n,) "
            "labels, of which 1 is the first class. Fit a picture into the input and pad it.",
            batch=False,
        )

    def unload(self) -> None:
        self._net = None

    def predict(self, frames: Sequence[Frame], params: Any, ctx: Context) -> Sequence[Result]:
        """All that scores at least 0.05; `threshold` is left to the display."""
        net = self._net
        if net is None:
            raise ModelError("the model is not loaded", where=self._family.model)
        net.set_limits(FLOOR, params.nms_iou, params.max_detections)
        return predict_alike(
            frames,
            [shrunk(frame, self._side) for frame in frames],
            lambda images: self._find(
                net, [to_tensor(i).to(self._device) for i in images], self._trained, ctx
            ),
            lambda found, frame, matrix: self._task.result(found, frame, matrix, self._classes),
            ctx,
        )

    def train(self, data: TrainingData, params: Any, ctx: TrainContext) -> TrainResult:
        """Train and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
        if not data.classes:
            raise TrainingError("there is no class to learn", next_step="label some objects first")
        seed_torch(ctx.seed)
        net = self._family.for_training(len(data.classes), params)
        # On CPUs a fifth faster for these convolutions.
        net = net.to(memory_format=torch.channels_last)
        items = self._prepared(data.train, params, ctx)
        held = self._prepared(data.val, params, ctx)

        def validate(model: Any) -> dict[str, float]:
            model.set_limits(FLOOR, 0.5, 100)
            device = next(model.parameters()).device
            return self._task.validate(
                lambda images: self._find(
                    model, [image.to(device) for image in images], asdict(params), ctx
                ),
                held,
                data.classes,
                params.batch,
                ctx,
            )

        recipe = Recipe(
            items=items,
            augment=self._task.augmenter(augmentation_of(params), items),
            collate=collate,
            loss=lambda model, batch: model(*batch),
            validate=validate,
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

    def _cached(self, samples: Sequence[Sample], params: Any) -> Cached[Sample, L]:
        side = params.image_size
        return Cached(samples, lambda s: self._task.load(s, side), lambda item: item.bytes)

    def _prepared(
        self, samples: Sequence[Sample], params: Any, ctx: TrainContext
    ) -> Cached[Any, L]:
        """What is learned from, or judged on."""
        return self._cached(samples, params)

    def _find(
        self, net: Any, images: list[Tensor], trained: Mapping[str, Any], ctx: Context
    ) -> Sequence[State]:
        """What is in (3, H, W) uint8 pictures on the net's device; `trained` are its parameters."""
        found: Sequence[State] = net(images)
        return found

    def examples(
        self, data: TrainingData, params: Any, ctx: Context
    ) -> Iterator[NDArray[np.uint8]]:
        """Training pictures as they are varied, with what is to be found in them."""
        items = self._cached(data.train, params)
        vary = self._task.augmenter(augmentation_of(params), items)
        return preview.examples(items, vary, lambda e: self._task.drawn(e, data.classes), ctx.seed)


def shrunk(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], Matrix]:
    """The picture with short side `side`, the long one at most 5/3 of that, and the scaling."""
    height, width = image.shape[:2]
    high, wide = transforms.short_side_size(height, width, side, round(side * _LONGEST))
    matrix = np.array([[wide / width, 0, 0], [0, high / height, 0]])
    return transforms.resize(image, high, wide), matrix


def collate(examples: list[Example]) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Pictures and targets of a batch; the network pads."""
    return [e[0] for e in examples], [e[1] for e in examples]


def built_in(
    model: str, pictures: int, *, masks: bool = False, finds_regions: bool = True
) -> Family:
    """The family on the built-in backbone."""

    def empty(classes: int, pretrained: bool) -> RcnnNet:
        return RcnnNet(classes, pretrained=pretrained, masks=masks, finds_regions=finds_regions)

    def for_training(classes: int, params: Any) -> Net:
        pretrained = params.weights != "none"
        net = empty(classes, pretrained)
        if params.weights not in ("builtin", "none"):
            start_from(net, Path(params.weights).expanduser(), model)
        if pretrained:
            # Edges and colours need no new learning, and their layers cost a third of the time.
            freeze(net.backbone.body, () if params.freeze else _EARLY)
        return net

    return Family(
        model=model,
        for_weights=lambda classes, _: empty(classes, False),
        for_training=for_training,
        classes_of=lambda _: 0,
        side=320,
        pictures=pictures,
    )


_RESNET_EARLY = ("conv1.", "bn1.", "layer1.")
# The first stages of torchvision's backbones, which stay as they were published.
_PUBLISHED_EARLY = {
    "mobilenet": tuple(f"{i}." for i in range(7)),  # strides 2 to 8
    "resnet50": _RESNET_EARLY,
    "resnet50-v2": _RESNET_EARLY,
}


def torchvision_family(model: str, name: str, side: int, *, masks: bool = False) -> Family:
    """The family of one of torchvision's networks, `name` of its builder."""
    kind = model.partition("/")[0]

    def for_training(classes: int, params: Any) -> Net:
        # The program has replaced auto by a file where there is one.
        if params.weights in ("none", "auto"):
            if params.freeze:
                raise TrainingError(
                    "a backbone that has learned nothing cannot be frozen",
                    where=model,
                    next_step="start from a weights file, or train all layers",
                )
            return build(name, classes, frozen_norms=False, masks=masks)
        if params.weights == "builtin":
            raise TrainingError(
                f"no weights of this {kind} come with the program",
                where=model,
                next_step="give a weights file, or none to begin from scratch",
            )
        path = Path(params.weights).expanduser()
        state, _ = load_weights(path, model, foreign=True)
        state = tidy(state)
        net = build(name, classes, frozen_norms=has_frozen_norms(state), masks=masks)
        take_fitting(net, state, path)
        freeze(net.backbone.body, () if params.freeze else _PUBLISHED_EARLY[name])
        return net

    return Family(
        model=model,
        for_weights=lambda n, state: build(
            name, n, frozen_norms=has_frozen_norms(state), masks=masks
        ),
        for_training=for_training,
        classes_of=classes_of,
        side=side,
        pictures=4000,
        tidy=tidy,
    )
