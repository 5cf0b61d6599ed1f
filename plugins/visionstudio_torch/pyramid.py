"""A feature pyramid on the built-in backbone."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from visionstudio_torch import backbone


class Pyramid(nn.Module):
    """EfficientNet-Lite0 features at `strides` merged top-down (Lin et al., 2017).

    (N, 3, H, W) normalised → an ordered dict "0", "1", … of (N, out_channels, H/s, W/s),
    finest first. Its batch norms are frozen: detection batches are too small for them.
    """

    def __init__(
        self,
        out_channels: int = 96,
        strides: tuple[int, ...] = (8, 16, 32),
        *,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.strides = strides
        self.body = backbone.freeze_batch_norm(backbone.features(strides, pretrained=pretrained))
        channels = [backbone.CHANNELS[backbone.STRIDES.index(s)] for s in strides]
        self.fpn = FeaturePyramidNetwork(channels, out_channels)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        features = self.body(images)
        merged: OrderedDict[str, Tensor] = self.fpn(
            OrderedDict((str(i), f) for i, f in enumerate(features))
        )
        return merged
