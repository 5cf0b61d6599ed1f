"""An OpenCV tracker with checked input, a check of every answer, and a Lost state.

OpenCV's trackers report success with a box parked on the background when the
object has left. So each box is compared with the object's known looks; an unlike
one is Lost. The tracker goes on for a few doubtful frames, which bridges short
occlusions. Then the object is searched around where it was last seen, and the
tracker starts afresh where it is found. While an answer is believed the box is
exactly the tracker's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2

from visionstudio.api import Context, Frame, InvalidValue, TrackState, WeightsError
from visionstudio_tracker.appearance import Appearance, Rect, look_at, visible_part
from visionstudio_tracker.background import Background
from visionstudio_tracker.params import GateParams
from visionstudio_tracker.regions import BoxTuple, check_region, check_same_size
from visionstudio_tracker.search import find_again

LEAST_VISIBLE = 0.25  # of the box; less cannot be told from the background
Place = tuple[float, float, float, float]  # x, y, width, height


def whole(place: Place) -> Rect:
    """The nearest place in whole pixels."""
    x, y, w, h = place
    return round(x), round(y), round(w), round(h)


class GatedTracker:
    """One object through one video: `load`, `start` on a box, `update` per frame.

    A tracker of OpenCV's says how it is made (`_create`); another kind says how it begins
    on a region and what it answers to a frame (`_begin`, `_answer`).
    """

    model: ClassVar[str]  # its id, for messages

    def __init__(self) -> None:
        self._params = GateParams()
        self._shape: tuple[int, ...] | None = None
        self._tracker: Any = None  # OpenCV's; None while the object is searched

    def load(self, params: GateParams, weights: Path | None, ctx: Context) -> None:
        """Be ready for videos. Raises WeightsError for a file it does not need, or cannot use."""
        if weights is not None:
            raise WeightsError(f"{self.model} learns from the drawn box and takes no weights")
        self._params = params

    def unload(self) -> None:
        self._shape = None
        self._tracker = None

    def _create(self) -> Any:
        """A tracker of OpenCV's that has seen nothing."""
        raise NotImplementedError

    def _own_score(self) -> float:
        """What the tracker says of its last answer, 0 to 1; 1 where it says nothing."""
        return 1.0

    def start(self, frame: Frame, box: BoxTuple, ctx: Context) -> None:
        """Learn the object in `box`, x1, y1, x2, y2. Raises InvalidValue for a bad box."""
        shape = check_same_size(frame, None)
        rect = check_region(box, shape[1], shape[0])
        look = look_at(frame, rect)
        if look is None:
            raise InvalidValue("the region lies outside the frame")
        self._shape = shape
        self._appearance = Appearance(look)
        self._background = Background(rect)
        self._background.remember(frame, rect)
        self._seen = rect
        self._doubtful = 0
        self._begin(frame, rect)

    def update(self, frame: Frame, ctx: Context) -> TrackState:
        """Where the object is in the next frame. Raises InvalidValue when its size changed."""
        if self._shape is None:
            raise InvalidValue("tracking has not started", next_step="call start with a box")
        check_same_size(frame, self._shape)
        found, score = self._follow(frame) if self._tracker is not None else self._search(frame)
        if found is None:
            return TrackState(None, score, lost=True)
        x, y, w, h = found
        self._seen = whole(found)
        return TrackState((x, y, x + w, y + h), score)

    def similarity(self, frame: Frame, box: BoxTuple) -> float:
        """How much the region looks like the object, 0 to 1."""
        x1, y1, x2, y2 = (round(v) for v in box)
        return self._appearance.similarity(look_at(frame, (x1, y1, x2 - x1, y2 - y1)))

    def _begin(self, frame: Frame, rect: Rect) -> None:
        self._tracker = self._create()
        # OpenCV's colour features expect blue, green, red.
        self._tracker.init(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), rect)

    def _answer(self, frame: Frame) -> Place | None:
        """Where the tracker says that the object is; None where it says that it does not know."""
        success, answer = self._tracker.update(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        x, y, w, h = answer
        return (x, y, w, h) if success else None

    def _follow(self, frame: Frame) -> tuple[Place | None, float]:
        answer = self._answer(frame)
        score, believed = 0.0, False
        if answer is not None and self._own_score() >= self._params.min_response:
            rect = whole(answer)
            if rect[2] > 0 and rect[3] > 0:
                score, believed = self._judge(frame, rect)
        if believed:
            self._doubtful = 0
            return answer, score
        self._doubtful += 1
        if self._doubtful >= self._params.patience:
            self._tracker = None
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

    def _search(self, frame: Frame) -> tuple[Place | None, float]:
        self._doubtful += 1
        if not self._params.reacquire:
            return None, 0.0
        found = find_again(frame, self._appearance, self._background, self._seen, self._doubtful)
        if found is None:
            return None, 0.0
        self._doubtful = 0
        self._begin(frame, found.rect)
        return found.rect, found.score
