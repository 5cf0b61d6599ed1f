"""The learning-rate finder: the loss while the rate grows (Smith, 2017, section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from visionstudio.api import TrainContext, TrainingError, TrainResult
from visionstudio_torch.step import Stepper

LOW, HIGH = 1e-6, 1.0
STEPS = 90
SUGGESTED = "suggested_lr"  # the figure's name in the result
_SMOOTH = 0.85  # of the running mean of the loss
_GIVEN_UP = 4.0  # times the lowest loss: beyond, it has diverged
_SKIPPED = 8  # steps at the start, whose mean is of few losses


def find_rate(
    stepper: Stepper[object], batches: Iterator[list[object]], ctx: TrainContext
) -> TrainResult:
    """Train with a rate that grows from 1e-6 to 1 and suggest one; the model is spent.

    Tells `lr` and `loss` of each step. The suggestion, `suggested_lr` in the result's
    figures, is the rate at which the smoothed loss falls fastest. Raises TrainingError
    when it never falls.
    """
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for i in range(STEPS):
        if ctx.should_stop():
            break
        rate = LOW * (HIGH / LOW) ** (i / (STEPS - 1))
        try:
            value = stepper.step(next(batches), rate, i)["loss"]
        except TrainingError:
            break  # it has diverged, which is what the end of the curve looks like
        mean = _SMOOTH * mean + (1 - _SMOOTH) * value
        smooth = mean / (1 - _SMOOTH ** (i + 1))
        rates.append(rate)
        losses.append(smooth)
        ctx.report(
            (i + 1) / STEPS, f"rate {rate:.1e}", metrics={"lr": rate, "loss": smooth}, step=i
        )
        if i > _SKIPPED and smooth > _GIVEN_UP * min(losses):
            break
    return TrainResult(0, {SUGGESTED: suggestion(rates, losses)})


def suggestion(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate, rounded to a digit, at which the loss falls fastest before its lowest point."""
    lowest = int(np.argmin(losses)) if losses else 0
    if lowest <= _SKIPPED + 1:
        raise TrainingError(
            "the loss falls at no learning rate",
            next_step="check that the labels are right, or unfreeze the backbone",
        )
    slope = np.gradient(np.array(losses[: lowest + 1]), np.log(rates[: lowest + 1]))
    best = rates[_SKIPPED + int(np.argmin(slope[_SKIPPED:]))]
    digits = -math.floor(math.log10(best))
    return round(best, digits)
