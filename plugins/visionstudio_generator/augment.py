"""DiffAugment (Zhao et al., 2020): the same kinds of changes to real and drawn pictures.

The changes are differentiable, so the generator learns through them, and because
drawn pictures are changed as well it does not learn to draw changed ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 0.125  # share of the side
CUT = 0.4  # share of the side of the square that is blanked


def diff_augment(pictures: Tensor, colour: bool) -> Tensor:
    """(N, C, S, S) in [-1, 1] shifted, with a square cut out, and recoloured if `colour`."""
    if colour:
        pictures = _recoloured(pictures)
    return _cut(_shifted(pictures))


def _recoloured(pictures: Tensor) -> Tensor:
    count = len(pictures)
    brightness = torch.rand(count, 1, 1, 1, device=pictures.device) - 0.5
    contrast = torch.rand(count, 1, 1, 1, device=pictures.device) + 0.5
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) * contrast + mean + brightness


def _shifted(pictures: Tensor) -> Tensor:
    count, _, side, _ = pictures.shape
    reach = max(1, round(side * SHIFT))
    moves = torch.randint(-reach, reach + 1, (2, count, 1), device=pictures.device)
    at = torch.arange(side, device=pictures.device)[None]
    # Index 0 of the padded picture is the border that comes in from outside.
    rows = (at + moves[0] + 1).clamp(0, side + 1)
    columns = (at + moves[1] + 1).clamp(0, side + 1)
    padded = torch.nn.functional.pad(pictures, [1, 1, 1, 1], value=-1.0).permute(0, 2, 3, 1)
    which = torch.arange(count, device=pictures.device)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut(pictures: Tensor) -> Tensor:
    count, _, side, _ = pictures.shape
    half = max(1, round(side * CUT)) / 2
    centres = torch.rand(2, count, 1, device=pictures.device) * side
    at = torch.arange(side, device=pictures.device)[None] + 0.5
    inside_y = (at - centres[0]).abs() < half
    inside_x = (at - centres[1]).abs() < half
    keep = ~(inside_y[:, :, None] & inside_x[:, None, :])
    return pictures * keep[:, None]
