"""classifier/simplecnn and classifier/efficientnet_lite0: exact, any picture, real data."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from visionstudio.api import Cancelled, ModelError, Sample, Target, TrainingError, WeightsError
from visionstudio_classifier.efficientnet import EfficientNetLite0
from visionstudio_classifier.learning import answers, figures
from visionstudio_classifier.network import SimpleCnnNet
from visionstudio_classifier.params import (
    ClassifierParams,
    EfficientNetTraining,
    SimpleCnnTraining,
)
from visionstudio_classifier.pretrained import centre_crop, imagenet_names
from visionstudio_classifier.simplecnn import SimpleCnn
from visionstudio_torch.weights import load_weights, read_info

PARAMS = ClassifierParams()


def digits() -> tuple[list[Sample], list[Sample]]:
    """scikit-learn's 1,797 digits, a fifth of them held out."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    images = (found.images * (255 / 16)).round().astype(np.uint8)
    samples = [
        Sample(np.repeat(image[..., None], 3, axis=2), Target(label=int(label)), str(i))
        for i, (image, label) in enumerate(zip(images, found.target, strict=True))
    ]
    order = np.random.default_rng(0).permutation(len(samples))
    return [samples[i] for i in order[360:]], [samples[i] for i in order[:360]]


def stripes(count: int = 24, size: int = 40) -> list[Sample]:
    """Pictures of two classes: stripes across and stripes down, in colour."""
    rng = np.random.default_rng(1)
    samples = []
    for i in range(count):
        wave = 127 + 100 * np.sin(np.arange(size) / rng.uniform(1.5, 3) + rng.uniform(0, 6))
        image = np.broadcast_to(wave[:, None] if i % 2 else wave, (size, size))
        tint = rng.uniform(0.6, 1, 3)
        samples.append(Sample((image[..., None] * tint).astype(np.uint8), Target(label=i % 2), ""))
    return samples


def folder_samples(folder: Path) -> tuple[tuple[str, ...], list[Sample]]:
    classes = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir()))
    samples = [
        Sample(
            np.ascontiguousarray(cv2.imread(str(f))[..., ::-1]), Target(label=classes.index(c)), c
        )
        for c in classes
        for f in sorted((folder / c).iterdir())
    ]
    return classes, samples


