"""Finding a lost object again by its known looks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio_tracker.appearance import SIDE, Appearance, Picture, Rect, look_at, reduce
from visionstudio_tracker.background import Background

SURE = 0.8  # similarity that ends the search: a wrong find is worse than a late one
SCALES = (0.8, 1.0, 1.25)
CANDIDATES = 5
WORKING_SIDE = 24  # px of the shorter side of the object while searching
START_REACH = 2.0  # sizes of the object around where it was last seen
REACH_PER_FRAME = 0.25


@dataclass(frozen=True, slots=True)
class Found:
    """A region that looks like the object, and how much."""

    rect: Rect
    score: float


def find_again(
    frame: Picture,
    appearance: Appearance,
    background: Background,
    last: Rect,
    lost_frames: int,
) -> Found | None:
    """The region most similar to the object, if it is similar enough to be sure.

    Searches by normalised cross-correlation at a few scales around `last`, in a
    window that grows with the frames since; the best places are judged by
    structure and colour, and must not be the background of earlier frames.
    """
    window = _window(frame, last, lost_frames)
    best: Found | None = None
    for scale in SCALES:
        for rect in _candidates(frame, window, appearance, last, scale):
            look = look_at(frame, rect)
            score = appearance.similarity(look)
            if look is None or score < SURE or (best is not None and score <= best.score):
                continue
            if not background.shows(frame, rect, appearance.difference(look)):
                best = Found(rect, score)
    return best


def _window(frame: Picture, last: Rect, lost_frames: int) -> Rect:
    height, width = frame.shape[:2]
    x, y, w, h = last
    reach = (START_REACH + REACH_PER_FRAME * lost_frames) * max(w, h)
    x1, y1 = max(0, int(x - reach)), max(0, int(y - reach))
    x2, y2 = min(width, int(x + w + reach)), min(height, int(y + h + reach))
    return x1, y1, max(x2 - x1, 0), max(y2 - y1, 0)


def _candidates(
    frame: Picture, window: Rect, appearance: Appearance, last: Rect, scale: float
) -> list[Rect]:
    wx, wy, ww, wh = window
    w, h = max(round(last[2] * scale), 2), max(round(last[3] * scale), 2)
    shrink = min(1.0, WORKING_SIDE / min(w, h))
    small_w, small_h = max(round(w * shrink), 2), max(round(h * shrink), 2)
    size = (round(ww * shrink), round(wh * shrink))
    if size[0] < small_w or size[1] < small_h:
        return []
    area = reduce(frame[wy : wy + wh, wx : wx + ww], size)
    responses = []
    for look in (appearance.first, appearance.recent):
        template = cv2.resize(
            look.picture.clip(0, 255).astype(np.uint8),
            (small_w, small_h),
            interpolation=cv2.INTER_AREA if small_w < SIDE else cv2.INTER_LINEAR,
        )
        match = cv2.matchTemplate(area, template, cv2.TM_CCOEFF_NORMED)
        responses.append(np.nan_to_num(match, nan=-1, posinf=-1, neginf=-1))
    response = np.maximum(*responses).astype(np.float32)
    return [
        (wx + round(x / shrink), wy + round(y / shrink), w, h)
        for x, y in _peaks(response, small_w, small_h)
    ]


def _peaks(response: NDArray[np.float32], w: int, h: int) -> list[tuple[int, int]]:
    """The highest places, each at least half an object away from the ones before."""
    left = response.copy()
    places = []
    for _ in range(CANDIDATES):
        y, x = np.unravel_index(int(left.argmax()), left.shape)
        if left[y, x] <= 0:
            break
        places.append((int(x), int(y)))
        left[max(0, y - h // 2) : y + h // 2 + 1, max(0, x - w // 2) : x + w // 2 + 1] = -1
    return places
