"""The training loop: a recipe to be read from top to bottom.

What is particular to a model comes in as functions of a `Recipe`; everything that all
trainings share stands in `fit`: devices and processes, precision, the schedule fitted into
the time budget, batches added up, gradient clipping, averaged weights, validation, best
weights, early stopping, checkpoints that resume bit for bit, progress, stopping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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
V = TypeVar("V", bool, int)


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
        return _Training(model, recipe, settings, ctx).run()


class _Training(Generic[L, E, B]):
    """A training while it runs: `run` is the recipe, the other methods are its steps.

    In several processes each has one; the lead alone validates, writes and decides.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe[L, E, B], settings: Settings, ctx: TrainContext
    ) -> None:
        self._model, self._recipe, self._settings, self._ctx = model, recipe, settings, ctx
        self._fabric = launch(ctx.device, settings.precision)
        self._lead = self._fabric.is_global_zero
        optimizer = torch.optim.AdamW(parameter_groups(model, settings), lr=settings.lr)
        self._average = averaged(model, settings.ema)
        wrapped, self._optimizer = self._fabric.setup(model, optimizer)
        if self._average is not None:
            self._average.to(self._fabric.device)
        self._judged: nn.Module = self._average.module if self._average is not None else model
        self._step_size = settings.batch * settings.accumulate
        self._steps_per_epoch = -(-len(recipe.items) // self._step_size)
        self._pace = Pace(settings.epochs * self._steps_per_epoch, ctx.time_left)
        self._stepper: Stepper[E] = Stepper(
            self._fabric,
            model,
            wrapped,
            self._optimizer,
            self._average,
            recipe,
            clip=settings.clip,
            parts=settings.accumulate,
        )
        self._record = Record()
        self._written = float("-inf")  # when the weights were, by the clock
        self._unwritten = False
        self._validated = self._saved = time.monotonic()

    def run(self) -> TrainResult:
        """Train to the end, until told to stop, or until nothing gets better."""
        torch.manual_seed(self._ctx.seed + self._fabric.global_rank)
        if self._ctx.resume:
            self._restore()
        loader = self._batches()
        progress = Progress(self._ctx, self._steps_per_epoch)
        self._model.train()
        try:
            if getattr(self._ctx, "find_lr", False):
                return find_rate(self._stepper, loader, self._ctx)  # type: ignore[arg-type]
            while remaining := self._remaining():
                self._step(loader, remaining, progress)
                epoch_ends = self._pace.step % self._steps_per_epoch == 0
                if self._validation_is_due(epoch_ends):
                    self._validate()
                if time.monotonic() - self._saved > _CHECKPOINT_SECONDS[0 if epoch_ends else 1]:
                    self._save()
            if self._record.step != self._pace.step:
                self._validate()
            self._save()
        finally:
            loader.close()
        epochs = -(-self._pace.step // self._steps_per_epoch)
        return TrainResult(epochs, dict(self._record.metrics))

    def _batches(self) -> Generator[list[E], None, None]:
        return batches(
            self._recipe.items,
            self._recipe.augment,
            list,
            batch=self._step_size,
            seed=self._ctx.seed,
            first_step=self._pace.step,
            workers=min(4, self._ctx.threads),
            rank=self._fabric.global_rank,
            world=self._fabric.world_size,
        )

    def _remaining(self) -> int:
        """Steps still to do; 0 ends training."""
        without_better, patience = self._record.without_better, self._settings.patience
        ends = self._ctx.should_stop() or 0 < patience <= without_better
        return self._agreed(self._pace.remaining() if not ends else 0)

    def _step(self, loader: Iterator[list[E]], remaining: int, progress: Progress) -> None:
        settings, pace, record = self._settings, self._pace, self._record
        pace.start_step()
        rate = settings.lr * rate_factor(settings.schedule, pace.progress, settings.warm_up)
        examples = next(loader)
        record.waiting += time.perf_counter() - pace.started
        losses = self._stepper.step(examples, rate, pace.step)
        pace.end_step(remaining)
        record.training += time.perf_counter() - pace.started
        if self._lead:
            progress.step(pace, losses, rate)

    def _validation_is_due(self, epoch_ends: bool) -> bool:
        if self._settings.deterministic:
            return epoch_ends
        affordable = self._record.validation <= _VALIDATION_SHARE * self._record.training
        overdue = time.monotonic() - self._validated > _VALIDATE_SECONDS
        return self._agreed((epoch_ends and affordable) or overdue)

    def _agreed(self, value: V) -> V:
        """The lead's value in every process, whose clocks differ."""
        return self._fabric.broadcast(value) if self._fabric.world_size > 1 else value

    def _validate(self) -> None:
        record, pace = self._record, self._pace
        record.step = pace.step
        if self._lead:
            started = time.perf_counter()
            record.add(*judge(self._judged, self._recipe.validate, self._recipe.best, self._ctx))
            # Without figures the newest weights are the best: no need to write each epoch's.
            recent = time.monotonic() - self._written < _CHECKPOINT_SECONDS[0]
            self._unwritten = not record.last and recent
            if record.is_best and not self._unwritten:
                self._write_weights()
            self._model.train()
            pace.validation_seconds = time.perf_counter() - started
            record.validation += pace.validation_seconds
            self._ctx.report(pace.progress, metrics=record.told, step=pace.step)
        record.without_better = self._fabric.broadcast(record.without_better)
        self._fabric.barrier()
        self._validated = time.monotonic()

    def _write_weights(self) -> None:
        info = replace(self._recipe.info, metrics=dict(self._record.metrics))
        save_weights(self._ctx.run_folder / BEST, self._judged.state_dict(), info)
        self._written, self._unwritten = time.monotonic(), False

    def _save(self) -> None:
        """Leave all that `_restore` needs to go on bit for bit."""
        if self._lead:
            if self._unwritten:
                self._write_weights()
            average = self._average
            parts = {
                "fingerprint": self._fingerprint(),
                "model": self._model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "average": average.state_dict() if average is not None else {},
                "precision": self._fabric.strategy.precision.state_dict(),
                "step": self._pace.step,
                "progress": self._pace.progress,
                "parts": self._stepper.parts,
                "record": asdict(self._record),
            }
            checkpoint.save_checkpoint(self._ctx.run_folder, parts)
        self._saved = time.monotonic()

    def _restore(self) -> None:
        state = checkpoint.load_checkpoint(self._ctx.run_folder, self._fingerprint())
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self._pace.step, self._pace.progress = state["step"], state["progress"]
        self._record, self._stepper.parts = Record(**state["record"]), state["parts"]
        checkpoint.restore_rng(state)

    def _fingerprint(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on with."""
        return {
            "model": self._recipe.info.model,
            "data": self._recipe.info.data_hash,
            "settings": repr(asdict(self._settings)),
            "seed": self._ctx.seed,
        }


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
