"""Parameters of the detectors. Imported by the manifest, so without torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import param
from visionstudio_torch.params import TrainParams


@dataclass(frozen=True)
class DetectParams:
    """How to predict."""

    threshold: float = param(
        0.5, low=0.0, high=1.0, step=0.01, impact="display", help="Hide boxes below this score."
    )
    nms_iou: float = param(
        0.5,
        low=0.05,
        high=1.0,
        step=0.05,
        title="Overlap",
        help="Of two boxes of one class that overlap more than this (IoU), keep the better one.",
    )
    max_detections: int = param(
        100, low=1, high=1000, step=10, unit="boxes", help="At most so many boxes in a picture."
    )


@dataclass(frozen=True)
class FasterRcnnTrainParams(TrainParams):
    """How to train Faster R-CNN."""

    lr: float = param(
        6e-4,
        low=1e-7,
        high=1.0,
        step=1e-4,
        title="Learning rate",
        impact="train",
        help="Highest learning rate of the one-cycle schedule.",
    )
    batch: int = param(
        4,
        low=1,
        high=1024,
        step=1,
        title="Batch size",
        unit="pictures",
        impact="train",
        help="Pictures per step, over all processes. Lower it when memory runs out.",
    )
    image_size: int = param(
        320,
        low=64,
        high=2048,
        step=32,
        title="Short side",
        unit="px",
        impact="train",
        help="Pictures are resized to this short side. Larger finds smaller objects, slower.",
    )
    flip: str = param(
        "horizontal",
        choices=("none", "horizontal", "both"),
        impact="train",
        help="Mirror training pictures at random. both: also upside down, as under a microscope.",
    )
    scale: float = param(
        0.0,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Scale jitter",
        impact="train",
        advanced=True,
        help="Zoom training pictures at random by up to this share.",
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
