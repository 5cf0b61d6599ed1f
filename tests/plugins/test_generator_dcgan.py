"""generator/dcgan: any size, repeatable, honest about collapse, all digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from visionstudio.api import (
    Cancelled,
    GenerateRequest,
    InvalidValue,
    Sample,
    Target,
    TrainingError,
    WeightsError,
)
from visionstudio_generator.augment import diff_augment
from visionstudio_generator.dcgan import Dcgan, working_side
from visionstudio_generator.manifest import DcganTraining, DrawParams
from visionstudio_generator.monitor import Monitor, spread, too_alike
from visionstudio_generator.network import LATENT, Discriminator, Generator, Layout
from visionstudio_torch.weights import load_weights, read_info

PARAMS = DrawParams()
QUICK = DcganTraining(epochs=1, batch=8, width=8)


def squares(count: int = 16, height: int = 12, width: int = 12, *, tagged: bool = True) -> Any:
    """Colour pictures of a bright square, top left (class 0) or bottom right (class 1)."""
    rng = np.random.default_rng(0)
    samples = []
    for i in range(count):
        image = rng.integers(0, 60, (height, width, 3), np.uint8)
        at = slice(0, 6) if i % 2 == 0 else slice(-6, None)
        image[at, at] = rng.integers(180, 255, 3)
        samples.append(Sample(image, Target(label=i % 2 if tagged else None), str(i)))
    return samples


@pytest.mark.parametrize("side", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_networks_fit_every_power_of_two(side: int, channels: int) -> None:
    layout = Layout(side, channels, 8, 3)
    labels = torch.tensor([0, 2])
    drawn = Generator(layout)(torch.randn(2, LATENT), labels)
    assert drawn.shape == (2, channels, side, side)
    assert drawn.abs().max() <= 1
    assert Discriminator(layout)(drawn, labels).shape == (2,)


def test_the_working_side_is_a_power_of_two() -> None:
    assert [working_side(v, 0) for v in (8, 16, 17, 33, 1000)] == [16, 16, 32, 64, 64]
    assert [working_side(8, asked) for asked in (8, 16, 100, 256)] == [16, 16, 128, 256]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights after one epoch on twelve-pixel squares."""
    from tests.plugins.conftest import MemoryData, RecordingContext

    folder = tmp_path_factory.mktemp("gan")
    ctx = RecordingContext(folder)
    data = MemoryData(("left", "right"), squares())
    result = Dcgan().train(data, QUICK, ctx)
    assert {"diversity", "frechet"} <= set(result.metrics)
    assert ctx.previews["samples"].dtype == np.uint8
    names = {name for _, metrics in ctx.metrics for name in metrics}
    assert {"d_loss", "g_loss", "alike", "d_certainty", "diversity", "frechet"} <= names
    return folder / "best.safetensors"


def test_pictures_come_in_the_size_learned_with_their_class_and_seed(
    trained: Path, train_context: Callable[..., Any]
) -> None:
    ctx = train_context()
    model = Dcgan()
    model.load(PARAMS, trained, ctx)
    drawn = list(model.generate(GenerateRequest(70, seed=5), PARAMS, ctx))
    assert len(drawn) == 70
    assert {g.image.shape for g in drawn} == {(12, 12, 3)}
    assert [g.seed for g in drawn] == list(range(5, 75))
    assert {g.label for g in drawn} == {"left", "right"}
    again = list(model.generate(GenerateRequest(3, seed=9), PARAMS, ctx))
    assert [g.label for g in again] == [g.label for g in drawn[4:7]]
    for first, second in zip(again, drawn[4:7], strict=True):
        assert np.abs(first.image.astype(int) - second.image).max() <= 1
    asked = list(model.generate(GenerateRequest(4, label="right"), PARAMS, ctx))
    assert {g.label for g in asked} == {"right"}
    assert ctx.fractions[-1] == 1.0


def test_what_cannot_be_drawn_is_refused(trained: Path, train_context: Callable[..., Any]) -> None:
    ctx = train_context()
    model = Dcgan()
    with pytest.raises(WeightsError, match="not been trained"):
        model.load(PARAMS, None, ctx)
    with pytest.raises(WeightsError, match="not loaded"):
        next(model.generate(GenerateRequest(1), PARAMS, ctx))
    model.load(PARAMS, trained, ctx)
    with pytest.raises(InvalidValue, match="'middle'"):
        next(model.generate(GenerateRequest(1, label="middle"), PARAMS, ctx))
    with pytest.raises(InvalidValue, match="at least one"):
        next(model.generate(GenerateRequest(0), PARAMS, ctx))


