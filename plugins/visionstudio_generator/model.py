"""A generator that learns against a discriminator, as the plugin interface wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Context,
    Exportable,
    GeneratedImage,
    GenerateRequest,
    InvalidValue,
    ModelError,
    ModelInput,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_generator.manifest import DrawParams, GanTrainParams
from visionstudio_generator.network import LATENT, Layout
from visionstudio_generator.training import (
    AdversarialTraining,
    Game,
    GanSettings,
    Pictures,
    noise_of,
    to_rgb,
)
from visionstudio_torch.backbone import freeze
from visionstudio_torch.device import seed_torch, torch_threads
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import resize
from visionstudio_torch.weights import WeightsInfo, apply_weights, load_weights, start_from

SEEN = 90_000  # pictures that training sees in all when no number of epochs is asked for
LEAST_PICTURES = 8
CHUNK = 64  # pictures drawn at a time
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Family:
    """One kind of generator.

    `generator` and `discriminator` make networks for a layout; `side` tells the working side
    from the pictures' longest side and the one asked for (0: none); `game` is how they learn.
    """

    model: str
    generator: Callable[[Layout], nn.Module]
    discriminator: Callable[[Layout], nn.Module]
    side: Callable[[float, int], int]
    game: Game


class Adversarial:
    """`load`, `generate` and `train` of a family."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._net: nn.Module | None = None

    def load(self, params: DrawParams, weights: Path | None, ctx: Context) -> None:
        """Take trained weights. Raises WeightsError without any."""
        if weights is None:
            raise WeightsError(
                f"{self._family.model} has not been trained yet",
                next_step="train it on some hundred pictures, or choose a weights file",
            )
        state, info = load_weights(weights, self._family.model)
        layout = _layout_of(info, weights)
        net = self._family.generator(layout)
        apply_weights(net, state, weights)
        self._net, self._layout, self._info = net.to(ctx.device).eval(), layout, info

    def unload(self) -> None:
        self._net = None

    def export(self) -> Exportable:
        """Noise and, where it learned some, a class in; a picture out."""
        if self._net is None:
            raise WeightsError(
                f"{self._family.model} is not loaded", next_step="load its weights first"
            )
        classes = self._drawable if self._conditional else 0
        noise = ModelInput("noise", (LATENT,))
        return Exportable(
            module=_Drawn(self._net.cpu()).eval(),
            input_size=(self._layout.side,) * 2,
            outputs=("pictures",),
            classes=self._info.classes,
            meaning="(N, 3, height, width): RGB in [0, 1]. A class is its place in the names.",
            inputs=(noise, ModelInput("class", choices=classes)) if classes else (noise,),
        )

    def generate(
        self, request: GenerateRequest, params: DrawParams, ctx: Context
    ) -> Iterator[GeneratedImage]:
        """`request.count` pictures; picture i depends on the seed plus i alone.

        Without a label the class is drawn at random, too. Raises InvalidValue for a
        class that it was not trained on.
        """
        if self._net is None:
            raise WeightsError(
                f"{self._family.model} is not loaded", next_step="load its weights first"
            )
        if request.count < 1:
            raise InvalidValue(f"at least one picture can be drawn, not {request.count}")
        for first in range(0, request.count, CHUNK):
            last = min(first + CHUNK, request.count)
            yield from self._chunk(
                range(request.seed + first, request.seed + last), request, params, ctx
            )
            ctx.report(last / request.count, f"picture {last} of {request.count}")

    def _chunk(
        self, seeds: Sequence[int], request: GenerateRequest, params: DrawParams, ctx: Context
    ) -> Iterator[GeneratedImage]:
        if self._net is None:
            return
        labels = [self._label(seed, request.label) for seed in seeds]
        noise = noise_of([seed % (1 << 63) for seed in seeds]) * params.truncation
        with torch.inference_mode(), torch_threads(ctx.threads):
            drawn = self._net(noise.to(ctx.device), torch.tensor(labels, device=ctx.device))
            drawn = drawn.float().cpu()
        if not bool(torch.isfinite(drawn).all()):
            raise ModelError(
                "the model drew values that are not numbers",
                next_step="train it again with a lower learning rate",
            )
        height, width = self._output_size()
        for seed, label, picture in zip(seeds, labels, to_rgb(drawn), strict=True):
            name = self._info.classes[label] if self._conditional else ""
            yield GeneratedImage(resize(picture, height, width), seed=seed, label=name)

    @property
    def _conditional(self) -> bool:
        return bool(self._info.arch.get("conditional"))

    def _output_size(self) -> tuple[int, int]:
        height, width = self._info.arch.get("output", (self._layout.side,) * 2)
        return int(height), int(width)

    def _label(self, seed: int, name: str | None) -> int:
        if name is None:
            return int(np.random.default_rng([seed % (1 << 63), 1]).integers(self._drawable))
        if not self._conditional or name not in self._info.classes:
            known = ", ".join(self._info.classes) if self._conditional else "none"
            raise InvalidValue(
                f"the generator has not learned the class '{name}'",
                next_step=f"it knows: {known}",
            )
        return self._info.classes.index(name)

    @property
    def _drawable(self) -> int:
        return len(self._info.classes) if self._conditional else 1

    def train(self, data: TrainingData, params: GanTrainParams, ctx: TrainContext) -> TrainResult:
        """Train on all pictures; leaves best.safetensors and last.ckpt in the run folder."""
        if getattr(ctx, "find_lr", False):
            raise TrainingError(
                "the losses of a generator do not tell a good learning rate",
                where=self._family.model,
                next_step="start with the usual one and halve it when the curves run away",
            )
        images, labels, size, channels = _read(data, self._family.side, params.image_size, ctx)
        known = [label for label in labels if label is not None]
        conditional = params.conditional and len(set(known)) > 1
        # Pictures without a class are a class of their own, which cannot be asked for.
        classes = (
            len(data.classes) + 1
            if conditional and len(known) < len(labels)
            else (len(data.classes) if conditional else 1)
        )
        side = images.shape[-1]
        layout = Layout(side, channels, params.width, classes)
        output = size if max(size) <= side else _scaled(size, side)
        info = WeightsInfo(
            model=self._family.model,
            classes=data.classes if conditional else (),
            class_ids=data.class_ids if conditional else (),
            params=asdict(params),
            arch={**asdict(layout), "conditional": conditional, "output": list(output)},
            input_size=(side, side),
            mean=(0.5,) * 3,
            std=(0.5,) * 3,
            data_hash=data.data_hash,
        )
        seed_torch(ctx.seed)
        net = self._family.generator(layout)
        if params.weights != "none":
            start_from(net, Path(params.weights).expanduser(), self._family.model)
            if params.freeze:
                freeze(net, ("first.",))
        indices = np.zeros(len(labels), np.int64)
        if conditional:
            indices[:] = [classes - 1 if label is None else label for label in labels]
        pictures = Pictures(lambda chosen: images[chosen].float() / 127.5 - 1, indices)
        epochs = planned_epochs(params.epochs, len(labels), SEEN, 20, 2000, ctx)
        batch = max(2, min(params.batch, len(labels)))
        settings = GanSettings(
            epochs,
            params.lr,
            batch,
            params.augment,
            params.flip,
            params.ema,
            params.precision,
            params.patience,
            params.deterministic,
        )
        other = self._family.discriminator(layout)
        game = self._family.game
        return AdversarialTraining(net, other, layout, pictures, game, settings, info, ctx).run()


