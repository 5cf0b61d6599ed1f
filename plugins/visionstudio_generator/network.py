"""Generator and discriminator: convolutional, for any side that is a power of two from 16 up.

After DCGAN (Radford, Metz, Chintala, 2016), with what has proved stable since: nearest
upsampling instead of transposed convolutions, spectral norm in the discriminator (Miyato
et al., 2018), and classes by projection (Miyato and Koyama, 2018).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

LATENT = 64
_COARSEST = 4  # px, side of the first feature map
_WIDEST = 8  # times `width`, at the coarsest maps


@dataclass(frozen=True, slots=True)
class Layout:
    """What both networks need to know. `classes` is 1 for pictures without classes."""

    side: int
    channels: int
    width: int
    classes: int

    @property
    def stages(self) -> int:
        """Doublings from the coarsest map to the picture."""
        return int(math.log2(self.side // _COARSEST))

    def widths(self) -> list[int]:
        """Channels from the coarsest map to the finest."""
        return [self.width * min(2 ** (self.stages - i), _WIDEST) for i in range(self.stages + 1)]


class Generator(nn.Module):
    """(N, LATENT) normal noise and (N,) class indices → (N, channels, side, side) in [-1, 1]."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        widths = layout.widths()
        self.classes = nn.Embedding(layout.classes, LATENT)
        self.first = nn.Linear(2 * LATENT, widths[0] * _COARSEST**2)
        self.norm = nn.BatchNorm2d(widths[0])
        stages: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            stages += [
                nn.ReLU(),
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
            ]
        self.stages = nn.Sequential(*stages)
        self.last = nn.Conv2d(widths[-1], layout.channels, 3, padding=1)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        classes = nn.functional.normalize(self.classes(labels), dim=1) * math.sqrt(LATENT)
        x = self.first(torch.cat([noise, classes], dim=1))
        x = self.norm(x.view(-1, self.norm.num_features, _COARSEST, _COARSEST))
        x = torch.relu(self.stages(x))
        return torch.tanh(self.last(x))


class Discriminator(nn.Module):
    """(N, channels, side, side) in [-1, 1] and (N,) class indices → (N,) logits, real above 0."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        widths = layout.widths()[::-1]
        stages: list[nn.Module] = [
            spectral_norm(nn.Conv2d(layout.channels, widths[0], 3, padding=1)),
            nn.LeakyReLU(0.1),
        ]
        for before, after in itertools.pairwise(widths):
            stages += [
                spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)),
                nn.LeakyReLU(0.1),
            ]
        self.stages = nn.Sequential(*stages)
        # A sum over places would forget where strokes are; a small picture needs them.
        features = widths[-1] * _COARSEST**2
        self.last = spectral_norm(nn.Linear(features, 1))
        self.classes = spectral_norm(nn.Embedding(layout.classes, features))

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        features = self.stages(pictures).flatten(1)
        by_class = (self.classes(labels) * features).sum(dim=1)
        logits: Tensor = self.last(features)[:, 0] + by_class
        return logits
