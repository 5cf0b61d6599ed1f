"""What the segmenter plugin offers."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec
from visionstudio_segmenter.params import SegmentParams, UnetTrainParams

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
    ),
)