class _Drawn(nn.Module):
    """A generator whose pictures are RGB in [0, 1], as other programs expect them."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = torch.zeros_like(noise[:, 0], dtype=torch.long)
        pictures: Tensor = (self.net(noise, labels) + 1) / 2
        return pictures.expand(-1, 3, -1, -1)  # (N, 1 or 3, S, S) → (N, 3, S, S)


def _layout_of(info: WeightsInfo, where: Path) -> Layout:
    try:
        facts = {n: int(info.arch[n]) for n in ("side", "channels", "width", "classes")}
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            "the weights file does not say how its generator is built", where=str(where)
        ) from error
    return Layout(**facts)


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size with its longer side brought to `side`."""
    factor = side / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _read(
    data: TrainingData, side_of: Callable[[float, int], int], asked: int, ctx: TrainContext
) -> tuple[Tensor, list[int | None], tuple[int, int], int]:
    """All pictures as (N, C, S, S) uint8, their labels, their median size, their channels.

    The held-out pictures are for judging classifiers; a generator learns from all others.
    """
    count = len(data.train)
    if count < LEAST_PICTURES:
        raise TrainingError(
            f"a generator needs at least {LEAST_PICTURES} training pictures, there are {count}",
            next_step="add pictures, or tag more of them",
        )
    looked_at = [data.train[i].image for i in range(0, count, max(1, count // 100))]
    size = np.median([image.shape[:2] for image in looked_at], axis=0)
    side = side_of(float(size.max()), asked)
    grey = all((image == image[..., :1]).all() for image in looked_at)
    channels = 1 if grey else 3
    images = torch.empty((count, channels, side, side), dtype=torch.uint8)
    labels: list[int | None] = []
    for i in range(count):
        sample = data.train[i]
        small = torch.from_numpy(resize(sample.image, side, side)).permute(2, 0, 1)
        images[i] = small[:channels]
        labels.append(sample.target.label)
        ctx.report(0.0, f"reading picture {i + 1} of {count}")
    return images, labels, (round(float(size[0])), round(float(size[1]))), channels
