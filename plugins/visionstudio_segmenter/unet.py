"""segmenter/unet: U-Net (Ronneberger et al., 2015), plain or on the built-in encoder."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from visionstudio_segmenter.network import SegmentationNet
from visionstudio_segmenter.params import UnetTrainParams
from visionstudio_segmenter.semantic import Arch, Family, SemanticSegmenter
from visionstudio_torch.backbone import load_builtin

_WIDTHS = (24, 48, 96, 192, 256)


class Unet(SemanticSegmenter[UnetTrainParams]):
    """U-Net as the plugin interface wants it."""

    def __init__(self) -> None:
        super().__init__(
            Family(
                model="segmenter/unet",
                arch_of=lambda p: {"encoder": "none" if p.weights == "none" else "builtin"},
                build=build,
                backbone=lambda net: getattr(net.body, "encoder", None),
            )
        )


def build(outputs: int, arch: Arch, pretrained: bool) -> SegmentationNet:
    """The network; `arch` names its encoder, "builtin" or "none"."""
    if arch.get("encoder", "builtin") == "none":
        return SegmentationNet(Plain(outputs))
    net: nn.Module = smp.Unet("tu-efficientnet_lite0", encoder_weights=None, classes=outputs)
    if pretrained:
        encoder: Any = net.encoder
        load_builtin(encoder.model)
    return SegmentationNet(net)


class Plain(nn.Module):
    """U-Net from scratch: five scales, two convolutions each, skips that are concatenated."""

    def __init__(self, outputs: int, widths: tuple[int, ...] = _WIDTHS) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            _double(before, after) for before, after in zip((3, *widths), widths, strict=False)
        )
        deep_first = widths[::-1]
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(before, after, kernel_size=2, stride=2)
            for before, after in pairwise(deep_first)
        )
        self.up = nn.ModuleList(_double(2 * width, width) for width in deep_first[1:])
        self.head = nn.Conv2d(widths[0], outputs, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for i, stage in enumerate(self.down):
            x = stage(functional.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for grow, stage in zip(self.grow, self.up, strict=True):
            x = stage(torch.cat([grow(x), skips.pop()], dim=1))
        logits: Tensor = self.head(x)
        return logits


def _double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
