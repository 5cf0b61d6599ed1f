"""The `Context` that plugins get: one place to report progress and to be cancelled."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.engine.events import Event, Progress
from visionstudio.model.errors import Cancelled

REPORTS_PER_SECOND = 30.0


@dataclass(slots=True)
class JobContext:
    """A job's context. `emit` gets Progress events, at most 30 a second, metrics always."""

    device: str
    threads: int
    seed: int
    cache: Path
    emit: Callable[[Event], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    _last: float = 0.0

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        self.check()
        now = time.monotonic()
        done = fraction is not None and fraction >= 1
        if not metrics and not done and now - self._last < 1 / REPORTS_PER_SECOND:
            return
        self._last = now
        figures = {str(k): float(v) for k, v in (metrics or {}).items()}
        self.emit(Progress(clamped(fraction), str(message), figures, step))

    def check(self) -> None:
        """Raise Cancelled when the user asked to stop."""
        if self.cancelled.is_set():
            raise Cancelled


def clamped(fraction: float | None) -> float | None:
    """A plugin's fraction as a number in [0, 1], None for nonsense."""
    if fraction is None or not math.isfinite(float(fraction)):
        return None
    return min(1.0, max(0.0, float(fraction)))
