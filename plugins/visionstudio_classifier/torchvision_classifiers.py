"""torchvision's classifiers, with the tensor names of its published weights."""

from __future__ import annotations

from torch import nn
from torchvision import models

from visionstudio_classifier.architectures import ARCHITECTURES
from visionstudio_classifier.pretrained import Family, ImageNetClassifier, Look


class _Torchvision(ImageNetClassifier):
    """One line of the table; the classes below only name it."""

    NAME = ""

    def __init__(self) -> None:
        (one,) = (a for a in ARCHITECTURES if a.name == self.NAME)
        look = Look(side=one.side, crop=one.side / one.resize)

        def build(classes: int, _network: str) -> nn.Module:
            net: nn.Module = models.get_model(one.name, weights=None, num_classes=classes)
            return net

        super().__init__(Family(f"classifier/{one.name}", build, lambda _: look))


class ResNet18(_Torchvision):
    NAME = "resnet18"


class ResNet50(_Torchvision):
    NAME = "resnet50"


class MobileNetV2(_Torchvision):
    NAME = "mobilenet_v2"


class MobileNetV3Small(_Torchvision):
    NAME = "mobilenet_v3_small"


class MobileNetV3Large(_Torchvision):
    NAME = "mobilenet_v3_large"


class EfficientNetV2S(_Torchvision):
    NAME = "efficientnet_v2_s"


class ConvNeXtTiny(_Torchvision):
    NAME = "convnext_tiny"


class RegNetY400MF(_Torchvision):
    NAME = "regnet_y_400mf"


class SwinTiny(_Torchvision):
    NAME = "swin_t"
