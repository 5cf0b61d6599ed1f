"""The training loop: a recipe to be read from top to bottom.

What is particular to a model comes in as functions of a `Recipe`; everything that all
trainings share stands in `fit`: devices and processes, the one-cycle schedule fitted into
the time budget, gradient clipping, averaged weights, validation, best weights,
checkpoints that resume bit for bit, progress, stopping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from visionstudio.api import TrainContext, TrainingError, TrainResult
from visionstudio_torch import checkpoint
from visionstudio_torch.data import Cached, batches
from visionstudio_torch.device import launch, memory_guard, torch_threads
from visionstudio_torch.schedule import Pace, one_cycle
from visionstudio_torch.weights import WeightsInfo, save_weights

BEST = "best.safetensors"
_REPORT_SECONDS = 0.5
_CHECKPOINT_SECONDS = (5.0, 60.0)  # at the ends of epochs; at the latest
_VALIDATE_SECONDS = 300.0  # at the latest, when epochs are long
_VALIDATION_SHARE = 0.15  # of the training time; rarer than each epoch when it costs more

L = TypeVar("L")
E = TypeVar("E")
B = TypeVar("B")


@dataclass(frozen=True)
class Settings:
    """How to train. `ema` is the decay of averaged weights, 0 for none; `clip` the largest
    norm of the gradient; `slow` maps prefixes of parameter names to factors on `lr`."""

    epochs: int
    lr: float
    batch: int
    weight_decay: float = 1e-4
    warm_up: float = 0.25
    clip: float = 10.0
    ema: float = 0.0
    slow: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe(Generic[L, E, B]):
    """What a model brings to the loop.

    `augment` makes an example of an item, in loader threads, with the randomness it is
    given; `collate` makes a batch. `loss(model, batch)` returns named losses whose sum is
    minimised; the batch is on the model's device. `validate(model)` returns figures of the
    model in evaluation mode, {} without validation data; the one named `best` (higher is
    better) decides which weights are kept. `info` is stored with them.
    """

    items: Sequence[L] | Cached[Any, L]
    augment: Callable[[L, np.random.Generator], E]
    collate: Callable[[list[E]], B]
    loss: Callable[[nn.Module, B], dict[str, Tensor]]
    validate: Callable[[nn.Module], dict[str, float]]
    best: str
    info: WeightsInfo


def fit(
    model: nn.Module, recipe: Recipe[L, E, B], settings: Settings, ctx: TrainContext
) -> TrainResult:
    """Train `model` and leave ``best.safetensors`` and ``last.ckpt`` in the run folder.

    Raises TrainingError when there is nothing to train on or the loss is no longer a
    number, OutOfMemory, and Cancelled from `ctx.report`.
    """
    if len(recipe.items) == 0:
        raise TrainingError(
            "there is no picture to train on", next_step="label some pictures first"
        )
    advice = "lower the batch size or the image size"
    with torch_threads(ctx.threads), memory_guard(advice):
        return _fit(model, recipe, settings, ctx)


def _fit(
    model: nn.Module, recipe: Recipe[L, E, B], settings: Settings, ctx: TrainContext
) -> TrainResult:
    fabric = launch(ctx.device)
    lead = fabric.is_global_zero
    optimizer = torch.optim.AdamW(parameter_groups(model, settings), lr=settings.lr)
    average = averaged(model, settings.ema)
    wrapped, optimizer = fabric.setup(model, optimizer)
    if average is not None:
        average.to(fabric.device)
    steps_per_epoch = -(-len(recipe.items) // settings.batch)
    pace = Pace(settings.epochs * steps_per_epoch, ctx.time_left)
    fingerprint = {
        "model": recipe.info.model,
        "data": recipe.info.data_hash,
        "settings": repr(asdict(settings)),
        "seed": ctx.seed,
    }
    record = _Record()
    torch.manual_seed(ctx.seed + fabric.global_rank)
    if ctx.resume:
        state = checkpoint.load_checkpoint(ctx.run_folder, fingerprint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if average is not None:
            average.load_state_dict(state["average"])
        pace.step, pace.progress = state["step"], state["progress"]
        record = _Record(**state["record"])
        checkpoint.restore_rng(state)

    def save() -> None:
        if lead:
            parts = {
                "fingerprint": fingerprint,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict() if average is not None else {},
                "step": pace.step,
                "progress": pace.progress,
                "record": asdict(record),
            }
            checkpoint.save_checkpoint(ctx.run_folder, parts)

    def validate() -> None:
        record.step = pace.step
        if lead:
            started = time.perf_counter()
            judged: nn.Module = average.module if average is not None else model
            record.add(_judge(judged, recipe, ctx))
            if record.is_best:
                info = replace(recipe.info, metrics=dict(record.metrics))
                save_weights(ctx.run_folder / BEST, judged.state_dict(), info)
            model.train()
            pace.validation_seconds = time.perf_counter() - started
            record.validation += pace.validation_seconds
            ctx.report(pace.progress, metrics=record.last, step=pace.step)
        fabric.barrier()

    loader = batches(
        recipe.items,
        recipe.augment,
        recipe.collate,
        batch=settings.batch,
        seed=ctx.seed,
        first_step=pace.step,
        workers=min(4, ctx.threads),
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    report = _Report(ctx, steps_per_epoch)
    saved = judged_at = time.monotonic()
    model.train()
    try:
        while True:
            # The lead decides for all processes, whose clocks differ.
            remaining = pace.remaining() if not ctx.should_stop() else 0
            if fabric.world_size > 1:
                remaining = fabric.broadcast(remaining)
            if remaining == 0:
                break
            pace.start_step()
            rate = settings.lr * one_cycle(pace.progress, settings.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            losses = recipe.loss(wrapped, fabric.to_device(next(loader)))
            total = torch.stack(list(losses.values())).sum()
            value = float(total.detach())
            if not np.isfinite(value):
                raise diverged(pace.step, settings.lr)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(total)
            fabric.clip_gradients(wrapped, optimizer, max_norm=settings.clip)
            optimizer.step()
            if average is not None:
                average.update_parameters(model)
            pace.end_step(remaining)
            record.training += time.perf_counter() - pace.started
            if lead:
                report.step(pace, value, losses, rate)

            now = time.monotonic()
            epoch_ends = pace.step % steps_per_epoch == 0
            affordable = record.validation <= _VALIDATION_SHARE * record.training
            due = (epoch_ends and affordable) or now - judged_at > _VALIDATE_SECONDS
            if fabric.world_size > 1:
                due = fabric.broadcast(due)
            if due:
                validate()
                judged_at = time.monotonic()
            if now - saved > _CHECKPOINT_SECONDS[0 if epoch_ends else 1]:
                save()
                saved = time.monotonic()
        if record.step != pace.step:
            validate()
        save()
    finally:
        loader.close()
    return TrainResult(-(-pace.step // steps_per_epoch), dict(record.metrics))


@dataclass
class _Record:
    """The validation figures so far; all of it goes into the checkpoint."""

    step: int = -1  # of the last validation
    metrics: dict[str, float] = field(default_factory=dict)  # of the best weights
    last: dict[str, float] = field(default_factory=dict)
    best: float = float("-inf")
    is_best: bool = False
    training: float = 0.0  # seconds
    validation: float = 0.0  # seconds

    def add(self, judged: tuple[dict[str, float], float | None]) -> None:
        self.last, value = judged
        # At equal figures later weights are better: the rate has gone down since.
        self.is_best = value is None or value >= self.best
        if self.is_best:
            self.best = self.best if value is None else value
            self.metrics = self.last


def _judge(
    model: nn.Module, recipe: Recipe[Any, Any, Any], ctx: TrainContext
) -> tuple[dict[str, float], float | None]:
    """Validation figures, and the one that decides, None without validation data."""
    ctx.report(message="validation")
    model.eval()
    with torch.no_grad():
        metrics = {k: float(v) for k, v in recipe.validate(model).items()}
    return metrics, metrics.get(recipe.best)


class _Report:
    """Progress at most a few times a second, with losses averaged since the last time.

    The context is asked at every step, because that is where cancelling takes effect.
    """

    def __init__(self, ctx: TrainContext, steps_per_epoch: int) -> None:
        self._ctx = ctx
        self._steps_per_epoch = steps_per_epoch
        self._sums: dict[str, float] = {}
        self._count = 0
        self._time = float("-inf")

    def step(self, pace: Pace, total: float, losses: dict[str, Tensor], rate: float) -> None:
        values = {name: float(v.detach()) for name, v in losses.items()} if len(losses) > 1 else {}
        for name, value in {"loss": total, **values}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        message = pace.message(self._steps_per_epoch)
        if time.monotonic() - self._time < _REPORT_SECONDS:
            self._ctx.report(pace.progress, message)
            return
        metrics = {name: value / self._count for name, value in self._sums.items()}
        metrics |= {"lr": rate}
        self._ctx.report(pace.progress, message, metrics=metrics, step=pace.step)
        self._sums, self._count, self._time = {}, 0, time.monotonic()


def parameter_groups(model: nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """AdamW's groups: no weight decay on biases and norms, `slow` prefixes with their factor."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            factors = [f for prefix, f in settings.slow.items() if name.startswith(prefix)]
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((factors[0] if factors else 1.0, decay), []).append(parameter)
    return [
        {"params": parameters, "scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]


def averaged(model: nn.Module, decay: float) -> AveragedModel | None:
    """An exponential moving average of the weights, quick at first; None for decay 0."""
    if decay == 0:
        return None

    def update(
        averages: Iterable[Tensor], parameters: Iterable[Tensor], count: Tensor | int
    ) -> None:
        keep = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(list(averages), list(parameters), 1 - keep)

    return AveragedModel(model, multi_avg_fn=update)


def diverged(step: int, lr: float) -> TrainingError:
    """The error for a loss that is no longer a number."""
    return TrainingError(
        f"the loss is not a number after {step} steps",
        next_step=f"lower the learning rate, {lr:g} at present, for example to {lr / 10:g}",
    )
