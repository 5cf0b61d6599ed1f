"""R-CNN's network (Girshick et al., 2014): features of crops, and linear answers on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import roi_align

from visionstudio_torch import backbone
from visionstudio_torch.transforms import to_tensor

DEPTH = 1280  # numbers per crop: EfficientNet-Lite0 before its last layer
_CONTEXT = 0.15  # of a box's sides that is seen around it, on each side
_CHUNK = 64  # crops at a time
_LARGEST = 1.0  # log of the factor by which a box's side may be changed


class CropNet(nn.Module):
    """Crops → features → scores and boxes.

    `cnn` gives (N, classes + 1) logits while it is fine-tuned, background first; what is
    used of it are the features before that. `svm` scores each class on them, `boxes` says
    how each class changes a box; `slope` and `offset` (classes,) turn scores into [0, 1].
    """

    slope: Tensor
    offset: Tensor

    def __init__(self, classes: int, *, pretrained: bool) -> None:
        super().__init__()
        self.cnn: Any = backbone.classifier(classes + 1, pretrained=pretrained)
        self.svm = nn.Linear(DEPTH, classes)
        self.boxes = nn.Linear(DEPTH, 4 * classes)
        self.register_buffer("slope", torch.ones(classes))
        self.register_buffer("offset", torch.zeros(classes))

    @torch.inference_mode()
    def features(self, image: NDArray[np.uint8], boxes: NDArray[Any], side: int) -> Tensor:
        """(n, DEPTH) float32 of boxes (n, 4) in a (H, W, 3) picture, warped to `side`."""
        device = self.svm.weight.device
        picture = to_tensor(image).to(device)
        around = torch.from_numpy(with_context(boxes, *image.shape[:2])).to(device)
        parts = [around[i : i + _CHUNK] for i in range(0, len(around), _CHUNK)]
        rows = [self.rows(crops(picture, part, side)) for part in parts]
        return torch.cat(rows) if rows else torch.zeros(0, DEPTH, device=device)

    def rows(self, batch: Tensor) -> Tensor:
        """(N, 3, side, side) pictures in [0, 255] → (N, DEPTH) features."""
        x = backbone.normalise(batch).contiguous(memory_format=torch.channels_last)
        maps = self.cnn.forward_features(x)
        rows: Tensor = self.cnn.forward_head(maps, pre_logits=True)
        return rows

    def forward(self, batch: Tensor) -> Tensor:
        """(N, 3, side, side) pictures in [0, 255] → (N, classes + 1) logits, for fine-tuning."""
        logits: Tensor = self.cnn(
            backbone.normalise(batch).contiguous(memory_format=torch.channels_last)
        )
        return logits

    @torch.inference_mode()
    def answers(self, rows: Tensor, boxes: NDArray[Any]) -> tuple[Tensor, Tensor]:
        """Scores (n, classes) in [0, 1] and boxes (n, classes, 4) for features (n, DEPTH)."""
        scores = torch.sigmoid(self.svm(rows) * self.slope + self.offset)
        changes = self.boxes(rows).view(len(rows), -1, 4)
        start = torch.from_numpy(np.asarray(boxes, np.float32)).to(rows.device)[:, None]
        return scores, changed(start, changes)


def with_context(boxes: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Boxes (n, 4) with some surroundings, as far as the picture goes."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    more = _CONTEXT * (boxes[:, 2:] - boxes[:, :2])
    wide = np.concatenate([boxes[:, :2] - more, boxes[:, 2:] + more], axis=1)
    limits = np.array([width, height, width, height], np.float32)
    return np.asarray(np.clip(wide, 0, limits), np.float32)


def crops(picture: Tensor, boxes: Tensor, side: int) -> Tensor:
    """(n, 3, side, side) float32 of boxes (n, 4) in a (3, H, W) picture, each stretched."""
    found: Tensor = roi_align(
        picture[None].float(), [boxes.float()], side, sampling_ratio=1, aligned=True
    )
    return found


def changes_to(boxes: NDArray[Any], goals: NDArray[Any]) -> NDArray[np.float32]:
    """What makes boxes (n, 4) into goals (n, 4): shifts in box sizes, logs of size ratios."""
    size, wanted = boxes[:, 2:] - boxes[:, :2], goals[:, 2:] - goals[:, :2]
    shift = (goals[:, :2] + goals[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2 / size
    return np.concatenate([shift, np.log(wanted / size)], axis=1).astype(np.float32)


def changed(boxes: Tensor, changes: Tensor) -> Tensor:
    """The inverse of `changes_to`, for (…, 4) tensors."""
    size = boxes[..., 2:] - boxes[..., :2]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2 + changes[..., :2] * size
    half = size * changes[..., 2:].clamp(-_LARGEST, _LARGEST).exp() / 2
    return torch.cat([middle - half, middle + half], dim=-1)
