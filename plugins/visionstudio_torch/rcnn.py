"""Faster R-CNN (Ren et al., 2015) and Mask R-CNN (He et al., 2017) on the built-in backbone.

Made of torchvision's parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss, maskrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign, box_area, box_iou

from visionstudio_torch.backbone import normalise
from visionstudio_torch.pyramid import Pyramid
from visionstudio_torch.transforms import pad_batch

# Side lengths of anchors by the stride of their pyramid level, in pixels of the resized picture
# (short side about 320).
_BOXES = {8: (12, 20, 32), 16: (48, 72, 104), 32: (144, 208, 288)}
# A mask needs more than the one or two cells that a small object has at stride 8.
_INSTANCES = {4: (6, 8, 11), 8: (16, 22, 32), 16: (48, 72, 104), 32: (144, 208, 288)}
_RATIOS = (0.5, 1.0, 2.0)
_PROPOSALS = 300
_PROPOSALS_OF_INSTANCES = 600  # in evaluation: cells and nuclei come by the hundred
_HIDDEN = 256
_MASK_LAYERS = (96, 96, 96, 96)
_MASKS_LEARNED = 32


class RcnnNet(nn.Module):
    """Pictures → boxes, with `masks` also → instances; about 4.6 or 5 M parameters.

    In training, `forward(images, targets)` returns named losses; in evaluation,
    `forward(images)` returns a dict of "boxes" (n, 4), "scores" (n,) and "labels" (n,)
    per picture, labels from 0, and "masks" (n, 1, 28, 28): shares of each cell of the box
    that belong to the object. Pictures are (3, H, W) uint8 of any sizes. A target has
    "boxes" (n, 4) float32, "labels" (n,) int64 from 0 and "ignore" (m, 4) float32:
    regions whose content counts neither as object nor as background; and for instances
    "masks" (n, H, W) uint8.

    Without `finds_regions` the net only judges regions from outside (Fast R-CNN, Girshick,
    2015): a target also has "regions" (r, 4) float32, evaluation is given them per picture.
    """

    def __init__(
        self,
        classes: int,
        *,
        pretrained: bool = True,
        masks: bool = False,
        finds_regions: bool = True,
    ) -> None:
        super().__init__()
        anchors = _INSTANCES if masks else _BOXES
        most = _PROPOSALS_OF_INSTANCES if masks else _PROPOSALS
        self.backbone = Pyramid(96, tuple(anchors), pretrained=pretrained)
        channels = self.backbone.out_channels
        sizes = tuple(anchors.values())
        self.rpn: Any = _region_network(channels, sizes, most) if finds_regions else None
        levels = [str(i) for i in range(len(anchors))]
        self.roi_heads = Heads(
            MultiScaleRoIAlign(levels, output_size=7, sampling_ratio=2),
            TwoMLPHead(channels * 7 * 7, _HIDDEN),
            FastRCNNPredictor(_HIDDEN, classes + 1),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=256,
            positive_fraction=0.33,
            bbox_reg_weights=None,
            score_thresh=0.05,
            nms_thresh=0.5,
            detections_per_img=100,
        )
        if masks:
            self.roi_heads.masks_learned = _MASKS_LEARNED
            self.roi_heads.mask_roi_pool = MultiScaleRoIAlign(
                levels, output_size=14, sampling_ratio=2
            )
            self.roi_heads.mask_head = MaskRCNNHeads(channels, _MASK_LAYERS, 1)
            self.roi_heads.mask_predictor = MaskRCNNPredictor(
                _MASK_LAYERS[-1], _MASK_LAYERS[-1], classes + 1
            )
            # Features are larger than those of a backbone whose batch norms are trained: the
            # usual start would be sure of everything, and wrong half of the time.
            nn.init.normal_(self.roi_heads.mask_predictor.mask_fcn_logits.weight, std=0.01)

    def set_limits(self, score: float, nms_iou: float, max_detections: int) -> None:
        """Which detections evaluation returns."""
        self.roi_heads.score_thresh = score
        self.roi_heads.nms_thresh = nms_iou
        self.roi_heads.detections_per_img = max_detections

    def forward(
        self,
        images: Sequence[Tensor],
        targets: Sequence[dict[str, Tensor]] | None = None,
        regions: Sequence[Tensor] = (),
    ) -> Any:
        batch = pad_batch(list(images))
        sizes = [(int(i.shape[1]), int(i.shape[2])) for i in images]
        features = self.backbone(normalise(batch))
        # torchvision counts the background as class 0.
        goals = None
        if targets is not None:
            goals = [{**t, "labels": t["labels"] + 1} for t in targets]
        if self.rpn is not None:
            proposals, losses = self.rpn(ImageList(batch, sizes), features, goals)
        else:
            proposals = list(regions) if targets is None else [t["regions"] for t in targets]
            losses = {}
        found, more = self.roi_heads(features, proposals, sizes, goals)
        if self.training:
            return {**losses, **more}
        return [{**f, "labels": f["labels"] - 1} for f in found]


class OneByOne(nn.Module):
    """A network that sees one picture (1, 3, H, W) in [0, 1], sides multiples of 32.

    Gives boxes (n, 4), scores (n,) and labels (n,) that count from 1, as torchvision's do.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        net = self.net
        if not isinstance(net, RcnnNet):
            (found,) = net([images[0] * 255])
            return found["boxes"], found["scores"], found["labels"] + 1
        sizes = [(int(images.shape[2]), int(images.shape[3]))]
        features = net.backbone(normalise(images * 255))
        proposals, _ = net.rpn(ImageList(images, sizes), features)
        (found,), _ = net.roi_heads(features, proposals, sizes)
        return found["boxes"], found["scores"], found["labels"]


