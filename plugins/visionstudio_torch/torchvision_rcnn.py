"""torchvision's own Faster and Mask R-CNNs, with the tensor names of its published weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torchvision.models import detection
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from visionstudio_torch.backbone import freeze_batch_norm
from visionstudio_torch.rcnn import Heads, Proposals

BUILDERS = {
    "mobilenet": detection.fasterrcnn_mobilenet_v3_large_320_fpn,
    "resnet50": detection.fasterrcnn_resnet50_fpn,
    "resnet50-v2": detection.fasterrcnn_resnet50_fpn_v2,
}
MASK_BUILDERS = {
    "resnet50": detection.maskrcnn_resnet50_fpn,
    "resnet50-v2": detection.maskrcnn_resnet50_fpn_v2,
}
_HEAD = "roi_heads.box_predictor.cls_score.weight"
_COUNTED = "num_batches_tracked"
_RENAMED = (
    (re.compile(r"rpn\.head\.conv\.(weight|bias)\Z"), r"rpn.head.conv.0.0.\1"),
    (
        re.compile(r"backbone\.fpn\.(inner|layer)_blocks\.(\d+)\.(weight|bias)\Z"),
        r"backbone.fpn.\1_blocks.\2.0.\3",
    ),
    *(
        (re.compile(rf"roi_heads\.mask_head\.mask_fcn{i + 1}\."), f"roi_heads.mask_head.{i}.0.")
        for i in range(4)
    ),
)


class _AsTheyCome(GeneralizedRCNNTransform):  # type: ignore[misc]
    """torchvision's preparation of pictures that have the right size already."""

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target

    def postprocess(
        self,
        result: list[dict[str, Tensor]],
        image_shapes: list[tuple[int, int]],
        original_image_sizes: list[tuple[int, int]],
    ) -> list[dict[str, Tensor]]:
        return result


class TorchvisionNet(FasterRCNN):  # type: ignore[misc]
    """torchvision's network with the pictures, targets and results of `RcnnNet`."""

    def set_limits(self, score: float, nms_iou: float, max_detections: int) -> None:
        """Which detections evaluation returns."""
        self.roi_heads.score_thresh = score
        self.roi_heads.nms_thresh = nms_iou
        self.roi_heads.detections_per_img = max_detections

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]] | None = None
    ) -> Any:
        goals = None
        if targets is not None:
            # torchvision counts the background as class 0.
            goals = [{**t, "labels": t["labels"] + 1} for t in targets]
        found = super().forward([image.float() / 255 for image in images], goals)
        if self.training:
            return found
        return [{**f, "labels": f["labels"] - 1} for f in found]


def build(name: str, classes: int, *, frozen_norms: bool, masks: bool = False) -> TorchvisionNet:
    """A network without weights. Frozen batch norms are what published weights want."""
    net = (MASK_BUILDERS if masks else BUILDERS)[name](
        weights=None, weights_backbone=None, num_classes=classes + 1
    )
    if frozen_norms:
        freeze_batch_norm(net)
    if name == "resnet50" and frozen_norms:
        overwrite_eps(net, 0.0)  # as torchvision does for the weights it publishes
    net.transform.__class__ = _AsTheyCome
    # The same networks, with our treatment of crowds and our counting of classes.
    net.rpn.__class__ = Proposals
    net.roi_heads.__class__ = Heads
    net.__class__ = TorchvisionNet
    return net  # type: ignore[no-any-return]


def classes_of(state: Mapping[str, Tensor]) -> int:
    """How many classes a state dict is for, without the background; 0 if it is none of these."""
    head = state.get(_HEAD)
    return 0 if head is None else len(head) - 1


def has_frozen_norms(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict comes from a network whose batch norms were frozen."""
    return not any(name.endswith(_COUNTED) for name in state)


def tidy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict under the names of today's torchvision."""
    out = {}
    for name, tensor in state.items():
        for pattern, new in _RENAMED:
            name = pattern.sub(new, name)
        out[name] = tensor
    return out
