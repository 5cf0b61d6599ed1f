"""detector/faster-rcnn: learns, predicts any size, survives odd data, its weights fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.plugins.pictures import bccd, odd_samples, squares
from visionstudio.api import (
    ModelError,
    TrainingError,
    WeightsError,
    build,
)
from visionstudio_detector.examples import augmenter, load
from visionstudio_detector.faster_rcnn import FasterRcnn
from visionstudio_detector.manifest import MANIFEST
from visionstudio_detector.params import DetectParams, FasterRcnnTrainParams
from visionstudio_torch.found import FLOOR
from visionstudio_torch.metrics import Found, Truth, average_precision
from visionstudio_torch.rcnn import RcnnNet
from visionstudio_torch.transforms import Augmentation
from visionstudio_torch.weights import read_info

SMALL = FasterRcnnTrainParams(epochs=1, batch=2, image_size=64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained net of two classes, in a run's form."""
    from visionstudio_torch.weights import WeightsInfo, save_weights

    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    torch.manual_seed(0)
    net = RcnnNet(2)
    # Without training scores stay below the floor: push the second class above it.
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.bias[2] = 1.0
    info = WeightsInfo("detector/faster-rcnn", ("a", "b"), (1, 2), input_size=(64, 64))
    save_weights(path, net.state_dict(), info)
    return path


def test_size_and_parameters() -> None:
    net = RcnnNet(3, pretrained=False)
    count = sum(p.numel() for p in net.parameters())
    # The backbone's batch norms are frozen: their 4 numbers per channel are buffers.
    assert 4.5e6 < count < 4.8e6
    assert all(m.result_kind == "boxes" for m in MANIFEST.models)


@pytest.mark.slow
def test_it_learns_to_find_shapes(train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("square", "disc"), [squares(i) for i in range(8)], [squares(3), squares(5)])
    ctx = train_context()
    params = replace(SMALL, epochs=14, batch=4, image_size=96)
    result = FasterRcnn().train(data, params, ctx)
    assert result.epochs == 14
    assert result.metrics["AP50"] > 0.7
    info = read_info(ctx.run_folder / "best.safetensors")
    assert info.classes == ("square", "disc")
    assert info.input_size == (96, 96)
    assert info.params["lr"] == params.lr
    assert ctx.previews["validation"].shape[2] == 3

    model = FasterRcnn()
    model.load(DetectParams(), ctx.run_folder / "best.safetensors", ctx)
    truths, found = [], []
    for sample in data.train:
        (one,) = model.predict([sample.image], DetectParams(), ctx)
        found.append(Found(one.boxes, one.indices, one.scores))
        count = len(sample.target.boxes)
        truths.append(Truth(sample.target.boxes, sample.target.indices, np.zeros(count, bool)))
    assert np.nanmean(average_precision(truths, found, 2, [0.5])) > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 3), (37, 91), (480, 640), (1200, 900)])
def test_any_size_gives_boxes_inside(
    shape: tuple[int, int], trained: Path, train_context: Callable[..., Any]
) -> None:
    model, ctx = FasterRcnn(), train_context()
    model.load(DetectParams(), trained, ctx)
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (*shape, 3), np.uint8)
    frame.flags.writeable = False
    (found,) = model.predict([frame], DetectParams(), ctx)
    assert found.classes == ("a", "b")
    inside = found.within(*shape)
    np.testing.assert_array_equal(inside.boxes, found.boxes)
    assert (found.scores >= FLOOR).all()


def test_prediction_parameters(trained: Path, train_context: Callable[..., Any]) -> None:
    model, ctx = FasterRcnn(), train_context()
    model.load(DetectParams(), trained, ctx)
    frame = squares(0, 128).image

    def count(**values: Any) -> int:
        (found,) = model.predict([frame], build(DetectParams, values), ctx)
        return len(found.boxes)

    assert count() > 5
    assert count(max_detections=3) == 3
    assert count(nms_iou=0.9, max_detections=1000) > count(nms_iou=0.1, max_detections=1000)
    # The threshold filters what is shown, not what is predicted.
    assert count(threshold=1.0) == count()


def test_a_picture_gives_the_same_alone_and_among_others(
    trained: Path, train_context: Callable[..., Any]
) -> None:
    model, ctx = FasterRcnn(), train_context()
    model.load(DetectParams(), trained, ctx)
    frames = [squares(1, 96).image, squares(2, 200).image[:100], squares(3, 96).image]
    together = model.predict(frames, DetectParams(), ctx)
    for frame, one in zip(frames, together, strict=True):
        (alone,) = model.predict([frame], DetectParams(), ctx)
        np.testing.assert_allclose(alone.boxes, one.boxes, atol=1e-2)
        np.testing.assert_allclose(alone.scores, one.scores, atol=1e-4)


def test_odd_training_data(train_context: Callable[..., Any], memory_data: Any) -> None:
    ctx, odd = train_context(), odd_samples()
    result = FasterRcnn().train(memory_data(("a",), odd, odd), SMALL, ctx)
    assert result.epochs == 1
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)


