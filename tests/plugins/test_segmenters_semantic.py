"""segmenter/deeplabv3plus, fcn and fcn-resnet50: any size, one crop a batch, learning, weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.models import segmentation

from tests.plugins.pictures import discs
from visionstudio.api import Sample, Target, TrainingError, WeightsError
from visionstudio.engine.weights import usable_weights
from visionstudio_segmenter import deeplab, fcn
from visionstudio_segmenter.deeplab import DeepLabV3Plus
from visionstudio_segmenter.fcn import Fcn, Fcn8, FcnResnet50, bilinear
from visionstudio_segmenter.network import SegmentationNet
from visionstudio_segmenter.params import (
    DeepLabTrainParams,
    FcnTrainParams,
    SegmentParams,
    SegmentTrainParams,
    TorchvisionFcnTrainParams,
)
from visionstudio_torch.weights import load_weights, read_info

NETS: dict[str, Callable[[], SegmentationNet]] = {
    "deeplab-16": lambda: deeplab.build(3, {"output_stride": 16}, False),
    "deeplab-8": lambda: deeplab.build(3, {"output_stride": 8}, False),
    "fcn": lambda: SegmentationNet(Fcn8(3, pretrained=False)),
    "fcn-resnet50": lambda: fcn._resnet50(3, {}, False),
}
SMALL: dict[type, SegmentTrainParams] = {
    DeepLabV3Plus: DeepLabTrainParams(epochs=1, batch=1, image_size=32),
    Fcn: FcnTrainParams(epochs=1, batch=1, image_size=32),
}


@pytest.mark.parametrize("name", NETS)
def test_output_has_the_size_of_the_input_and_one_crop_trains(name: str) -> None:
    net = NETS[name]().eval()
    for size in [(1, 1), (2, 77), (31, 33)]:
        with torch.no_grad():
            logits = net(torch.zeros(1, 3, *size, dtype=torch.uint8))
        assert logits.shape == (1, 3, *size)
        assert bool(torch.isfinite(logits).all())
    logits = net.train()(torch.randint(0, 255, (1, 3, 32, 32), dtype=torch.uint8))
    logits.square().mean().backward()
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in net.parameters())


def test_the_output_stride_is_what_was_asked_for() -> None:
    for stride in (8, 16):
        body: Any = deeplab.build(2, {"output_stride": stride}, True).body.eval()
        with torch.no_grad():
            assert body.encoder(torch.zeros(1, 3, 64, 96))[-1].shape[-2:] == (
                64 // stride,
                96 // stride,
            )


@pytest.mark.parametrize("factor", [2, 8])
def test_learned_upsampling_begins_as_interpolation(factor: int) -> None:
    x = torch.rand(1, 2, 5, 7)
    wanted = functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    found = bilinear(2, factor)(x)
    assert found.shape == wanted.shape
    edge = factor  # at the edge a convolution sees zeros, interpolation repeats
    inner = (..., slice(edge, -edge), slice(edge, -edge))
    torch.testing.assert_close(found[inner], wanted[inner])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [DeepLabV3Plus, Fcn])
def test_it_learns_discs(kind: type, train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("disc",), [discs(i) for i in range(6)], [discs(10), discs(11)])
    ctx = train_context()
    params = replace(SMALL[kind], epochs=15, batch=4, image_size=64)
    result = kind().train(data, params, ctx)
    assert result.metrics["IoU disc"] > 0.6
    model = kind()
    best = ctx.run_folder / "best.safetensors"
    model.load(SegmentParams(), best, ctx)
    sample = discs(12, 71, 131)
    (found,) = model.predict([sample.image], SegmentParams(), ctx)
    truth = sample.target.semantic == 1
    assert (truth & (found.labels == 1)).sum() > 0.5 * (truth | (found.labels == 1)).sum()
    other = Fcn() if kind is DeepLabV3Plus else DeepLabV3Plus()
    with pytest.raises(WeightsError, match=f"for {read_info(best).model}"):
        other.load(SegmentParams(), best, ctx)


@pytest.mark.parametrize("kind", SMALL)
def test_odd_data(kind: type, train_context: Callable[..., Any], memory_data: Any) -> None:
    tiny = Sample(np.zeros((1, 1, 3), np.uint8), Target(semantic=np.ones((1, 1), np.uint8)), "1x1")
    absent = Sample(discs(0).image, Target(semantic=np.zeros((96, 96), np.uint8)), "no object")
    ctx = train_context("odd")
    kind().train(memory_data(("a", "b"), [tiny, absent], [tiny]), SMALL[kind], ctx)
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)
    with pytest.raises(TrainingError, match="no pixel"):
        kind().train(memory_data(("a",), [absent]), SMALL[kind], ctx)
    bare = replace(SMALL[kind], weights="none", freeze=True)
    with pytest.raises(TrainingError, match="cannot be frozen"):
        kind().train(memory_data(("a",), [discs(0)]), bare, ctx)


def test_freezing_leaves_the_backbone_as_it_was(
    train_context: Callable[..., Any], memory_data: Any
) -> None:
    ctx = train_context()
    params = replace(SMALL[Fcn], freeze=True)
    Fcn().train(memory_data(("a",), [discs(0)]), params, ctx)
    state, _ = load_weights(ctx.run_folder / "best.safetensors", "segmenter/fcn")
    built_in = Fcn8(2).backbone.state_dict()
    stem = "conv_stem.weight"
    assert torch.equal(state[f"body.backbone.{stem}"], built_in[stem])


@pytest.mark.slow
def test_a_published_file_says_what_torchvision_says(
    tmp_path: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    torch.manual_seed(0)
    published = segmentation.fcn_resnet50(
        weights=None, weights_backbone=None, num_classes=21, aux_loss=True
    ).eval()
    path = tmp_path / "fcn_resnet50_coco.pth"
    torch.save(published.state_dict(), path)
    model, ctx = FcnResnet50(), train_context()
    model.load(SegmentParams(), usable_weights(path, "segmenter/fcn-resnet50"), ctx)
    frame = discs(1, 75, 61).image
    (found,) = model.predict([frame], SegmentParams(), ctx)
    assert found.classes[:2] == ("background", "aeroplane")
    assert len(found.classes) == 21
    x = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
    mean, std = torch.tensor([(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)])[..., None, None]
    with torch.no_grad():
        shares = published((x - mean) / std)["out"].softmax(dim=1)[0]
    assert found.confidence is not None
    np.testing.assert_allclose(found.confidence, shares.max(dim=0).values, atol=1e-4)
    assert (found.labels == shares.argmax(dim=0).numpy()).mean() > 0.99
    start = usable_weights(path, "segmenter/fcn-resnet50")
    params = TorchvisionFcnTrainParams(
        epochs=1, batch=1, image_size=32, weights=str(start), freeze=True
    )
    run = train_context("more")
    FcnResnet50().train(memory_data(("disc",), [discs(0, 32, 32)]), params, run)
    state, info = load_weights(run.run_folder / "best.safetensors", "segmenter/fcn-resnet50")
    assert info.std == (0.229, 0.224, 0.225)
    assert torch.equal(state["body.backbone.conv1.weight"], published.backbone.conv1.weight)
    with pytest.raises(TrainingError, match="come with the program"):
        FcnResnet50().train(
            memory_data(("disc",), [discs(0)]), replace(params, weights="builtin"), run
        )


def test_a_foreign_file_of_another_network_is_refused(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    path = tmp_path / "other.pth"
    torch.save({"a.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="no weights of this segmenter"):
        FcnResnet50().load(
            SegmentParams(), usable_weights(path, "segmenter/fcn-resnet50"), train_context()
        )
