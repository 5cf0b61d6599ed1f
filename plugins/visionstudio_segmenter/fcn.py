"""segmenter/fcn: fully convolutional networks (Long, Shelhamer and Darrell, 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import segmentation

from visionstudio.api import WeightsError
from visionstudio_segmenter.network import SegmentationNet
from visionstudio_segmenter.params import FcnTrainParams, TorchvisionFcnTrainParams
from visionstudio_segmenter.semantic import (
    Arch,
    Family,
    Published,
    SemanticSegmenter,
    State,
)
from visionstudio_torch import backbone

_STRIDES = (8, 16, 32)
_HIDDEN = 256
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HEAD = "classifier.4.bias"  # of torchvision's network, one number per output


class Fcn(SemanticSegmenter[FcnTrainParams]):
    """FCN-8s on the built-in backbone as the plugin interface wants it."""

    def __init__(self) -> None:
        super().__init__(
            Family(
                model="segmenter/fcn",
                arch_of=lambda _: {},
                build=lambda n, _, pretrained: SegmentationNet(Fcn8(n, pretrained=pretrained)),
                backbone=lambda net: getattr(net.body, "backbone", None),
            )
        )


class Fcn8(nn.Module):
    """FCN-8s: scores at strides 32, 16 and 8, each added to the coarser ones' upsampling.

    (N, 3, H, W) normalised, sides multiples of 32 → (N, outputs, H, W) logits. Upsampling is
    by transposed convolutions that begin as bilinear interpolation and are learned. The
    skips' scores begin at zero, so that training starts from the coarse picture.
    """

    def __init__(self, outputs: int, *, pretrained: bool = True) -> None:
        super().__init__()
        self.backbone = backbone.features(_STRIDES, pretrained=pretrained)
        fine, middle, coarse = (backbone.CHANNELS[backbone.STRIDES.index(s)] for s in _STRIDES)
        self.hidden = nn.Sequential(
            nn.Conv2d(coarse, _HIDDEN, 3, padding=1, bias=False),
            nn.BatchNorm2d(_HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.1),
        )
        self.score32 = nn.Conv2d(_HIDDEN, outputs, 1)
        self.score16 = _silent(nn.Conv2d(middle, outputs, 1))
        self.score8 = _silent(nn.Conv2d(fine, outputs, 1))
        self.up32 = bilinear(outputs, 2)
        self.up16 = bilinear(outputs, 2)
        self.up8 = bilinear(outputs, 8)

    def forward(self, x: Tensor) -> Tensor:
        fine, middle, coarse = self.backbone(x)
        scores = self.up32(self.score32(self.hidden(coarse))) + self.score16(middle)
        logits: Tensor = self.up8(self.up16(scores) + self.score8(fine))
        return logits


def _silent(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def bilinear(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution that enlarges `factor` times (even), bilinear until it learns."""
    side = 2 * factor
    layer = nn.ConvTranspose2d(
        channels, channels, side, stride=factor, padding=factor // 2, bias=False
    )
    ramp = 1 - (torch.arange(side) + 0.5 - factor).abs() / factor
    with torch.no_grad():
        layer.weight.zero_()
        for k in range(channels):
            layer.weight[k, k] = ramp[:, None] * ramp[None]
    return layer


class FcnResnet50(SemanticSegmenter[TorchvisionFcnTrainParams]):
    """torchvision's FCN on a dilated ResNet-50 as the plugin interface wants it."""

    def __init__(self) -> None:
        super().__init__(
            Family(
                model="segmenter/fcn-resnet50",
                arch_of=lambda _: {},
                build=_resnet50,
                backbone=lambda net: getattr(net.body, "backbone", None),
                published=_published,
                builtin=False,
            )
        )


class _Resnet50Body(nn.Module):
    """torchvision's network without what training alone needs: logits instead of a dict."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        net: Any = segmentation.fcn_resnet50(
            weights=None, weights_backbone=None, num_classes=outputs, aux_loss=False
        )
        self.backbone, self.classifier = net.backbone, net.classifier

    def forward(self, x: Tensor) -> Tensor:
        scores = self.classifier(self.backbone(x)["out"])
        out: Tensor = nn.functional.interpolate(
            scores, size=x.shape[-2:], mode="bilinear", align_corners=False
        )
        return out


def _resnet50(outputs: int, _arch: Arch, _pretrained: bool) -> SegmentationNet:
    # Its own interpolation fits any size, and published weights were trained with it.
    mean, std = _IMAGENET
    return SegmentationNet(_Resnet50Body(outputs), stride=1, mean=mean, std=std)


def _published(state: State, classes: tuple[str, ...], path: Path) -> Published:
    """torchvision's state dict as ours, with VOC's names where it has as many outputs."""
    head = state.get(_HEAD)
    if head is None or len(head) < 2:
        raise WeightsError(
            "the file holds no weights of this segmenter",
            where=str(path),
            next_step="choose weights of torchvision's fcn_resnet50",
        )
    own = {f"body.{n}": t for n, t in state.items() if not n.startswith("aux_classifier.")}
    count = len(head) - 1
    names = segmentation.FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"][1:]
    if len(classes) == count:
        names = classes
    elif len(names) != count:
        names = [f"class {i}" for i in range(1, count + 1)]
    return Published(own, tuple(names), {})
