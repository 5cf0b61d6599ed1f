"""What MDNet looks at: regions of a view, their features, and regions that are background.

Its training and its tracking share these and the shape of its first layer.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import roi_align

from visionstudio.api import Frame, box_iou
from visionstudio_torch.backbone import normalise
from visionstudio_tracker.views import jittered

FloatArray = NDArray[np.float64]

MODEL = "tracker/mdnet"
STRIDES = (8, 16)
HIDDEN = 256  # outputs of the first layer
SHARED = "shared"  # its name in a weights file
CELLS = 3  # of a region in each direction
VIEW, CONTEXT = 288, 5.0  # px of a view, and how many sides of the object it shows


def background(box: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Boxes (count, 4) or fewer near `box` that overlap it little."""
    near = jittered(box, count, rng, move=0.8, grow=0.2, stretch=0.05)
    far = jittered(box, count, rng, move=1.5, grow=0.3, stretch=0.05)
    boxes = np.concatenate([near, far])
    return np.asarray(boxes[box_iou([box], boxes)[0] < 0.3][:count])


@torch.no_grad()
def region_features(
    backbone: nn.Module, view: Frame, boxes: FloatArray, device: torch.device | str
) -> Tensor:
    """Features (n, d) of boxes in a view (S, S, 3), from one pass over it by RoIAlign."""
    picture = torch.from_numpy(view).permute(2, 0, 1)[None].to(device)
    maps = backbone(normalise(picture))
    regions = torch.from_numpy(boxes).float().to(device)
    parts = [
        roi_align(m, [regions], CELLS, 1 / s, sampling_ratio=2, aligned=True)
        for m, s in zip(maps, STRIDES, strict=True)
    ]
    return torch.cat([p.flatten(1) / p.flatten(1).std().clamp(min=1e-6) for p in parts], 1)
