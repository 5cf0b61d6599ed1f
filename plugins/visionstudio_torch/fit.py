"""The training loop: a recipe to be read from top to bottom.

What is particular to a model comes in as functions of a `Recipe`; everything that all
trainings share stands in `fit`: devices and processes, precision, the schedule fitted into
the time budget, batches added up, gradient clipping, averaged weights, validation, best
weights, early stopping, checkpoints that resume bit for bit, progress, stopping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from visionstudio.api import TrainContext, TrainingError, TrainResult
from visionstudio_torch import checkpoint
from visionstudio_torch.data import Cached, batches
from visionstudio_torch.device import launch, memory_guard, repeatable, torch_threads
from visionstudio_torch.finder import find_rate
from visionstudio_torch.progress import Progress, Record, judge
from visionstudio_torch.schedule import Pace, rate_factor
from visionstudio_torch.step import Stepper
from visionstudio_torch.weights import WeightsInfo, save_weights

BEST = "best.safetensors"
_CHECKPOINT_SECONDS = (5.0, 60.0)  # at the ends of epochs; at the latest
_VALIDATE_SECONDS = 300.0  # at the latest, when epochs are long
_VALIDATION_SHARE = 0.15  # of the training time; rarer than each epoch when it costs more

L = TypeVar("L")
E = TypeVar("E")
B = TypeVar("B")


@dataclass(frozen=True)
class Settings:
    """How to train.

    `batch` is how many examples a device takes at once, over all processes; a step adds up
    `accumulate` of them. `warm_up` is a share of training, `clip` the largest norm of the
    gradient (0: any), `ema` the decay of averaged weights (0: none), `patience` the
    validations without anything better after which training ends (0: never). `slow` maps
    prefixes of parameter names to factors on `lr`. `deterministic` makes a run repeatable
    bit for bit: where it validates then does not depend on the clock.
    """

    epochs: int
    lr: float
    batch: int
    weight_decay: float = 1e-4
    schedule: str = "one-cycle"
    warm_up: float = 0.25
    clip: float = 10.0
    accumulate: int = 1
    ema: float = 0.0
    precision: str = "fp32"
    patience: int = 0
    deterministic: bool = False
    slow: dict[str, float] = field(default_factory=dict)


def settings_of(params: Any, epochs: int, **changes: Any) -> Settings:
    """The settings that a model's `FitParams` ask for; `changes` go before them."""
    known = [f.name for f in fields(Settings) if f.name not in ("epochs", "slow")]
    values = {name: getattr(params, name) for name in known if hasattr(params, name)}
    return Settings(epochs=epochs, **{**values, **changes})


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

    When the context asks for a learning rate instead (`ctx.find_lr`), one is suggested and
    nothing is kept. Raises TrainingError when there is nothing to train on or the loss is no
    longer a number, OutOfMemory, and Cancelled from `ctx.report`.
    """
    if len(recipe.items) == 0:
        raise TrainingError(
            "there is no picture to train on", next_step="label some pictures first"
        )
    advice = "lower the batch size or the image size"
    guards = torch_threads(ctx.threads), memory_guard(advice), repeatable(settings.deterministic)
    with guards[0], guards[1], guards[2]:
        return _fit(model, recipe, settings, ctx)


def _fit(
    model: nn.Module, recipe: Recipe[L, E, B], settings: Settings, ctx: TrainContext
) -> TrainResult:
    fabric = launch(ctx.device, settings.precision)
    lead = fabric.is_global_zero
    optimizer = torch.optim.AdamW(parameter_groups(model, settings), lr=settings.lr)
    average = averaged(model, settings.ema)
    wrapped, optimizer = fabric.setup(model, optimizer)
    if average is not None:
        average.to(fabric.device)
    judged: nn.Module = average.module if average is not None else model
    step_size = settings.batch * settings.accumulate
    steps_per_epoch = -(-len(recipe.items) // step_size)
    pace = Pace(settings.epochs * steps_per_epoch, ctx.time_left)
    stepper: Stepper[E] = Stepper(
        fabric,
        model,
        wrapped,
        optimizer,
        average,
        recipe,
        clip=settings.clip,
        parts=settings.accumulate,
    )
    fingerprint = {
        "model": recipe.info.model,
        "data": recipe.info.data_hash,
        "settings": repr(asdict(settings)),
        "seed": ctx.seed,
    }
    record = Record()
    torch.manual_seed(ctx.seed + fabric.global_rank)
    if ctx.resume:
        state = checkpoint.load_checkpoint(ctx.run_folder, fingerprint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if average is not None:
            average.load_state_dict(state["average"])
        fabric.strategy.precision.load_state_dict(state["precision"])
        pace.step, pace.progress = state["step"], state["progress"]
        record, stepper.parts = Record(**state["record"]), state["parts"]
        checkpoint.restore_rng(state)

    written = float("-inf")  # when the weights were, by the clock
    unwritten = False

    def write() -> None:
        nonlocal written, unwritten
        info = replace(recipe.info, metrics=dict(record.metrics))
        save_weights(ctx.run_folder / BEST, judged.state_dict(), info)
        written, unwritten = time.monotonic(), False

    def save() -> None:
        if lead:
            if unwritten:
                write()
            parts = {
                "fingerprint": fingerprint,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict() if average is not None else {},
                "precision": fabric.strategy.precision.state_dict(),
                "step": pace.step,
                "progress": pace.progress,
                "parts": stepper.parts,
                "record": asdict(record),
            }
            checkpoint.save_checkpoint(ctx.run_folder, parts)

    def validate() -> None:
        nonlocal unwritten
        record.step = pace.step
        if lead:
            started = time.perf_counter()
            record.add(*judge(judged, recipe.validate, recipe.best, ctx))
            # Without figures the newest weights are the best: no need to write each epoch's.
            unwritten = not record.last and time.monotonic() - written < _CHECKPOINT_SECONDS[0]
            if record.is_best and not unwritten:
                write()
            model.train()
            pace.validation_seconds = time.perf_counter() - started
            record.validation += pace.validation_seconds
            ctx.report(pace.progress, metrics=record.told, step=pace.step)
        record.without_better = fabric.broadcast(record.without_better)
        fabric.barrier()

    loader = batches(
        recipe.items,
        recipe.augment,
        list,
        batch=step_size,
        seed=ctx.seed,
        first_step=pace.step,
        workers=min(4, ctx.threads),
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    progress = Progress(ctx, steps_per_epoch)
    saved = judged_at = time.monotonic()
    model.train()
    try:
        if getattr(ctx, "find_lr", False):
            return find_rate(stepper, loader, ctx)  # type: ignore[arg-type]
        while True:
            # The lead decides for all processes, whose clocks differ.
            ends = ctx.should_stop() or 0 < settings.patience <= record.without_better
            remaining = pace.remaining() if not ends else 0
            if fabric.world_size > 1:
                remaining = fabric.broadcast(remaining)
            if remaining == 0:
                break
            pace.start_step()
            rate = settings.lr * rate_factor(settings.schedule, pace.progress, settings.warm_up)
            examples = next(loader)
            record.waiting += time.perf_counter() - pace.started
            losses = stepper.step(examples, rate, pace.step)
            pace.end_step(remaining)
            record.training += time.perf_counter() - pace.started
            if lead:
                progress.step(pace, losses, rate)

            now = time.monotonic()
            epoch_ends = pace.step % steps_per_epoch == 0
            affordable = record.validation <= _VALIDATION_SHARE * record.training
            due = (epoch_ends and affordable) or now - judged_at > _VALIDATE_SECONDS
            if settings.deterministic:
                due = epoch_ends
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
