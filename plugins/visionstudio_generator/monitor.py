"""Whether training goes well: figures for collapse, realism and balance.

`diversity` compares how much drawn pictures of a class differ from each other with how
much real ones do: near 1 is right, near 0 is mode collapse. `frechet` is the Fréchet distance
between real and drawn pictures in their principal components (as FID, Heusel et al.,
2017, but on pixels, without a network): 0 is alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

COMPONENTS = 24
_PAIRED = 256  # pictures whose pairwise distances are measured
_TINY = 1e-6


def spread(pictures: Tensor, labels: Tensor) -> Tensor:
    """Mean Euclidean distance of all pairs of one class among (N, …) pictures; 0 without pairs."""
    rows = pictures.flatten(1).float()
    pairs = labels[:, None] == labels[None, :]
    pairs = pairs & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    if not bool(pairs.any()):
        return rows.new_zeros(())
    # Not by matrix products, whose rounding gives near pictures a distance of nothing.
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    return (distances * pairs).sum() / pairs.sum()


def too_alike(drawn: Tensor, real: Tensor, labels: Tensor) -> Tensor:
    """How far drawn pictures fall short of the spread of real ones of the same labels, 0 to 1.

    A generator that ignores its noise is pushed apart until its pictures differ as much
    as real ones, and no farther (the idea of mode seeking, Mao et al., 2019, with a goal).
    """
    wanted = spread(real, labels)
    return torch.relu(1 - spread(drawn, labels) / wanted.clamp(min=_TINY)) * (wanted > 0)


class Monitor:
    """Compares drawn pictures with (N, C, S, S) real ones in [-1, 1] and their labels (N,)."""

    def __init__(self, real: Tensor, labels: Tensor) -> None:
        distance = float(spread(real[:_PAIRED], labels[:_PAIRED]))
        self._distance = max(distance, _TINY)
        rows = real.flatten(1).float()
        self._mean = rows.mean(dim=0)
        keep = min(COMPONENTS, *rows.shape)
        # A few components of many pixels: by random projections (Halko et al., 2011), not in full.
        _, _, self._directions = torch.svd_lowrank(rows - self._mean, q=keep)
        self._real = _moments(self._project(real))

    def figures(self, drawn: Tensor, labels: Tensor) -> dict[str, float]:
        """`diversity` and `frechet` of drawn pictures of the same shape."""
        distance = float(spread(drawn[:_PAIRED], labels[:_PAIRED]))
        return {
            "diversity": distance / self._distance,
            "frechet": frechet(self._real, _moments(self._project(drawn))),
        }

    def _project(self, pictures: Tensor) -> Tensor:
        rows: Tensor = (pictures.flatten(1).float() - self._mean) @ self._directions
        return rows


Moments = tuple[Tensor, Tensor]  # mean (k,) and covariance (k, k)


def _moments(rows: Tensor) -> Moments:
    centred = rows - rows.mean(dim=0)
    return rows.mean(dim=0), centred.T @ centred / max(len(rows) - 1, 1)


def frechet(first: Moments, second: Moments) -> float:
    """Fréchet distance of two normal distributions (Dowson and Landau, 1982)."""
    mean, covariance = first
    other_mean, other = second
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    gap = ((mean - other_mean) ** 2).sum()
    return float((gap + covariance.trace() + other.trace() - 2 * cross).clamp(min=0))
