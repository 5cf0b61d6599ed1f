"""Segmenters that say for every pixel what it belongs to: training and prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Context,
    Exportable,
    Facts,
    Frame,
    ModelError,
    SemanticMap,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_segmenter.examples import (
    IGNORE,
    Item,
    Repeated,
    balance,
    collate,
    cropper,
    load,
    reduced,
    survey,
)
from visionstudio_segmenter.maps import TILE, enlarged, probabilities
from visionstudio_segmenter.network import SegmentationNet, Shares, losses
from visionstudio_segmenter.params import SegmentParams, SegmentTrainParams
from visionstudio_torch import preview
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import memory_guard, seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.metrics import Confusion
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import augmentation_of
from visionstudio_torch.weights import WeightsInfo, apply_weights, load_weights, take_fitting

MAX_CLASSES = 254  # label maps are uint8: 0 is background, 255 is ignored
_PREVIEWS = 4
_EXPORTED_SIDE = 512  # pixels: an exported network has one input size
_CROPS = 1800  # in all reach most of what can be reached, in three CPU minutes

P = TypeVar("P", bound=SegmentTrainParams)
State = dict[str, Tensor]
Arch = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """Weights that another program made: tensors under our names, class names, how it is built.

    The first output is background; `classes` are those after it.
    """

    state: State
    classes: tuple[str, ...]
    arch: Arch


@dataclass(frozen=True)
class Family(Generic[P]):
    """One kind of network.

    `arch_of` says what training parameters decide about how it is built, which is stored
    with the weights; `build` makes it with so many outputs, with `pretrained` on the built-in
    backbone's weights. `backbone` is the part that may be frozen, None when it has none.
    `published` reads a foreign state dict and raises WeightsError for one of another kind.
    """

    model: str
    arch_of: Callable[[P], dict[str, Any]]
    build: Callable[[int, Arch, bool], SegmentationNet]
    backbone: Callable[[SegmentationNet], nn.Module | None]
    published: Callable[[State, tuple[str, ...], Path], Published] | None = None
    builtin: bool = True  # whether weights=builtin means something


class SemanticSegmenter(Generic[P]):
    """A family as the plugin interface wants it: `Segmenter` and `ExampleTrainer`."""

    def __init__(self, family: Family[P]) -> None:
        self._family = family
        self._net: SegmentationNet | None = None
        self._classes: tuple[str, ...] = ()
        self._max_side = TILE
        self._background = True
        self._device = "cpu"

    def load(self, params: SegmentParams, weights: Path | None, ctx: Context) -> None:
        """Read trained or published weights. Raises WeightsError, also when there are none."""
        if weights is None:
            raise WeightsError(
                "this segmenter has no weights yet",
                where=self._family.model,
                next_step="train it on your labels, or choose a weights file",
            )
        found, info = _read(self._family, weights)
        net = self._family.build(len(found.classes) + 1, found.arch, False)
        apply_weights(net, found.state, weights)
        self._net = net.eval().to(memory_format=torch.channels_last).to(ctx.device)
        self._classes = found.classes
        self._max_side = int(info.params.get("max_side", TILE))
        self._background = bool(found.arch.get("background", True))
        self._device = ctx.device

    def facts(self) -> Facts:
        """Classes; pictures may have any size."""
        return Facts(self._classes)

    def export(self) -> Exportable:
        """The network with its normalisation in front and softmax behind."""
        if self._net is None:
            raise ModelError("the model is not loaded", where=self._family.model)
        return Exportable(
            module=Shares(self._net.cpu(), self._background).eval(),
            input_size=(_EXPORTED_SIDE, _EXPORTED_SIDE),
            outputs=("shares",),
            classes=(background_name(self._classes), *self._classes),
            meaning="(N, classes, H, W): the share of each class in each pixel, which sum to 1; "
            "the first class is background. Cut larger pictures into tiles.",
        )

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: SegmentParams, ctx: Context
    ) -> Sequence[SemanticMap]:
        """A map per frame in the frame's size; index 0 is background, class k is k + 1."""
        if self._net is None:
            raise ModelError("the model is not loaded", where=self._family.model)
        names = (background_name(self._classes), *self._classes)
        results = []
        with torch_threads(ctx.threads), memory_guard("choose a smaller largest side and train"):
            for i, frame in enumerate(frames):
                shares = probabilities(
                    self._net,
                    reduced(frame, self._max_side),
                    self._device,
                    background=self._background,
                )
                height, width = frame.shape[:2]
                if shares.shape[:2] != (height, width):
                    shares = enlarged(shares, height, width)
                labels = shares.argmax(axis=2).astype(np.uint8)
                confidence = np.clip(shares.max(axis=2), 0, 1).astype(np.float32)
                labels[confidence < params.threshold] = 0
                results.append(SemanticMap(labels, names, 0, confidence))
                ctx.report((i + 1) / len(frames))
        return results

    def train(self, data: TrainingData, params: P, ctx: TrainContext) -> TrainResult:
        """Train on label maps; leaves ``best.safetensors`` and ``last.ckpt`` in the run folder."""
        if not 0 < len(data.classes) <= MAX_CLASSES:
            raise TrainingError(
                f"{len(data.classes)} classes cannot be learned",
                next_step=f"label at least one and at most {MAX_CLASSES} classes",
            )
        seed_torch(ctx.seed)
        arch = self._family.arch_of(params)
        net = _new_net(self._family, len(data.classes), arch, params)
        read = partial(load, max_side=params.max_side)
        items = Cached(data.train, read, lambda item: item.bytes)
        held = Cached(data.val, read, lambda item: item.bytes)
        background, crops = survey(items, params.image_size)
        weights = None
        if params.class_weights == "balanced":
            weights = balance(items, len(data.classes) + 1)
        recipe = Recipe(
            items=Repeated(items, crops),
            augment=cropper(
                params.image_size,
                augmentation_of(params, quarter_turns=True),
                unlabelled=background,
            ),
            collate=collate,
            loss=lambda model, batch: losses(model(batch[0]), batch[1], weights),
            validate=lambda model: _validate(model, held, data.classes, background, ctx),
            best="mIoU",
            info=WeightsInfo(
                model=self._family.model,
                classes=data.classes,
                class_ids=data.class_ids,
                params=asdict(params),
                arch={**arch, "background": background},
                input_size=(params.image_size, params.image_size),
                mean=net.mean,
                std=net.std,
                data_hash=data.data_hash,
            ),
        )
        shown = max(len(recipe.items), params.batch)
        epochs = planned_epochs(params.epochs, shown, _CROPS, 2, 1000, ctx)
        return fit(net, recipe, settings_of(params, epochs), ctx)

    def examples(self, data: TrainingData, params: P, ctx: Context) -> Iterator[NDArray[np.uint8]]:
        """Training crops as they are varied, with their labels."""
        items = Cached(data.train, partial(load, max_side=params.max_side), lambda i: i.bytes)
        how = augmentation_of(params, quarter_turns=True)
        return preview.examples(items, cropper(params.image_size, how), _drawn, ctx.seed)


