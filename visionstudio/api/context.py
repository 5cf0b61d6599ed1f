"""What a plugin gets while it works: its device, and the one place to report and be cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Context(Protocol):
    """Handed to every call of a plugin. The plugin never picks a device itself.

    `device` is a torch device string such as 'cpu' or 'cuda:0'; `threads` is how
    many CPU threads the work may use; `seed` makes randomness repeatable;
    `cache` is a folder for derived files that may vanish at any time.
    """

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...

    @property
    def seed(self) -> int: ...

    @property
    def cache(self) -> Path: ...

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        """Tell progress (0…1) and figures. Raises `Cancelled` when the user asked to stop.

        Call it at least once a second. It is the only progress and cancel point.
        `metrics` are plotted over `step`.
        """
        ...


class TrainContext(Context, Protocol):
    """A `Context` for trainers, with a place for checkpoints and a time budget."""

    @property
    def run_folder(self) -> Path:
        """The run's folder. The trainer writes ``last.ckpt`` and ``best.safetensors`` here."""
        ...

    @property
    def resume(self) -> bool:
        """Whether ``last.ckpt`` exists and training should go on from it."""
        ...

    @property
    def find_lr(self) -> bool:
        """Whether only a learning rate is looked for: the result has the figure `suggested_lr`.

        A trainer that cannot do that may raise TrainingError.
        """
        ...

    def time_left(self) -> float | None:
        """Seconds of the time budget that are left, None without one."""
        ...

    def should_stop(self) -> bool:
        """Whether the user asked to stop now and keep the best weights so far."""
        ...

    def preview(self, name: str, image: Any) -> None:
        """Show a (H, W, 3) uint8 RGB picture in the training window under `name`."""
        ...
