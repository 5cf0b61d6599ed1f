"""What trackers of many objects share: a track, its life, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, Detections, Frame, InvalidValue, TrackState, WeightsError
from visionstudio_tracker.box_motion import Motion
from visionstudio_tracker.regions import check_same_size

FloatArray = NDArray[np.float64]
States = Sequence[tuple[int, TrackState]]


@dataclass(slots=True, eq=False)
class Track:
    """One object: how it moves, where it was detected last, and how reliable it is."""

    id: int
    motion: Motion
    label: int  # class index of its detections
    score: float
    seen: FloatArray  # x1, y1, x2, y2 of the last detection
    hits: int = 1  # detections without a gap
    age: int = 0  # frames since the last detection
    confirmed: bool = False
    past: dict[int, FloatArray] = field(default_factory=dict)  # detections by frame

    def found(self, box: FloatArray, score: float) -> None:
        """It was detected in this frame; the motion is the tracker's to update."""
        self.seen, self.score = box, score
        self.hits = 1 if self.age > 1 else self.hits + 1
        self.age = 0


class ManyObjectTracker:
    """Objects of one class are never taken for those of another."""

    model: ClassVar[str]

    def __init__(self) -> None:
        self._params: Any = None
        self._forget()

    def _forget(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._tracks: list[Track] = []
        self._frame = 0
        self._made = 0

    def load(self, params: Any, weights: Path | None, ctx: Context) -> None:
        if weights is not None:
            raise WeightsError(f"{self.model} works on detections and takes no weights")
        self._params = params
        self._forget()

    def unload(self) -> None:
        self._forget()

    def begin(self, ctx: Context) -> None:
        """Another video: its objects are new ones, ids count from 1 again."""
        self._forget()

    def update(self, frame: Frame, detections: Detections, ctx: Context) -> States:
        """Ids and states of the objects that are seen in the next frame.

        Raises InvalidValue when the frame's size changed.
        """
        if self._params is None:
            raise InvalidValue("the tracker is not loaded", next_step="call load first")
        self._shape = check_same_size(frame, self._shape)
        self._frame += 1
        for track in self._tracks:
            track.age += 1
        self._step(frame, detections)
        height, width = frame.shape[:2]
        return [
            (t.id, _state(t, detections.classes))
            for t in self._tracks
            if t.confirmed and t.age == 0 and _inside(t.seen, height, width)
        ]

    def _step(self, frame: Frame, detections: Detections) -> None:
        """Pair tracks and detections; begin, confirm and end tracks."""
        raise NotImplementedError

    def _begin_track(self, motion: Motion, detections: Detections, index: int) -> Track:
        self._made += 1
        box = detections.boxes[index]
        track = Track(
            id=self._made,
            motion=motion,
            label=int(detections.indices[index]),
            score=float(detections.scores[index]),
            seen=box,
            past={self._frame: box},
        )
        self._tracks.append(track)
        return track


def same_class(tracks: Sequence[Track], indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which track (n) and detection (m) are of one class, (n, m)."""
    labels = np.array([t.label for t in tracks], dtype=np.int64)
    return np.asarray(labels[:, None] == indices[None, :])


def boxes_of(tracks: Sequence[Track]) -> FloatArray:
    """Where the tracks are expected, (n, 4)."""
    return np.array([t.motion.box for t in tracks], dtype=np.float64).reshape(-1, 4)


def _state(track: Track, classes: tuple[str, ...]) -> TrackState:
    x1, y1, x2, y2 = (float(v) for v in track.seen)
    label = classes[track.label] if track.label < len(classes) else ""
    return TrackState((x1, y1, x2, y2), track.score, label=label)


def _inside(box: FloatArray, height: int, width: int) -> bool:
    return bool(box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0)