def _drawn(example: tuple[Tensor, Tensor]) -> NDArray[np.uint8]:
    """A crop with its labels tinted; what is ignored is dark."""
    image, labels = preview.picture_of(example[0]), example[1].numpy()
    image[labels == IGNORE] //= 3
    return preview.draw_labels(image, np.where(labels == IGNORE, 0, labels))


def background_name(classes: tuple[str, ...]) -> str:
    """A name for index 0 that is no class's."""
    name = "background"
    while name in classes:
        name = f"({name})"
    return name


def _read(family: Family[P], path: Path) -> tuple[Published, WeightsInfo]:
    """The tensors of a weights file and how the network is built that they are for."""
    state, info = load_weights(path, family.model, foreign=family.published is not None)
    if family.published is not None and info.input_size[0] == 0:
        return family.published(state, info.classes, path), info
    return Published(state, info.classes, info.arch), info


def _new_net(
    family: Family[P], classes: int, arch: Mapping[str, Any], params: P
) -> SegmentationNet:
    """A network to begin with, from what the parameter `weights` names."""
    if params.weights == "builtin" and not family.builtin:
        raise TrainingError(
            "no weights of this segmenter come with the program",
            where=family.model,
            next_step="give a weights file, or none to begin from scratch",
        )
    net = family.build(classes + 1, arch, params.weights != "none")
    if params.weights not in ("builtin", "none"):
        path = Path(params.weights).expanduser()
        take_fitting(net, _read(family, path)[0].state, path)
    backbone = family.backbone(net)
    if params.freeze and (params.weights == "none" or backbone is None):
        raise TrainingError(
            "a backbone that has learned nothing cannot be frozen",
            where=family.model,
            next_step="start from built-in weights or a weights file, or train all layers",
        )
    if params.freeze and backbone is not None:
        freeze(backbone)
    return net.to(memory_format=torch.channels_last)


def _validate(
    net: nn.Module,
    held: Cached[Any, Item],
    classes: tuple[str, ...],
    background: bool,
    ctx: TrainContext,
) -> dict[str, float]:
    """mIoU over what occurs, IoU per class on the held-out pictures, and a preview."""
    if not isinstance(net, SegmentationNet) or len(held) == 0:
        return {}
    device = next(net.parameters()).device
    confusion = Confusion(len(classes) + 1)
    pictures: list[NDArray[np.uint8]] = []
    for i in range(len(held)):
        ctx.report(message="validation")
        item = held[i]
        labels = probabilities(net, item.image, device, background=background).argmax(axis=2)
        truth = item.labels if background else np.where(item.labels == 0, IGNORE, item.labels)
        confusion.add(truth, labels, IGNORE)
        if len(pictures) < _PREVIEWS:
            pictures.append(preview.draw_labels(item.image, labels))
    ctx.preview("validation", preview.strip(pictures))
    iou = confusion.iou()
    names = (background_name(classes), *classes)
    figures = {
        f"IoU {name}": float(v) for name, v in zip(names, iou, strict=True) if not np.isnan(v)
    }
    return {"mIoU": float(np.nanmean(iou)), **figures} if figures else {}
