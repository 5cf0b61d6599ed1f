"""torchvision's Faster R-CNNs: published files load and predict as there; training goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import detection

from tests.plugins.pictures import squares
from visionstudio.api import TrainingError, WeightsError
from visionstudio.engine.weights import usable_weights
from visionstudio_detector.faster_rcnn import FasterRcnnMobilenet
from visionstudio_detector.params import DetectParams, TorchvisionTrainParams
from visionstudio_torch.torchvision_rcnn import build
from visionstudio_torch.weights import read_info

PUBLISHED = {
    "mobilenet": detection.FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1,
    "resnet50": detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    "resnet50-v2": detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_sizes_are_those_that_torchvision_publishes(name: str) -> None:
    with torch.device("meta"):
        net = build(name, 90, frozen_norms=name != "resnet50-v2")
    assert sum(p.numel() for p in net.parameters()) == PUBLISHED[name].meta["num_params"]


def test_a_published_file_finds_what_torchvision_finds(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    torch.manual_seed(0)
    published = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=91
    ).eval()
    with torch.no_grad():  # an untrained head that is sure of something
        published.roi_heads.box_predictor.cls_score.bias[18] = 4
    path = tmp_path / "fasterrcnn.pth"
    torch.save(published.state_dict(), path)
    model, ctx = FasterRcnnMobilenet(), train_context()
    model.load(DetectParams(), usable_weights(path, "detector/faster-rcnn-mobilenet"), ctx)
    frame = np.ascontiguousarray(squares(3, 320).image)
    (found,) = model.predict([frame], DetectParams(), ctx)
    assert len(found.classes) == 90
    with torch.no_grad():
        (expected,) = published([torch.from_numpy(frame).permute(2, 0, 1).float() / 255])
    count = min(len(found.scores), len(expected["scores"]), 10)
    assert count > 3
    np.testing.assert_allclose(found.scores[:count], expected["scores"][:count], atol=1e-3)
    assert {found.classes[i] for i in found.indices[:count]} == {"dog"}  # COCO's 18th


def test_training_from_scratch_and_from_a_file(
    tmp_path: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    data = memory_data(("square", "disc"), [squares(i) for i in range(2)], [squares(9)])
    params = TorchvisionTrainParams(epochs=1, batch=2, image_size=64)
    ctx = train_context("scratch")
    FasterRcnnMobilenet().train(data, params, ctx)
    best = ctx.run_folder / "best.safetensors"
    assert read_info(best).classes == ("square", "disc")
    again = FasterRcnnMobilenet()
    again.load(DetectParams(), best, ctx)
    seen: list[tuple[int, ...]] = []
    assert again._net is not None
    again._net.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[-2:]))
    assert again.predict([squares(1).image], DetectParams(), ctx)[0].classes == ("square", "disc")
    assert [tuple(s) for s in seen] == [(64, 64)]  # in the size that it was trained in
    more = train_context("more")
    FasterRcnnMobilenet().train(
        data, TorchvisionTrainParams(epochs=1, batch=2, image_size=64, weights=str(best)), more
    )
    with pytest.raises(TrainingError, match="come with the program"):
        FasterRcnnMobilenet().train(
            data, TorchvisionTrainParams(epochs=1, weights="builtin"), train_context("none")
        )
    other = tmp_path / "other.safetensors"
    save_file({"a.weight": torch.zeros(3)}, other)
    with pytest.raises(WeightsError, match="no weights of this detector"):
        FasterRcnnMobilenet().load(DetectParams(), other, ctx)