@pytest.mark.slow
def test_pictures_without_tags_are_learned_without_classes(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    ctx = train_context()
    samples = squares(10, 40, 20, tagged=False)
    Dcgan().train(memory_data((), samples), QUICK, ctx)
    model = Dcgan()
    model.load(PARAMS, ctx.run_folder / "best.safetensors", ctx)
    drawn = next(model.generate(GenerateRequest(1), PARAMS, ctx))
    assert drawn.image.shape == (40, 20, 3)
    assert drawn.label == ""
    assert read_info(ctx.run_folder / "best.safetensors").classes == ()


def test_some_tags_make_a_class_that_cannot_be_asked_for(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    ctx = train_context()
    samples = squares(12) + squares(4, tagged=False)
    Dcgan().train(memory_data(("left", "right"), samples), QUICK, ctx)
    state, info = load_weights(ctx.run_folder / "best.safetensors", "generator/dcgan")
    assert len(state["classes.weight"]) == 3
    assert info.classes == ("left", "right")


def test_training_is_repeatable_resumes_stops_and_cancels(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    data = memory_data(("left", "right"), squares())

    def run(name: str, **settings: Any) -> dict[str, torch.Tensor]:
        ctx = train_context(name, **settings)
        Dcgan().train(data, DcganTraining(epochs=2, batch=8, width=8), ctx)
        return load_weights(ctx.run_folder / "best.safetensors", "generator/dcgan")[0]

    first, second = run("a", seed=1), run("b", seed=1)
    assert all(torch.equal(first[n], second[n]) for n in first)
    # Stopped after two of four steps, then resumed: the same as in one go.
    run("c", seed=1, stop_at=2)
    resumed = run("c", seed=1, resume=True)
    assert all(torch.equal(first[n], resumed[n]) for n in first)
    with pytest.raises(Cancelled):
        run("d", cancel_at=1)


def test_too_few_pictures_are_refused(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    with pytest.raises(TrainingError, match="at least 8"):
        Dcgan().train(memory_data((), squares(5)), QUICK, train_context())


def test_diff_augment_changes_pictures_and_lets_gradients_through() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(4, 3, 16, 16, requires_grad=True)
    changed = diff_augment(pictures, colour=True)
    assert changed.shape == pictures.shape
    assert not torch.equal(changed, pictures)
    changed.sum().backward()
    assert pictures.grad is not None
    assert torch.isfinite(pictures.grad).all()


def test_monitors_tell_collapse_from_variety() -> None:
    torch.manual_seed(0)
    real = torch.randn(200, 1, 16, 16)
    labels = torch.arange(200) % 2
    monitor = Monitor(real, labels)
    alike = monitor.figures(torch.randn(200, 1, 16, 16), labels)
    collapsed = monitor.figures(torch.randn(1, 1, 16, 16).expand(200, -1, -1, -1), labels)
    assert alike["diversity"] == pytest.approx(1, abs=0.05)
    assert collapsed["diversity"] < 0.01
    assert alike["frechet"] < 0.5 * collapsed["frechet"]


def test_spread_counts_pairs_of_one_class_only() -> None:
    pictures = torch.tensor([[0.0, 0.0], [3.0, 4.0], [100.0, 0.0]])
    labels = torch.tensor([0, 0, 1])
    assert float(spread(pictures, labels)) == pytest.approx(5.0)
    assert float(too_alike(pictures / 2, pictures, labels)) == pytest.approx(0.5)
    assert float(too_alike(pictures * 2, pictures, labels)) == 0.0
    assert float(too_alike(pictures[:1], pictures[:1], labels[:1])) == 0.0


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_digits_are_all_drawn_and_recognised(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    """A thousand samples judged by a classifier of 98 %: ten modes, KL to uniform below .1."""
    from sklearn.datasets import load_digits

    from visionstudio.app.demo import divergence_from_uniform
    from visionstudio_classifier.params import ClassifierParams, SimpleCnnTraining
    from visionstudio_classifier.simplecnn import SimpleCnn

    found: Any = load_digits()
    images = np.repeat((found.images * (255 / 16)).round().astype(np.uint8)[..., None], 3, axis=3)
    samples = [
        Sample(image, Target(label=int(label)), "")
        for image, label in zip(images, found.target, strict=True)
    ]
    order = np.random.default_rng(0).permutation(len(samples))
    train, val = [samples[i] for i in order[360:]], [samples[i] for i in order[:360]]
    data = memory_data(tuple("0123456789"), train, val)
    judged = train_context("judge", threads=1)
    assert SimpleCnn().train(data, SimpleCnnTraining(), judged).metrics["accuracy"] >= 0.98
    ctx = train_context("gan", threads=1)
    Dcgan().train(data, DcganTraining(epochs=22), ctx)

    model, judge = Dcgan(), SimpleCnn()
    model.load(PARAMS, ctx.run_folder / "best.safetensors", ctx)
    judge.load(ClassifierParams(), judged.run_folder / "best.safetensors", ctx)
    drawn = list(model.generate(GenerateRequest(1000), PARAMS, ctx))
    named = judge.predict([g.image for g in drawn], ClassifierParams(), ctx)
    counts = [sum(r.labels[0] == str(d) for r in named) for d in range(10)]
    assert min(counts) > 20
    assert divergence_from_uniform(counts) < 0.1
    right = np.mean([r.labels[0] == g.label for r, g in zip(named, drawn, strict=True)])
    assert right > 0.75
