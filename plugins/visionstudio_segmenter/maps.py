"""From logits to shares per pixel: large pictures in blended tiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from visionstudio.api import ModelError
from visionstudio_segmenter.network import SegmentationNet
from visionstudio_torch.transforms import to_tensor

TILE = 1024  # larger pictures are predicted in overlapping tiles
_OVERLAP = 128


def probabilities(
    net: SegmentationNet, image: NDArray[np.uint8], device: Any, *, background: bool = True
) -> NDArray[np.float32]:
    """(H, W, 3) uint8 → (H, W, K) shares that sum to 1; large pictures in blended tiles.

    Without `background` index 0 gets nothing.
    """
    height, width = image.shape[:2]
    total: NDArray[np.float32] | None = None
    weight = np.zeros((height, width, 1), np.float32)
    for top, left, bottom, right in _tiles(height, width):
        tensor = to_tensor(image[top:bottom, left:right])[None].to(device)
        with torch.inference_mode():
            logits = net(tensor)
            if not background:
                logits[:, 0] = -torch.inf
            part = logits.softmax(dim=1)[0].permute(1, 2, 0).float().cpu().numpy()
        if (bottom - top, right - left) == (height, width):
            return np.asarray(part, np.float32)
        if total is None:
            total = np.zeros((height, width, part.shape[2]), np.float32)
        ramp = _ramp(bottom - top)[:, None, None] * _ramp(right - left)[None, :, None]
        total[top:bottom, left:right] += part * ramp
        weight[top:bottom, left:right] += ramp
    if total is None:
        raise ModelError("a picture without pixels cannot be segmented")
    return total / weight


def _tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Overlapping tiles (top, left, bottom, right) that cover everything."""
    for top in _starts(height):
        for left in _starts(width):
            yield top, left, min(top + TILE, height), min(left + TILE, width)


def _starts(length: int) -> list[int]:
    if length <= TILE:
        return [0]
    count = -(-(length - _OVERLAP) // (TILE - _OVERLAP))
    return [round(i * (length - TILE) / (count - 1)) for i in range(count)]


def _ramp(length: int) -> NDArray[np.float32]:
    """Weights that fall towards both ends of a tile, never to zero."""
    edge = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(edge / _OVERLAP, 1).astype(np.float32)


def enlarged(shares: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Shares (h, w, K) interpolated to (height, width, K); cv2 takes few channels at once."""
    parts = [
        cv2.resize(np.ascontiguousarray(shares[..., k]), (width, height))
        for k in range(shares.shape[2])
    ]
    return np.stack(parts, axis=2).astype(np.float32)
