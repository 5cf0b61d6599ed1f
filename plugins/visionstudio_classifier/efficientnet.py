"""classifier/efficientnet_lite0: ImageNet's names out of the box, yours from a few pictures."""

from __future__ import annotations

from visionstudio_classifier.pretrained import Family, ImageNetClassifier, Look
from visionstudio_torch import backbone


class EfficientNetLite0(ImageNetClassifier):
    """On the built-in weights."""

    def __init__(self) -> None:
        super().__init__(
            Family(
                model="classifier/efficientnet_lite0",
                build=lambda classes, _: backbone.classifier(classes, pretrained=False),
                look=lambda _: Look(mean=backbone.MEAN, std=backbone.STD),
                builtin=backbone.classifier,
            )
        )
