"""The bootstrap particle filter.

Gordon, Salmond, Smith: Novel approach to nonlinear/non-Gaussian Bayesian state
estimation, IEE Proceedings F, 1993; systematic resampling by Kitagawa, 1996.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class BootstrapFilter:
    """Weighted guesses (n, d) of a state, moved by a model and weighed by what is seen."""

    def __init__(self, particles: FloatArray, rng: np.random.Generator) -> None:
        self.particles = np.array(particles, dtype=np.float64)
        self.weights = np.full(len(particles), 1.0 / len(particles))
        self._rng = rng

    def predict(self, move: Callable[[FloatArray, np.random.Generator], FloatArray]) -> None:
        """Move every particle, noise included."""
        self.particles = move(self.particles, self._rng)

    def weigh(self, log_likelihood: FloatArray) -> None:
        """Take in a measurement: its log likelihood (n,) under every particle."""
        logs = np.log(np.maximum(self.weights, 1e-300)) + log_likelihood
        weights = np.exp(logs - logs.max())
        self.weights = weights / weights.sum()

    @property
    def effective(self) -> float:
        """How many particles carry the weight, 1 to n (Kong, Liu, Wong 1994)."""
        return float(1.0 / np.square(self.weights).sum())

    def mean(self) -> FloatArray:
        """The expected state (d,)."""
        return np.asarray(self.weights @ self.particles)

    def covariance(self) -> FloatArray:
        """Its covariance (d, d)."""
        off = self.particles - self.mean()
        return np.asarray((off * self.weights[:, None]).T @ off)

    def resample(self, share: float = 0.5) -> None:
        """Draw afresh, in proportion to weight, when fewer than `share` of all count."""
        count = len(self.weights)
        if self.effective >= share * count:
            return
        places = (np.arange(count) + self._rng.random()) / count
        chosen = np.searchsorted(np.cumsum(self.weights), places).clip(max=count - 1)
        self.particles = self.particles[chosen]
        self.weights = np.full(count, 1.0 / count)