def _region_network(channels: int, sizes: tuple[tuple[int, ...], ...], most: int) -> Proposals:
    """With anchors of these sides per level; `most` regions are found in evaluation."""
    anchors = AnchorGenerator(sizes, (_RATIOS,) * len(sizes))
    return Proposals(
        anchors,
        RPNHead(channels, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 1000, "testing": 1000},
        post_nms_top_n={"training": _PROPOSALS, "testing": most},
        nms_thresh=0.7,
    )


def _inside_ignored(boxes: Tensor, regions: Tensor) -> Tensor:
    """Which boxes (n, 4) lie at least half in one of the regions (m, 4)."""
    low = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inner = (high - low).clamp(min=0).prod(dim=2)
    inside: Tensor = (inner >= 0.5 * box_area(boxes).clamp(min=1e-6)[:, None]).any(dim=1)
    return inside


class Proposals(RegionProposalNetwork):  # type: ignore[misc]
    """The proposal network, which does not learn that ignored regions are background."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        for label, anchor, target in zip(labels, anchors, targets, strict=True):
            if len(target["ignore"]):
                label[(label == 0) & _inside_ignored(anchor, target["ignore"])] = -1
        return labels, boxes


class Heads(RoIHeads):  # type: ignore[misc]
    """The heads for boxes and masks, which do not learn that ignored regions are background.

    Of each picture they learn at most `masks_learned` masks at once, drawn by chance: a mask
    costs a hundred times what a box costs.
    """

    masks_learned = 128  # as published

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        if not (self.training and self.has_mask() and targets is not None):
            return super().forward(features, proposals, image_shapes, targets)  # type: ignore[no-any-return]
        chosen, matched, labels, goals = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(features, chosen, image_shapes)
        scores, moves = self.box_predictor(self.box_head(pooled))
        of_classes, of_boxes = fastrcnn_loss(scores, moves, labels, goals)
        drawn = [_some(torch.where(one > 0)[0], self.masks_learned) for one in labels]

        def picked(parts: list[Tensor]) -> list[Tensor]:
            return [part[places] for part, places in zip(parts, drawn, strict=True)]

        boxes = picked(chosen)
        pooled = self.mask_head(self.mask_roi_pool(features, boxes, image_shapes))
        of_masks = maskrcnn_loss(
            self.mask_predictor(pooled),
            boxes,
            [target["masks"] for target in targets],
            [target["labels"] for target in targets],
            picked(matched),
        )
        losses = {
            "loss_classifier": of_classes,
            "loss_box_reg": of_boxes,
            "loss_mask": of_masks,
        }
        return [], losses

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]] | None
    ) -> Any:
        if targets is not None:
            proposals = [
                p[~(_inside_ignored(p, t["ignore"]) & ~_near(p, t["boxes"]))]
                if len(t["ignore"])
                else p
                for p, t in zip(proposals, targets, strict=True)
            ]
        return super().select_training_samples(proposals, targets)


def _some(places: Tensor, most: int) -> Tensor:
    """At most so many of the places, by chance."""
    if len(places) <= most:
        return places
    return places[torch.randperm(len(places), device=places.device)[:most]]


def _near(boxes: Tensor, objects: Tensor) -> Tensor:
    """Which boxes (n, 4) would be matched to one of the objects (m, 4)."""
    if len(objects) == 0:
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    near: Tensor = box_iou(boxes, objects).max(dim=1).values >= 0.5
    return near
