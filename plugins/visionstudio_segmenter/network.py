"""U-Net (Ronneberger et al., 2015), plain or on the built-in encoder."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from visionstudio_torch.backbone import load_builtin, normalise

STRIDE = 32  # both networks work on sides that are multiples of this
_WIDTHS = (24, 48, 96, 192, 256)


class SegmentationNet(nn.Module):
    """(N, 3, H, W) uint8 of any size → (N, outputs, H, W) logits.

    Sides are padded to multiples of 32 by their mirrored edge and cropped again.
    """

    def __init__(self, outputs: int, encoder: str, *, pretrained: bool = True) -> None:
        super().__init__()
        self.body = encoded_unet(outputs, pretrained) if encoder == "builtin" else Plain(outputs)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        bottom, right = -height % STRIDE, -width % STRIDE
        x = normalise(images)
        if bottom or right:
            # Mirroring cannot reach further than the picture: tiny ones repeat their edge.
            mode = "reflect" if bottom < height and right < width else "replicate"
            x = functional.pad(x, (0, right, 0, bottom), mode=mode)
        logits: Tensor = self.body(x)
        return logits[..., :height, :width]


def encoded_unet(outputs: int, pretrained: bool) -> nn.Module:
    """segmentation-models-pytorch's U-Net on EfficientNet-Lite0, offline."""
    net: nn.Module = smp.Unet("tu-efficientnet_lite0", encoder_weights=None, classes=outputs)
    if pretrained:
        encoder: Any = net.encoder
        load_builtin(encoder.model)
    return net


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


def losses(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, ignore: int = 255
) -> dict[str, Tensor]:
    """Cross-entropy and soft Dice loss (Milletari et al., 2016) of the labels that occur.

    `logits` (N, K, H, W), `labels` (N, H, W) int64 in 0…K-1 or `ignore`, whose pixels
    count in neither. `weights` (K,) says how much each label counts in the cross-entropy.
    """
    counted = labels != ignore
    known = labels.clamp(max=logits.shape[1] - 1)
    total = counted.sum().clamp(min=1)
    if weights is not None:
        weights = weights.to(logits)
    entropy = functional.cross_entropy(logits, known, weights, reduction="none")
    entropy = (entropy * counted).sum() / total
    share = logits.softmax(dim=1) * counted[:, None]
    truth = functional.one_hot(known, logits.shape[1]).permute(0, 3, 1, 2) * counted[:, None]
    over = (0, 2, 3)
    present = truth.sum(over)
    both, either = (share * truth).sum(over), share.sum(over) + present
    dice = 1 - (2 * both + 1) / (either + 1)
    occurs = (present > 0).float()
    return {"cross_entropy": entropy, "dice": (dice * occurs).sum() / occurs.sum().clamp(min=1)}
