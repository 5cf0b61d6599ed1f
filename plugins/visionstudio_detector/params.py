"""Parameters of the detectors. Imported by the manifest, so without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visionstudio.api import param
from visionstudio_torch.params import (
    FitParams,
    TrainParams,
    batch_param,
    blur_param,
    colour_param,
    ema_param,
    epochs_param,
    flip_param,
    freeze_param,
    image_size_param,
    lr_param,
    mosaic_param,
    rotate_param,
    scale_param,
    translate_param,
    warm_up_param,
    weight_decay_param,
    weights_param,
)
from visionstudio_torch.two_stage_params import TwoStageParams


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
class OnnxParams(DetectParams):
    """How to predict with an exported detector."""

    classes: str = param(
        "",
        title="Class names",
        help="Names with commas between them, or a text file with one a line. Empty: those in "
        "the ONNX file, else COCO's where there are 80 or 90.",
    )
    image_size: int = param(
        0,
        low=0,
        high=4096,
        step=32,
        unit="px",
        zero="automatic",
        help="Side of the picture where the file leaves it open; automatic is 640.",
    )
    fit: str = param(
        "auto",
        choices=("auto", "letterbox", "stretch"),
        advanced=True,
        help="How a picture becomes the model's shape: padded or stretched.",
    )
    values: str = param(
        "auto",
        choices=("auto", "0 to 1", "0 to 255", "-1 to 1", "ImageNet"),
        title="Pixel values",
        advanced=True,
        help="What range of numbers the model wants. auto: what its kind usually wants.",
    )
    order: str = param(
        "auto",
        choices=("auto", "rgb", "bgr"),
        title="Channel order",
        advanced=True,
        help="Whether red or blue comes first. auto: what its kind usually wants.",
    )


@dataclass(frozen=True)
class FasterRcnnTrainParams(TwoStageParams):
    """How to train Faster R-CNN."""

    mosaic: float = mosaic_param()


def regions_param() -> Any:
    """How thoroughly selective search looks for regions."""
    return param(
        "fast",
        choices=("fast", "quality"),
        title="Selective search",
        impact="train",
        help="How regions that may be objects are found. quality finds more of them in about "
        "three times the time. Found once per picture and kept in the cache.",
    )


@dataclass(frozen=True)
class RcnnTrainParams(TrainParams):
    """How to train R-CNN."""

    epochs: int = epochs_param(
        help="Passes over the training pictures that look for hard negatives, after as many of "
        "fine-tuning where the features are not frozen. 0: one, after a number of fine-tuning "
        "that suits the amount of data."
    )
    lr: float = lr_param(3e-4, help="Highest learning rate of fine-tuning.")
    batch: int = batch_param(2)
    image_size: int = image_size_param(
        96,
        high=224,
        title="Crop size",
        help="Side to which every region is stretched. Larger sees more detail, slower.",
    )
    freeze: bool = freeze_param(
        True,
        title="Freeze features",
        help="Keep the network as it is and learn only the machines on its features. Off: "
        "fine-tune it on the regions first, which takes several times as long.",
    )
    regions: str = regions_param()


@dataclass(frozen=True)
class FastRcnnTrainParams(FasterRcnnTrainParams):
    """How to train Fast R-CNN."""

    regions: str = regions_param()


@dataclass(frozen=True)
class TorchvisionTrainParams(FasterRcnnTrainParams):
    """How to train torchvision's Faster R-CNNs."""

    lr: float = lr_param(2e-4)
    batch: int = batch_param(2)
    weights: str = weights_param(
        "auto",
        help="auto: its COCO weights where they were downloaded, else from scratch; none: from "
        "scratch, which takes long and many pictures; or a weights file of this model, "
        "torchvision's or your own.",
    )


@dataclass(frozen=True)
class GridTrainParams(FitParams):
    """How to train a detector on grids of anchors."""

    lr: float = lr_param(3e-3)
    batch: int = batch_param(8)
    image_size: int = image_size_param(
        320,
        low=64,
        help="Pictures are fitted into this square. Larger finds smaller objects, slower.",
    )
    weights: str = weights_param(
        "none",
        help="none: from scratch, which takes long and many pictures; or a checkpoint of this "
        "model, a public one or your own.",
    )
    flip: str = flip_param("horizontal")
    scale: float = scale_param(0.25)
    rotate: float = rotate_param()
    translate: float = translate_param(0.1)
    colour: float = colour_param(0.1)
    blur: float = blur_param()
    mosaic: float = mosaic_param()
    weight_decay: float = weight_decay_param(5e-4)
    warm_up: float = warm_up_param(0.15)
    ema: float = ema_param(0.998)
