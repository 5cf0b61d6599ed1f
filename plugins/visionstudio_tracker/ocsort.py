"""OC-SORT: SORT that trusts what was observed more than what was predicted.

Cao, Pang, Weng, Khirodkar, Kitani: Observation-Centric SORT, CVPR 2023. Three changes:
direction of motion counts in the pairing (momentum, section 4.2); what is left is paired
with where objects were last observed (recovery, 4.3); and a filter that was blind is led
again along a straight path to where its object came back (re-update, 4.1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Detections, Frame
from visionstudio_tracker.assignment import Pairs, assign, left_over, overlap
from visionstudio_tracker.box_motion import AreaMotion
from visionstudio_tracker.many import ManyObjectTracker, Track, boxes_of, same_class

FloatArray = NDArray[np.float64]


class OcSortTracker(ManyObjectTracker):
    """Observation-centric momentum, recovery and re-update on SORT's motion."""

    model = "tracker/oc-sort"

    def _forget(self) -> None:
        super()._forget()
        self._seen_states: dict[int, tuple[FloatArray, FloatArray]] = {}

    def _step(self, frame: Frame, detections: Detections) -> None:
        given = detections.above(self._params.min_score)
        for track in self._tracks:
            track.motion.predict()
        alike = same_class(self._tracks, given.indices)
        pairs = self._by_motion(given, alike)
        pairs = self._by_last_place(given, alike, pairs)
        for row, column in pairs:
            self._found(self._tracks[row], given.boxes[column], float(given.scores[column]))
        for index in left_over(len(given.boxes), pairs[:, 1]):
            track = self._begin_track(AreaMotion(given.boxes[index]), given, int(index))
            self._remember(track)
        for track in self._tracks:
            track.confirmed = track.hits >= min(self._params.min_hits, self._frame)
        self._tracks = [t for t in self._tracks if t.age <= self._params.max_age]
        self._seen_states = {t.id: self._seen_states[t.id] for t in self._tracks}

    def _by_motion(self, given: Detections, alike: NDArray[np.bool_]) -> Pairs:
        iou = np.where(alike, overlap(boxes_of(self._tracks), given.boxes), 0.0)
        if iou.size == 0:
            return assign(iou, 0.0, iou)
        agreement = self._agreement(given.boxes) * given.scores[None, :]
        gain = iou + self._params.inertia * agreement
        return assign(np.where(iou >= self._params.min_iou, gain, 0.0), self._params.min_iou, iou)

    def _by_last_place(self, given: Detections, alike: NDArray[np.bool_], pairs: Pairs) -> Pairs:
        rows = left_over(len(self._tracks), pairs[:, 0])
        columns = left_over(len(given.boxes), pairs[:, 1])
        last = np.array([self._tracks[i].seen for i in rows], dtype=np.float64).reshape(-1, 4)
        iou = overlap(last, given.boxes[columns])
        iou = np.where(alike[np.ix_(rows, columns)], iou, 0.0)
        again = assign(iou, self._params.min_iou, iou)
        return np.concatenate([pairs, np.stack([rows[again[:, 0]], columns[again[:, 1]]], axis=1)])

    def _agreement(self, boxes: FloatArray) -> FloatArray:
        """How well a step to each detection fits each track's direction, (n, m), -½ to ½."""
        result = np.zeros((len(self._tracks), len(boxes)))
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        for row, track in enumerate(self._tracks):
            earlier = self._earlier(track)
            if earlier is None:
                continue
            direction = _unit(_centre(track.seen) - _centre(earlier))
            steps = _unit(centres - _centre(earlier))
            angle = np.arccos(np.clip(steps @ direction, -1, 1))
            result[row] = (np.pi / 2 - np.abs(angle)) / np.pi
        return result

    def _earlier(self, track: Track) -> FloatArray | None:
        """An observation some frames before the last one; None when there was only one."""
        frames = sorted(track.past)
        last = frames[-1]
        before = [f for f in frames if last - self._params.momentum <= f < last]
        return track.past[before[0]] if before else None

    def _found(self, track: Track, box: FloatArray, score: float) -> None:
        if track.age > 1:
            self._lead(track, box)
        else:
            track.motion.update(box)
        track.found(box, score)
        track.past[self._frame] = box
        oldest = self._frame - self._params.momentum - self._params.max_age
        track.past = {f: b for f, b in track.past.items() if f >= oldest}
        self._remember(track)

    def _lead(self, track: Track, box: FloatArray) -> None:
        """Go back to when it was last seen and along a straight path to where it is now."""
        motion = track.motion
        assert isinstance(motion, AreaMotion)
        motion.go_back(self._seen_states[track.id])
        for step in range(1, track.age + 1):
            motion.predict()
            motion.update(track.seen + (box - track.seen) * (step / track.age))

    def _remember(self, track: Track) -> None:
        if isinstance(track.motion, AreaMotion):
            self._seen_states[track.id] = track.motion.remember()


def _centre(box: FloatArray) -> FloatArray:
    return (box[:2] + box[2:]) / 2


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-6))
