"""One step of training: batches whose gradients are added up, then a change of the weights."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from visionstudio.api import TrainingError
from visionstudio_torch.device import is_out_of_memory

log = logging.getLogger(__name__)
E = TypeVar("E")


class Stepper(Generic[E]):
    """Computes losses and gradients of a step's examples and lets the optimizer follow them.

    The examples are taken in `parts` of equal size. When memory runs out in a step the
    parts are halved and the step is done again, with the same randomness; so it stays.
    """

    def __init__(
        self,
        fabric: Any,
        model: nn.Module,
        wrapped: nn.Module,
        optimizer: Any,
        average: AveragedModel | None,
        recipe: Any,
        *,
        clip: float,
        parts: int,
    ) -> None:
        self._fabric = fabric
        self._model = model
        self._wrapped = wrapped
        self._optimizer = optimizer
        self._average = average
        self._recipe = recipe
        self._clip = clip
        # With Fabric, torch.cuda.is_available() loads the driver anew each time: not for a step.
        self._on_cuda = fabric.device.type == "cuda"
        self.parts = parts

    def step(self, examples: list[E], rate: float, number: int) -> dict[str, float]:
        """Train on examples at a learning rate; the losses by name.

        Raises TrainingError when the loss of step `number` is no number, and what torch
        raises when not even one example at a time fits into memory.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        losses = self._gradients(examples, rate, number)
        if self._clip:
            self._fabric.clip_gradients(self._wrapped, self._optimizer, max_norm=self._clip)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._model)
        return losses

    def _gradients(self, examples: list[E], rate: float, number: int) -> dict[str, float]:
        while True:
            before = self._random_state()
            self._optimizer.zero_grad(set_to_none=True)
            try:
                return self._add_up(examples, rate, number)
            except (RuntimeError, MemoryError) as error:
                # Several processes would have to agree on it.
                alone = self._fabric.world_size == 1
                if not (alone and is_out_of_memory(error) and self.parts < len(examples)):
                    raise
            # Outside the handler, whose traceback keeps the step's tensors.
            self.parts = min(len(examples), 2 * self.parts)
            log.warning("memory ran out: a step is computed in %d parts from now on", self.parts)
            self._optimizer.zero_grad(set_to_none=True)
            if self._on_cuda:
                torch.cuda.empty_cache()
            _set_random_state(before)

    def _random_state(self) -> list[Tensor]:
        """Torch's random state on the CPU and, when training runs there, on the GPU."""
        cuda = [torch.cuda.get_rng_state()] if self._on_cuda else []
        return [torch.get_rng_state(), *cuda]

    def _add_up(self, examples: list[E], rate: float, number: int) -> dict[str, float]:
        sums: dict[str, float] = {}
        parts = _split(examples, self.parts)
        for i, part in enumerate(parts):
            share = len(part) / len(examples)
            batch = self._fabric.to_device(self._recipe.collate(part))
            with self._unsynced(i + 1 < len(parts)):
                losses: Mapping[str, Tensor] = self._recipe.loss(self._wrapped, batch)
                total = torch.stack(list(losses.values())).sum()
                value = float(total.detach())
                if not np.isfinite(value):
                    raise diverged(number, rate)
                self._fabric.backward(total if len(parts) == 1 else total * share)
            named = {"loss": value}
            if len(losses) > 1:
                named |= {name: float(v.detach()) for name, v in losses.items()}
            for name, one in named.items():
                sums[name] = sums.get(name, 0.0) + share * one
        return sums

    @contextlib.contextmanager
    def _unsynced(self, wanted: bool) -> Iterator[None]:
        """Several processes exchange gradients once a step, with its last part."""
        if not wanted or self._fabric.world_size == 1:
            yield
            return
        with self._fabric.no_backward_sync(self._wrapped):
            yield


def _split(examples: list[E], parts: int) -> list[list[E]]:
    """Examples in at most so many parts, whose sizes differ by one at the most."""
    parts = min(parts, len(examples))
    ends = [round(i * len(examples) / parts) for i in range(parts + 1)]
    return [examples[a:b] for a, b in itertools.pairwise(ends)]


def _set_random_state(state: list[Tensor]) -> None:
    torch.set_rng_state(state[0])
    if len(state) > 1:
        torch.cuda.set_rng_state(state[1])


def diverged(step: int, lr: float) -> TrainingError:
    """The error for a loss that is no longer a number."""
    return TrainingError(
        f"the loss is not a number after {step} steps",
        next_step=f"lower the learning rate, {lr:.2g} at present, for example to {lr / 10:.1g}",
    )
