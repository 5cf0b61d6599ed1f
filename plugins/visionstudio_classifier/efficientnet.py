"""classifier/efficientnet_lite0: ImageNet's names out of the box, yours from a few pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Classification,
    Context,
    Frame,
    Sample,
    TrainContext,
    TrainingData,
    TrainResult,
    WeightsError,
)
from visionstudio_classifier.learning import (
    answers,
    check_classes,
    cross_entropy,
    validator,
    weights_of,
)
from visionstudio_classifier.manifest import ClassifierParams, EfficientNetTraining
from visionstudio_torch import backbone, preview
from visionstudio_torch.data import Cached
from visionstudio_torch.device import memory_guard, seed_torch, torch_threads
from visionstudio_torch.fit import BEST, Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import (
    Augmentation,
    augmentation_of,
    random_look,
    random_matrix,
    resize,
    short_side_size,
    warp_image,
)
from visionstudio_torch.weights import (
    WeightsInfo,
    apply_weights,
    load_weights,
    save_weights,
    start_from,
)

MODEL = "classifier/efficientnet_lite0"
SIDE = 224  # px, as trained on ImageNet
CROP = 0.875  # share of the short side that the centre crop shows, as on ImageNet
CHUNK = 16  # pictures per forward pass while features are computed
FEATURES_SHARE = 0.6  # of the time budget that computing features may take
Image = NDArray[np.uint8]
Labelled = tuple[Image, int]
Views = tuple[Tensor, int]  # (views, 1280) features of one picture, and its class index


class EfficientNetLite0:
    """Answers `classifier/efficientnet_lite0`: `load`, `predict`, `train`."""

    def __init__(self) -> None:
        self._net: nn.Module | None = None

    def load(self, params: ClassifierParams, weights: Path | None, ctx: Context) -> None:
        """Take trained weights, or ImageNet's for None. Raises WeightsError."""
        if weights is None:
            classes, self._size = imagenet_names(), (SIDE, SIDE)
            net = backbone.classifier(len(classes))
        else:
            state, info = load_weights(weights, MODEL)
            classes, self._size = info.classes, info.input_size
            net = backbone.classifier(len(classes), pretrained=False)
            apply_weights(net, state, weights)
        self._classes = classes
        self._net = net.to(ctx.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: ClassifierParams, ctx: Context
    ) -> Sequence[Classification]:
        """The best classes of each (H, W, 3) uint8 frame, of any sizes."""
        if self._net is None:
            raise WeightsError(f"{MODEL} is not loaded", next_step="load it first")
        if not frames:
            return []
        batch = _tensor([centre_crop(f, self._size[0]) for f in frames])
        with torch.inference_mode(), torch_threads(ctx.threads):
            logits = self._net(batch.to(ctx.device))
        return answers(logits, self._classes, params)

    def train(
        self, data: TrainingData, params: EfficientNetTraining, ctx: TrainContext
    ) -> TrainResult:
        """Train on tagged pictures; leaves best.safetensors and last.ckpt in the run folder."""
        info = WeightsInfo(
            model=MODEL,
            classes=data.classes,
            class_ids=data.class_ids,
            params=asdict(params),
            input_size=(params.image_size, params.image_size),
            mean=backbone.MEAN,
            std=backbone.STD,
            data_hash=data.data_hash,
        )
        seed_torch(ctx.seed)
        net = backbone.classifier(check_classes(data), pretrained=params.weights == "builtin")
        if params.weights not in ("builtin", "none"):
            start_from(net, Path(params.weights), MODEL)
        how = _train_head if params.freeze else _fine_tune
        return how(net, data, params, info, ctx)

    def examples(
        self, data: TrainingData, params: EfficientNetTraining, ctx: Context
    ) -> Iterator[Image]:
        """Training pictures as they are varied; only mirrored while the features are frozen."""
        items = [(centre_crop(s.image, params.image_size), s.target.label or 0) for s in data.train]
        how = Augmentation(flip_x=params.flip) if params.freeze else augmentation_of(params)
        return preview.examples(items, _augmenter(how), lambda item: item[0], ctx.seed)


@cache
def imagenet_names() -> tuple[str, ...]:
    """ImageNet's 1,000 class names in order, from torchvision's weight metadata."""
    from torchvision.models import EfficientNet_B0_Weights

    return tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])


def centre_crop(image: Image, side: int) -> Image:
    """The middle square of a picture as (side, side, 3), cut as on ImageNet."""
    height, width = image.shape[:2]
    high, wide = short_side_size(height, width, round(side / CROP), 1 << 30)
    # Cutting first keeps long, thin pictures small.
    part = side / min(high, wide) * min(height, width)
    top, left = (height - part) / 2, (width - part) / 2
    cut = image[
        max(0, round(top)) : max(1, round(top + part)),
        max(0, round(left)) : max(1, round(left + part)),
    ]
    return resize(cut, side, side)


