"""Whether training goes well: figures for collapse, realism and balance.

`diversity` compares how much drawn pictures differ from each other with how much real
ones do: near 1 is right, near 0 is mode collapse. `frechet` is the Fréchet distance
between real and drawn pictures in their principal components (as FID, Heusel et al.,
2017, but on pixels, without a network): 0 is alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

COMPONENTS = 24
_PAIRED = 256  # pictures whose pairwise distances are measured


def pairwise_distance(pictures: Tensor) -> float:
    """Mean Euclidean distance of all pairs among up to 256 of (N, …) pictures; 0 for one."""
    rows = pictures[:_PAIRED].flatten(1).float()
    count = len(rows)
    if count < 2:
        return 0.0
    return float(torch.cdist(rows, rows).sum() / (count * (count - 1)))


class Monitor:
    """Compares drawn pictures with (N, C, S, S) real ones in [-1, 1]."""

    def __init__(self, real: Tensor) -> None:
        self._distance = max(pairwise_distance(real), 1e-6)
        rows = real.flatten(1).float()
        self._mean = rows.mean(dim=0)
        keep = min(COMPONENTS, *rows.shape)
        _, _, directions = torch.linalg.svd(rows - self._mean, full_matrices=False)
        self._directions = directions[:keep].T
        self._real = _moments(self._project(real))

    def figures(self, drawn: Tensor) -> dict[str, float]:
        """`diversity` and `frechet` of drawn pictures of the same shape."""
        return {
            "diversity": pairwise_distance(drawn) / self._distance,
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
