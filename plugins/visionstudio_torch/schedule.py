"""How the learning rate goes, and how that is fitted into a time budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from visionstudio.api import InvalidValue, TrainContext


def one_cycle(progress: float, warm_up: float = 0.25, start: float = 0.04) -> float:
    """Factor on the highest learning rate at `progress` 0…1 through training.

    Cosine from `start` up to 1 over the first `warm_up` part, then cosine down to
    about 0 (Smith and Topin, 2018, with cosine annealing).
    """
    if progress < warm_up:  # never with a warm-up of nothing
        return start + (1 - start) * (1 - math.cos(math.pi * progress / warm_up)) / 2
    rest = (progress - warm_up) / (1 - warm_up)
    return 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * min(rest, 1.0))) / 2


def cosine(progress: float, warm_up: float = 0.05) -> float:
    """A straight line up over the first `warm_up` part, then half a cosine down to about 0
    (Loshchilov and Hutter, SGDR, 2017, without restarts)."""
    if progress < warm_up:
        return max(progress / warm_up, 1e-4)
    rest = (progress - warm_up) / (1 - warm_up)
    return 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * min(rest, 1.0))) / 2


def rate_factor(schedule: str, progress: float, warm_up: float) -> float:
    """Factor on the highest learning rate at `progress` 0…1 of a schedule by its name."""
    match schedule:
        case "one-cycle":
            return one_cycle(progress, warm_up)
        case "cosine":
            return cosine(progress, warm_up)
        case "constant":
            return max(progress / warm_up, 1e-4) if progress < warm_up else 1.0
        case _:
            raise InvalidValue(
                f"there is no schedule '{schedule}'", next_step="use one-cycle, cosine or constant"
            )


def planned_epochs(
    asked: int, count: int, pictures: int, least: int, most: int, ctx: TrainContext
) -> int:
    """How many epochs to plan for `count` training pictures.

    What was `asked` for if that is not 0; else so many that about `pictures` are seen in
    all, within `least` and `most`. With a time budget up to four times that: `Pace` takes
    as many of them as fit.
    """
    if asked:
        return asked
    usual = max(least, min(most, round(pictures / max(count, 1))))
    return usual if ctx.time_left() is None else 4 * usual


@dataclass
class Pace:
    """How far training is, and how many steps still fit.

    Progress moves by an equal part of what remains at each step, so that the schedule
    ends exactly at 1 even when the number of steps that fit is estimated anew.
    """

    steps: int  # planned in all
    time_left: Callable[[], float | None]
    step: int = 0
    progress: float = 0.0
    step_seconds: float = 0.0  # running mean
    validation_seconds: float = 0.0  # of the last validation
    started: float = 0.0  # of the current step
    _seen: int = 0

    def remaining(self) -> int:
        """Steps still to do: the planned ones, or fewer when time is short."""
        planned = self.steps - self.step
        left = self.time_left()
        if left is None or self.step_seconds == 0:
            return planned
        # A tenth is kept for validation until it has been timed.
        usable = left - self.validation_seconds if self.validation_seconds else left * 0.9
        return max(0, min(planned, int(usable / self.step_seconds)))

    def message(self, steps_per_epoch: int) -> str:
        """The epoch that runs, and how many there will be by the time that is left."""
        epoch = (self.step - 1) // steps_per_epoch + 1
        last = math.ceil((self.step + self.remaining()) / steps_per_epoch)
        return f"epoch {epoch} of {max(epoch, last)}"

    def start_step(self) -> None:
        self.started = time.perf_counter()

    def end_step(self, remaining: int) -> None:
        """Count one step of the `remaining` ones (this one included)."""
        self.progress += (1 - self.progress) / max(remaining, 1)
        self.step += 1
        self._seen += 1
        seconds = time.perf_counter() - self.started
        # The very first step also warms up allocators and kernels.
        if self._seen <= 2:
            self.step_seconds = seconds
        else:
            self.step_seconds += (seconds - self.step_seconds) * max(0.05, 1 / self._seen)
