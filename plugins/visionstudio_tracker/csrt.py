"""OpenCV's CSRT with checked input, a check of every answer, and a Lost state.

CSRT itself (Lukežič, Vojíř, Čehovin Zajc, Matas, Kristan: Discriminative
Correlation Filter with Channel and Spatial Reliability, CVPR 2017) reports
success with a box parked on the background when the object has left. So each
box is compared with the object's known looks; an unlike one is Lost. CSRT goes
on for a few doubtful frames, which bridges short occlusions. Then the object is
searched around where it was last seen, and CSRT starts afresh where it is found.
While an answer is believed the box is exactly CSRT's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from visionstudio.api import Context, Frame, InvalidValue, TrackState, WeightsError
from visionstudio_tracker.appearance import Appearance, Rect, look_at, visible_part
from visionstudio_tracker.background import Background
from visionstudio_tracker.manifest import CsrtParams
from visionstudio_tracker.search import find_again

LEAST_SIDE = 4  # px; CSRT's cells are 4 px wide
LEAST_VISIBLE = 0.25  # of the box; less cannot be told from the background
BoxTuple = tuple[float, float, float, float]


def check_frame(frame: Frame) -> None:
    """Raise InvalidValue unless the frame is (H, W, 3) uint8."""
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        kind = getattr(frame, "dtype", type(frame).__name__)
        raise InvalidValue(f"a frame is a uint8 array, got {kind}")
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise InvalidValue(f"a frame is (H, W, 3) RGB, got shape {frame.shape}")


def check_region(box: BoxTuple, width: int, height: int) -> Rect:
    """The region x1, y1, x2, y2 in whole pixels, cut to the frame, as x, y, width, height.

    Raises InvalidValue when it is empty, too small, not finite or outside.
    """
    next_step = "draw a box around the object"
    values = np.asarray(box, dtype=np.float64)
    if values.shape != (4,) or not np.isfinite(values).all():
        raise InvalidValue(
            f"a region is four finite numbers, got {tuple(np.ravel(box))}", next_step=next_step
        )
    x1, y1, x2, y2 = (float(v) for v in values)
    if x2 <= x1 or y2 <= y1:
        raise InvalidValue("the region is empty", next_step=next_step)
    x, y = round(x1), round(y1)
    whole = (x, y, round(x2 - x1), round(y2 - y1))
    if max(x1, 0) >= min(x2, width) or max(y1, 0) >= min(y2, height):
        raise InvalidValue(f"the region lies outside the {width}x{height} frame")
    part, _ = visible_part(whole, width, height)
    if min(part[2], part[3]) < LEAST_SIDE:
        raise InvalidValue(
            f"the region is {part[2]}x{part[3]} px in the frame, "
            f"at least {LEAST_SIDE}x{LEAST_SIDE} are needed",
            next_step=next_step,
        )
    return part


class CsrtTracker:
    """One object through one video: `load`, `start` on a box, `update` per frame."""

    def __init__(self) -> None:
        self._params = CsrtParams()
        self._size: tuple[int, int] | None = None
        self._csrt: Any = None  # cv2.TrackerCSRT; None while the object is searched

    def load(self, params: CsrtParams, weights: Path | None, ctx: Context) -> None:
        if weights is not None:
            raise WeightsError("tracker/csrt learns from the drawn box and takes no weights")
        self._params = params

    def unload(self) -> None:
        self._size = None
        self._csrt = None

    def start(self, frame: Frame, box: BoxTuple, ctx: Context) -> None:
        """Learn the object in `box`, x1, y1, x2, y2. Raises InvalidValue for a bad box."""
        check_frame(frame)
        height, width = frame.shape[:2]
        rect = check_region(box, width, height)
        look = look_at(frame, rect)
        if look is None:
            raise InvalidValue("the region lies outside the frame")
        self._size = (width, height)
        self._appearance = Appearance(look)
        self._background = Background(rect)
        self._background.remember(frame, rect)
        self._seen = rect
        self._doubtful = 0
        self._begin(frame, rect)

    def update(self, frame: Frame, ctx: Context) -> TrackState:
        """Where the object is in the next frame. Raises InvalidValue when its size changed."""
        check_frame(frame)
        if self._size is None:
            raise InvalidValue("tracking has not started", next_step="call start with a box")
        size = (frame.shape[1], frame.shape[0])
        if size != self._size:
            raise InvalidValue(
                f"the frame is {size[0]}x{size[1]}, tracking started on "
                f"{self._size[0]}x{self._size[1]}",
                next_step="start again on this frame",
            )
        found, score = self._follow(frame) if self._csrt is not None else self._search(frame)
        if found is None:
            return TrackState(None, score, lost=True)
        self._seen = found
        x, y, w, h = found
        return TrackState((x, y, x + w, y + h), score)

    def _begin(self, frame: Frame, rect: Rect) -> None:
        self._csrt = cv2.TrackerCSRT_create()  # type: ignore[attr-defined]
        # CSRT's colour features expect OpenCV's blue, green, red.
        self._csrt.init(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), rect)

    def _follow(self, frame: Frame) -> tuple[Rect | None, float]:
        success, answer = self._csrt.update(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        x, y, w, h = (int(v) for v in answer)
        score, believed = 0.0, False
        if success and w > 0 and h > 0:
            score, believed = self._judge(frame, (x, y, w, h))
        if believed:
            self._doubtful = 0
            return (x, y, w, h), score
        self._doubtful += 1
        if self._doubtful >= self._params.patience:
            self._csrt = None
        return None, score

    def _judge(self, frame: Frame, rect: Rect) -> tuple[float, bool]:
        look = look_at(frame, rect)
        width, height = frame.shape[1], frame.shape[0]
        _, visible = visible_part(rect, width, height)
        score = self._appearance.similarity(look)
        if look is None or score < self._params.min_score or visible < LEAST_VISIBLE:
            return score, False
        if self._background.shows(frame, rect, self._appearance.difference(look)):
            return score, False
        self._appearance.learn(look, score, visible)
        self._background.remember(frame, rect)
        return score, True

    def _search(self, frame: Frame) -> tuple[Rect | None, float]:
        self._doubtful += 1
        if not self._params.reacquire:
            return None, 0.0
        found = find_again(frame, self._appearance, self._background, self._seen, self._doubtful)
        if found is None:
            return None, 0.0
        self._doubtful = 0
        self._begin(frame, found.rect)
        return found.rect, found.score
