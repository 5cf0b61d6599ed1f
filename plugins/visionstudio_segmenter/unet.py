"""segmenter/unet: training and prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Context,
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
    collate,
    cropper,
    load,
    reduced,
)
from visionstudio_segmenter.network import SegmentationNet, losses
from visionstudio_segmenter.params import SegmentParams, UnetTrainParams
from visionstudio_torch import preview
from visionstudio_torch.backbone import freeze
from visionstudio_torch.data import Cached
from visionstudio_torch.device import memory_guard, seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.metrics import Confusion
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import augmentation_of, to_tensor
from visionstudio_torch.weights import WeightsInfo, apply_weights, load_weights, start_from

MODEL = "segmenter/unet"
MAX_CLASSES = 254  # label maps are uint8: 0 is background, 255 is ignored
_TILE = 1024  # larger pictures are predicted in overlapping tiles
_OVERLAP = 128
_PREVIEWS = 4
_LOOKED_AT = 32  # pictures that are asked how large they are and what occurs in them
_SEAM = 0.005  # less background than this are seams between objects, not a thing to learn


class Unet:
    """U-Net as the plugin interface wants it: `Segmenter` and `Trainer`."""

    def __init__(self) -> None:
        self._net: SegmentationNet | None = None
        self._info = WeightsInfo(MODEL, ())
        self._device = "cpu"

    def load(self, params: SegmentParams, weights: Path | None, ctx: Context) -> None:
        """Read trained weights. Raises WeightsError, also when there are none."""
        if weights is None:
            raise WeightsError(
                "this segmenter has no weights yet",
                where=MODEL,
                next_step="train it on your labels, or choose a weights file",
            )
        state, info = load_weights(weights, MODEL)
        encoder = str(info.arch.get("encoder", "builtin"))
        net = SegmentationNet(len(info.classes) + 1, encoder, pretrained=False)
        apply_weights(net, state, weights)
        self._net = net.eval().to(memory_format=torch.channels_last).to(ctx.device)
        self._info = info
        self._device = ctx.device

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: SegmentParams, ctx: Context
    ) -> Sequence[SemanticMap]:
        """A map per frame in the frame's size; index 0 is background, class k is k + 1."""
        if self._net is None:
            raise ModelError("the model is not loaded", where=MODEL)
        max_side = int(self._info.params.get("max_side", _TILE))
        names = (background_name(self._info.classes), *self._info.classes)
        results = []
        with torch_threads(ctx.threads), memory_guard("choose a smaller largest side and train"):
            for i, frame in enumerate(frames):
                shares = probabilities(
                    self._net,
                    reduced(frame, max_side),
                    self._device,
                    background=bool(self._info.arch.get("background", True)),
                )
                height, width = frame.shape[:2]
                if shares.shape[:2] != (height, width):
                    shares = _enlarged(shares, height, width)
                labels = shares.argmax(axis=2).astype(np.uint8)
                confidence = np.clip(shares.max(axis=2), 0, 1).astype(np.float32)
                labels[confidence < params.threshold] = 0
                results.append(SemanticMap(labels, names, 0, confidence))
                ctx.report((i + 1) / len(frames))
        return results

    def train(self, data: TrainingData, params: UnetTrainParams, ctx: TrainContext) -> TrainResult:
        """Train on label maps; leaves ``best.safetensors`` and ``last.ckpt`` in the run folder."""
        if not 0 < len(data.classes) <= MAX_CLASSES:
            raise TrainingError(
                f"{len(data.classes)} classes cannot be learned",
                next_step=f"label at least one and at most {MAX_CLASSES} classes",
            )
        seed_torch(ctx.seed)
        encoder = "none" if params.weights == "none" else "builtin"
        net = _new_net(len(data.classes), encoder, params)
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
                model=MODEL,
                classes=data.classes,
                class_ids=data.class_ids,
                params=asdict(params),
                arch={"encoder": encoder, "background": background},
                input_size=(params.image_size, params.image_size),
                data_hash=data.data_hash,
            ),
        )
        # About 1,800 crops in all reach most of what can be reached, in 3 CPU minutes.
        shown = max(len(recipe.items), params.batch)
        epochs = planned_epochs(params.epochs, shown, 1800, 2, 1000, ctx)
        return fit(net, recipe, settings_of(params, epochs), ctx)

    def examples(
        self, data: TrainingData, params: UnetTrainParams, ctx: Context
    ) -> Iterator[NDArray[np.uint8]]:
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


