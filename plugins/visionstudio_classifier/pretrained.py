"""Networks that were trained on ImageNet: its names as they are, yours from a few pictures.

One recipe for all of them: a linear head on features that are computed once, or all layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
    Exportable,
    Facts,
    Frame,
    Sample,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_classifier.learning import (
    answers,
    check_classes,
    cross_entropy,
    exportable,
    validator,
    weights_of,
)
from visionstudio_classifier.params import ClassifierParams, EfficientNetTraining
from visionstudio_torch import preview
from visionstudio_torch.backbone import keep_statistics
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
    read_info,
    save_weights,
    start_from,
)

CHUNK = 16  # pictures per forward pass while features are computed
FEATURES_SHARE = 0.6  # of the time budget that computing features may take
Image = NDArray[np.uint8]
Labelled = tuple[Image, int]
Views = tuple[Tensor, int]  # (views, F) features of one picture, and its class index


@dataclass(frozen=True, slots=True)
class Look:
    """How a network wants its pictures: the side of the centre crop in pixels, the share of the
    short side that the crop shows, mean and standard deviation of values in [0, 1]."""

    side: int = 224
    crop: float = 0.875
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Family:
    """One kind of network.

    `build(classes, network)` makes one without weights, `builtin(classes)` one with the weights
    that come with the program, where there are any. `look(network)` is how it wants pictures.
    `network` is '' for families that have but one.
    """

    model: str
    build: Callable[[int, str], nn.Module]
    look: Callable[[str], Look]
    builtin: Callable[[int], nn.Module] | None = None


class ImageNetClassifier:
    """A family as the plugin interface wants it: `Classifier` and `Trainer`."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._net: nn.Module | None = None
        self._classes: tuple[str, ...] = ()
        self._look = Look()

    def load(self, params: ClassifierParams, weights: Path | None, ctx: Context) -> None:
        """Take trained or published weights; those that come with the program for None.

        Raises WeightsError, also when there are none.
        """
        family = self._family
        network = str(getattr(params, "network", ""))
        if weights is None:
            if family.builtin is None:
                raise WeightsError(
                    f"{family.model} has no weights yet",
                    next_step="train it, or download or import its weights",
                )
            self._classes, self._look = imagenet_names(), family.look("")
            net = family.builtin(len(self._classes))
        else:
            state, info = load_weights(weights, family.model, foreign=True)
            ours = info.input_size[0] > 0
            network = str(info.arch.get("network", "")) if ours else network
            count = len(info.classes) if ours else self._classes_in(state, network, weights)
            net = family.build(count, network)
            apply_weights(net, state, weights)
            self._classes = info.classes if len(info.classes) == count else _names(count)
            self._look = family.look(network)
            if ours:
                self._look = replace(
                    self._look, side=info.input_size[0], mean=info.mean, std=info.std
                )
        self._net = net.to(ctx.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def _classes_in(self, state: Mapping[str, Tensor], network: str, weights: Path) -> int:
        """How many classes a strange state dict is for."""
        name = head_name(self._family.build(2, network))
        head = state.get(f"{name}.weight")
        if head is None:
            raise WeightsError(
                f"the file holds no weights of {self._family.model}: it has no '{name}.weight'",
                where=str(weights),
                next_step="choose weights of its kind",
            )
        return len(head)

    def facts(self) -> Facts:
        """Classes, and the side of the square crop."""
        return Facts(self._classes, (self._look.side, self._look.side))

    def export(self) -> Exportable:
        """Normalisation, network and softmax in one."""
        look = self._look
        if self._net is None:
            raise WeightsError(f"{self._family.model} is not loaded", next_step="load it first")
        how = f"Show it the middle square of a picture, {look.crop:.0%} of the short side."
        size = (look.side, look.side)
        return exportable(self._net, self._classes, size, how, (look.mean, look.std))

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: ClassifierParams, ctx: Context
    ) -> Sequence[Classification]:
        """The best classes of each (H, W, 3) uint8 frame, of any sizes."""
        if self._net is None:
            raise WeightsError(f"{self._family.model} is not loaded", next_step="load it first")
        if not frames:
            return []
        batch = _tensor(
            [centre_crop(f, self._look.side, self._look.crop) for f in frames], self._look
        )
        with torch.inference_mode(), torch_threads(ctx.threads):
            logits = self._net(batch.to(ctx.device))
        return answers(logits, self._classes, params)

    def train(
        self, data: TrainingData, params: EfficientNetTraining, ctx: TrainContext
    ) -> TrainResult:
        """Train on tagged pictures; leaves best.safetensors and last.ckpt in the run folder."""
        network = str(getattr(params, "network", ""))
        classes = check_classes(data)
        look = replace(self._family.look(network), side=params.image_size)
        info = WeightsInfo(
            model=self._family.model,
            classes=data.classes,
            class_ids=data.class_ids,
            params=asdict(params),
            arch={"network": network} if network else {},
            input_size=(look.side, look.side),
            mean=look.mean,
            std=look.std,
            data_hash=data.data_hash,
        )
        seed_torch(ctx.seed)
        net = self._start(classes, network, params)
        how = _train_head if params.freeze and not _from_scratch(params) else _fine_tune
        return how(net, data, params, info, look, ctx)

    def _start(self, classes: int, network: str, params: EfficientNetTraining) -> nn.Module:
        family = self._family
        if params.weights == "builtin":
            if family.builtin is None:
                raise TrainingError(
                    "no weights of this model come with the program",
                    where=family.model,
                    next_step="give a weights file, or none to begin from scratch",
                )
            return family.builtin(classes)
        net = family.build(classes, network)
        if not _from_scratch(params):
            start_from(net, Path(params.weights).expanduser(), family.model, foreign=True)
        elif params.freeze and family.builtin is None:
            raise TrainingError(
                "features that have learned nothing cannot be frozen",
                where=family.model,
                next_step="start from a weights file, or train all layers",
            )
        return net

    def examples(
        self, data: TrainingData, params: EfficientNetTraining, ctx: Context
    ) -> Iterator[Image]:
        """Training pictures as they are varied; only mirrored while the features are frozen."""
        crop = self._family.look(str(getattr(params, "network", ""))).crop
        items = [
            (centre_crop(s.image, params.image_size, crop), s.target.label or 0) for s in data.train
        ]
        how = Augmentation(flip_x=params.flip) if params.freeze else augmentation_of(params)
        return preview.examples(items, _augmenter(how), lambda item: item[0], ctx.seed)


