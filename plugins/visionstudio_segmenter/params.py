"""Parameters of the segmenters. Imported by the manifest, so without torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import param
from visionstudio_torch.params import TrainParams


@dataclass(frozen=True)
class SegmentParams:
    """How to predict."""

    threshold: float = param(
        0.0,
        low=0.0,
        high=1.0,
        step=0.01,
        impact="predict",
        help="Pixels less sure than this become background.",
    )


@dataclass(frozen=True)
class UnetTrainParams(TrainParams):
    """How to train U-Net."""

    lr: float = param(
        1.5e-3,
        low=1e-7,
        high=1.0,
        step=1e-4,
        title="Learning rate",
        impact="train",
        help="Highest learning rate of the one-cycle schedule.",
    )
    batch: int = param(
        6,
        low=1,
        high=1024,
        step=1,
        title="Batch size",
        unit="crops",
        impact="train",
        help="Crops per step, over all processes. Lower it when memory runs out.",
    )
    image_size: int = param(
        192,
        low=32,
        high=2048,
        step=32,
        title="Crop size",
        unit="px",
        impact="train",
        help="Side of the square crops that are learned from. Larger shows more surroundings.",
    )
    max_side: int = param(
        1024,
        low=64,
        high=16384,
        step=64,
        title="Largest side",
        unit="px",
        impact="train",
        help="Larger pictures are reduced to this first, in training and prediction.",
    )
    flip: str = param(
        "both",
        choices=("none", "horizontal", "both"),
        impact="train",
        help="Mirror crops at random. both: also upside down and by quarter turns, "
        "as under a microscope.",
    )
    scale: float = param(
        0.15,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Scale jitter",
        impact="train",
        advanced=True,
        help="Zoom crops at random by up to this share.",
    )
    colour: float = param(
        0.1,
        low=0.0,
        high=0.5,
        step=0.05,
        title="Colour jitter",
        impact="train",
        advanced=True,
        help="Vary brightness, contrast and colour at random by up to this share.",
    )
