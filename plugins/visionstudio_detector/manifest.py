"""What the detector plugin offers."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec
from visionstudio_detector.params import DetectParams, FasterRcnnTrainParams

MANIFEST = Manifest(
    name="detector",
    version="0.1.0",
    description="Finds objects and puts boxes around them",
    licence="Apache-2.0",
    models=(
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
    ),
)