def _from_scratch(params: EfficientNetTraining) -> bool:
    # The program has replaced auto by a file where there is one.
    return params.weights in ("none", "auto")


def _names(count: int) -> tuple[str, ...]:
    """Names for classes that a strange file does not name."""
    if count == len(imagenet_names()):
        return imagenet_names()
    return tuple(f"class {i + 1}" for i in range(count))


def head_name(net: nn.Module) -> str:
    """The name of the linear layer that gives the logits. Raises TrainingError without one."""
    linear = [str(name) for name, m in net.named_modules() if isinstance(m, nn.Linear)]
    if not linear:
        raise TrainingError(
            "this network does not end with a linear layer", next_step="choose another network"
        )
    return linear[-1]


@cache
def imagenet_names() -> tuple[str, ...]:
    """ImageNet's 1,000 class names in order, from torchvision's weight metadata."""
    from torchvision.models import EfficientNet_B0_Weights

    return tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])


def centre_crop(image: Image, side: int, crop: float = 0.875) -> Image:
    """The middle square of a picture as (side, side, 3), cut as on ImageNet: `crop` of its short
    side."""
    height, width = image.shape[:2]
    high, wide = short_side_size(height, width, round(side / crop), 1 << 30)
    # Cutting first keeps long, thin pictures small.
    part = side / min(high, wide) * min(height, width)
    top, left = (height - part) / 2, (width - part) / 2
    cut = image[
        max(0, round(top)) : max(1, round(top + part)),
        max(0, round(left)) : max(1, round(left + part)),
    ]
    return resize(cut, side, side)


def _tensor(images: Sequence[Image], look: Look) -> Tensor:
    """(N, 3, side, side) float32, channels last: twice as fast here on a CPU."""
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    mean = torch.tensor(look.mean).view(1, 3, 1, 1) * 255
    batch = (batch - mean) / (torch.tensor(look.std).view(1, 3, 1, 1) * 255)
    return batch.contiguous(memory_format=torch.channels_last)


