"""Parameters of the classifiers. Imported by the manifest, so without torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import param
from visionstudio_torch.params import (
    AUGMENTATION,
    FitParams,
    batch_param,
    blur_param,
    class_weights_param,
    colour_param,
    freeze_param,
    image_size_param,
    lr_param,
    mirror_param,
    rotate_param,
    scale_param,
    translate_param,
    weight_decay_param,
    weights_param,
)

_AUGMENTED = {"augment": (True,)}


@dataclass(frozen=True)
class ClassifierParams:
    """How many names a picture gets."""

    top: int = param(5, low=1, high=1000, help="How many classes are named, the best first.")
    threshold: float = param(
        0.0,
        low=0.0,
        high=1.0,
        step=0.01,
        impact="display",
        help="Hide classes below this confidence.",
    )


@dataclass(frozen=True)
class SimpleCnnTraining(FitParams):
    """Training of the small network from scratch."""

    lr: float = lr_param(0.004, step=5e-4)
    batch: int = batch_param(64)
    image_size: int = image_size_param(
        0,
        low=0,
        high=1024,
        step=8,
        help="Side that pictures are resized to. 0: 32 to 64 by the size of the pictures.",
    )
    weights: str = weights_param(
        "none", help="none: from scratch; or a weights file of this model."
    )
    freeze: bool = freeze_param(
        title="Freeze convolutions",
        help="Train the linear head only; the convolutions stay as they are.",
    )
    channels: str = param(
        "auto",
        choices=("auto", "1", "3"),
        impact="train",
        advanced=True,
        help="1 for grey pictures, 3 for colour; auto looks at them.",
    )
    augment: bool = param(
        True,
        impact="train",
        group=AUGMENTATION,
        help="Shift, scale and turn pictures a little while training, as set below.",
    )
    flip: str = param(
        "auto",
        choices=("auto", "on", "off"),
        title="Mirror",
        impact="train",
        group=AUGMENTATION,
        help="Mirror pictures left to right at random; auto: colour pictures only, because "
        "grey ones are often signs and letters.",
    )
    rotate: float = rotate_param(8.0, when=_AUGMENTED)
    translate: float = translate_param(0.06, when=_AUGMENTED)
    scale: float = scale_param(0.1, when=_AUGMENTED)
    weight_decay: float = weight_decay_param(0.02)
    class_weights: str = class_weights_param()


@dataclass(frozen=True)
class EfficientNetTraining(FitParams):
    """Training of a new head on the ImageNet backbone, or of all of it."""

    lr: float = lr_param(
        0.003,
        step=5e-4,
        help="Highest learning rate of the head; fine-tuned features learn at a tenth of it.",
    )
    batch: int = batch_param(32)
    image_size: int = image_size_param(224, help="Side of the square crop that the model sees.")
    weights: str = weights_param()
    freeze: bool = freeze_param(
        True,
        title="Freeze features",
        help="Train the linear head only, in seconds. Switched off, all layers are fine-tuned; "
        "from scratch all are trained anyway.",
    )
    flip: bool = mirror_param(
        True, help="Mirror pictures left to right at random, where that keeps their class."
    )
    rotate: float = rotate_param(8.0)
    translate: float = translate_param()
    scale: float = scale_param(0.3)
    colour: float = colour_param(0.1)
    blur: float = blur_param()
    weight_decay: float = weight_decay_param(0.02)
    class_weights: str = class_weights_param()


@dataclass(frozen=True)
class TorchvisionTraining(EfficientNetTraining):
    """Training of torchvision's networks."""

    lr: float = lr_param(
        0.002,
        step=5e-4,
        help="Highest learning rate; pretrained features learn at a tenth of it.",
    )
    image_size: int = image_size_param(
        224, low=64, help="Side of the square crop that the model sees."
    )
    weights: str = weights_param(
        "auto",
        help="auto: its ImageNet weights where they were downloaded, else from scratch; none: "
        "from scratch; or a weights file of this model, published or your own.",
    )
    freeze: bool = freeze_param(
        title="Freeze features",
        help="Train the linear head only, in seconds; needs weights to start from.",
    )


@dataclass(frozen=True)
class TimmParams(ClassifierParams):
    """Which network strange weights are for."""

    network: str = param(
        "",
        impact="predict",
        help="timm's name of the network, for weights that were not trained here.",
    )


@dataclass(frozen=True)
class TimmTraining(TorchvisionTraining):
    """Training of any of timm's networks."""

    network: str = param(
        "mobilenetv3_small_100",
        impact="train",
        help="timm's name of the network, such as resnet26d or convnext_nano.",
    )
    weights: str = weights_param(
        "none",
        help="none: from scratch; or a weights file of this network, timm's or your own.",
    )
