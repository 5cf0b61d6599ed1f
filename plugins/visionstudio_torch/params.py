"""Training parameters that models share, each written once. Imported by manifests: no torch.

`TrainParams` has what is common to every trainable model. A model's own dataclass extends
it; where its default, bounds or words differ it overrides the field with the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visionstudio.api import param


def epochs_param(default: int = 0) -> Any:
    """Passes over the training data; 0 leaves the number to the trainer."""
    return param(
        default,
        low=0,
        high=100_000,
        step=1,
        zero="automatic",
        impact="train",
        help="Passes over the training pictures. 0: as many as the time budget allows, "
        "without one a number that suits the amount of data.",
    )


def lr_param(
    default: float,
    *,
    step: float = 1e-4,
    help: str = "Highest learning rate of the one-cycle schedule.",
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


def flip_param(default: str) -> Any:
    """How pictures with boxes or masks are mirrored."""
    return param(
        default,
        choices=("none", "horizontal", "both"),
        impact="train",
        help="Mirror training pictures at random. both: also upside down (and square crops by "
        "quarter turns), as under a microscope.",
    )


def scale_param(default: float) -> Any:
    """How far pictures are zoomed at random."""
    return param(
        default,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Scale jitter",
        impact="train",
        advanced=True,
        help="Zoom training pictures at random by up to this share.",
    )


def translate_param(default: float) -> Any:
    """How far pictures are shifted at random."""
    return param(
        default,
        low=0.0,
        high=0.5,
        step=0.05,
        title="Shift jitter",
        impact="train",
        advanced=True,
        help="Shift training pictures at random by up to this share of their size.",
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
        advanced=True,
        help="Vary brightness, contrast and colour at random by up to this share.",
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
