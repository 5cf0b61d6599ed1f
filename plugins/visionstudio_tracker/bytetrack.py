"""ByteTrack: also the unsure detections are paired, but only with objects that are known.

Zhang, Sun, Jiang, Yu, Weng, Yuan, Luo, Liu, Wang: ByteTrack: Multi-Object Tracking by
Associating Every Detection Box, ECCV 2022.
"""

from __future__ import annotations

import numpy as np

from visionstudio.api import Detections, Frame
from visionstudio_tracker.assignment import Pairs, assign, left_over, overlap
from visionstudio_tracker.box_motion import HeightMotion
from visionstudio_tracker.many import ManyObjectTracker, Track, boxes_of, same_class

FIRST, SECOND, UNCONFIRMED = 0.2, 0.5, 0.3  # least overlap of the three rounds


class ByteTracker(ManyObjectTracker):
    """Sure detections first, then unsure ones for what is left, then the unconfirmed."""

    model = "tracker/bytetrack"

    def _step(self, frame: Frame, detections: Detections) -> None:
        for track in self._tracks:
            if isinstance(track.motion, HeightMotion):
                track.motion.predict(still=track.age > 1)
        sure = detections.scores >= self._params.sure
        unsure = ~sure & (detections.scores >= self._params.unsure)
        high, low = np.flatnonzero(sure), np.flatnonzero(unsure)
        known = [t for t in self._tracks if t.confirmed]
        new = [t for t in self._tracks if not t.confirmed]

        known, high = self._round(known, high, detections, FIRST, weigh=True)
        seen_last = [t for t in known if t.age == 1]
        self._round(seen_last, low, detections, SECOND, weigh=False)
        new, high = self._round(new, high, detections, UNCONFIRMED, weigh=True)

        ended = set(map(id, new))
        self._tracks = [
            t for t in self._tracks if id(t) not in ended and t.age <= self._params.max_age
        ]
        for index in high:
            if detections.scores[index] >= self._params.begin:
                motion = HeightMotion(detections.boxes[index])
                track = self._begin_track(motion, detections, int(index))
                track.confirmed = self._frame == 1

    def _round(
        self,
        tracks: list[Track],
        chosen: np.ndarray,
        detections: Detections,
        least: float,
        *,
        weigh: bool,
    ) -> tuple[list[Track], np.ndarray]:
        """Pair some tracks with some detections; returns what is left of both."""
        pairs = self._pairs(tracks, chosen, detections, least, weigh)
        for row, column in pairs:
            box = detections.boxes[chosen[column]]
            tracks[row].motion.update(box)
            tracks[row].found(box, float(detections.scores[chosen[column]]))
            tracks[row].confirmed = True
        rest = [tracks[i] for i in left_over(len(tracks), pairs[:, 0])]
        return rest, chosen[left_over(len(chosen), pairs[:, 1])]

    def _pairs(
        self,
        tracks: list[Track],
        chosen: np.ndarray,
        detections: Detections,
        least: float,
        weigh: bool,
    ) -> Pairs:
        gain = overlap(boxes_of(tracks), detections.boxes[chosen])
        if weigh:
            gain = gain * detections.scores[chosen]
        gain = np.where(same_class(tracks, detections.indices[chosen]), gain, 0.0)
        return assign(gain, least, gain)
