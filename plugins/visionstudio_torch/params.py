"""Training parameters that models share, each written once. Imported by manifests: no torch.

`TrainParams` has what is common to every trainable model, `FitParams` also what the shared
training loop offers. A model's own dataclass extends one of them; where its default, bounds
or words differ it overrides the field with the same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from visionstudio.api import param

When = Mapping[str, tuple[bool | str, ...]] | None


def epochs_param(
    default: int = 0,
    *,
    help: str = "Passes over the training pictures. 0: as many as the time budget allows, "
    "without one a number that suits the amount of data.",
) -> Any:
    """Passes over the training data; 0 leaves the number to the trainer."""
    return param(
        default,
        low=0,
        high=100_000,
        step=1,
        zero="automatic",
        impact="train",
        help=help,
    )


def lr_param(
    default: float,
    *,
    step: float = 1e-4,
    help: str = "Highest learning rate of the schedule.",
) -> Any:
    """The learning rate."""
    return param(
        default, low=1e-7, high=1.0, step=step, title="Learning rate", impact="train", help=help
    )


def batch_param(default: int, *, low: int = 1, unit: str = "pictures") -> Any:
    """The batch size over all processes."""
    return param(
        default,
        low=low,
        high=4096,
        step=1,
        title="Batch size",
        unit=unit,
        impact="train",
        help=f"{unit.capitalize()} per step, over all processes. Lower it when memory runs out.",
    )


def image_size_param(
    default: int,
    *,
    low: int = 32,
    high: int = 2048,
    step: int = 32,
    title: str = "Image size",
    help: str = "Size at which the model sees pictures.",
    advanced: bool = False,
) -> Any:
    """The size of pictures or crops in pixels."""
    return param(
        default,
        low=low,
        high=high,
        step=step,
        title=title,
        unit="px",
        zero="automatic",
        impact="train",
        help=help,
        advanced=advanced,
    )


def weights_param(
    default: str = "builtin",
    *,
    help: str = "builtin: the ImageNet backbone that comes with the program; none: from "
    "scratch; or a weights file of this model.",
) -> Any:
    """What training starts from."""
    return param(default, title="Start from", impact="train", help=help)


def freeze_param(
    default: bool = False,
    *,
    title: str = "Freeze backbone",
    help: str = "Keep the backbone as it is and train only the rest: faster, for very little data.",
    advanced: bool = False,
) -> Any:
    """Whether a part of the model is left as it is."""
    return param(default, title=title, impact="train", help=help, advanced=advanced)


AUGMENTATION = "Augmentation"


def flip_param(default: str) -> Any:
    """How pictures with boxes or masks are mirrored."""
    return param(
        default,
        choices=("none", "horizontal", "both"),
        impact="train",
        group=AUGMENTATION,
        help="Mirror training pictures at random. both: also upside down (and square crops by "
        "quarter turns), as under a microscope.",
    )


def mirror_param(default: bool, *, help: str = "Mirror pictures left to right at random.") -> Any:
    """Whether pictures are mirrored left to right."""
    return param(default, title="Mirror", impact="train", group=AUGMENTATION, help=help)


def rotate_param(default: float = 0.0, *, when: When = None) -> Any:
    """How far pictures are turned at random."""
    return param(
        default,
        low=0.0,
        high=180.0,
        step=1.0,
        unit="°",
        title="Rotation",
        impact="train",
        group=AUGMENTATION,
        when=when,
        help="Turn training pictures at random by up to this angle either way. A turned box "
        "becomes the upright box around it.",
    )


def translate_param(default: float = 0.0, *, when: When = None) -> Any:
    """How far pictures are shifted at random."""
    return param(
        default,
        low=0.0,
        high=0.5,
        step=0.05,
        title="Shift",
        impact="train",
        group=AUGMENTATION,
        when=when,
        help="Shift training pictures at random by up to this share of their size.",
    )


def scale_param(default: float, *, when: When = None) -> Any:
    """How far pictures are zoomed at random."""
    return param(
        default,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Scale jitter",
        impact="train",
        group=AUGMENTATION,
        when=when,
        help="Zoom training pictures at random by up to this share; what leaves the picture is "
        "cropped.",
    )


def colour_param(default: float) -> Any:
    """How far brightness, contrast and colour vary at random."""
    return param(
        default,
        low=0.0,
        high=0.5,
        step=0.05,
        title="Colour jitter",
        impact="train",
        group=AUGMENTATION,
        help="Vary brightness, contrast and colour at random by up to this share.",
    )


def blur_param(default: float = 0.0) -> Any:
    """How much pictures are blurred at random."""
    return param(
        default,
        low=0.0,
        high=5.0,
        step=0.5,
        unit="px",
        impact="train",
        group=AUGMENTATION,
        help="Blur every other training picture at random by up to this standard deviation.",
    )


def mosaic_param(default: float = 0.0) -> Any:
    """How often four pictures are put together into one."""
    return param(
        default,
        low=0.0,
        high=1.0,
        step=0.1,
        impact="train",
        group=AUGMENTATION,
        help="Put four training pictures together into one, at this share of the pictures: more "
        "and smaller objects in new surroundings.",
    )


OPTIMISATION = "More settings"


def warm_up_param(default: float = 0.25) -> Any:
    """How long the learning rate rises."""
    return param(
        default,
        low=0.0,
        high=0.9,
        step=0.05,
        title="Warm-up",
        impact="train",
        group=OPTIMISATION,
        help="The share of training in which the learning rate rises.",
    )


def weight_decay_param(default: float = 1e-4) -> Any:
    """How strongly weights are drawn to zero."""
    return param(
        default,
        low=0.0,
        high=1.0,
        step=1e-4,
        title="Weight decay",
        impact="train",
        group=OPTIMISATION,
        help="Draws weights towards zero at each step (AdamW). More helps against overfitting.",
    )


def ema_param(default: float = 0.0) -> Any:
    """How slowly the averaged weights follow."""
    return param(
        default,
        low=0.0,
        high=0.9999,
        step=0.01,
        title="Averaged weights",
        impact="train",
        group=OPTIMISATION,
        help="Decay of a moving average of the weights, which is judged and kept in their "
        "place. 0: none.",
    )


def class_weights_param(default: str = "none") -> Any:
    """Whether rare classes count more."""
    return param(
        default,
        choices=("none", "balanced"),
        title="Class weights",
        impact="train",
        group=OPTIMISATION,
        help="balanced: a mistake counts the more the rarer its class, so that frequent classes "
        "do not drown rare ones.",
    )


def precision_param() -> Any:
    """How many bits numbers have."""
    return param(
        "auto",
        choices=("auto", "fp32", "bf16", "fp16"),
        impact="train",
        group=OPTIMISATION,
        help="auto: bf16 on GPUs that have it, else fp32. Half precision takes half the memory.",
    )


def patience_param() -> Any:
    """When training that brings nothing better ends."""
    return param(
        0,
        low=0,
        high=10_000,
        step=1,
        title="Stop early",
        unit="validations",
        zero="never",
        impact="train",
        group=OPTIMISATION,
        help="End when so many validations brought nothing better. 0: never.",
    )


def deterministic_param() -> Any:
    """Whether a run can be repeated bit for bit."""
    return param(
        False,
        impact="train",
        group=OPTIMISATION,
        help="The same seed gives the same weights, bit for bit, on the same machine: only "
        "repeatable operations, validation after every epoch.",
    )


@dataclass(frozen=True)
class TrainParams:
    """What every trainer asks."""

    epochs: int = epochs_param()
    lr: float = lr_param(1e-3)
    batch: int = batch_param(8)
    image_size: int = image_size_param(224)
    weights: str = weights_param()
    freeze: bool = freeze_param()


@dataclass(frozen=True)
class FitParams(TrainParams):
    """What the shared training loop offers besides; see `visionstudio_torch.fit.settings_of`."""

    schedule: str = param(
        "one-cycle",
        choices=("one-cycle", "cosine", "constant"),
        impact="train",
        group=OPTIMISATION,
        help="How the learning rate goes: one-cycle rises smoothly and falls, cosine rises in a "
        "straight line and falls, constant stays after the warm-up.",
    )
    warm_up: float = warm_up_param()
    weight_decay: float = weight_decay_param()
    clip: float = param(
        10.0,
        low=0.0,
        high=1000.0,
        step=1.0,
        title="Gradient limit",
        zero="none",
        impact="train",
        group=OPTIMISATION,
        help="Longer gradients are shortened to this norm. 0: none are.",
    )
    accumulate: int = param(
        1,
        low=1,
        high=256,
        step=1,
        title="Accumulate",
        unit="batches",
        impact="train",
        group=OPTIMISATION,
        help="Batches whose gradients are added up for one step: a large batch in little memory.",
    )
    ema: float = ema_param()
    precision: str = precision_param()
    patience: int = patience_param()
    deterministic: bool = deterministic_param()
