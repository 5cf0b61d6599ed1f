"""detector/rcnn: regions are found and kept, it learns, goes on where it stopped, says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.plugins.pictures import bccd, odd_samples, squares
from visionstudio.api import ModelError, TrainingError, WeightsError
from visionstudio_detector import rcnn, selective_search
from visionstudio_detector.params import DetectParams, RcnnTrainParams
from visionstudio_detector.rcnn import Rcnn
from visionstudio_detector.rcnn_network import changed, changes_to
from visionstudio_detector.selective_search import propose
from visionstudio_torch.metrics import overlaps
from visionstudio_torch.weights import load_weights, read_info

SMALL = RcnnTrainParams(image_size=64)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' pictures are small; nothing is gained by looking at them enlarged."""
    monkeypatch.setattr(rcnn, "SIDE", 96)
    monkeypatch.setattr(selective_search, "SIDE", 96)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 3), (37, 91), (120, 160)])
def test_regions_lie_inside_and_hold_the_whole_picture(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    boxes = propose(image, "fast")
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= np.array(shape[::-1]) + 1e-3).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    np.testing.assert_allclose(boxes[0], [0, 0, shape[1], shape[0]], atol=1e-3)


def test_regions_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = squares(0).image
    first = propose(image, "fast", tmp_path)
    (file,) = tmp_path.rglob("*.npy")
    with monkeypatch.context() as patch:
        patch.setattr(selective_search, "_searched", lambda *_: pytest.fail("searched again"))
        np.testing.assert_array_equal(propose(image.copy(), "fast", tmp_path), first)
    file.write_bytes(b"damaged")
    np.testing.assert_array_equal(propose(image, "fast", tmp_path), first)
    assert len(propose(image, "quality", tmp_path)) > len(first)
    assert len(list(tmp_path.rglob("*.npy"))) == 2
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be", encoding="utf-8")
    np.testing.assert_array_equal(propose(image, "fast", blocked), first)


def test_changes_lead_from_box_to_goal() -> None:
    boxes = np.array([[10, 10, 30, 50], [0, 0, 5, 5]], float)
    goals = np.array([[12, 5, 28, 60], [1, 1, 9, 4]], float)
    made = changed(torch.from_numpy(boxes), torch.from_numpy(changes_to(boxes, goals)))
    np.testing.assert_allclose(made.numpy(), goals, atol=1e-4)


def test_it_learns_to_find_shapes(train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(
        ("square", "disc"), [squares(i) for i in range(8)], [squares(20), squares(21)]
    )
    ctx = train_context()
    result = Rcnn().train(data, SMALL, ctx)
    assert result.epochs == 1
    assert result.metrics["AP50"] > 0.8
    info = read_info(ctx.run_folder / "best.safetensors")
    assert (info.classes, info.input_size) == (("square", "disc"), (64, 64))
    assert ctx.previews["validation"].shape[2] == 3

    model = Rcnn()
    model.load(DetectParams(), ctx.run_folder / "best.safetensors", ctx)
    sample = squares(22)
    (found,) = model.predict([sample.image], DetectParams(), ctx)
    sure = found.above(0.5)
    overlap = overlaps(sample.target.boxes, sure.boxes)
    assert (overlap.max(axis=1) > 0.6).all()
    assert (sure.indices[overlap.argmax(axis=1)] == sample.target.indices).all()
    assert len(model.predict([np.zeros((1, 1, 3), np.uint8)], DetectParams(), ctx)) == 1


@pytest.mark.slow
def test_fine_tuned_features(train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("square", "disc"), [squares(i) for i in range(4)])
    ctx = train_context()
    result = Rcnn().train(data, replace(SMALL, freeze=False, epochs=1), ctx)
    assert result.metrics == {}
    path = ctx.run_folder / "best.safetensors"
    state, info = load_weights(path, "detector/rcnn")
    frozen = rcnn.CropNet(2, pretrained=True).state_dict()["cnn.conv_stem.weight"]
    assert not torch.equal(state["cnn.conv_stem.weight"], frozen)
    assert info.params["freeze"] is False
    again = train_context("again")
    Rcnn().train(data, replace(SMALL, weights=str(path)), again)
    other, _ = load_weights(again.run_folder / "best.safetensors", "detector/rcnn")
    assert torch.equal(other["cnn.conv_stem.weight"], state["cnn.conv_stem.weight"])


def test_it_goes_on_where_it_stopped(train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("square", "disc"), [squares(i) for i in range(4)])
    whole = train_context("whole")
    Rcnn().train(data, SMALL, whole)
    parts = train_context("parts")
    parts.should_stop = lambda: len(parts.metrics) >= 2  # pictures
    assert Rcnn().train(data, SMALL, parts).epochs == 1
    again = train_context("parts", resume=True)
    Rcnn().train(data, SMALL, again)
    assert [step for step, _ in again.metrics] == [3, 4]
    first, _ = load_weights(whole.run_folder / "best.safetensors", "detector/rcnn")
    second, _ = load_weights(again.run_folder / "best.safetensors", "detector/rcnn")
    for name in ("svm.weight", "boxes.weight"):
        assert first[name].shape == second[name].shape
    assert torch.equal(first["cnn.bn1.running_mean"], second["cnn.bn1.running_mean"])


@pytest.mark.slow
def test_odd_training_data(train_context: Callable[..., Any], memory_data: Any) -> None:
    odd = odd_samples()
    ctx = train_context()
    assert Rcnn().train(memory_data(("a", "b"), odd, odd), SMALL, ctx).epochs == 1
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)


def test_errors_say_what_to_do(
    train_context: Callable[..., Any], memory_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, ctx = Rcnn(), train_context()
    data = memory_data(("a",), [squares(0, classes=1)])
    with pytest.raises(WeightsError, match="train it"):
        model.load(DetectParams(), None, ctx)
    with pytest.raises(ModelError, match="not loaded"):
        model.predict([squares(0).image], DetectParams(), ctx)
    with pytest.raises(TrainingError, match="no class"):
        model.train(memory_data((), [squares(0)]), SMALL, ctx)
    with pytest.raises(TrainingError, match="no picture"):
        model.train(memory_data(("a",), []), SMALL, ctx)
    with pytest.raises(TrainingError, match="unfreeze"):
        model.train(data, replace(SMALL, weights="none"), ctx)
    with pytest.raises(TrainingError, match="rates"):
        model.train(data, SMALL, train_context("rate", find_lr=True))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="one process"):
        model.train(data, SMALL, ctx)


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.shared_data
def test_regions_of_blood_cells(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    hits, total = 0, 0
    for sample in bccd(shared_data)[::20]:
        overlap = overlaps(sample.target.boxes, propose(sample.image, "fast"))
        hits += int((overlap.max(axis=1) >= 0.5).sum())
        total += len(overlap)
    assert hits / total >= 0.88
