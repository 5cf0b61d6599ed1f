"""detector/faster-rcnn and its relatives from torchvision."""

from __future__ import annotations

from visionstudio_detector.examples import Item, augmenter, drawn, load
from visionstudio_detector.validation import box_validation
from visionstudio_torch.found import to_frame
from visionstudio_torch.two_stage import Task, TwoStage, built_in, torchvision_family

MODEL = "detector/faster-rcnn"
BOXES = Task(load, augmenter, drawn, to_frame, box_validation)
# About so many pictures reach most of what can be reached, in less than three minutes on two
# cores.
PICTURES = 940


class FasterRcnn(TwoStage[Item]):
    """On the built-in backbone."""

    def __init__(self) -> None:
        super().__init__(built_in(MODEL, PICTURES), BOXES)


class FasterRcnnMobilenet(TwoStage[Item]):
    """torchvision's on MobileNetV3-Large, made for a short side of 320."""

    def __init__(self) -> None:
        super().__init__(torchvision_family(f"{MODEL}-mobilenet", "mobilenet", 320), BOXES)


class FasterRcnnResnet50(TwoStage[Item]):
    """torchvision's on ResNet-50."""

    def __init__(self) -> None:
        super().__init__(torchvision_family(f"{MODEL}-resnet50", "resnet50", 800), BOXES)


class FasterRcnnResnet50V2(TwoStage[Item]):
    """torchvision's on ResNet-50 with its later training recipe."""

    def __init__(self) -> None:
        super().__init__(torchvision_family(f"{MODEL}-resnet50-v2", "resnet50-v2", 800), BOXES)
