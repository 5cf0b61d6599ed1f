"""detector/yolov5 in its five sizes; loads the public checkpoints and learns on its own."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from visionstudio_detector.grid_detector import Family, GridDetector
from visionstudio_detector.grid_loss import GridLoss, to_near_cells
from visionstudio_detector.yolov5_network import BACKBONE, HEAD, YoloV5Net


def _classes_of(state: dict[str, Tensor]) -> int:
    """A head of 3 anchors gives 5 + classes numbers for each."""
    bias = state.get(f"{HEAD}.m.0.bias")
    return 0 if bias is None or len(bias) % 3 else len(bias) // 3 - 5


def _tidy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without what older releases stored beside the anchors."""
    return {n: t for n, t in state.items() if n != f"{HEAD}.anchor_grid"}


def _family(size: str, model: str) -> Family:
    return Family(
        model=model,
        build=partial(YoloV5Net, size=size),
        classes_of=_classes_of,
        loss=GridLoss(to_near_cells),
        backbone=BACKBONE,
        tidy=_tidy,
    )


class YoloV5N(GridDetector):
    """Nano: 1.9 million parameters."""

    def __init__(self) -> None:
        super().__init__(_family("n", "detector/yolov5-n"))


class YoloV5S(GridDetector):
    """Small: 7.2 million parameters."""

    def __init__(self) -> None:
        super().__init__(_family("s", "detector/yolov5"))


class YoloV5M(GridDetector):
    """Medium: 21.2 million parameters."""

    def __init__(self) -> None:
        super().__init__(_family("m", "detector/yolov5-m"))


class YoloV5L(GridDetector):
    """Large: 46.6 million parameters."""

    def __init__(self) -> None:
        super().__init__(_family("l", "detector/yolov5-l"))


class YoloV5X(GridDetector):
    """Extra large: 86.7 million parameters."""

    def __init__(self) -> None:
        super().__init__(_family("x", "detector/yolov5-x"))
