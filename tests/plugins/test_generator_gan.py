"""generator/gan: small pictures of any side; the settings that both generators share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from visionstudio.api import GenerateRequest, Sample, Target, TrainingError, WeightsError
from visionstudio_generator.dcgan import Dcgan
from visionstudio_generator.dense_network import DenseDiscriminator, DenseGenerator
from visionstudio_generator.gan import Gan
from visionstudio_generator.manifest import DcganTraining, DrawParams, GanTraining
from visionstudio_generator.network import LATENT, Layout
from visionstudio_generator.training import Game
from visionstudio_torch.weights import load_weights

QUICK = GanTraining(epochs=2, batch=8, width=16)


def blobs(count: int, side: int) -> list[Sample]:
    """Grey pictures of a bright half, left (class 0) or right (class 1)."""
    rng = np.random.default_rng(0)
    samples = []
    for i in range(count):
        image = rng.integers(0, 30, (side, side, 1), np.uint8).repeat(3, axis=2)
        half = slice(0, side // 2) if i % 2 == 0 else slice(side // 2, None)
        image[:, half] = rng.integers(200, 255)
        samples.append(Sample(image, Target(label=i % 2), str(i)))
    return samples


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (7, 3), (64, 3)])
def test_networks_fit_every_side(side: int, channels: int) -> None:
    layout = Layout(side, channels, 16, 2)
    labels = torch.tensor([0, 1, 1])
    drawn = DenseGenerator(layout)(torch.randn(3, LATENT), labels)
    assert drawn.shape == (3, channels, side, side)
    assert drawn.abs().max() <= 1
    assert DenseDiscriminator(layout)(drawn, labels).shape == (3,)


@pytest.mark.parametrize("side", [8, 64])
def test_it_trains_and_draws(
    side: int, train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    ctx = train_context()
    data = memory_data(("left", "right"), blobs(16, side))
    result = Gan().train(data, QUICK, ctx)
    assert result.epochs == 2
    assert {"diversity", "frechet"} <= set(result.metrics)
    model = Gan()
    model.load(DrawParams(), ctx.run_folder / "best.safetensors", ctx)
    drawn = list(model.generate(GenerateRequest(3, seed=4, label="right"), DrawParams(), ctx))
    assert [g.image.shape for g in drawn] == [(side, side, 3)] * 3
    assert {g.label for g in drawn} == {"right"}
    with pytest.raises(WeightsError, match="for generator/gan"):
        Dcgan().load(DrawParams(), ctx.run_folder / "best.safetensors", ctx)


def test_what_it_draws_comes_near_what_it_sees(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    ctx = train_context()
    data = memory_data(("left", "right"), blobs(32, 8))
    Gan().train(data, replace(QUICK, epochs=150, batch=16, width=64, lr=0.001), ctx)
    model = Gan()
    model.load(DrawParams(), ctx.run_folder / "best.safetensors", ctx)
    for label, bright, dark in (
        ("left", slice(0, 4), slice(4, 8)),
        ("right", slice(4, 8), slice(4)),
    ):
        request = GenerateRequest(8, label=label)
        images = [g.image.astype(float) for g in model.generate(request, DrawParams(), ctx)]
        gap = np.mean([image[:, bright].mean() - image[:, dark].mean() for image in images])
        assert gap > 100


@pytest.mark.slow
def test_digits_of_a_kind_differ(
    train_context: Callable[..., Any], memory_data: Callable[..., Any]
) -> None:
    """As real ones do: no collapse to one picture of each class."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    images = np.repeat((found.images * (255 / 16)).round().astype(np.uint8)[..., None], 3, axis=3)
    samples = [
        Sample(image, Target(label=int(label)), "")
        for image, label in zip(images[:1200], found.target, strict=False)
    ]
    data = memory_data(tuple("0123456789"), samples)
    result = Gan().train(data, GanTraining(epochs=10), train_context())
    assert 0.6 < result.metrics["diversity"] < 1.4


def test_logits_that_are_far_off_still_have_gradients() -> None:
    """The published loss on sigmoids has none there: training would stand still."""
    game = Game(hinge=False, betas=(0.5, 0.999), generator_rate=1.0, spread=0.0)
    logits = torch.tensor([-120.0, 120.0], requires_grad=True)
    game.generator_loss(logits).backward()
    assert logits.grad is not None
    assert float(logits.grad[0]) == pytest.approx(-0.5)
    expected = torch.nn.functional.binary_cross_entropy_with_logits
    real, drawn = torch.randn(5), torch.randn(5)
    both = expected(real, torch.ones(5)) + expected(drawn, torch.zeros(5))
    torch.testing.assert_close(game.discriminator_loss(real, drawn), both)


@pytest.mark.parametrize(
    ("kind", "params"), [(Gan, QUICK), (Dcgan, DcganTraining(epochs=2, batch=8, width=8))]
)
def test_shared_settings(
    kind: Any,
    params: Any,
    train_context: Callable[..., Any],
    memory_data: Callable[..., Any],
) -> None:
    data = memory_data(("left", "right"), blobs(16, 8))
    half = train_context("half")
    kind().train(data, replace(params, precision="bf16", deterministic=True), half)
    assert all(np.isfinite(list(m.values())).all() for _, m in half.metrics)
    # Without an average the generator itself is kept.
    plain = train_context("plain")
    kind().train(data, replace(params, ema=0.0, epochs=1), plain)
    state, info = load_weights(plain.run_folder / "best.safetensors", kind()._family.model)
    last = torch.load(plain.run_folder / "last.ckpt", weights_only=True)["generator"]
    torch.testing.assert_close(state["last.weight"], last["last.weight"])
    assert info.params["ema"] == 0.0
    # A rate of next to nothing brings nothing better: it ends early.
    early = train_context("early")
    result = kind().train(
        data, replace(params, epochs=50, lr=1e-7, patience=2, deterministic=True), early
    )
    assert result.epochs < 50
    with pytest.raises(TrainingError, match="learning rate"):
        kind().train(data, params, train_context("rate", find_lr=True))
