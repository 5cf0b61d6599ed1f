"""Boxes that move: the states in which trackers of many objects filter them.

`AreaMotion` is SORT's (Bewley, Ge, Ott, Ramos, Upcroft: Simple Online and Realtime
Tracking, ICIP 2016): centre, area and aspect, the aspect taken as constant.
`HeightMotion` is DeepSORT's (Wojke, Bewley, Paulus, ICIP 2017), which ByteTrack uses:
centre, aspect and height, with noise in proportion to the height.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visionstudio_tracker.kalman import KalmanFilter

FloatArray = NDArray[np.float64]


class Motion(Protocol):
    """A box that is predicted and corrected; all boxes are x1, y1, x2, y2."""

    @property
    def box(self) -> FloatArray: ...
    def predict(self) -> FloatArray: ...
    def update(self, box: FloatArray) -> None: ...


class AreaMotion:
    """x, y, area, aspect (width / height) and the velocities of the first three."""

    def __init__(self, box: FloatArray) -> None:
        step = np.eye(7)
        step[:3, 4:] = np.eye(3)
        noise = np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001])
        self.filter = KalmanFilter(
            [*self.measurement(box), 0, 0, 0],
            np.diag([10, 10, 10, 10, 1e4, 1e4, 1e4]),
            F=step,
            H=np.eye(4, 7),
            Q=noise,
            R=np.diag([1, 1, 10, 10]),
        )

    @staticmethod
    def measurement(box: FloatArray) -> FloatArray:
        w, h = np.maximum(box[2:] - box[:2], 1e-3)
        return np.array([box[0] + w / 2, box[1] + h / 2, w * h, w / h])

    def predict(self) -> FloatArray:
        """The box in the next frame."""
        if self.filter.x[2] + self.filter.x[6] <= 0:  # no area below nothing
            self.filter.x[6] = 0
        self.filter.predict()
        return self.box

    def update(self, box: FloatArray) -> None:
        self.filter.update(self.measurement(box))

    @property
    def box(self) -> FloatArray:
        """x1, y1, x2, y2 now."""
        x, y, area, aspect = self.filter.x[:4]
        w = float(np.sqrt(max(area * aspect, 1e-6)))
        half = np.array([w, max(area, 1e-6) / w]) / 2
        return np.concatenate([(x, y) - half, (x, y) + half])

    def remember(self) -> tuple[FloatArray, FloatArray]:
        """The state, to come back to."""
        return self.filter.x.copy(), self.filter.P.copy()

    def go_back(self, state: tuple[FloatArray, FloatArray]) -> None:
        self.filter.x, self.filter.P = state[0].copy(), state[1].copy()


class HeightMotion:
    """x, y, aspect (width / height), height and their velocities."""

    PLACE, SPEED = 1 / 20, 1 / 160  # standard deviations, in heights

    def __init__(self, box: FloatArray) -> None:
        first = self.measurement(box)
        h = first[3]
        place, speed = 2 * self.PLACE * h, 10 * self.SPEED * h
        spread = [place, place, 1e-2, place, speed, speed, 1e-5, speed]
        step = np.eye(8)
        step[:4, 4:] = np.eye(4)
        self.filter = KalmanFilter(
            [*first, 0, 0, 0, 0],
            np.diag(np.square(spread)),
            F=step,
            H=np.eye(4, 8),
            Q=np.eye(8),
            R=np.eye(4),
        )

    @staticmethod
    def measurement(box: FloatArray) -> FloatArray:
        w, h = np.maximum(box[2:] - box[:2], 1e-3)
        return np.array([box[0] + w / 2, box[1] + h / 2, w / h, h])

    def predict(self, *, still: bool = False) -> FloatArray:
        """The box in the next frame; `still` when its change of height is not to be trusted."""
        if still:
            self.filter.x[7] = 0
        place, speed = self.PLACE * self.filter.x[3], self.SPEED * self.filter.x[3]
        self.filter.Q = self._square(place, place, 1e-2, place, speed, speed, 1e-5, speed)
        self.filter.predict()
        return self.box

    def update(self, box: FloatArray) -> None:
        place = self.PLACE * self.filter.x[3]
        self.filter.R = self._square(place, place, 1e-1, place)
        self.filter.update(self.measurement(box))

    @staticmethod
    def _square(*deviations: float) -> Any:
        return np.diag(np.square(deviations))

    @property
    def box(self) -> FloatArray:
        """x1, y1, x2, y2 now."""
        x, y, aspect, h = self.filter.x[:4]
        half = np.array([max(aspect, 1e-6) * h, h]) / 2
        return np.concatenate([(x, y) - half, (x, y) + half])
