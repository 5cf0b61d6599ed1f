"""torchvision's classifiers, one line each. Imported by the manifest, so without torch.

File names, sizes, parameters and figures are those of torchvision's own weight metadata;
a file's name holds the first digits of its SHA-256.
"""

# ruff: noqa: E501 (the table reads best with two lines a network)

from __future__ import annotations

import re
from dataclasses import dataclass

from visionstudio.api import ModelSpec, WeightsSpec
from visionstudio_classifier.params import ClassifierParams, TorchvisionTraining

ADDRESS = "https://download.pytorch.org/models/"
Mark = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network of torchvision. `made_by` is its class in `torchvision_classifiers`, `file` its
    published ImageNet weights, `resize` the short side that pictures had before the centre crop
    of `side`, `head` its last layer, `mark` a tensor that no other one has."""

    name: str
    title: str
    made_by: str
    file: str
    mebibytes: float
    millions: float
    top1: float
    resize: int
    head: Mark
    mark: Mark
    side: int = 224


ARCHITECTURES = (
    Architecture("resnet18", "ResNet-18", "ResNet18", "resnet18-f37072fd.pth", 44.661, 11.7, 69.8, 256,
                 ("fc.weight", (-1, 512)), ("layer2.1.conv2.weight", (128, 128, 3, 3))),
    Architecture("resnet50", "ResNet-50", "ResNet50", "resnet50-11ad3fa6.pth", 97.79, 25.6, 80.9, 232,
                 ("fc.weight", (-1, 2048)), ("layer4.2.conv3.weight", (2048, 512, 1, 1))),
    Architecture("mobilenet_v2", "MobileNetV2", "MobileNetV2", "mobilenet_v2-7ebf99e0.pth", 13.598, 3.5, 72.2, 232,
                 ("classifier.1.weight", (-1, 1280)), ("features.18.0.weight", (1280, 320, 1, 1))),
    Architecture("mobilenet_v3_small", "MobileNetV3 small", "MobileNetV3Small", "mobilenet_v3_small-047dcff4.pth", 9.829, 2.5, 67.7, 256,
                 ("classifier.3.weight", (-1, 1024)), ("classifier.0.weight", (1024, 576))),
    Architecture("mobilenet_v3_large", "MobileNetV3 large", "MobileNetV3Large", "mobilenet_v3_large-5c1a4163.pth", 21.107, 5.5, 75.3, 232,
                 ("classifier.3.weight", (-1, 1280)), ("classifier.0.weight", (1280, 960))),
    Architecture("efficientnet_v2_s", "EfficientNetV2 small", "EfficientNetV2S", "efficientnet_v2_s-dd5fe13b.pth", 82.704, 21.5, 84.2, 384,
                 ("classifier.1.weight", (-1, 1280)), ("features.7.0.weight", (1280, 256, 1, 1)), 384),
    Architecture("convnext_tiny", "ConvNeXt tiny", "ConvNeXtTiny", "convnext_tiny-983f1562.pth", 109.119, 28.6, 82.5, 236,
                 ("classifier.2.weight", (-1, 768)), ("features.7.2.block.0.weight", (768, 1, 7, 7))),
    Architecture("regnet_y_400mf", "RegNetY 400 MF", "RegNetY400MF", "regnet_y_400mf-e6988f5f.pth", 16.806, 4.3, 75.8, 232,
                 ("fc.weight", (-1, 440)), ("trunk_output.block4.block4-5.f.c.0.weight", (440, 440, 1, 1))),
    Architecture("swin_t", "Swin tiny", "SwinTiny", "swin_t-704ceda3.pth", 108.19, 28.3, 81.5, 232,
                 ("head.weight", (-1, 768)), ("features.7.1.mlp.3.weight", (768, 3072))),
)  # fmt: skip


def spec_of(one: Architecture) -> ModelSpec:
    """A line of the table as the program sees it."""
    digits = re.search(r"-([0-9a-f]{8,})\.pth\Z", one.file)
    return ModelSpec(
        id=f"classifier/{one.name}",
        task="classifier",
        title=one.title,
        description=f"torchvision's network of {one.millions} million parameters. With its "
        f"ImageNet weights (download them under Models…) it names 1,000 classes and learns yours "
        "from few pictures; without them it learns from scratch, from many.",
        licence="BSD-3-Clause",
        factory=f"visionstudio_classifier.torchvision_classifiers:{one.made_by}",
        params=ClassifierParams,
        train_params=TorchvisionTraining,
        weights=(
            WeightsSpec(
                name=one.file,
                source=ADDRESS + one.file,
                bytes=round(one.mebibytes * 2**20),
                sha256=digits[1] if digits else "",
                licence="BSD-3-Clause",
                metric=f"ImageNet top-1 {one.top1} %",
            ),
        ),
        marks=(one.head, one.mark),
    )
