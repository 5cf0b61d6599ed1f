"""What a detector on grids learns from: which cells answer for which box, and the loss.

Two ways to assign, each as its paper or description says: YOLOv3 gives every object to the
one anchor of all scales that has its shape best; YOLOv5 to every anchor whose sides are at
most four times larger or smaller, in the object's cell and its two nearest neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_iou, complete_box_iou_loss

from visionstudio_detector.grid import GridNet, centres

Target = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Goals:
    """What one scale should say: k places (picture, anchor, row, column) with box and class."""

    places: tuple[Tensor, Tensor, Tensor, Tensor]
    boxes: Tensor  # (k, 4) pixels
    labels: Tensor  # (k,)


Assign = Callable[[Tensor, Tensor, tuple[int, ...], list[tuple[int, int]]], list[Goals]]
"""(objects (n, 6) as picture, class, box; anchors (scales, A, 2); strides; grids) → goals."""


def flat(targets: Sequence[Target]) -> Tensor:
    """The boxes of all pictures as rows (picture, class, x1, y1, x2, y2)."""
    rows = []
    for i, target in enumerate(targets):
        boxes = target["boxes"]
        ahead = torch.stack([torch.full_like(boxes[:, 0], i), target["labels"].to(boxes)], dim=1)
        rows.append(torch.cat([ahead, boxes], dim=1))
    return torch.cat(rows)


def to_near_cells(
    objects: Tensor, anchors: Tensor, strides: tuple[int, ...], grids: list[tuple[int, int]]
) -> list[Goals]:
    """YOLOv5's assignment; see the module's words."""
    middle = centres(objects[:, 2:])
    result = []
    for sizes, stride, (height, width) in zip(anchors, strides, grids, strict=True):
        ratio = middle[:, None, 2:] / sizes[None]
        fits = torch.maximum(ratio, 1 / ratio.clamp(min=1e-9)).amax(dim=2) < 4
        which, anchor = torch.nonzero(fits, as_tuple=True)
        at = middle[which, :2] / stride
        own = at.floor()
        # The neighbour to the side of the cell on which the centre lies, in x and in y.
        side = torch.where(at - own < 0.5, -1.0, 1.0)
        zero = torch.zeros_like(side[:, 0])
        steps = torch.stack(
            [torch.stack([zero, zero], 1), torch.stack([side[:, 0], zero], 1),
             torch.stack([zero, side[:, 1]], 1)]
        )  # fmt: skip
        cells = (own[None] + steps).reshape(-1, 2).long()
        which, anchor = which.repeat(3), anchor.repeat(3)
        inside = ((cells >= 0) & (cells < cells.new_tensor([width, height]))).all(dim=1)
        result.append(_goals(objects, which[inside], anchor[inside], cells[inside]))
    return result


def to_best_anchor(
    objects: Tensor, anchors: Tensor, strides: tuple[int, ...], grids: list[tuple[int, int]]
) -> list[Goals]:
    """YOLOv3's assignment; see the module's words."""
    middle = centres(objects[:, 2:])
    every = anchors.reshape(-1, 2)
    inner = torch.minimum(middle[:, None, 2:], every[None]).prod(dim=2)
    union = middle[:, 2:].prod(dim=1)[:, None] + every.prod(dim=1)[None] - inner
    best = (inner / union.clamp(min=1e-9)).argmax(dim=1) if len(objects) else middle[:, 0].long()
    per_scale = anchors.shape[1]
    result = []
    for scale, (stride, (height, width)) in enumerate(zip(strides, grids, strict=True)):
        which = torch.nonzero(best // per_scale == scale).squeeze(1)
        cells = (middle[which, :2] / stride).floor().long()
        cells = torch.minimum(cells.clamp(min=0), cells.new_tensor([width - 1, height - 1]))
        result.append(_goals(objects, which, best[which] % per_scale, cells))
    return result


def _goals(objects: Tensor, which: Tensor, anchor: Tensor, cells: Tensor) -> Goals:
    chosen = objects[which]
    places = (chosen[:, 0].long(), anchor, cells[:, 1], cells[:, 0])
    return Goals(places, chosen[:, 2:], chosen[:, 1].long())


@dataclass(frozen=True, slots=True)
class GridLoss:
    """Complete-IoU loss of boxes, cross-entropy of objectness and of classes.

    `balance` weighs objectness per scale: fine scales have many more empty cells. With
    `by_overlap` a cell's objectness should equal its box's overlap, else be 1. Boxes of
    other cells that overlap an object by more than `spare` count neither way (1: all count).
    """

    assign: Assign
    balance: tuple[float, ...] = (4.0, 1.0, 0.4)
    by_overlap: bool = True
    spare: float = 1.0
    box: float = 0.05
    objectness: float = 1.0
    classes: float = 0.5

    def __call__(
        self, net: GridNet, outputs: list[Tensor], targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """Named losses of a batch. Targets have "boxes", "labels" and "ignore"."""
        outputs = [o.float() for o in outputs]
        grids = [(o.shape[2], o.shape[3]) for o in outputs]
        goals = self.assign(flat(targets), net.anchor_sizes().float(), net.strides, grids)
        number = outputs[0].shape[-1] - 5
        zero = sum((o[..., 0].sum() * 0 for o in outputs), torch.zeros_like(outputs[0].sum()))
        boxes_loss, object_loss, class_loss = zero, zero, zero
        found = net.boxes(outputs)
        for raw, boxes, goal, balance in zip(outputs, found, goals, self.balance, strict=True):
            wanted = raw.new_zeros(raw.shape[:-1])
            counts = self._counting(boxes.detach(), targets)
            if len(goal.labels):
                loss = complete_box_iou_loss(boxes[goal.places], goal.boxes)
                boxes_loss = boxes_loss + loss.mean()
                overlap = (1 - loss.detach()).clamp(min=0)
                best = overlap if self.by_overlap else torch.ones_like(overlap)
                # Where several objects want one cell the best overlap counts.
                wanted.view(-1).scatter_reduce_(
                    0, _index(goal.places, raw.shape), best, "amax", include_self=True
                )
                counts[goal.places] = 1.0
                if number > 1:
                    of = functional.one_hot(goal.labels, number).to(raw)
                    logits = raw[goal.places][:, 5:]
                    class_loss = class_loss + functional.binary_cross_entropy_with_logits(
                        logits, of
                    )
            each = functional.binary_cross_entropy_with_logits(
                raw[..., 4], wanted, reduction="none"
            )
            object_loss = object_loss + balance * (each * counts).sum() / counts.sum().clamp(min=1)
        return {
            "box_loss": self.box * boxes_loss,
            "object_loss": self.objectness * object_loss,
            "class_loss": self.classes * max(number, 16) / 80 * class_loss,
        }

    def _counting(self, boxes: Tensor, targets: Sequence[Target]) -> Tensor:
        """1 for the boxes (N, A, H, W, 4) that are right or wrong, 0 for those that are neither."""
        counts = boxes.new_ones(boxes.shape[:-1])
        for one, of, target in zip(counts, boxes, targets, strict=True):
            if self.spare < 1 and len(target["boxes"]):
                overlap = box_iou(of.reshape(-1, 4), target["boxes"].to(of))
                one.view(-1)[overlap.amax(dim=1) > self.spare] = 0
            for x1, y1, x2, y2 in target["ignore"].tolist():
                middle = (of[..., :2] + of[..., 2:]) / 2
                within = (middle >= middle.new_tensor([x1, y1])).all(dim=-1)
                one[within & (middle <= middle.new_tensor([x2, y2])).all(dim=-1)] = 0
        return counts


def _index(places: tuple[Tensor, Tensor, Tensor, Tensor], shape: torch.Size) -> Tensor:
    """Places in a tensor of shape (N, A, H, W, …) as positions in it laid out flat."""
    picture, anchor, row, column = places
    return ((picture * shape[1] + anchor) * shape[2] + row) * shape[3] + column
