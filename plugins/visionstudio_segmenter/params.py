"""Parameters of the segmenters. Imported by the manifest, so without torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import param
from visionstudio_torch.params import (
    FitParams,
    batch_param,
    blur_param,
    class_weights_param,
    colour_param,
    ema_param,
    flip_param,
    image_size_param,
    lr_param,
    rotate_param,
    scale_param,
    weights_param,
)
from visionstudio_torch.two_stage_params import TwoStageParams


@dataclass(frozen=True)
class SegmentParams:
    """How to predict."""

    threshold: float = param(
        0.0,
        low=0.0,
        high=1.0,
        step=0.01,
        title="Least certainty",
        impact="predict",
        help="Pixels less sure than this become background.",
    )


@dataclass(frozen=True)
class SegmentTrainParams(FitParams):
    """What all that learn label maps ask."""

    lr: float = lr_param(1.5e-3)
    batch: int = batch_param(6, unit="crops")
    image_size: int = image_size_param(
        192,
        title="Crop size",
        help="Side of the square crops that are learned from. Larger shows more surroundings.",
    )
    max_side: int = image_size_param(
        1024,
        low=64,
        high=16384,
        step=64,
        title="Largest side",
        help="Larger pictures are reduced to this first, in training and prediction.",
    )
    flip: str = flip_param("both")
    rotate: float = rotate_param()
    scale: float = scale_param(0.15)
    colour: float = colour_param(0.1)
    blur: float = blur_param()
    ema: float = ema_param(0.98)
    class_weights: str = class_weights_param()


@dataclass(frozen=True)
class UnetTrainParams(SegmentTrainParams):
    """How to train U-Net."""


@dataclass(frozen=True)
class DeepLabTrainParams(SegmentTrainParams):
    """How to train DeepLabv3+."""

    output_stride: str = param(
        "16",
        choices=("8", "16"),
        title="Output stride",
        unit="px",
        impact="train",
        help="How coarse the encoder's last features are. 8 sees finer detail and takes "
        "longer and more memory.",
    )


@dataclass(frozen=True)
class FcnTrainParams(SegmentTrainParams):
    """How to train FCN-8s."""


@dataclass(frozen=True)
class TorchvisionFcnTrainParams(SegmentTrainParams):
    """How to train torchvision's FCN."""

    lr: float = lr_param(5e-4)
    batch: int = batch_param(4, unit="crops")
    weights: str = weights_param(
        "none",
        help="none: from scratch, which takes long and many pictures; or a weights file of this "
        "model, torchvision's or your own.",
    )


@dataclass(frozen=True)
class InstanceParams:
    """How to predict instances."""

    threshold: float = param(
        0.5, low=0.0, high=1.0, step=0.01, impact="display", help="Hide objects below this score."
    )
    nms_iou: float = param(
        0.5,
        low=0.05,
        high=1.0,
        step=0.05,
        title="Overlap",
        help="Of two objects of one class whose boxes overlap more than this (IoU), keep the "
        "better one.",
    )
    max_detections: int = param(
        200, low=1, high=1000, step=10, unit="objects", help="At most so many in a picture."
    )


@dataclass(frozen=True)
class MaskRcnnTrainParams(TwoStageParams):
    """How to train Mask R-CNN."""

    batch: int = batch_param(2)


@dataclass(frozen=True)
class TorchvisionMaskRcnnTrainParams(MaskRcnnTrainParams):
    """How to train torchvision's Mask R-CNNs."""

    lr: float = lr_param(2e-4)
    weights: str = weights_param(
        "none",
        help="none: from scratch, which takes long and many pictures; or a weights file of this "
        "model, torchvision's or your own.",
    )


@dataclass(frozen=True)
class PromptParams:
    """How an object is found from points and a box."""

    points: str = param(
        "",
        help="Points x,y with semicolons between them; a third number 0 says: not there. For "
        "example 120,80; 30,40,0. The prompt tool gives them by clicks.",
    )
    box: str = param(
        "",
        help="A box x1,y1,x2,y2 around the object. Without points and box: the middle of the "
        "picture.",
    )
    method: str = param(
        "auto",
        choices=("auto", "grabcut", "watershed", "random walker"),
        help="How objects are found without a network. auto: grabCut within a box, the watershed "
        "of edges from points.",
    )
    detail: int = param(
        256,
        low=64,
        high=2048,
        step=64,
        unit="px",
        help="The part of the picture around the prompt is reduced to this. More follows finer "
        "outlines, slower. Not used by a network.",
    )
    encoder: str = param(
        "",
        title="Encoder file",
        help="ONNX file of a SAM-family encoder, run once per picture; also given as weights. "
        "Empty: no network.",
    )
    decoder: str = param(
        "",
        title="Decoder file",
        help="ONNX file of the decoder that belongs to the encoder. Empty: the file beside the "
        "encoder that has decoder in its name.",
    )
