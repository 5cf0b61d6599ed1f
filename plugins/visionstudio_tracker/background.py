"""Whether a region is just the background that was there before the object came.

A tracker whose object has left parks its box on the background, which may look
much like the object. Earlier frames know better: where the object was elsewhere,
they show what this place looks like without it. A few of them are kept, and
the region is searched in its neighbourhood, so that a moving camera does no harm.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from visionstudio_tracker.appearance import Picture, Rect, reduce, visible_part

KEPT = 8  # frames
MOVED = 0.5  # sizes of the object between kept frames
MARGIN = 0.5  # sizes of the object that the background may have moved
PARKED = 0.75  # share of the difference to the object below which a region is background
WORKING_SIDE = 24  # px of the shorter side of the object


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    picture: Picture  # reduced
    rect: Rect  # of the object in it, in frame pixels


class Background:
    """Earlier frames of a track, reduced, with where the object was in them."""

    def __init__(self, rect: Rect) -> None:
        self._scale = min(1.0, WORKING_SIDE / min(rect[2], rect[3]))
        self._kept: deque[_Kept] = deque(maxlen=KEPT)

    def remember(self, frame: Picture, rect: Rect) -> None:
        """Keep this frame if the object has moved on since the last one that was kept."""
        if self._kept:
            x, y, w, h = self._kept[-1].rect
            moved = max(abs(rect[0] - x) / max(w, 1), abs(rect[1] - y) / max(h, 1))
            if moved < MOVED:
                return
        self._kept.append(_Kept(self._reduced(frame), rect))

    def difference(self, frame: Picture, rect: Rect) -> float | None:
        """Root mean square difference (grey levels) between the region and the background there.

        None when no earlier frame shows the place without the object.
        """
        height, width = frame.shape[:2]
        part, _ = visible_part(rect, width, height)
        around, _ = visible_part(_grown(rect), width, height)
        region = self._cut(frame, part)
        if region is None:
            return None
        for kept in reversed(self._kept):
            if not _overlap(around, kept.rect):
                place = self._crop(kept.picture, around)
                if place.shape[0] < region.shape[0] or place.shape[1] < region.shape[1]:
                    return None
                least = float(cv2.matchTemplate(place, region, cv2.TM_SQDIFF).min())
                return float(np.sqrt(max(least, 0.0) / region.size))
        return None

    def shows(self, frame: Picture, rect: Rect, object_difference: float) -> bool:
        """Whether the region is clearly nearer to the background than to the object."""
        behind = self.difference(frame, rect)
        return behind is not None and behind < PARKED * object_difference

    def _reduced(self, frame: Picture) -> Picture:
        height, width = frame.shape[:2]
        size = (max(round(width * self._scale), 1), max(round(height * self._scale), 1))
        return reduce(frame, size)

    def _crop(self, reduced: Picture, rect: Rect) -> Picture:
        x, y, w, h = (v * self._scale for v in rect)
        return reduced[int(y) : int(np.ceil(y + h)), int(x) : int(np.ceil(x + w))]

    def _cut(self, frame: Picture, rect: Rect) -> Picture | None:
        x, y, w, h = rect
        size = (round(w * self._scale), round(h * self._scale))
        if min(size) < 2:
            return None
        return reduce(frame[y : y + h, x : x + w], size)


def _grown(rect: Rect) -> Rect:
    x, y, w, h = rect
    dx, dy = round(w * MARGIN), round(h * MARGIN)
    return x - dx, y - dy, w + 2 * dx, h + 2 * dy


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
