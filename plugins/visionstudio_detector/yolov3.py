"""detector/yolov3; loads darknet's ``.weights`` and learns on its own."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from visionstudio_detector.darknet import SUFFIX, read_darknet
from visionstudio_detector.grid_detector import Build, Family, GridDetector
from visionstudio_detector.grid_loss import GridLoss, to_best_anchor
from visionstudio_detector.yolov3_network import YoloV3Net


def _read(path: Path, build: Build) -> dict[str, Tensor] | None:
    return read_darknet(path, build) if path.suffix.lower() == SUFFIX else None


def _classes_of(state: dict[str, Tensor]) -> int:
    """A head of 3 anchors gives 5 + classes numbers for each."""
    bias = state.get("head8.answer.bias")
    return 0 if bias is None or len(bias) % 3 else len(bias) // 3 - 5


FAMILY = Family(
    model="detector/yolov3",
    build=YoloV3Net,
    classes_of=_classes_of,
    # As in the paper: objectness is 1 where an anchor answers for an object, and boxes that
    # overlap an object by more than half without being its best count neither way.
    loss=GridLoss(to_best_anchor, balance=(1.0, 1.0, 1.0), by_overlap=False, spare=0.5),
    backbone=("stem.", "early.", "stage8.", "stage16.", "stage32."),
    side=416,
    pad=127,
    read=_read,
)


class YoloV3(GridDetector):
    """YOLOv3 on Darknet-53: 62 million parameters."""

    def __init__(self) -> None:
        super().__init__(FAMILY)