def test_simplecnn_has_exactly_25578_parameters_and_takes_any_size() -> None:
    net = SimpleCnnNet(10, 3)
    assert sum(p.numel() for p in net.parameters()) == 25_578
    for size in ((32, 32), (28, 28), (64, 64), (31, 57), (8, 8), (5, 4)):
        assert net(torch.zeros(4, 3, *size)).shape == (4, 10)
    assert SimpleCnnNet(10, 1)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_simplecnn_learns_predicts_any_picture_and_keeps_its_facts(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    samples = stripes()
    ctx = train_context()
    data = memory_data(("across", "down"), samples[:16], samples[16:])
    result = SimpleCnn().train(data, SimpleCnnTraining(epochs=15, batch=8), ctx)
    assert result.metrics["accuracy"] == 1.0
    info = read_info(ctx.run_folder / "best.safetensors")
    assert info.classes == ("across", "down")
    assert info.class_ids == (1, 2)
    assert info.arch["channels"] == 3
    assert info.input_size == (40, 40)
    assert (ctx.run_folder / "last.ckpt").is_file()
    assert {"loss", "lr", "accuracy"} <= {name for _, m in ctx.metrics for name in m}

    model = SimpleCnn()
    model.load(PARAMS, ctx.run_folder / "best.safetensors", ctx)
    frames = [np.zeros((h, w, 3), np.uint8) for h, w in ((1, 1), (300, 17), (40, 40))]
    found = model.predict([samples[16].image, samples[17].image, *frames], PARAMS, ctx)
    assert [r.labels[0] for r in found[:2]] == ["across", "down"]
    assert all(math.isclose(float(r.scores.sum()), 1, rel_tol=1e-5) for r in found)
    assert model.predict([], PARAMS, ctx) == []


def test_grey_pictures_are_learned_with_one_channel(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    train, val = digits()
    ctx = train_context()
    data = memory_data(tuple("0123456789"), train[:200], val[:50])
    SimpleCnn().train(data, SimpleCnnTraining(epochs=1), ctx)
    state, info = load_weights(ctx.run_folder / "best.safetensors", "classifier/simplecnn")
    assert info.arch["channels"] == 1
    assert state["features.0.weight"].shape == (16, 1, 3, 3)


def test_training_is_repeatable_stops_and_cancels(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    data = memory_data(("across", "down"), stripes(), stripes())

    def weights(name: str, **settings: Any) -> dict[str, torch.Tensor]:
        ctx = train_context(name, **settings)
        SimpleCnn().train(data, SimpleCnnTraining(epochs=3, batch=8), ctx)
        return load_weights(ctx.run_folder / "best.safetensors", "classifier/simplecnn")[0]

    first, second, other = weights("a", seed=5), weights("b", seed=5), weights("c", seed=6)
    assert all(torch.equal(first[n], second[n]) for n in first)
    assert not all(torch.equal(first[n], other[n]) for n in first)
    assert weights("stopped", stop_at=2)  # the best so far is kept
    with pytest.raises(Cancelled):
        SimpleCnn().train(data, SimpleCnnTraining(epochs=50), train_context("x", cancel_at=3))


def test_untagged_pictures_are_left_out_and_too_little_is_refused(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    tagged = stripes(8)
    untagged = [Sample(s.image, Target(), "untagged") for s in stripes(4)]
    params = SimpleCnnTraining(epochs=1, batch=4)
    SimpleCnn().train(memory_data(("a", "b"), tagged + untagged, []), params, train_context("a"))
    with pytest.raises(TrainingError, match="no training picture has a tag"):
        SimpleCnn().train(memory_data(("a", "b"), untagged, []), params, train_context("b"))
    for model, options in ((SimpleCnn(), params), (EfficientNetLite0(), EfficientNetTraining())):
        with pytest.raises(TrainingError, match="at least two classes"):
            model.train(memory_data(("a",), tagged, []), options, train_context("c"))


def test_going_on_from_weights_with_other_classes_keeps_the_convolutions(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    first = train_context("first")
    SimpleCnn().train(memory_data(("a", "b"), stripes(), []), SimpleCnnTraining(epochs=2), first)
    start = first.run_folder / "best.safetensors"
    again = train_context("again")
    params = SimpleCnnTraining(epochs=1, weights=str(start), freeze=True)
    SimpleCnn().train(memory_data(("a", "b", "c"), stripes(), []), params, again)
    old, _ = load_weights(start, "classifier/simplecnn")
    new, _ = load_weights(again.run_folder / "best.safetensors", "classifier/simplecnn")
    assert torch.equal(old["features.0.weight"], new["features.0.weight"])
    assert new["head.weight"].shape[0] == 3


def test_without_weights_or_with_wrong_ones_it_says_so(
    train_context: Callable[..., Any], tmp_path: Path
) -> None:
    ctx = train_context()
    with pytest.raises(WeightsError, match="not been trained"):
        SimpleCnn().load(PARAMS, None, ctx)
    with pytest.raises(WeightsError, match="does not exist"):
        SimpleCnn().load(PARAMS, tmp_path / "none.safetensors", ctx)
    with pytest.raises(WeightsError, match="not loaded"):
        SimpleCnn().predict([np.zeros((4, 4, 3), np.uint8)], PARAMS, ctx)


def test_answers_are_ordered_limited_and_never_nan() -> None:
    found = answers(torch.tensor([[0.0, 2.0, 1.0]]), ("a", "b", "c"), ClassifierParams(top=2))
    assert found[0].labels == ("b", "c")
    with pytest.raises(ModelError, match="not numbers"):
        answers(torch.full((1, 3), torch.nan), ("a", "b", "c"), PARAMS)


def test_figures_by_hand() -> None:
    logits = torch.eye(7)[[0, 1, 2, 3]] * 5
    result = figures(logits, np.array([0, 1, 2, 6]))
    assert result["accuracy"] == pytest.approx(0.75)
    assert figures(logits, np.zeros(0, np.int64)) == {}


def test_efficientnet_names_photographs_out_of_the_box(train_context: Callable[..., Any]) -> None:
    from visionstudio.app.sample_pictures import photographs

    assert len(imagenet_names()) == 1000
    ctx = train_context()
    model = EfficientNetLite0()
    model.load(PARAMS, None, ctx)
    pictures = photographs()
    results = model.predict(list(pictures.values()), PARAMS, ctx)
    found = dict(zip(pictures, results, strict=True))
    assert "cat" in found["cat"].labels[0]
    assert found["coffee"].labels[0] == "espresso"
    assert found["motorcycle"].labels[0] == "moped"
    assert found["photographer"].labels[0] == "tripod"
    assert all(len(r.labels) == 5 for r in results)


def test_the_centre_crop_shows_the_middle_of_any_picture() -> None:
    image = np.zeros((400, 1000, 3), np.uint8)
    image[:, 400:600] = 200
    crop = centre_crop(image, 224)
    assert crop.shape == (224, 224, 3)
    assert crop[112, 112, 0] == 200
    assert crop[112, 2, 0] == 0
    assert crop[112, -3, 0] == 0
    for size in ((1, 1), (3, 900), (900, 3)):
        assert centre_crop(np.zeros((*size, 3), np.uint8), 224).shape == (224, 224, 3)


@pytest.mark.parametrize("freeze", [True, False])
def test_efficientnet_trains_and_its_weights_are_whole(
    train_context: Callable[..., Any], memory_data: Callable[..., Any], freeze: bool
) -> None:
    samples = stripes(12)
    ctx = train_context()
    data = memory_data(("across", "down"), samples[:8], samples[8:])
    params = EfficientNetTraining(epochs=3, batch=4, image_size=64, freeze=freeze)
    result = EfficientNetLite0().train(data, params, ctx)
    assert 0 <= result.metrics["accuracy"] <= 1
    model = EfficientNetLite0()
    model.load(PARAMS, ctx.run_folder / "best.safetensors", ctx)
    found = model.predict([s.image for s in samples[8:]], PARAMS, ctx)
    right = np.mean([r.labels[0] == data.classes[i % 2] for i, r in enumerate(found)])
    assert right == pytest.approx(result.metrics["accuracy"])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_simplecnn_learns_digits(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    train, val = digits()
    data = memory_data(tuple("0123456789"), train, val)
    result = SimpleCnn().train(data, SimpleCnnTraining(epochs=20), train_context(threads=1))
    assert result.metrics["accuracy"] >= 0.97


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_simplecnn_learns_cifar(
    shared_data: Path, train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    classes, train = folder_samples(shared_data / "cifar10/train")
    _, val = folder_samples(shared_data / "cifar10/test")
    ctx = train_context(threads=1)
    result = SimpleCnn().train(memory_data(classes, train, val), SimpleCnnTraining(epochs=20), ctx)
    assert result.metrics["accuracy"] >= 0.54


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_efficientnet_head_learns_clothing(
    shared_data: Path, train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    classes, train = folder_samples(shared_data / "clothing/train")
    _, val = folder_samples(shared_data / "clothing/validation")
    assert (len(train), len(val)) == (160, 80)
    ctx = train_context(threads=1)
    result = EfficientNetLite0().train(
        memory_data(classes, train, val), EfficientNetTraining(), ctx
    )
    assert result.metrics["accuracy"] >= 0.62
