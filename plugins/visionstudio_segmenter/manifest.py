"""What the segmenter plugin offers."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec
from visionstudio_segmenter.params import (
    DeepLabTrainParams,
    FcnTrainParams,
    InstanceParams,
    MaskRcnnTrainParams,
    PromptParams,
    SegmentParams,
    TorchvisionFcnTrainParams,
    TorchvisionMaskRcnnTrainParams,
    UnetTrainParams,
)

_RCNN = (
    ("roi_heads.box_predictor.cls_score.weight", (-1, 1024)),
    ("backbone.body.layer4.2.conv3.weight", (2048, 512, 1, 1)),
)
_V2_BOX_HEAD = ("roi_heads.box_head.0.0.weight", (256, 256, 3, 3))
_V1_BOX_HEAD = ("roi_heads.box_head.fc6.weight", (1024, 12544))
_MASK_HEAD = ("roi_heads.mask_predictor.mask_fcn_logits.weight", (-1, 256, 1, 1))

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
        ModelSpec(
            id="segmenter/mask-rcnn",
            task="segmenter",
            title="Mask R-CNN",
            description="Finds every object and its own mask, touching ones too: Faster R-CNN "
            "with a mask head on the built-in EfficientNet-Lite0 backbone and a feature pyramid. "
            "Learns from a few dozen labelled pictures in minutes on a CPU.",
            licence="Apache-2.0",
            factory="visionstudio_segmenter.mask_rcnn:MaskRcnn",
            params=InstanceParams,
            train_params=MaskRcnnTrainParams,
            output="masks",
        ),
        ModelSpec(
            id="segmenter/mask-rcnn-resnet50",
            task="segmenter",
            title="Mask R-CNN ResNet-50",
            description="torchvision's on ResNet-50. Loads its published weights "
            "(maskrcnn_resnet50_fpn, COCO box AP 37.9, mask AP 34.6) when you have the file; "
            "large, best on a GPU.",
            licence="BSD-3-Clause",
            factory="visionstudio_segmenter.mask_rcnn:MaskRcnnResnet50",
            params=InstanceParams,
            train_params=TorchvisionMaskRcnnTrainParams,
            output="masks",
            marks=(*_RCNN, _V1_BOX_HEAD, _MASK_HEAD),
        ),
        ModelSpec(
            id="segmenter/mask-rcnn-resnet50-v2",
            task="segmenter",
            title="Mask R-CNN ResNet-50 v2",
            description="torchvision's on ResNet-50 with its later training recipe. Loads its "
            "published weights (maskrcnn_resnet50_fpn_v2, COCO box AP 47.4, mask AP 41.8) when "
            "you have the file; large, best on a GPU.",
            licence="BSD-3-Clause",
            factory="visionstudio_segmenter.mask_rcnn:MaskRcnnResnet50V2",
            params=InstanceParams,
            train_params=TorchvisionMaskRcnnTrainParams,
            output="masks",
            marks=(*_RCNN, _V2_BOX_HEAD, _MASK_HEAD),
        ),
        ModelSpec(
            id="segmenter/prompt",
            task="segmenter",
            title="Points and boxes",
            description="Finds the object that a click or a box means. Works at once by grabCut "
            "and the watershed of edges; with the ONNX files of a SAM-family encoder and decoder "
            "by that network.",
            licence="Apache-2.0",
            factory="visionstudio_segmenter.prompt:PromptModel",
            params=PromptParams,
            output="masks",
            ready=True,
        ),
    ),
)
