"""What the detector plugin offers."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec, WeightsSpec
from visionstudio_detector.params import (
    DetectParams,
    FasterRcnnTrainParams,
    FastRcnnTrainParams,
    GridTrainParams,
    OnnxParams,
    RcnnTrainParams,
    TorchvisionTrainParams,
)

_YOLOV5 = "One-stage detector on grids of anchors at strides 8, 16 and 32. Loads the public "
_YOLOV5 += (
    "checkpoints of its size; learns from many labelled pictures or goes on from a checkpoint."
)


def _yolov5(size: str, title: str, parameters: str, width: int) -> ModelSpec:
    # The small one is also the plain one.
    name = "detector/yolov5" if size == "s" else f"detector/yolov5-{size}"
    return ModelSpec(
        id=name,
        aliases=("detector/yolov5-s",) if size == "s" else (),
        task="detector",
        title=f"YOLOv5 {title}",
        description=f"{_YOLOV5} {parameters} million parameters.",
        licence="Apache-2.0",
        factory=f"visionstudio_detector.yolov5:YoloV5{size.upper()}",
        params=DetectParams,
        train_params=GridTrainParams,
        marks=(
            ("model.0.conv.weight", (width, 3, 6, 6)),
            ("model.24.m.2.bias", (-1,)),
            ("model.24.anchors", (3, 3, 2)),
        ),
    )


_RESNET = ("backbone.body.layer4.2.conv3.weight", (2048, 512, 1, 1))
_RCNN_MARKS: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "mobilenet": (("backbone.body.16.0.weight", (960, 160, 1, 1)),),
    "resnet50": (_RESNET, ("roi_heads.box_head.fc6.weight", (1024, 12544))),
    # Its box head begins with convolutions.
    "resnet50-v2": (_RESNET, ("roi_heads.box_head.0.0.weight", (256, 256, 3, 3))),
}


def _torchvision(name: str, title: str, file: str, mebibytes: float, ap: float) -> ModelSpec:
    return ModelSpec(
        id=f"detector/faster-rcnn-{name}",
        task="detector",
        title=f"Faster R-CNN {title}",
        description=f"torchvision's two-stage detector on {title}. Its COCO weights can be "
        "downloaded under Models…; large, best on a GPU.",
        licence="BSD-3-Clause",
        factory="visionstudio_detector.faster_rcnn:FasterRcnn"
        + {"mobilenet": "Mobilenet", "resnet50": "Resnet50", "resnet50-v2": "Resnet50V2"}[name],
        params=DetectParams,
        train_params=TorchvisionTrainParams,
        weights=(
            WeightsSpec(
                name=file,
                source=f"https://download.pytorch.org/models/{file}",
                bytes=round(mebibytes * 2**20),
                sha256=file.removesuffix(".pth").rsplit("-", 1)[1],
                licence="BSD-3-Clause",
                metric=f"COCO AP {ap}",
            ),
        ),
        marks=(("roi_heads.box_predictor.cls_score.weight", (-1, 1024)), *_RCNN_MARKS[name]),
    )


MANIFEST = Manifest(
    name="detector",
    version="0.1.0",
    description="Finds objects and puts boxes around them",
    licence="Apache-2.0",
    models=(
        ModelSpec(
            id="detector/rcnn",
            task="detector",
            title="R-CNN",
            description="Looks at each region that selective search proposes with the built-in "
            "EfficientNet-Lite0 and tells classes apart by support vector machines. The first of "
            "its family: slow, learns from few pictures.",
            licence="Apache-2.0",
            factory="visionstudio_detector.rcnn:Rcnn",
            params=DetectParams,
            train_params=RcnnTrainParams,
        ),
        ModelSpec(
            id="detector/fast-rcnn",
            task="detector",
            title="Fast R-CNN",
            description="Computes the built-in EfficientNet-Lite0's features once per picture and "
            "judges the regions that selective search proposes by their part of them.",
            licence="Apache-2.0",
            factory="visionstudio_detector.fast_rcnn:FastRcnn",
            params=DetectParams,
            train_params=FastRcnnTrainParams,
        ),
        ModelSpec(
            id="detector/faster-rcnn",
            task="detector",
            title="Faster R-CNN",
            description="Two-stage detector on the built-in EfficientNet-Lite0 backbone with a "
            "feature pyramid. Learns from a few dozen labelled pictures in minutes on a CPU.",
            licence="Apache-2.0",
            factory="visionstudio_detector.faster_rcnn:FasterRcnn",
            params=DetectParams,
            train_params=FasterRcnnTrainParams,
        ),
        _torchvision(
            "mobilenet",
            "MobileNetV3",
            "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
            74.239,
            22.8,
        ),
        _torchvision(
            "resnet50", "ResNet-50", "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 159.743, 37.0
        ),
        _torchvision(
            "resnet50-v2",
            "ResNet-50 v2",
            "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
            167.104,
            46.7,
        ),
        ModelSpec(
            id="detector/yolov3",
            task="detector",
            title="YOLOv3",
            description="One-stage detector on Darknet-53, 62 million parameters. Loads darknet's "
            "weights; learns from many labelled pictures or goes on from such a file.",
            licence="Apache-2.0",
            factory="visionstudio_detector.yolov3:YoloV3",
            params=DetectParams,
            train_params=GridTrainParams,
            files=(".weights",),
        ),
        _yolov5("n", "nano", "1.9", 16),
        _yolov5("s", "small", "7.2", 32),
        _yolov5("m", "medium", "21.2", 48),
        _yolov5("l", "large", "46.6", 64),
        _yolov5("x", "extra large", "86.7", 80),
        ModelSpec(
            id="detector/onnx",
            task="detector",
            title="ONNX detector",
            description="A detector that another program exported to ONNX: the YOLO family, SSD, "
            "DETR, FastestDet. What its outputs mean is found by their shapes.",
            licence="Apache-2.0",
            factory="visionstudio_detector.onnx_detector:OnnxDetector",
            params=OnnxParams,
            files=(".onnx",),
        ),
    ),
)
