"""The Kalman filter and the two motion models that trackers use.

R. E. Kalman: A New Approach to Linear Filtering and Prediction Problems, 1960.
The covariance is updated in Joseph's form, which stays symmetric and positive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class KalmanFilter:
    """A linear system x' = F x + noise(Q), seen as z = H x + noise(R).

    `x` (n,) is the state and `P` (n, n) its covariance; `F` (n, n), `H` (m, n),
    `Q` (n, n) and `R` (m, m) may be changed between steps.
    """

    def __init__(
        self, x: ArrayLike, P: ArrayLike, *, F: ArrayLike, H: ArrayLike, Q: ArrayLike, R: ArrayLike
    ) -> None:
        self.x = np.array(x, dtype=np.float64)
        self.P = np.array(P, dtype=np.float64)
        self.F = np.array(F, dtype=np.float64)
        self.H = np.array(H, dtype=np.float64)
        self.Q = np.array(Q, dtype=np.float64)
        self.R = np.array(R, dtype=np.float64)

    def predict(self) -> FloatArray:
        """One step of time; returns the state that is expected."""
        self.x = self.F @ self.x
        self.P = self.F @ self.P @ self.F.T + self.Q
        return self.x

    def update(self, z: ArrayLike) -> FloatArray:
        """Take in a measurement (m,); returns the corrected state."""
        seen, expected = self.innovation()
        gain = np.linalg.solve(expected, self.H @ self.P).T
        self.x = self.x + gain @ (np.asarray(z, dtype=np.float64) - seen)
        left = np.eye(len(self.x)) - gain @ self.H
        self.P = left @ self.P @ left.T + gain @ self.R @ gain.T
        return self.x

    def innovation(self) -> tuple[FloatArray, FloatArray]:
        """The measurement (m,) that is expected now, and its covariance (m, m)."""
        return self.H @ self.x, self.H @ self.P @ self.H.T + self.R

    def distance(self, z: ArrayLike) -> float:
        """Squared Mahalanobis distance of a measurement from the expected one."""
        seen, expected = self.innovation()
        off = np.asarray(z, dtype=np.float64) - seen
        return float(off @ np.linalg.solve(expected, off))


def white_noise(order: int, dt: float = 1.0) -> FloatArray:
    """Q of unit variance when what changes between frames is the highest derivative.

    `order` 2: position and velocity, an unknown acceleration; 3: with acceleration,
    an unknown change of it (Bar-Shalom, Li, Kirubarajan 2001, section 6.3).
    """
    steps = {2: [dt**2 / 2, dt], 3: [dt**2 / 2, dt, 1.0]}[order]
    return np.outer(steps, steps)


def motion(
    start: ArrayLike,
    *,
    order: int = 2,
    dt: float = 1.0,
    process: float = 1.0,
    measurement: float = 1.0,
    unknown: float = 1e3,
) -> KalmanFilter:
    """A filter for points that move with constant velocity (order 2) or acceleration (3).

    `start` (d,) is where the point was first seen. The state holds position,
    velocity, … one after another for every coordinate: (order · d,). `process` and
    `measurement` are standard deviations in the unit of `start`; `unknown` is that of
    the derivatives nobody has seen yet.
    """
    first = np.asarray(start, dtype=np.float64)
    count = len(first)
    step = np.array([[1, dt, dt**2 / 2], [0, 1, dt], [0, 0, 1]])[:order, :order]
    spread = np.diag([measurement**2] + [unknown**2] * (order - 1))
    state = np.zeros((count, order))
    state[:, 0] = first
    each = np.eye(count)
    seen = np.zeros((1, order))
    seen[0, 0] = 1
    return KalmanFilter(
        state.ravel(),
        np.kron(each, spread),
        F=np.kron(each, step),
        H=np.kron(each, seen),
        Q=np.kron(each, white_noise(order, dt) * process**2),
        R=each * measurement**2,
    )