def _tensor(images: Sequence[Image]) -> Tensor:
    """(N, 3, side, side) float32, channels last: twice as fast here on a CPU."""
    batch = backbone.normalise(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    return batch.contiguous(memory_format=torch.channels_last)


def _features(
    net: Any,
    samples: Sequence[Sample],
    side: int,
    views: int,
    ctx: TrainContext,
    until: float,
) -> list[Views]:
    """Pooled features of each tagged picture, and of its mirror image when `views` is 2.

    Pictures come in random order: the computation ends early when no more than
    `until` seconds of the time budget are left.
    """
    order = np.random.default_rng(ctx.seed).permutation(len(samples)).tolist()
    found: list[Views] = []
    for first in range(0, len(order), CHUNK):
        left = ctx.time_left()
        if found and (ctx.should_stop() or (left is not None and left < until)):
            break
        ctx.report(0.0, f"features of picture {first} of {len(order)}")
        pictures = (samples[i] for i in order[first : first + CHUNK])
        chunk = [s for s in pictures if s.target.label is not None]
        if not chunk:
            continue
        crops = [centre_crop(s.image, side) for s in chunk]
        mirrored = [c[:, ::-1] for c in crops] if views == 2 else []
        with torch.inference_mode():
            maps = net.forward_features(_tensor(crops + mirrored).to(ctx.device))
            pooled = net.forward_head(maps, pre_logits=True).float().cpu()
        rows = pooled.view(views, len(chunk), -1).transpose(0, 1).clone()
        found += [(row, int(s.target.label or 0)) for row, s in zip(rows, chunk, strict=True)]
    return found


def _train_head(
    net: Any,
    data: TrainingData,
    params: EfficientNetTraining,
    info: WeightsInfo,
    ctx: TrainContext,
) -> TrainResult:
    """A linear head on features that are computed once."""
    budget = ctx.time_left()
    net.to(ctx.device, memory_format=torch.channels_last).eval()
    with torch_threads(ctx.threads), memory_guard("lower the image size"):
        side, views = params.image_size, 2 if params.flip else 1
        until = 0.0 if budget is None else budget * (1 - FEATURES_SHARE)
        held = _features(net, data.val, side, 1, ctx, until)
        items = _features(net, data.train, side, views, ctx, until)
    head = _Head(net.classifier)
    weights = weights_of(params.class_weights, [label for _, label in items], len(info.classes))
    labels = np.array([label for _, label in held], np.int64)
    known = torch.stack([rows[0] for rows, _ in held]) if held else torch.zeros(0, 1280)
    recipe: Recipe[Views, tuple[Tensor, int], list[Tensor]] = Recipe(
        items=items,
        augment=lambda item, rng: (item[0][int(rng.integers(len(item[0])))], item[1]),
        collate=lambda batch: [
            torch.stack([row for row, _ in batch]),
            torch.tensor([label for _, label in batch]),
        ],
        loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], weights),
        validate=validator(lambda part: known[part], labels),
        best="accuracy",
        info=info,
    )
    epochs = planned_epochs(params.epochs, len(items), 8000, 10, 60, ctx)
    batch = min(params.batch, len(items))
    result = fit(head, recipe, settings_of(params, epochs, batch=batch), ctx)
    if (ctx.run_folder / BEST).is_file():  # none when only a learning rate was looked for
        _complete(net, ctx.run_folder / BEST)
    return result


class _Head(nn.Module):
    """The last layer by the name it has in the whole network."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, rows: Tensor) -> Tensor:
        rows = nn.functional.dropout(rows, 0.2, self.training)
        logits: Tensor = self.classifier(rows)
        return logits


def _complete(net: nn.Module, path: Path) -> None:
    """Put the backbone into a weights file that holds only the head."""
    head, info = load_weights(path, MODEL)
    save_weights(path, {**net.state_dict(), **head}, info)


def _keep_statistics(net: nn.Module) -> None:
    """Keep batch norm at ImageNet's statistics while training: few pictures have none."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]

    def still(*_: Any) -> None:
        for norm in norms:
            norm.eval()

    net.register_forward_pre_hook(still)


def _fine_tune(
    net: Any,
    data: TrainingData,
    params: EfficientNetTraining,
    info: WeightsInfo,
    ctx: TrainContext,
) -> TrainResult:
    """All layers, the features at a tenth of the head's rate when they come pretrained."""
    pretrained = params.weights != "none"
    net.to(memory_format=torch.channels_last)
    if pretrained:
        _keep_statistics(net)
    train, tags = _crops(data.train, params.image_size, ctx)
    held, labels = _crops(data.val, params.image_size, ctx)
    weights = weights_of(params.class_weights, tags.tolist(), len(info.classes))
    recipe: Recipe[Labelled, Labelled, list[Tensor]] = Recipe(
        items=train,
        augment=_augmenter(augmentation_of(params)),
        collate=lambda batch: [
            _tensor([image for image, _ in batch]),
            torch.tensor([label for _, label in batch]),
        ],
        loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], weights),
        validate=validator(
            lambda part: _tensor([held[i][0] for i in range(*part.indices(len(held)))]), labels
        ),
        best="accuracy",
        info=info,
    )
    epochs = planned_epochs(params.epochs, len(train), 2000, 4, 40, ctx)
    slow = {"classifier": 1.0, "": 0.1} if pretrained else {}
    settings = settings_of(params, epochs, batch=min(params.batch, len(train)), slow=slow)
    return fit(net, recipe, settings, ctx)


def _augmenter(how: Augmentation) -> Callable[[Labelled, np.random.Generator], Labelled]:
    """The function that varies a crop."""

    def augment(item: Labelled, rng: np.random.Generator) -> Labelled:
        image, label = item
        matrix = random_matrix(image.shape[0], image.shape[1], how, rng)
        image = image if matrix is None else warp_image(image, matrix)
        return random_look(image, how, rng), label

    return augment


def _crops(
    samples: Sequence[Sample], side: int, ctx: TrainContext
) -> tuple[Cached[int, Labelled], NDArray[np.int64]]:
    """The crops of the tagged pictures, as many of them in memory as there is room for, and
    their class indices."""
    tagged, labels = [], []
    for i in range(len(samples)):
        ctx.report(0.0, f"reading picture {i + 1} of {len(samples)}")
        label = samples[i].target.label
        if label is not None:
            tagged.append(i)
            labels.append(label)

    def load(index: int) -> Labelled:
        sample = samples[index]
        return centre_crop(sample.image, side), int(sample.target.label or 0)

    return Cached(tagged, load, lambda item: item[0].nbytes), np.array(labels, np.int64)
