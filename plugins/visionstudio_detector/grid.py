"""What detectors on grids of anchors (YOLO) have in common: cells, decoding, choosing boxes.

A network gives per scale a tensor (N, A, H, W, 5 + C): for each of A anchors in each cell
the box in the network's own terms, objectness and class logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_convert

Decode = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""(raw (…, 4), cells (…, 2), anchors (…, 2), stride) → boxes (…, 4) as x1, y1, x2, y2."""

_CANDIDATES = 4000  # more than this never reach non-maximum suppression


def decode_bounded(raw: Tensor, cells: Tensor, anchors: Tensor, stride: int) -> Tensor:
    """YOLOv5's boxes: centres up to half a cell outside their cell, sides up to 4 anchors."""
    part = raw.sigmoid()
    centre = (2 * part[..., :2] - 0.5 + cells) * stride
    size = (2 * part[..., 2:]) ** 2 * anchors
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def decode_exponential(raw: Tensor, cells: Tensor, anchors: Tensor, stride: int) -> Tensor:
    """YOLOv3's boxes (Redmon and Farhadi, 2018): centres inside their cell, sides unbounded."""
    centre = (raw[..., :2].sigmoid() + cells) * stride
    # Beyond e^8 anchors it is noise, and the next step would be infinite.
    size = raw[..., 2:].clamp(max=8).exp() * anchors
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


class GridNet(nn.Module):
    """A network with its grids. Pictures are (N, 3, H, W) in [0, 255], H and W multiples of 32."""

    strides: tuple[int, ...] = (8, 16, 32)
    decode: Decode

    def anchor_sizes(self) -> Tensor:
        """Anchors (scales, A, 2) as width, height in pixels, finest scale first."""
        raise NotImplementedError

    def boxes(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Per scale the boxes (N, A, H, W, 4) in pixels of the network's picture."""
        found = []
        for raw, anchors, stride in zip(outputs, self.anchor_sizes(), self.strides, strict=True):
            cells = cell_indices(raw)
            one = anchors.to(raw.dtype)[None, :, None, None]
            found.append(type(self).decode(raw[..., :4], cells, one, stride))
        return found


def cell_indices(raw: Tensor) -> Tensor:
    """Column and row of every cell of a scale, (1, 1, H, W, 2)."""
    rows = torch.arange(raw.shape[2], device=raw.device, dtype=raw.dtype)
    columns = torch.arange(raw.shape[3], device=raw.device, dtype=raw.dtype)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], dim=-1)[None, None]


def split_anchors(raw: Tensor, outputs: int) -> Tensor:
    """A head's (N, A · outputs, H, W) as (N, A, H, W, outputs)."""
    n, _, h, w = raw.shape
    return raw.view(n, -1, outputs, h, w).permute(0, 1, 3, 4, 2)


def expect_little(heads: Iterable[nn.Module], strides: Sequence[int], classes: int) -> None:
    """Begin with few objects a picture and no favourite class: that saves the first steps."""
    for layer, stride in zip(heads, strides, strict=True):
        assert isinstance(layer, nn.Conv2d)
        assert layer.bias is not None
        bias = layer.bias.data.view(-1, 5 + classes)
        bias[:, 4] = math.log(8 / (640 / stride) ** 2)
        bias[:, 5:] = math.log(0.6 / (classes - 0.99)) if classes > 1 else 0.0


def choose(
    boxes: Tensor, scores: Tensor, floor: float, nms_iou: float, most: int
) -> dict[str, Tensor]:
    """The best boxes of one picture from (n, 4) boxes and (n, C) class scores.

    Each box gets its best class; those below `floor` are dropped, and of boxes of one class
    that overlap more than `nms_iou` the better one stays.
    """
    best, labels = scores.max(dim=1)
    keep = torch.nonzero(best >= floor).squeeze(1)
    if len(keep) > _CANDIDATES:
        keep = keep[best[keep].topk(_CANDIDATES).indices]
    boxes, best, labels = boxes[keep].float(), best[keep].float(), labels[keep]
    order = batched_nms(boxes, best, labels, nms_iou)[:most]
    return {"boxes": boxes[order], "scores": best[order], "labels": labels[order]}


def detect(
    net: GridNet, images: Tensor, floor: float, nms_iou: float, most: int
) -> list[dict[str, Tensor]]:
    """What a network finds in (N, 3, H, W) pictures: "boxes", "scores", "labels" of each."""
    outputs = net(images)
    boxes = torch.cat([b.flatten(1, 3) for b in net.boxes(outputs)], dim=1)
    raw = torch.cat([o[..., 4:].flatten(1, 3) for o in outputs], dim=1).sigmoid()
    scores = raw[..., :1] * raw[..., 1:]
    return [choose(b, s, floor, nms_iou, most) for b, s in zip(boxes, scores, strict=True)]


class Rows(nn.Module):
    """A network with its boxes decoded, (N, 3, H, W) in [0, 1] → (N, rows, 5 + C)."""

    def __init__(self, net: GridNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.net(images * 255)
        corners = torch.cat([b.flatten(1, 3) for b in self.net.boxes(outputs)], dim=1)
        rest = torch.cat([o[..., 4:].flatten(1, 3) for o in outputs], dim=1).sigmoid()
        low, high = corners[..., :2], corners[..., 2:]
        return torch.cat([(low + high) / 2, high - low, rest], dim=-1)


def centres(boxes: Tensor) -> Tensor:
    """Boxes (n, 4) as centre x, centre y, width, height."""
    converted: Tensor = box_convert(boxes, "xyxy", "cxcywh")
    return converted
