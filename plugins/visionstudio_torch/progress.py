"""What training tells while it runs, and what it remembers of its validations."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from visionstudio.api import TrainContext
from visionstudio_torch.schedule import Pace

_REPORT_SECONDS = 0.5
WAITING = "waiting"
"""The figure for the share of training time in which the device waited for pictures."""


@dataclass
class Record:
    """The validation figures so far; all of it goes into the checkpoint."""

    step: int = -1  # of the last validation
    metrics: dict[str, float] = field(default_factory=dict)  # of the best weights
    last: dict[str, float] = field(default_factory=dict)
    best: float = float("-inf")
    is_best: bool = False
    without_better: int = 0  # validations since the best one
    training: float = 0.0  # seconds
    waiting: float = 0.0  # seconds of them for pictures
    validation: float = 0.0  # seconds

    def add(self, metrics: dict[str, float], value: float | None) -> None:
        """Remember the figures of a validation; `value` is the one that decides."""
        self.last = metrics
        better = value is None or value > self.best
        self.without_better = 0 if better else self.without_better + 1
        # At equal figures later weights are better: the rate has gone down since.
        self.is_best = value is None or value >= self.best
        if self.is_best:
            self.best = self.best if value is None else value
            self.metrics = metrics

    @property
    def told(self) -> dict[str, float]:
        """The last figures, with the share of time spent waiting for pictures."""
        return {**self.last, WAITING: self.waiting / self.training if self.training else 0.0}


def judge(
    model: nn.Module,
    validate: Callable[[nn.Module], Mapping[str, float]],
    best: str,
    ctx: TrainContext,
) -> tuple[dict[str, float], float | None]:
    """Validation figures, and the one that decides, None without validation data."""
    ctx.report(message="validation")
    model.eval()
    with torch.no_grad():
        metrics = {k: float(v) for k, v in validate(model).items()}
    return metrics, metrics.get(best)


class Progress:
    """Progress at most a few times a second, with losses averaged since the last time.

    The context is asked at every step, because that is where cancelling takes effect.
    """

    def __init__(self, ctx: TrainContext, steps_per_epoch: int) -> None:
        self._ctx = ctx
        self._steps_per_epoch = steps_per_epoch
        self._sums: dict[str, float] = {}
        self._count = 0
        self._time = float("-inf")

    def step(self, pace: Pace, losses: Mapping[str, float], rate: float) -> None:
        """Tell about a step that was made."""
        for name, value in losses.items():
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
