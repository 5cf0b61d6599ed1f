"""A detector finds objects, CSRT follows each, and the detector finds the lost ones again.

What the detector misses CSRT bridges, where CSRT drifts the detector corrects it, and an
object that left keeps its id when a detection looks like it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, Detections, Frame, InvalidValue, TrackState, WeightsError
from visionstudio_tracker.assignment import assign, left_over, overlap
from visionstudio_tracker.many import States
from visionstudio_tracker.opencv import CsrtTracker
from visionstudio_tracker.params import DetectAndTrackParams, GateParams
from visionstudio_tracker.regions import check_same_size

MATCH = 0.3  # IoU from which a detection is the object that CSRT follows
DRIFTED = 0.6  # IoU below which CSRT starts afresh on the detection


@dataclass(slots=True, eq=False)
class _Object:
    id: int
    label: int
    tracker: CsrtTracker
    state: TrackState
    missed: int = 0  # frames since it was seen


class DetectAndTrack:
    """Detections of every frame in, objects with lasting ids out."""

    def __init__(self) -> None:
        self._params = DetectAndTrackParams()
        self._forget()

    def _forget(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._objects: list[_Object] = []
        self._made = 0

    def load(self, params: DetectAndTrackParams, weights: Path | None, ctx: Context) -> None:
        if weights is not None:
            raise WeightsError(
                "tracker/detect-and-track has no weights of its own",
                next_step="give those of its detector",
            )
        self._params = params
        self._forget()

    def unload(self) -> None:
        self._forget()

    def begin(self, ctx: Context) -> None:
        """Another video: its objects are new ones, ids count from 1 again."""
        self._forget()

    def update(self, frame: Frame, detections: Detections, ctx: Context) -> States:
        """Ids and states of all objects known, the lost ones included.

        Raises InvalidValue when the frame's size changed.
        """
        self._shape = check_same_size(frame, self._shape)
        for one in self._objects:
            one.state = one.tracker.update(frame, ctx)
        given = detections.above(self._params.min_score)
        free = self._correct(frame, given, ctx)
        free = self._find_again(frame, given, free, ctx)
        for index in free:
            if len(self._objects) < self._params.max_objects:
                self._begin_object(frame, given, int(index), ctx)
        for one in self._objects:
            one.missed = one.missed + 1 if one.state.lost else 0
        self._objects = [o for o in self._objects if o.missed <= self._params.max_age]
        return [(o.id, self._told(o, given.classes)) for o in self._objects]

    def _told(self, one: _Object, classes: tuple[str, ...]) -> TrackState:
        label = classes[one.label] if one.label < len(classes) else ""
        return TrackState(one.state.box, one.state.score, one.state.lost, label)

    def _correct(self, frame: Frame, given: Detections, ctx: Context) -> NDArray[np.int64]:
        """Hold what is followed against what is detected; returns the detections left over."""
        followed = [o for o in self._objects if not o.state.lost]
        boxes = np.array([o.state.box for o in followed], dtype=np.float64).reshape(-1, 4)
        labels = np.array([o.label for o in followed], dtype=np.int64)
        iou = overlap(boxes, given.boxes) * (labels[:, None] == given.indices[None, :])
        pairs = assign(iou, MATCH, iou)
        for row, column in pairs:
            if iou[row, column] < DRIFTED:
                self._restart(followed[row], frame, given, int(column), ctx)
        return left_over(len(given.boxes), pairs[:, 1])

    def _find_again(
        self, frame: Frame, given: Detections, free: NDArray[np.int64], ctx: Context
    ) -> NDArray[np.int64]:
        """Give detections to the lost objects that they look like; returns those left over."""
        lost = [o for o in self._objects if o.state.lost]
        if not lost or not len(free):
            return free
        likeness = np.array(
            [
                [
                    o.tracker.similarity(frame, tuple(given.boxes[i]))
                    if o.label == given.indices[i]
                    else 0.0
                    for i in free
                ]
                for o in lost
            ]
        )
        pairs = assign(likeness, self._params.min_similarity, likeness)
        found = [
            column
            for row, column in pairs
            if self._restart(lost[row], frame, given, int(free[column]), ctx)
        ]
        return free[left_over(len(free), np.array(found, dtype=np.int64))]

    def _restart(
        self, one: _Object, frame: Frame, given: Detections, index: int, ctx: Context
    ) -> bool:
        box = tuple(float(v) for v in given.boxes[index])
        try:
            one.tracker.start(frame, box, ctx)  # type: ignore[arg-type]  # four numbers
        except InvalidValue:  # a sliver at the border
            return False
        one.state = TrackState(box, float(given.scores[index]))  # type: ignore[arg-type]
        return True

    def _begin_object(self, frame: Frame, given: Detections, index: int, ctx: Context) -> None:
        tracker = CsrtTracker()
        tracker.load(GateParams(reacquire=False), None, ctx)
        label = int(given.indices[index])
        one = _Object(self._made + 1, label, tracker, TrackState(None, 0.0, lost=True))
        if self._restart(one, frame, given, index, ctx):
            self._made += 1
            self._objects.append(one)
