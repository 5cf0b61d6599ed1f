"""Generator and discriminator of fully connected layers (Goodfellow et al., 2014).

As published: rectifiers in the generator, maxout and dropout in the discriminator. The
generator ends in a hyperbolic tangent, the sigmoid of pictures in [-1, 1]. Classes come in
as further inputs of both (Mirza and Osindero, 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visionstudio_generator.network import LATENT, Layout

_CODE = 16  # numbers that stand for a class
_PIECES = 3  # of maxout
_DROPPED = (0.2, 0.5)  # of the input, of hidden units


class DenseGenerator(nn.Module):
    """(N, LATENT) normal noise and (N,) class indices → (N, channels, side, side) in [-1, 1]."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._shape = (layout.channels, layout.side, layout.side)
        self.classes = nn.Embedding(layout.classes, _CODE)
        self.first = nn.Linear(LATENT + _CODE, layout.width)
        self.second = nn.Linear(layout.width, 2 * layout.width)
        self.last = nn.Linear(2 * layout.width, layout.channels * layout.side**2)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        x = torch.relu(self.first(torch.cat([noise, self.classes(labels)], dim=1)))
        x = torch.relu(self.second(x))
        return torch.tanh(self.last(x)).view(-1, *self._shape)


class DenseDiscriminator(nn.Module):
    """(N, channels, side, side) in [-1, 1] and (N,) class indices → (N,) logits, real above 0."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.classes = nn.Embedding(layout.classes, _CODE)
        inputs = layout.channels * layout.side**2 + _CODE
        self.first = nn.Linear(inputs, _PIECES * layout.width)
        self.second = nn.Linear(layout.width, _PIECES * layout.width)
        self.last = nn.Linear(layout.width, 1)

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        seen = nn.functional.dropout(pictures.flatten(1), _DROPPED[0], self.training)
        x = _maxout(self.first(torch.cat([seen, self.classes(labels)], dim=1)))
        x = nn.functional.dropout(x, _DROPPED[1], self.training)
        x = nn.functional.dropout(_maxout(self.second(x)), _DROPPED[1], self.training)
        logits: Tensor = self.last(x)[:, 0]
        return logits


def _maxout(values: Tensor) -> Tensor:
    """The largest of each unit's pieces (Goodfellow et al., 2013)."""
    best: Tensor = values.view(len(values), -1, _PIECES).amax(dim=2)
    return best