def _features(
    net: Any,
    samples: Sequence[Sample],
    look: Look,
    views: int,
    ctx: TrainContext,
    until: float,
) -> list[Views]:
    """What `net`, whose head is taken off, gives for each tagged picture, and for its mirror
    image when `views` is 2.

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
        crops = [centre_crop(s.image, look.side, look.crop) for s in chunk]
        mirrored = [c[:, ::-1] for c in crops] if views == 2 else []
        with torch.inference_mode():
            pooled = net(_tensor(crops + mirrored, look).to(ctx.device)).float().cpu()
        rows = pooled.view(views, len(chunk), -1).transpose(0, 1).clone()
        found += [(row, int(s.target.label or 0)) for row, s in zip(rows, chunk, strict=True)]
    return found


def _train_head(
    net: nn.Module,
    data: TrainingData,
    params: EfficientNetTraining,
    info: WeightsInfo,
    look: Look,
    ctx: TrainContext,
) -> TrainResult:
    """A linear head on features that are computed once."""
    budget = ctx.time_left()
    name = head_name(net)
    head = _Head(net.get_submodule(name))
    net.set_submodule(name, nn.Identity())
    net.to(ctx.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    with torch_threads(ctx.threads), memory_guard("lower the image size"):
        views = 2 if params.flip else 1
        until = 0.0 if budget is None else budget * (1 - FEATURES_SHARE)
        held = _features(net, data.val, look, 1, ctx, until)
        items = _features(net, data.train, look, views, ctx, until)
    weights = weights_of(params.class_weights, [label for _, label in items], len(info.classes))
    labels = np.array([label for _, label in held], np.int64)
    known = torch.stack([rows[0] for rows, _ in held]) if held else torch.zeros(0, 1)
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
        _complete(net, name, ctx.run_folder / BEST)
    return result


class _Head(nn.Module):
    """The last layer alone."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, rows: Tensor) -> Tensor:
        rows = nn.functional.dropout(rows, 0.2, self.training)
        logits: Tensor = self.layer(rows)
        return logits


def _complete(net: nn.Module, name: str, path: Path) -> None:
    """Put the features into a weights file that holds only the head, under its full name."""
    info = read_info(path)
    head, _ = load_weights(path, info.model)
    named = {f"{name}.{part.removeprefix('layer.')}": tensor for part, tensor in head.items()}
    save_weights(path, {**net.state_dict(), **named}, info)


def _fine_tune(
    net: nn.Module,
    data: TrainingData,
    params: EfficientNetTraining,
    info: WeightsInfo,
    look: Look,
    ctx: TrainContext,
) -> TrainResult:
    """All layers, the features at a tenth of the head's rate when they come pretrained."""
    pretrained = not _from_scratch(params)
    net.to(memory_format=torch.channels_last)
    if pretrained:
        keep_statistics(net)
    train, tags = _crops(data.train, look, ctx)
    held, labels = _crops(data.val, look, ctx)
    weights = weights_of(params.class_weights, tags.tolist(), len(info.classes))
    recipe: Recipe[Labelled, Labelled, list[Tensor]] = Recipe(
        items=train,
        augment=_augmenter(augmentation_of(params)),
        collate=lambda batch: [
            _tensor([image for image, _ in batch], look),
            torch.tensor([label for _, label in batch]),
        ],
        loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], weights),
        validate=validator(
            lambda part: _tensor([held[i][0] for i in range(*part.indices(len(held)))], look),
            labels,
        ),
        best="accuracy",
        info=info,
    )
    epochs = planned_epochs(params.epochs, len(train), 2000, 4, 40, ctx)
    slow = {head_name(net): 1.0, "": 0.1} if pretrained else {}
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
    samples: Sequence[Sample], look: Look, ctx: TrainContext
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
        return centre_crop(sample.image, look.side, look.crop), int(sample.target.label or 0)

    return Cached(tagged, load, lambda item: item[0].nbytes), np.array(labels, np.int64)
