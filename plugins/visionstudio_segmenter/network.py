"""What all segmentation networks share: any size in, logits of the same size out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from visionstudio_torch import backbone


class SegmentationNet(nn.Module):
    """(N, 3, H, W) uint8 of any size → (N, outputs, H, W) logits.

    `body` takes normalised pictures whose sides are multiples of `stride`: they are padded
    by their mirrored edge and the logits cropped again. In training every side is at least
    two strides long: batch norm needs more than one value, even of a batch of one.
    `mean` and `std` normalise RGB in [0, 1].
    """

    shift: Tensor
    factor: Tensor

    def __init__(
        self,
        body: nn.Module,
        stride: int = 32,
        mean: tuple[float, ...] = backbone.MEAN,
        std: tuple[float, ...] = backbone.STD,
    ) -> None:
        super().__init__()
        self.body = body
        self.stride = stride
        self.mean = mean
        self.std = std
        shift = torch.tensor(mean)[:, None, None] * 255
        factor = torch.tensor(std)[:, None, None] * 255
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("factor", factor, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        least = 2 * self.stride if self.training else 1
        bottom = -max(height, least) % self.stride + max(least - height, 0)
        right = -max(width, least) % self.stride + max(least - width, 0)
        x = (images.float() - self.shift) / self.factor
        if bottom or right:
            # Mirroring cannot reach further than the picture: tiny ones repeat their edge.
            mode = "reflect" if bottom < height and right < width else "replicate"
            x = functional.pad(x, (0, right, 0, bottom), mode=mode)
        logits: Tensor = self.body(x)
        return logits[..., :height, :width]


class Shares(nn.Module):
    """A network as other programs may run it: (N, 3, H, W) in [0, 1] → (N, outputs, H, W)."""

    def __init__(self, net: SegmentationNet, background: bool) -> None:
        super().__init__()
        self.net = net
        self.background = background

    def forward(self, images: Tensor) -> Tensor:
        logits = self.net(images * 255)
        if not self.background:
            nothing = torch.full_like(logits[:, :1], -1e4)
            logits = torch.cat([nothing, logits[:, 1:]], dim=1)
        shares: Tensor = logits.softmax(dim=1)
        return shares


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
    dice = (dice * occurs).sum() / occurs.sum().clamp(min=1)
    return {"loss_cross_entropy": entropy, "loss_dice": dice}
