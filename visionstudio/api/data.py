"""Training data as a plugin sees it: upright RGB arrays with typed targets, already split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What is in one picture. Only the fields of the run's task are filled.

    label      class index of the whole picture, None if it has none (classifier, generator)
    boxes      (n, 4) float64 x1, y1, x2, y2 (detector, instance segmenter, tracker)
    indices    (n,) int64 class index of each box or mask
    tracks     (n,) int64 which object of the clip each box is, -1 for one that is in no track
               (tracker)
    ignore     (n,) bool: crowd or difficult, neither right nor wrong
    masks      n masks (H, W) bool, computed when asked (instance segmenter)
    semantic   (H, W) uint8 class index per pixel, 0 = background, 255 = ignore;
               class k of `classes` is k + 1 (semantic segmenter)
    """

    label: int | None = None
    boxes: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))
    indices: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    tracks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ignore: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    masks: Sequence[NDArray[np.bool_]] = ()
    semantic: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture (H, W, 3) uint8 RGB, upright, with its target and a name for messages.

    `clip` names the video it is a frame of, '' for a picture; `frame` counts from 0. Frames
    of a clip stand one after the other.
    """

    image: NDArray[np.uint8]
    target: Target
    name: str
    clip: str = ""
    frame: int = 0


class TrainingData(Protocol):
    """Indexable samples; pictures are decoded when asked for, in the calling thread.

    `train` and `val` may be indexed from several threads. A picture that cannot
    be read raises MediaError; the engine lists such files before training starts.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def class_ids(self) -> tuple[int, ...]:
        """The project's stable ids of `classes`, same order."""
        ...

    @property
    def train(self) -> Sequence[Sample]: ...

    @property
    def val(self) -> Sequence[Sample]: ...

    @property
    def data_hash(self) -> str:
        """Hex digest of pictures and labels, stored with the weights."""
        ...
