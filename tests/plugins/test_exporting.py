"""Models for other programs: ONNX equal to torch, read again by detector/onnx; cards; refusals."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torchvision

from visionstudio.api import ModelError, build
from visionstudio.app.cli import run
from visionstudio.engine.discovery import discover
from visionstudio.engine.exporting import compare, export_model, write_onnx
from visionstudio.engine.implementations import find_spec, implementation
from visionstudio.engine.weights import read_header
from visionstudio_classifier.architectures import ARCHITECTURES
from visionstudio_classifier.network import SimpleCnnNet
from visionstudio_classifier.params import ClassifierParams
from visionstudio_detector.onnx_detector import OnnxDetector
from visionstudio_detector.params import DetectParams, OnnxParams
from visionstudio_detector.yolov5_network import YoloV5Net
from visionstudio_generator.dense_network import DenseGenerator
from visionstudio_generator.network import Generator, Layout
from visionstudio_torch.weights import WeightsInfo, save_weights

CLASSES = ("ant", "bee", "crab")


def stored(path: Path, model: str, net: torch.nn.Module, side: int, **facts: Any) -> Path:
    info = WeightsInfo(
        model,
        CLASSES,
        class_ids=(1, 2, 3),
        input_size=(side, side),
        data_hash="abc123",
        metrics={"accuracy": 0.75},
        params={"epochs": 3},
        **facts,
    )
    save_weights(path, net.state_dict(), info)
    return path


def loaded(model: str, weights: Path | None, ctx: Any) -> Any:
    info = discover().model(model)
    made = implementation(info.factory)()
    made.load(find_spec(info.manifest, info.id, info.plugin).params(), weights, ctx)
    return made


def small_cnn(folder: Path) -> Path:
    torch.manual_seed(0)
    net = SimpleCnnNet(3, 1)
    return stored(folder / "w.safetensors", "classifier/simplecnn", net, 32, arch={"channels": 1})


def nano(folder: Path) -> Path:
    torch.manual_seed(0)
    net = YoloV5Net(3, "n")
    for head in net.heads.m:
        head.bias.data.view(3, -1)[:, 4:] += 4  # some objects
    return stored(folder / "w.safetensors", "detector/yolov5-n", net, 128)


def test_a_classifier_is_what_it_was_with_a_card(
    tmp_path: Path, train_context: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = small_cnn(tmp_path), tmp_path / "new" / "digits.onnx"
    code = run(
        ["models", "export", "classifier/simplecnn", str(out), "--weights", str(weights), "--json"]
    )
    assert code == 0, capsys.readouterr().err
    session = onnxruntime.InferenceSession(str(out))
    assert session.get_modelmeta().custom_metadata_map["names"] == repr(dict(enumerate(CLASSES)))
    frame = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    model, ctx = loaded("classifier/simplecnn", weights, train_context()), train_context()
    (expected,) = model.predict([frame], ClassifierParams(), ctx)
    pictures = (frame.transpose(2, 0, 1)[None] / 255).astype(np.float32)
    (scores,) = session.run(None, {"images": np.concatenate([pictures, pictures])})
    assert scores.shape == (2, 3)
    np.testing.assert_allclose(np.sort(scores[0])[::-1], expected.scores, atol=1e-5)
    card = (out.parent / "digits.onnx.md").read_text(encoding="utf-8")
    for words in ("license: apache-2.0", "abc123", "1. bee", "accuracy | 0.7500", "epochs | 3",
                  "32 × 32 px", "difference between ONNX and torch"):  # fmt: skip
        assert words in card, words


def test_safetensors_stay_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, out = small_cnn(tmp_path), tmp_path / "given.safetensors"
    info = discover().model("classifier/simplecnn")
    made = export_model(info, weights, "safetensors", out)
    assert made.files == (out, tmp_path / "given.safetensors.md")
    assert read_header(out) == read_header(weights)
    assert "visionstudio predict" in made.files[1].read_text(encoding="utf-8")
    with pytest.raises(ModelError, match="no weights"):
        export_model(info, None, "safetensors", out)
    assert run(["models", "export", "classifier/simplecnn", str(out), "--format", "tf"]) == 1
    assert "onnx or safetensors" in capsys.readouterr().err


def test_an_exported_yolov5_finds_the_same_through_onnx(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    weights, out, ctx = nano(tmp_path), tmp_path / "nano.onnx", train_context()
    model = loaded("detector/yolov5-n", weights, ctx)
    frame = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    (expected,) = model.predict([frame], DetectParams(), ctx)
    what = model.export()
    write_onnx(what, out, "detector/yolov5-n")
    assert compare(what, out) < 1e-4
    again = OnnxDetector()
    again.load(OnnxParams(), out, ctx)
    (found,) = again.predict([frame], OnnxParams(), ctx)
    assert found.classes == expected.classes == CLASSES
    # Random numbers give many boxes of one score: which of them comes first may differ.
    assert len(found.scores) == len(expected.scores) > 0
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    np.testing.assert_allclose(found.boxes[0], expected.boxes[0], atol=2e-2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["detector/faster-rcnn", "detector/faster-rcnn-mobilenet"])
def test_an_exported_faster_rcnn_finds_the_same_through_onnx(
    tmp_path: Path, train_context: Callable[..., Any], model: str
) -> None:
    from visionstudio_torch.rcnn import RcnnNet
    from visionstudio_torch.torchvision_rcnn import build as build_published

    torch.manual_seed(1)
    ctx, out = train_context(), tmp_path / "rcnn.onnx"
    if model.endswith("mobilenet"):
        net: Any = build_published("mobilenet", 3, frozen_norms=True)
    else:
        net = RcnnNet(3, pretrained=True)
    weights = stored(tmp_path / "w.safetensors", model, net, 96)
    made = loaded(model, weights, ctx)
    what = made.export()
    assert what.input_size == (128, 128)
    write_onnx(what, out, model)
    assert compare(what, out) < 1e-4
    again = OnnxDetector()
    again.load(OnnxParams(), out, ctx)
    assert again.facts().classes == CLASSES
    frame = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    (found,) = again.predict([frame], OnnxParams(), ctx)
    with torch.inference_mode():
        picture = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
        scores = what.module(picture)[1]
    assert len(found.scores) == len(scores)
    np.testing.assert_allclose(np.sort(found.scores), np.sort(scores.numpy()), atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_exported_unet_gives_the_same_shares(
    tmp_path: Path, train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    from visionstudio.api.samples import TinyData

    info = discover().model("segmenter/unet")
    ctx = train_context()
    params = find_spec(info.manifest, info.id, info.plugin).train_params
    assert params is not None
    implementation(info.factory)().train(
        TinyData("semantic"), build(params, {"epochs": 1, "batch": 2, "image_size": 64}), ctx
    )
    out = tmp_path / "unet.onnx"
    made = export_model(info, ctx.run_folder / "best.safetensors", "onnx", out)
    assert made.difference is not None
    assert made.difference < 1e-4


def _timm(folder: Path) -> tuple[str, Path]:
    import timm

    net = timm.create_model("resnet10t", num_classes=3)
    facts = {"arch": {"network": "resnet10t"}}
    return "classifier/timm", stored(folder / "w.safetensors", "classifier/timm", net, 64, **facts)


def _of(model: str, folder: Path) -> Path:
    """Random weights of a bundled model, for three classes and small pictures."""
    from visionstudio_detector.yolov3 import FAMILY as YOLOV3
    from visionstudio_segmenter import deeplab, fcn, unet
    from visionstudio_torch import backbone

    torch.manual_seed(0)
    path, facts = folder / "w.safetensors", {}
    match model.split("/")[1]:
        case "timm":
            return _timm(folder)[1]
        case "efficientnet_lite0":
            net = backbone.classifier(3, pretrained=False)
        case "yolov3":
            net = YOLOV3.build(3)
        case "unet":
            net, facts = unet.build(4, {"encoder": "none"}, False), {"arch": {"encoder": "none"}}
        case "deeplabv3plus":
            net = deeplab.build(4, {}, False)
        case "fcn":
            net = fcn.SegmentationNet(fcn.Fcn8(4, pretrained=False))
        case "fcn-resnet50":
            net = fcn._resnet50(4, {}, False)
        case name:
            net = torchvision.models.get_model(name, weights=None, num_classes=3)
    return stored(path, model, net, 64, **facts)


ROWS = (
    *(f"classifier/{one.name}" for one in ARCHITECTURES),
    "classifier/efficientnet_lite0",
    "classifier/timm",
    "detector/yolov3",
    "segmenter/unet",
    "segmenter/deeplabv3plus",
    "segmenter/fcn",
    "segmenter/fcn-resnet50",
)


@pytest.mark.slow
@pytest.mark.parametrize("model", ROWS)
def test_every_network_is_the_same_as_onnx(
    model: str, tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    made = loaded(model, _of(model, tmp_path), train_context())
    what = made.export()
    if model.startswith("segmenter"):  # which take any size
        what = replace(what, input_size=(64, 64))
    out = tmp_path / "net.onnx"
    write_onnx(what, out, model)
    assert compare(what, out) <= 1e-4
    names = onnxruntime.InferenceSession(str(out)).get_modelmeta().custom_metadata_map["names"]
    assert set(CLASSES) <= set(ast.literal_eval(names).values())


@pytest.mark.parametrize("model", ["generator/gan", "generator/dcgan"])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_generator_draws_the_same_as_onnx(
    model: str, conditional: bool, tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    layout = Layout(side=16, channels=1, width=8, classes=3 if conditional else 1)
    torch.manual_seed(0)
    net = (Generator if model.endswith("dcgan") else DenseGenerator)(layout)
    info = WeightsInfo(
        model,
        CLASSES if conditional else (),
        arch={**asdict(layout), "conditional": conditional, "output": [16, 16]},
        input_size=(16, 16),
    )
    weights, out = tmp_path / "w.safetensors", tmp_path / "net.onnx"
    save_weights(weights, net.state_dict(), info)
    if conditional and model.endswith("dcgan"):
        export_model(discover().model(model), weights, "onnx", out)
        card = (tmp_path / "net.onnx.md").read_text(encoding="utf-8")
        assert "`noise`: float32 (N, 64), standard normal" in card
        assert "`class`: int64 (N,), 0 to 2" in card
    else:
        what = loaded(model, weights, train_context()).export()
        write_onnx(what, out, model)
        assert compare(what, out) <= 1e-4
    session = onnxruntime.InferenceSession(str(out))
    noise = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    given = {"noise": noise} | ({"class": np.array([2, 0])} if conditional else {})
    (pictures,) = session.run(None, given)
    labels = torch.tensor([2, 0] if conditional else [0, 0])
    with torch.inference_mode():
        expected = (net.eval()(torch.from_numpy(noise), labels).numpy() + 1) / 2
    np.testing.assert_allclose(pictures, np.repeat(expected, 3, axis=1), atol=1e-4)


@pytest.mark.parametrize("model", ["segmenter/mask-rcnn", "detector/fast-rcnn"])
def test_networks_that_have_no_such_form_say_why(
    model: str, tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    from visionstudio_torch.rcnn import RcnnNet

    masks = model.endswith("mask-rcnn")
    net = RcnnNet(3, pretrained=False, masks=masks, finds_regions=masks)
    weights = stored(tmp_path / "w.safetensors", model, net, 64)
    with pytest.raises(ModelError, match=r"cannot be written as ONNX") as caught:
        loaded(model, weights, train_context()).export()
    assert caught.value.next_step == "write it as safetensors"


def test_what_cannot_be_onnx_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no such form.*"):
        export_model(discover().model("tracker/kalman"), None, "onnx", tmp_path / "x.onnx")
    assert not list(tmp_path.glob("*"))