def test_one_picture_and_no_validation(train_context: Callable[..., Any], memory_data: Any) -> None:
    ctx = train_context()
    assert FasterRcnn().train(memory_data(("a", "b"), [squares(0)]), SMALL, ctx).metrics == {}
    model = FasterRcnn()
    model.load(DetectParams(), ctx.run_folder / "best.safetensors", ctx)
    assert len(model.predict([squares(0).image], DetectParams(), ctx)) == 1


def test_crowds_are_no_background() -> None:
    """Anchors inside an ignored region are left out of the proposal network's targets."""
    net = RcnnNet(1, pretrained=False)
    anchors = [torch.tensor([[0.0, 0, 20, 20], [40, 40, 60, 60], [80, 80, 99, 99]])]
    target = {
        "boxes": torch.tensor([[80.0, 80, 99, 99]]),
        "labels": torch.tensor([1]),
        "ignore": torch.tensor([[30.0, 30, 70, 70]]),
    }
    labels, _ = net.rpn.assign_targets_to_anchors(anchors, [target])
    assert labels[0].tolist() == [0.0, -1.0, 1.0]


def test_examples_keep_boxes_on_their_objects() -> None:
    how = Augmentation(flip_x=True, flip_y=True, scale=0.2, brightness=0.05)
    item = load(squares(4, 96, classes=1), 128)
    augment = augmenter(how)
    for seed in range(6):
        image, target = augment(item, np.random.default_rng(seed))
        assert target["boxes"].dtype == torch.float32
        for x1, y1, x2, y2 in target["boxes"].round().int().tolist():
            inner = image[:, y1 + 3 : y2 - 3, x1 + 3 : x2 - 3]
            assert inner.numel() == 0 or float(inner.float().mean()) > 200


def test_resuming_is_bit_exact(train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("a", "b"), [squares(i, 64) for i in range(4)])
    params = replace(SMALL, epochs=2)
    whole, parts = train_context("whole"), train_context("parts", stop_at=2)
    FasterRcnn().train(data, params, whole)
    FasterRcnn().train(data, params, parts)
    FasterRcnn().train(data, params, train_context("parts", resume=True))
    states = [
        torch.load(c.run_folder / "last.ckpt", weights_only=True)["model"] for c in (whole, parts)
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_weights_choices(
    trained: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    data = memory_data(("x", "y", "z"), [squares(0, 64)])
    for name, changes in {
        "scratch": {"weights": "none"},
        "file": {"weights": str(trained)},
        "frozen": {"freeze": True},
    }.items():
        ctx = train_context(name)
        FasterRcnn().train(data, replace(SMALL, **changes), ctx)
        assert read_info(ctx.run_folder / "best.safetensors").classes == ("x", "y", "z")
    with pytest.raises(WeightsError, match="does not exist"):
        FasterRcnn().train(data, replace(SMALL, weights="missing.safetensors"), train_context())


def test_errors_say_what_to_do(
    tmp_path: Path, trained: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    model, ctx = FasterRcnn(), train_context()
    with pytest.raises(WeightsError, match="train it"):
        model.load(DetectParams(), None, ctx)
    with pytest.raises(ModelError, match="not loaded"):
        model.predict([squares(0).image], DetectParams(), ctx)
    with pytest.raises(TrainingError, match="no class"):
        model.train(memory_data((), [squares(0)]), SMALL, ctx)
    other = tmp_path / "unet.safetensors"
    from visionstudio_torch.weights import load_weights, save_weights

    state, info = load_weights(trained, "detector/faster-rcnn")
    save_weights(other, state, replace(info, model="segmenter/unet"))
    with pytest.raises(WeightsError, match="for segmenter/unet"):
        model.load(DetectParams(), other, ctx)
    save_weights(other, state, replace(info, classes=("a", "b", "c")))
    with pytest.raises(WeightsError, match="do not fit"):
        model.load(DetectParams(), other, ctx)


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.shared_data
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("limit", "epochs", "floor"), [(None, 2, 0.80), (20, 20, 0.75)])
def test_blood_cells(
    limit: int | None,
    epochs: int,
    floor: float,
    shared_data: Path,
    train_context: Callable[..., Any],
    memory_data: Any,
) -> None:
    """The held-out fifth, from all pictures and from twenty. `benchmarks/learning.py` has times."""
    samples = bccd(shared_data)
    order = np.random.default_rng(0).permutation(len(samples))
    held = len(samples) // 5
    val = [samples[i] for i in order[:held]]
    train = [samples[i] for i in order[held:]][:limit]
    data = memory_data(("RBC", "WBC", "Platelets"), train, val)
    params = FasterRcnnTrainParams(epochs=epochs)
    result = FasterRcnn().train(data, params, train_context(threads=2))
    assert result.metrics["AP50"] >= floor
