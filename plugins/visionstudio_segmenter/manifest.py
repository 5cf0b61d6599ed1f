"""What the segmenter plugin offers."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec
from visionstudio_segmenter.params import (
    DeepLabTrainParams,
    FcnTrainParams,
    SegmentParams,
    TorchvisionFcnTrainParams,
    UnetTrainParams,
)

MANIFEST = Manifest(
    name="segmenter",
    version="0.1.0",
    description="Says for every pixel what it belongs to",
    licence="Apache-2.0",
    models=(
        ModelSpec(
            id="segmenter/unet",
            task="segmenter",
            title="U-Net",
            description="Encoder and decoder with concatenating skips, on the built-in "
            "EfficientNet-Lite0 encoder or from scratch. Learns textures and outlines from a "
            "handful of labelled pictures in minutes on a CPU.",
            licence="Apache-2.0",
            factory="visionstudio_segmenter.unet:Unet",
            params=SegmentParams,
            train_params=UnetTrainParams,
            output="semantic",
        ),
        ModelSpec(
            id="segmenter/deeplabv3plus",
            task="segmenter",
            title="DeepLabv3+",
            description="Atrous convolutions at several rates see wide surroundings, a decoder "
            "with finer features draws the outline. On the built-in EfficientNet-Lite0 encoder; "
            "for objects whose surroundings tell what they are.",
            licence="Apache-2.0",
            factory="visionstudio_segmenter.deeplab:DeepLabV3Plus",
            params=SegmentParams,
            train_params=DeepLabTrainParams,
            output="semantic",
        ),
        ModelSpec(
            id="segmenter/fcn",
            task="segmenter",
            title="FCN-8s",
            description="Fully convolutional, with skips and learned upsampling on the built-in "
            "EfficientNet-Lite0 backbone. The simplest and quickest; outlines are coarse.",
            licence="Apache-2.0",
            factory="visionstudio_segmenter.fcn:Fcn",
            params=SegmentParams,
            train_params=FcnTrainParams,
            output="semantic",
        ),
        ModelSpec(
            id="segmenter/fcn-resnet50",
            task="segmenter",
            title="FCN ResNet-50",
            description="torchvision's fully convolutional network on a dilated ResNet-50. Loads "
            "its published weights (fcn_resnet50_coco, VOC's 20 classes, mIoU 60.5) when you have "
            "the file; large, best on a GPU.",
            licence="BSD-3-Clause",
            factory="visionstudio_segmenter.fcn:FcnResnet50",
            params=SegmentParams,
            train_params=TorchvisionFcnTrainParams,
            output="semantic",
            marks=(("classifier.0.weight", (512, 2048, 3, 3)), ("classifier.4.bias", (-1,))),
        ),
    ),
)
