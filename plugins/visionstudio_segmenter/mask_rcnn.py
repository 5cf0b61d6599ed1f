"""segmenter/mask-rcnn (He et al., 2017) and its relatives from torchvision."""

from __future__ import annotations

from visionstudio_segmenter.instances import Item, augmenter, drawn, load, to_masks, validate
from visionstudio_torch.two_stage import Task, TwoStage, built_in, torchvision_family

MODEL = "segmenter/mask-rcnn"
_INSTANCES = Task(load, augmenter, drawn, to_masks, validate)
_PICTURES = 800  # in all, about four minutes on two cores


class MaskRcnn(TwoStage[Item]):
    """On the built-in backbone."""

    def __init__(self) -> None:
        super().__init__(built_in(MODEL, _PICTURES, masks=True), _INSTANCES)


class MaskRcnnResnet50(TwoStage[Item]):
    """torchvision's on ResNet-50."""

    def __init__(self) -> None:
        family = torchvision_family(f"{MODEL}-resnet50", "resnet50", 800, masks=True)
        super().__init__(family, _INSTANCES)


class MaskRcnnResnet50V2(TwoStage[Item]):
    """torchvision's on ResNet-50 with its later training recipe."""

    def __init__(self) -> None:
        family = torchvision_family(f"{MODEL}-resnet50-v2", "resnet50-v2", 800, masks=True)
        super().__init__(family, _INSTANCES)
