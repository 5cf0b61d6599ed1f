"""classifier/simplecnn: learns small pictures from scratch in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from visionstudio_classifier.network import SimpleCnnNet
from visionstudio_classifier.params import ClassifierParams, SimpleCnnTraining
from visionstudio_torch import preview
from visionstudio_torch.device import seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import (
    Augmentation,
    random_matrix,
    resize,
    warp_image,
)
from visionstudio_torch.weights import WeightsInfo, apply_weights, load_weights, start_from

MODEL = "classifier/simplecnn"
SEEN = 60_000  # pictures that training sees in all when no number of epochs is asked for
LOOKED_AT = 200  # pictures from which size, channels and normalisation are chosen
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Small:
    """A picture as the network sees it, (side, side, 3) uint8, its class index, its contrast."""

    image: Image
    label: int
    gain: float = 1.0


class SimpleCnn:
    """Answers `classifier/simplecnn`: `load`, `predict`, `train`."""

    def __init__(self) -> None:
        self._net: SimpleCnnNet | None = None

    def load(self, params: ClassifierParams, weights: Path | None, ctx: Context) -> None:
        """Take trained weights. Raises WeightsError without any."""
        if weights is None:
            raise WeightsError(
                f"{MODEL} has not been trained yet",
                next_step="train it on tagged pictures, or choose a weights file",
            )
        state, info = load_weights(weights, MODEL)
        net = SimpleCnnNet(len(info.classes), int(info.arch.get("channels", 3)))
        apply_weights(net, state, weights)
        self._net = net.to(ctx.device).eval()
        self._info = info

    def facts(self) -> Facts:
        """Classes, and the size that pictures are resized to."""
        return Facts(self._info.classes, self._info.input_size)

    def export(self) -> Exportable:
        """Normalisation, network and softmax in one."""
        info = self._info
        if self._net is None:
            raise WeightsError(f"{MODEL} is not loaded", next_step="load its weights first")
        how = "Resize a picture to the input's size, whatever its shape."
        grey = int(info.arch.get("channels", 3)) == 1
        normalisation = info.mean, info.std
        return exportable(self._net, info.classes, info.input_size, how, normalisation, grey=grey)

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: ClassifierParams, ctx: Context
    ) -> Sequence[Classification]:
        """The best classes of each (H, W, 3) uint8 frame, of any sizes."""
        if self._net is None:
            raise WeightsError(f"{MODEL} is not loaded", next_step="load its weights first")
        if not frames:
            return []
        height, width = self._info.input_size
        channels = int(self._info.arch.get("channels", 3))
        batch = _tensor([resize(f, height, width) for f in frames], self._info, channels)
        with torch.inference_mode(), torch_threads(ctx.threads):
            return answers(self._net(batch.to(ctx.device)), self._info.classes, params)

    def train(
        self, data: TrainingData, params: SimpleCnnTraining, ctx: TrainContext
    ) -> TrainResult:
        """Train on tagged pictures; leaves best.safetensors and last.ckpt in the run folder."""
        classes = check_classes(data)
        ctx.report(0.0, "reading pictures")
        side, channels = _choose_input(data.train, params)
        train = _labelled(data.train, side, ctx)
        val = _labelled(data.val, side, ctx)
        if not train:
            raise TrainingError("no training picture has a tag", next_step="tag some pictures")
        mean, std = _statistics([item.image for item in train])
        info = WeightsInfo(
            model=MODEL,
            classes=data.classes,
            class_ids=data.class_ids,
            params=asdict(params),
            arch={"channels": channels},
            input_size=(side, side),
            mean=mean,
            std=std,
            data_hash=data.data_hash,
        )
        seed_torch(ctx.seed)
        net = SimpleCnnNet(classes, channels)
        if params.weights != "none":
            start_from(net, Path(params.weights), MODEL)
        if params.freeze:
            net.features.requires_grad_(False)
        epochs = planned_epochs(params.epochs, len(train), SEEN, 12, 100, ctx)
        images = [item.image for item in val]
        weights = weights_of(params.class_weights, [item.label for item in train], classes)
        recipe = Recipe(
            items=train,
            augment=_augmenter(params, channels),
            collate=lambda batch: (
                _tensor([item.image for item in batch], info, channels)
                * torch.tensor([item.gain for item in batch]).view(-1, 1, 1, 1),
                torch.tensor([item.label for item in batch]),
            ),
            loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], weights),
            validate=validator(
                lambda part: _tensor(images[part], info, channels),
                np.array([item.label for item in val], np.int64),
            ),
            best="accuracy",
            info=info,
        )
        settings = settings_of(params, epochs, batch=min(params.batch, len(train)))
        return fit(net, recipe, settings, ctx)

    def examples(
        self, data: TrainingData, params: SimpleCnnTraining, ctx: Context
    ) -> Iterator[Image]:
        """Training pictures as they are varied."""
        side, channels = _choose_input(data.train, params)
        items = [_Small(resize(s.image, side, side), s.target.label or 0) for s in data.train]

        def drawn(item: _Small) -> Image:
            return np.asarray(np.clip(item.image * item.gain, 0, 255), np.uint8)

        return preview.examples(items, _augmenter(params, channels), drawn, ctx.seed)


def _choose_input(samples: Sequence[Sample], params: SimpleCnnTraining) -> tuple[int, int]:
    """The side in pixels and the number of channels that suit the pictures."""
    step = max(1, len(samples) // LOOKED_AT)
    looked_at = [samples[i].image for i in range(0, len(samples), step)]
    sides = [max(image.shape[:2]) for image in looked_at] or [32]
    side = params.image_size or int(np.clip(round(float(np.median(sides)) / 8) * 8, 32, 64))
    if params.channels != "auto":
        return max(side, 8), int(params.channels)
    grey = all((image == image[..., :1]).all() for image in looked_at)
    return max(side, 8), 1 if grey else 3


def _labelled(samples: Sequence[Sample], side: int, ctx: TrainContext) -> list[_Small]:
    """The tagged pictures, decoded and reduced; small enough to be kept all."""
    kept = []
    for i in range(len(samples)):
        sample = samples[i]
        if sample.target.label is not None:
            kept.append(_Small(resize(sample.image, side, side), sample.target.label))
        ctx.report(0.0, f"reading picture {i + 1} of {len(samples)}")
    return kept


def _statistics(images: Sequence[Image]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel, of values in [0, 1]."""
    values = np.stack(images[:: max(1, len(images) // 1000)]).astype(np.float64) / 255
    std = np.maximum(values.std(axis=(0, 1, 2)), 1e-3)
    return tuple(values.mean(axis=(0, 1, 2)).tolist()), tuple(std.tolist())


def _tensor(images: Sequence[Image], info: WeightsInfo, channels: int) -> Tensor:
    """(N, channels, H, W) float32, normalised; one channel is the mean of all three."""
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor(info.mean).view(1, 3, 1, 1)
    std = torch.tensor(info.std).view(1, 3, 1, 1)
    batch = (batch - mean) / std
    return batch.mean(dim=1, keepdim=True) if channels == 1 else batch


def _augmenter(
    params: SimpleCnnTraining, channels: int
) -> Callable[[_Small, np.random.Generator], _Small]:
    how = Augmentation(
        flip_x=params.flip == "on" or (params.flip == "auto" and channels == 3),
        scale=params.scale if params.augment else 0.0,
        rotate=params.rotate if params.augment else 0.0,
        translate=params.translate if params.augment else 0.0,
    )

    def augment(item: _Small, rng: np.random.Generator) -> _Small:
        matrix = random_matrix(item.image.shape[0], item.image.shape[1], how, rng)
        image = item.image if matrix is None else warp_image(item.image, matrix)
        gain = rng.uniform(0.85, 1.15) if params.augment else 1.0
        return _Small(image, item.label, gain)

    return augment
