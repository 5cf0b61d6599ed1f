"""How a run is steered from outside, and the context that its trainer gets."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visionstudio.engine.context import JobContext
from visionstudio.engine.devices import cores
from visionstudio.engine.events import Event, Preview, Progress
from visionstudio.engine.training.measuring import reserve
from visionstudio.engine.training.plan import TrainPlan
from visionstudio.engine.training.runs import LAST
from visionstudio.model.errors import InvalidValue, TrainingError
from visionstudio.settings.folders import cache_folder

PAUSE_SECONDS = 0.2  # at which a paused run looks whether it is to end
FINDER_SECONDS = 120.0  # are enough to find a learning rate, also for a trainer that cannot


@dataclass(slots=True)
class Control:
    """How others steer a run: `stop` keeps the best weights, `cancel` ends at the next report,
    `pause` holds it there until `go_on`."""

    stop: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)
    going: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.going.set()

    def pause(self) -> None:
        """Wait at the next report until `go_on`, `stop` or `cancel`."""
        self.going.clear()

    def go_on(self) -> None:
        self.going.set()

    def wait(self) -> float:
        """Block while paused; the seconds that it took."""
        if self.going.is_set():
            return 0.0
        begun = time.monotonic()
        while not (self.going.wait(PAUSE_SECONDS) or self.stop.is_set() or self.cancel.is_set()):
            pass
        return time.monotonic() - begun


class RunContext(JobContext):
    """The `TrainContext` of a run."""

    __slots__ = ("_control", "_kept", "ends", "find_lr", "resume", "run_folder")

    def __init__(
        self,
        plan: TrainPlan,
        folder: Path,
        device: str,
        control: Control,
        emit: Callable[[Event], None],
        resume: bool,
    ) -> None:
        threads = plan.threads or cores()
        cache = Path(cache_folder()) / "plugins"
        super().__init__(device, threads, plan.seed, cache, emit, control.cancel)
        self.run_folder = folder
        self.resume = resume and (folder / LAST).is_file()
        self._control = control
        self.find_lr = plan.find_lr
        seconds = None if plan.minutes is None else 60 * plan.minutes
        if plan.find_lr:
            seconds = FINDER_SECONDS
        self.ends = None if seconds is None else time.monotonic() + seconds
        self._kept = reserve(seconds)

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        for name, value in (metrics or {}).items():
            if "loss" in name and not math.isfinite(float(value)):
                what = f"the {name} is no number any more"
                if step is not None:
                    what += f" at step {step}"
                raise TrainingError(
                    what,
                    where=str(self.run_folder),
                    next_step="train again with a lower learning rate (a tenth), or check labels",
                )
        super().report(fraction, message, metrics=metrics, step=step, **extra)
        if not self._control.going.is_set():
            self.emit(Progress(None, "paused"))
            held = self._control.wait()
            if self.ends is not None:
                self.ends += held
            self.emit(Progress(None, message))

    def time_left(self) -> float | None:
        """Seconds of the budget that are left for training, at least 0; None without a budget."""
        return None if self.ends is None else max(0.0, self.ends - self._kept - time.monotonic())

    def should_stop(self) -> bool:
        late = self.find_lr and self.time_left() == 0
        return late or self._control.stop.is_set()

    def preview(self, name: str, image: Any) -> None:
        """Keep a (H, W, 3) uint8 RGB picture under previews/ and tell about it."""
        import cv2

        picture = np.ascontiguousarray(image, dtype=np.uint8)
        if picture.ndim != 3 or picture.shape[2] != 3:
            raise InvalidValue(f"a preview is (H, W, 3), got shape {picture.shape}")
        safe = re.sub(r"[^\w.-]+", "_", name)[:60] or "preview"
        path = self.run_folder / "previews" / f"{safe}.png"
        path.parent.mkdir(exist_ok=True)
        done, data = cv2.imencode(".png", picture[:, :, ::-1])
        if done:
            part = path.with_suffix(".part")
            part.write_bytes(data.tobytes())
            part.replace(path)
            self.emit(Preview(name, str(path)))
