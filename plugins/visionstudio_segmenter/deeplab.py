"""segmenter/deeplabv3plus: DeepLabv3+ (Chen et al., 2018) on the built-in encoder."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPPPooling
from torch import nn

from visionstudio_segmenter.network import SegmentationNet
from visionstudio_segmenter.params import DeepLabTrainParams
from visionstudio_segmenter.semantic import Arch, Family, SemanticSegmenter
from visionstudio_torch.backbone import load_builtin

_GROUPS = 32


class DeepLabV3Plus(SemanticSegmenter[DeepLabTrainParams]):
    """DeepLabv3+ as the plugin interface wants it."""

    def __init__(self) -> None:
        super().__init__(
            Family(
                model="segmenter/deeplabv3plus",
                arch_of=lambda p: {"output_stride": int(p.output_stride)},
                build=build,
                backbone=lambda net: getattr(net.body, "encoder", None),
            )
        )


def build(outputs: int, arch: Arch, pretrained: bool) -> SegmentationNet:
    """Atrous encoder at the output stride that `arch` says, decoder with features at stride 4."""
    net: Any = smp.DeepLabV3Plus(
        "tu-efficientnet_lite0",
        encoder_weights=None,
        encoder_output_stride=int(arch.get("output_stride", 16)),
        classes=outputs,
    )
    if pretrained:
        load_builtin(net.encoder.model)
    for part in net.decoder.modules():
        if isinstance(part, ASPPPooling):
            # Pooled to one value per channel, which batch norm cannot train on in a batch of
            # one and learns badly from in a small one.
            part[2] = nn.GroupNorm(_GROUPS, part[2].num_features)
    return SegmentationNet(net, stride=16)
