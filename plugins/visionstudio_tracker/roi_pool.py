"""Precise RoI pooling: features averaged over boxes, with gradients for the boxes too.

Jiang, Luo, Mao, Xiao, Jiang: Acquisition of Localization Confidence for Accurate Object
Detection, ECCV 2018. Features between cells are bilinear, so the integral over a bin is the
product of two integrals of hat functions, one along each axis, which have a closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor


def precise_roi_pool(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    """Means of features over the bins of boxes, (N, M, C, bins, bins).

    `features` (N, C, H, W) with cells `stride` pixels wide; `boxes` (N, M, 4) x1, y1, x2, y2
    in pixels, M for each of the N maps. Outside the map features are 0.
    """
    _, _, height, width = features.shape
    # The middle of cell i is at pixel (i + 0.5) · stride.
    x1, y1, x2, y2 = (boxes / stride - 0.5).unbind(dim=-1)
    across = _shares(x1, x2, bins, width)
    down = _shares(y1, y2, bins, height)
    return torch.einsum("nmbh,nchw,nmdw->nmcbd", down, features, across)


def _shares(low: Tensor, high: Tensor, bins: int, cells: int) -> Tensor:
    """How much of each cell is in the mean over each bin along one axis, (N, M, bins, cells)."""
    steps = torch.linspace(0, 1, bins + 1, device=low.device, dtype=low.dtype)
    edges = low[..., None] + (high - low)[..., None] * steps
    places = torch.arange(cells, device=low.device, dtype=low.dtype)
    below = _integral(edges[..., None] - places)
    length = ((high - low) / bins).clamp(min=1e-6)
    return (below[..., 1:, :] - below[..., :-1, :]) / length[..., None, None]


def _integral(t: Tensor) -> Tensor:
    """The integral of the hat function max(0, 1 - |x|) from minus infinity to t."""
    t = t.clamp(-1, 1)
    return torch.where(t < 0, (t + 1) ** 2 / 2, 1 - (1 - t) ** 2 / 2)
