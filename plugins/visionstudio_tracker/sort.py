"""SORT: a Kalman filter per object, and the pairing with the greatest overlap.

Bewley, Ge, Ott, Ramos, Upcroft: Simple Online and Realtime Tracking, ICIP 2016.
"""

from __future__ import annotations

import numpy as np

from visionstudio.api import Detections, Frame
from visionstudio_tracker.assignment import assign, left_over, overlap
from visionstudio_tracker.box_motion import AreaMotion
from visionstudio_tracker.many import ManyObjectTracker, boxes_of, same_class


class SortTracker(ManyObjectTracker):
    """Confirms an object after `min_hits` detections in a row, forgets it after `max_age`."""

    model = "tracker/sort"

    def _step(self, frame: Frame, detections: Detections) -> None:
        given = detections.above(self._params.min_score)
        for track in self._tracks:
            track.motion.predict()
        gain = overlap(boxes_of(self._tracks), given.boxes)
        gain = np.where(same_class(self._tracks, given.indices), gain, 0.0)
        pairs = assign(gain, self._params.min_iou, gain)
        for row, column in pairs:
            track = self._tracks[row]
            track.motion.update(given.boxes[column])
            track.found(given.boxes[column], float(given.scores[column]))
        for index in left_over(len(given.boxes), pairs[:, 1]):
            self._begin_track(AreaMotion(given.boxes[index]), given, int(index))
        for track in self._tracks:
            # At the very start nothing can have been seen often.
            track.confirmed = track.hits >= min(self._params.min_hits, self._frame)
        self._tracks = [t for t in self._tracks if t.age <= self._params.max_age]
