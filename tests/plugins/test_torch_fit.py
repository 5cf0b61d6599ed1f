"""The training loop: learning, resuming bit for bit, budgets, stopping, errors."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visionstudio.api import Cancelled, InvalidValue, OutOfMemory, TrainingError
from visionstudio_segmenter.params import UnetTrainParams
from visionstudio_torch.fit import (
    BEST,
    Recipe,
    Settings,
    fit,
    parameter_groups,
    settings_of,
)
from visionstudio_torch.schedule import rate_factor
from visionstudio_torch.weights import WeightsInfo, load_weights

Context = Callable[..., Any]
INFO = WeightsInfo("classifier/line", ("a",), data_hash="d")


def _model() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.1), nn.Tanh(), nn.Linear(8, 1))


def _recipe(**changes: Any) -> Recipe[Any, Any, Any]:
    """Points in the plane; the first coordinate is to be told."""
    points = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)

    def augment(point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return point + rng.normal(0, 0.01, 2).astype(np.float32)

    def loss(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {"squares": ((model(batch) - batch[:, :1]) ** 2).mean()}

    def validate(model: nn.Module) -> dict[str, float]:
        batch = torch.from_numpy(points)
        return {"score": -float(((model(batch) - batch[:, :1]) ** 2).mean().detach())}

    recipe: Recipe[Any, Any, Any] = Recipe(
        items=list(points),
        augment=augment,
        collate=lambda examples: torch.from_numpy(np.stack(examples)),
        loss=loss,
        validate=validate,
        best="score",
        info=INFO,
    )
    return replace(recipe, **changes)


SETTINGS = Settings(epochs=6, lr=0.05, batch=4, ema=0.9, deterministic=True)
HARD = replace(SETTINGS, accumulate=2, batch=2, precision="bf16", schedule="cosine", clip=0.5)


def test_it_learns_and_leaves_weights(train_context: Context) -> None:
    ctx = train_context()
    model = _model()
    before = _recipe().validate(model.eval())["score"]
    result = fit(model, _recipe(), replace(SETTINGS, epochs=40), ctx)
    assert result.epochs == 40
    assert result.metrics["score"] > before / 5
    state, info = load_weights(ctx.run_folder / BEST, "classifier/line")
    assert set(state) == set(model.state_dict())
    assert info.metrics == result.metrics
    assert ctx.fractions == sorted(ctx.fractions)
    assert ctx.fractions[-1] == pytest.approx(1.0)
    steps = [s for s, m in ctx.metrics if "loss" in m]
    assert steps == sorted(steps)
    assert any("lr" in m for _, m in ctx.metrics)


@pytest.mark.parametrize("settings", [SETTINGS, HARD])
def test_resumed_training_equals_uninterrupted_training(
    train_context: Context, settings: Settings
) -> None:
    whole, parts = train_context("whole"), train_context("parts", stop_at=13)
    straight = _model()
    fit(straight, _recipe(), settings, whole)
    fit(_model(), _recipe(), settings, parts)
    assert (parts.run_folder / "last.ckpt").is_file()
    resumed = _model()
    torch.manual_seed(999)
    again = train_context("parts", resume=True)
    fit(resumed, _recipe(), settings, again)
    assert again.steps == 30 - 13
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    first, _ = load_weights(whole.run_folder / BEST, "classifier/line")
    second, _ = load_weights(parts.run_folder / BEST, "classifier/line")
    assert all(torch.equal(first[n], second[n]) for n in first)


def test_same_seed_same_weights_other_seed_other_weights(train_context: Context) -> None:
    ends = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        model = _model()
        fit(model, _recipe(), SETTINGS, train_context(name, seed=seed))
        ends.append(model[0].weight.detach().clone())
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_a_time_budget_is_kept_and_the_schedule_completed(train_context: Context) -> None:
    ctx = train_context(budget=1.5)
    result = fit(_model(), _recipe(), replace(SETTINGS, epochs=1_000_000), ctx)
    assert ctx.time_left() > -1.0
    assert result.epochs > 1
    # The rate is a function of this fraction, see `one_cycle`.
    assert ctx.fractions[-1] > 0.9


def test_stopping_keeps_the_best(train_context: Context) -> None:
    ctx = train_context(stop_at=3)
    result = fit(_model(), _recipe(), SETTINGS, ctx)
    assert ctx.steps == 3
    assert result.epochs == 1
    assert "score" in result.metrics
    assert (ctx.run_folder / BEST).is_file()


def test_cancelling_goes_through(train_context: Context) -> None:
    with pytest.raises(Cancelled):
        fit(_model(), _recipe(), SETTINGS, train_context(cancel_at=2))


def test_the_best_weights_are_kept_not_the_last(train_context: Context) -> None:
    scores = iter([0.2, 0.9, 0.1, 0.3, 0.2, 0.1, 0.0])
    ctx = train_context()
    result = fit(_model(), _recipe(validate=lambda _: {"score": next(scores)}), SETTINGS, ctx)
    assert result.metrics == {"score": 0.9}
    assert load_weights(ctx.run_folder / BEST, "classifier/line")[1].metrics == {"score": 0.9}


def test_without_validation_data_the_last_weights_are_kept(train_context: Context) -> None:
    ctx = train_context()
    model = _model()
    settings = replace(SETTINGS, ema=0.0)
    assert fit(model, _recipe(validate=lambda _: {}), settings, ctx).metrics == {}
    state, _ = load_weights(ctx.run_folder / BEST, "classifier/line")
    assert all(torch.equal(state[n], t) for n, t in model.state_dict().items())


def test_without_validation_data_weights_are_not_written_at_every_epoch(
    train_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr("visionstudio_torch.fit.save_weights", lambda *args: written.append(args))
    monkeypatch.setattr("visionstudio_torch.fit._CHECKPOINT_SECONDS", (1e9, 1e9))
    fit(_model(), _recipe(validate=lambda _: {}), SETTINGS, train_context())
    assert len(written) == 2  # of six epochs the first and the last


def test_a_loss_that_is_no_number_is_an_error_with_advice(train_context: Context) -> None:
    recipe = _recipe(loss=lambda model, batch: {"bad": model(batch).sum() * float("nan")})
    with pytest.raises(TrainingError, match=r"not a number.*lower the learning rate"):
        fit(_model(), recipe, SETTINGS, train_context())


def test_nothing_to_train_on(train_context: Context) -> None:
    with pytest.raises(TrainingError, match="no picture"):
        fit(_model(), _recipe(items=[]), SETTINGS, train_context())


def test_one_sample_fills_a_batch(train_context: Context) -> None:
    sizes = []

    def loss(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        sizes.append(len(batch))
        return {"loss": model(batch).square().mean()}

    recipe = _recipe(items=[np.zeros(2, np.float32)], loss=loss)
    fit(_model(), recipe, SETTINGS, train_context())
    assert sizes == [4] * 6


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_short_of_memory_a_step_is_computed_in_smaller_parts(
    train_context: Context, error: BaseException
) -> None:
    """A model that takes one example at a time ends where one ends that takes all four."""
    sizes: list[int] = []

    def loss(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        sizes.append(len(batch))
        torch.rand(3)  # what a failed try draws must not be missing afterwards
        if len(batch) > 1:
            raise error
        return {"squares": ((model(batch) - batch[:, :1]) ** 2).mean()}

    def whole_loss(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {"squares": ((model(batch) - batch[:, :1]) ** 2).mean()}

    small, large = _model(), _model()
    small[1].p = large[1].p = 0.0  # type: ignore[assignment]
    fit(small, _recipe(loss=loss), SETTINGS, train_context("small"))
    fit(large, _recipe(loss=whole_loss), SETTINGS, train_context("large"))
    assert sizes[:7] == [4, 2, 1, 1, 1, 1, 1]
    for name, tensor in large.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], tensor, atol=1e-5, rtol=1e-4)


def test_added_up_batches_equal_a_large_one(train_context: Context) -> None:
    one, added = _model(), _model()
    one[1].p = added[1].p = 0.0  # type: ignore[assignment]
    fit(one, _recipe(), SETTINGS, train_context("one"))
    fit(added, _recipe(), replace(SETTINGS, batch=1, accumulate=4), train_context("added"))
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(added.state_dict()[name], tensor, atol=1e-5, rtol=1e-4)


def test_it_ends_early_when_nothing_gets_better(train_context: Context) -> None:
    scores = iter([0.2, 0.9, 0.1, 0.9, 0.2, 0.1, 0.0])
    ctx = train_context()
    recipe = _recipe(validate=lambda _: {"score": next(scores)})
    result = fit(_model(), recipe, replace(SETTINGS, epochs=50, patience=3), ctx)
    assert result.epochs == 5
    assert result.metrics == {"score": 0.9}


def test_a_learning_rate_is_suggested(train_context: Context) -> None:
    ctx = train_context(find_lr=True)
    result = fit(_model(), _recipe(), replace(SETTINGS, epochs=1), ctx)
    assert 1e-3 < result.metrics["suggested_lr"] <= 0.5
    assert not (ctx.run_folder / BEST).exists()
    rates = [m["lr"] for _, m in ctx.metrics]
    assert rates == sorted(rates)
    flat = _recipe(loss=lambda model, batch: {"flat": model(batch).sum() * 0 + 1})
    with pytest.raises(TrainingError, match="falls at no learning rate"):
        fit(_model(), flat, SETTINGS, train_context(find_lr=True))


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_schedules_start_low_and_reach_the_rate(train_context: Context, schedule: str) -> None:
    factors = [rate_factor(schedule, p, 0.25) for p in np.linspace(0, 1, 101)]
    assert factors[0] < 0.05
    assert max(factors) == pytest.approx(1.0, abs=1e-3)
    assert factors[-1] == (1.0 if schedule == "constant" else pytest.approx(1e-4))
    assert rate_factor(schedule, 0.0, 0.0) == pytest.approx(1.0)


def test_what_cannot_be_asked_for(train_context: Context) -> None:
    for wrong, words in (({"precision": "fp16"}, "NVIDIA"), ({"schedule": "steps"}, "one-cycle")):
        with pytest.raises(InvalidValue, match=words):
            fit(_model(), _recipe(), replace(SETTINGS, **wrong), train_context())  # type: ignore[arg-type]


def test_common_parameters_become_settings() -> None:
    params = UnetTrainParams(lr=0.01, accumulate=3, patience=2, schedule="cosine")
    settings = settings_of(params, 7, batch=5)
    assert (settings.epochs, settings.batch, settings.lr) == (7, 5, 0.01)
    assert (settings.accumulate, settings.patience, settings.ema) == (3, 2, 0.98)


def test_full_memory_is_named(train_context: Context) -> None:
    def loss(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemory, match="batch size"):
        fit(_model(), _recipe(loss=loss), SETTINGS, train_context())


def test_a_checkpoint_of_another_run_is_refused(train_context: Context) -> None:
    fit(_model(), _recipe(), SETTINGS, train_context())
    with pytest.raises(TrainingError, match="another settings"):
        fit(_model(), _recipe(), replace(SETTINGS, lr=0.1), train_context(resume=True))
    other = _recipe(info=replace(INFO, data_hash="e"))
    with pytest.raises(TrainingError, match="another data"):
        fit(_model(), other, SETTINGS, train_context(resume=True))
    folder = train_context().run_folder
    (folder / "last.ckpt").write_bytes(b"junk")
    with pytest.raises(TrainingError, match="cannot be read"):
        fit(_model(), _recipe(), SETTINGS, train_context(resume=True))


def test_parameter_groups() -> None:
    settings = replace(SETTINGS, slow={"0.": 0.1}, weight_decay=0.5)
    groups = parameter_groups(_model(), settings)
    assert {(g["scale"], g["weight_decay"]): len(g["params"]) for g in groups} == {
        (0.1, 0.5): 1,
        (0.1, 0.0): 1,
        (1.0, 0.5): 1,
        (1.0, 0.0): 1,
    }


_TWO = """
    import importlib.util, sys, torch
    from dataclasses import replace
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("cases", sys.argv[1])
    cases = importlib.util.module_from_spec(spec); spec.loader.exec_module(cases)
    spec = importlib.util.spec_from_file_location("kit", sys.argv[2])
    kit = importlib.util.module_from_spec(spec); sys.modules["kit"] = kit
    spec.loader.exec_module(kit)
    ctx = kit.RecordingContext(Path(sys.argv[3]))
    model = cases._model(); model[1].p = 0.0
    cases.fit(model, cases._recipe(), cases.SETTINGS, ctx)
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path, train_context: Context) -> None:
    """Two gloo processes, each with half of every batch, end where one ends."""
    here = Path(__file__)
    alone = train_context("alone")
    model = _model()
    model[1].p = 0.0
    fit(model, _recipe(), SETTINGS, alone)
    script = tmp_path / "two.py"
    script.write_text(textwrap.dedent(_TWO), encoding="utf-8")
    run = tmp_path / "two"
    run.mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    arguments = [str(script), str(here), str(here.with_name("conftest.py")), str(run)]
    done = subprocess.run([*torchrun, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    first, _ = load_weights(alone.run_folder / BEST, "classifier/line")
    second, _ = load_weights(run / BEST, "classifier/line")
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], atol=1e-5, rtol=1e-4)
