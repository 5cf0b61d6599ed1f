"""What the generator plugin offers. Importing this loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import Manifest, ModelSpec, param
from visionstudio_torch.params import (
    TrainParams,
    batch_param,
    deterministic_param,
    ema_param,
    freeze_param,
    image_size_param,
    lr_param,
    patience_param,
    precision_param,
    weights_param,
)


@dataclass(frozen=True)
class DrawParams:
    """How pictures are drawn from a trained generator."""

    truncation: float = param(
        1.0,
        low=0.1,
        high=2.0,
        step=0.05,
        help="Scale of the random input: below 1 pictures are more typical and less varied.",
    )


_CLONE = {"method": ("clone",)}
_FLOW = {"method": ("telea", "navier-stokes")}


@dataclass(frozen=True)
class EditParams:
    """How a region of a picture is changed."""

    method: str = param(
        "patches",
        choices=("patches", "telea", "navier-stokes", "clone"),
        impact="predict",
        help="patches: filled with what the picture has elsewhere, for textures and large "
        "regions. telea, navier-stokes: its border flows in, for scratches and specks, at once. "
        "clone: another place is blended in.",
    )
    radius: float = param(
        5.0,
        low=1.0,
        high=50.0,
        step=1.0,
        unit="px",
        impact="predict",
        when=_FLOW,
        help="How far around a pixel they look.",
    )
    seed: int = param(
        0,
        low=0,
        high=1_000_000_000,
        step=1,
        impact="predict",
        when={"method": ("patches",)},
        help="Another number fills otherwise.",
    )
    dx: int = param(
        0,
        low=-100_000,
        high=100_000,
        step=1,
        title="From the right",
        unit="px",
        impact="predict",
        when=_CLONE,
        help="How far to the right of the region the place lies that is blended in.",
    )
    dy: int = param(
        0,
        low=-100_000,
        high=100_000,
        step=1,
        title="From below",
        unit="px",
        impact="predict",
        when=_CLONE,
        help="How far below the region the place lies that is blended in.",
    )
    source: str = param(
        "",
        title="Other picture",
        impact="predict",
        when=_CLONE,
        help="A picture file to take the place from. Empty: the picture itself.",
    )
    mixed: bool = param(
        False,
        title="Keep texture",
        impact="predict",
        when=_CLONE,
        help="Where the picture has more texture than what is blended in, keep that.",
    )


@dataclass(frozen=True)
class GanTrainParams(TrainParams):
    """Training of generator and discriminator against each other."""

    batch: int = batch_param(64, low=2)
    weights: str = weights_param(
        "none", help="none: from scratch; or a weights file of this model."
    )
    width: int = param(
        24,
        low=8,
        high=2048,
        step=8,
        impact="train",
        help="How wide the networks are; more draws finer pictures and takes longer.",
    )
    conditional: bool = param(
        True,
        title="By class",
        impact="train",
        help="Learn the classes where pictures have them, so that one can be asked for.",
    )
    augment: bool = param(
        True,
        title="DiffAugment",
        impact="train",
        help="Shift and cut real and drawn pictures alike, so that fewer pictures suffice.",
    )
    flip: bool = param(
        False, title="Mirror", impact="train", help="Mirror pictures left to right at random."
    )
    ema: float = ema_param(0.995)
    precision: str = precision_param()
    patience: int = patience_param()
    deterministic: bool = deterministic_param()


@dataclass(frozen=True)
class DcganTraining(GanTrainParams):
    """Training of DCGAN."""

    lr: float = lr_param(0.001, help="Of the discriminator; the generator learns at half of it.")
    image_size: int = image_size_param(
        0,
        low=0,
        high=256,
        step=16,
        title="Working size",
        help="Side that is learned, raised to a power of two from 16 up. 0: 16 to 64 by the "
        "pictures.",
    )
    freeze: bool = freeze_param(
        title="Freeze first stage",
        advanced=True,
        help="Going on from weights, keep the generator's first stage as it is.",
    )
    width: int = param(
        24,
        low=8,
        high=256,
        step=8,
        unit="channels",
        impact="train",
        help="Channels of the finest stage; more draws finer pictures and takes longer.",
    )


@dataclass(frozen=True)
class GanTraining(GanTrainParams):
    """Training of the fully connected GAN."""

    lr: float = lr_param(0.0004, help="Of both networks.")
    image_size: int = image_size_param(
        0,
        low=0,
        high=128,
        step=8,
        title="Working size",
        help="Side that is learned. 0: that of the pictures, at most 64.",
    )
    freeze: bool = freeze_param(
        title="Freeze first layer",
        advanced=True,
        help="Going on from weights, keep the generator's first layer as it is.",
    )
    width: int = param(
        256,
        low=16,
        high=2048,
        step=16,
        unit="units",
        impact="train",
        help="Units of the hidden layers; more draws finer pictures and takes longer.",
    )
    augment: bool = param(
        False,
        title="DiffAugment",
        impact="train",
        help="Shift and cut real and drawn pictures alike, so that fewer pictures suffice.",
    )


MANIFEST = Manifest(
    name="generator",
    version="0.1.0",
    description="Draws new pictures like those it learned from",
    licence="Apache-2.0",
    models=(
        ModelSpec(
            id="generator/dcgan",
            task="generator",
            title="DCGAN",
            description=(
                "Convolutional generator and discriminator with spectral norm, hinge loss, "
                "DiffAugment and averaged weights, by class where there are any."
            ),
            licence="Apache-2.0",
            factory="visionstudio_generator.dcgan:Dcgan",
            params=DrawParams,
            train_params=DcganTraining,
        ),
        ModelSpec(
            id="generator/gan",
            task="generator",
            title="GAN",
            description=(
                "Fully connected generator and discriminator as first published, with the loss "
                "on logits. For small pictures; DCGAN draws better ones."
            ),
            licence="Apache-2.0",
            factory="visionstudio_generator.gan:Gan",
            params=DrawParams,
            train_params=GanTraining,
        ),
        ModelSpec(
            id="generator/edit",
            task="generator",
            output="edit",
            title="Inpaint and clone",
            description=(
                "Changes a region of a picture: fills it from patches of the rest, lets its border "
                "flow in, or blends another place in without a seam."
            ),
            licence="Apache-2.0",
            factory="visionstudio_generator.edit:Edit",
            params=EditParams,
            ready=True,
        ),
    ),
)
