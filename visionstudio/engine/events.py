"""What a host or a training run tells while it works.

Every job ends with exactly one final event: Finished, Failed or Stopped.
Events arrive from a thread that is not the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from visionstudio.api.results import Result, TrackState
from visionstudio.model import errors
from visionstudio.model.errors import VisionStudioError

TrackStates = tuple[tuple[int, TrackState], ...]
AnyResult = Result | TrackStates


@dataclass(frozen=True, slots=True)
class Queued:
    """The job waits for its lane."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the job is: `fraction` in [0, 1] or None when unknown; figures over `step`."""

    fraction: float | None = None
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int | None = None


@dataclass(frozen=True, slots=True)
class FrameResult:
    """A validated result for the frame of that key."""

    key: str
    result: AnyResult


@dataclass(frozen=True, slots=True)
class FrameFailed:
    """A frame without a result, and why; the job goes on."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture to look at while training: PNG file at `path`."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done. `device` is the one that was used."""

    seconds: float
    device: str
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended badly: what, where, what to do; `kind` names the error class."""

    what: str
    where: str = ""
    next_step: str = ""
    kind: str = "PluginError"

    def error(self) -> VisionStudioError:
        """The same as an exception of its class."""
        found = getattr(errors, self.kind, None)
        if isinstance(found, type) and issubclass(found, VisionStudioError):
            return found(self.what, where=self.where, next_step=self.next_step)
        return errors.PluginError(self.what, where=self.where, next_step=self.next_step)

    @classmethod
    def of(cls, error: VisionStudioError) -> Failed:
        return cls(error.what, error.where, error.next_step, type(error).__name__)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job was cancelled."""


Event = Queued | Progress | FrameResult | FrameFailed | Preview | Finished | Failed | Stopped
FINAL = (Finished, Failed, Stopped)
OnEvent = Callable[[Event], None]