def _new_net(classes: int, encoder: str, params: UnetTrainParams) -> SegmentationNet:
    net = SegmentationNet(classes + 1, encoder)
    if params.weights not in ("builtin", "none"):
        start_from(net, Path(params.weights).expanduser(), MODEL)
    if params.freeze and encoder == "builtin":
        body: Any = net.body
        freeze(body.encoder)
    return net.to(memory_format=torch.channels_last)


def survey(items: Cached[Any, Item], crop: int) -> tuple[bool, int]:
    """Whether background is a thing to learn, and how many crops show about a whole picture.

    Where labels cover (nearly) everything, the unlabelled seams are ignored instead.
    """
    places = np.unique(np.linspace(0, len(items) - 1, min(len(items), _LOOKED_AT)).astype(int))
    known = unlabelled = area = 0
    for place in places:
        labels = items[int(place)].labels
        known += int((labels != IGNORE).sum())
        unlabelled += int((labels == 0).sum())
        area += labels.size
    if len(places) == 0:
        return True, 1
    if known == unlabelled:
        raise TrainingError(
            "no pixel is labelled in the training pictures",
            next_step="label objects with masks or polygons",
        )
    crops = round(area / len(places) / crop**2)
    return unlabelled > _SEAM * known, max(1, min(crops, 16))


def balance(items: Cached[Any, Item], classes: int) -> Tensor:
    """The weight (classes,) of each label by its pixels in a few pictures, with a mean of 1.

    By the inverse root of its frequency: by the inverse itself a speck would rule the loss.
    """
    places = np.unique(np.linspace(0, len(items) - 1, min(len(items), _LOOKED_AT)).astype(int))
    counts = np.zeros(IGNORE + 1, np.int64)
    for place in places:
        counts += np.bincount(items[int(place)].labels.reshape(-1), minlength=IGNORE + 1)
    pixels = np.maximum(counts[:classes], 1)
    weights = np.where(counts[:classes] > 0, 1 / np.sqrt(pixels), 0.0)
    mean = (weights * pixels).sum() / pixels.sum()
    return torch.tensor(weights / mean, dtype=torch.float32)


def probabilities(
    net: SegmentationNet, image: NDArray[np.uint8], device: Any, *, background: bool = True
) -> NDArray[np.float32]:
    """(H, W, 3) uint8 → (H, W, K) shares that sum to 1; large pictures in blended tiles.

    Without `background` index 0 gets nothing.
    """
    height, width = image.shape[:2]
    total: NDArray[np.float32] | None = None
    weight = np.zeros((height, width, 1), np.float32)
    for top, left, bottom, right in _tiles(height, width):
        tensor = to_tensor(image[top:bottom, left:right])[None].to(device)
        with torch.inference_mode():
            logits = net(tensor)
            if not background:
                logits[:, 0] = -torch.inf
            part = logits.softmax(dim=1)[0].permute(1, 2, 0).float().cpu().numpy()
        if (bottom - top, right - left) == (height, width):
            return np.asarray(part, np.float32)
        if total is None:
            total = np.zeros((height, width, part.shape[2]), np.float32)
        ramp = _ramp(bottom - top)[:, None, None] * _ramp(right - left)[None, :, None]
        total[top:bottom, left:right] += part * ramp
        weight[top:bottom, left:right] += ramp
    if total is None:
        raise ModelError("a picture without pixels cannot be segmented", where=MODEL)
    return total / weight


def _tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Overlapping tiles (top, left, bottom, right) that cover everything."""
    for top in _starts(height):
        for left in _starts(width):
            yield top, left, min(top + _TILE, height), min(left + _TILE, width)


def _starts(length: int) -> list[int]:
    if length <= _TILE:
        return [0]
    count = -(-(length - _OVERLAP) // (_TILE - _OVERLAP))
    return [round(i * (length - _TILE) / (count - 1)) for i in range(count)]


def _ramp(length: int) -> NDArray[np.float32]:
    """Weights that fall towards both ends of a tile, never to zero."""
    edge = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(edge / _OVERLAP, 1).astype(np.float32)


def _enlarged(shares: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Shares (h, w, K) interpolated to (height, width, K); cv2 takes few channels at once."""
    parts = [
        cv2.resize(np.ascontiguousarray(shares[..., k]), (width, height))
        for k in range(shares.shape[2])
    ]
    return np.stack(parts, axis=2).astype(np.float32)


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
