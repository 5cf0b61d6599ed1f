"""How good generated pictures are, from features of real and generated ones.

Without a feature network of one's own: density and coverage say how realistic and how varied
they are (Naeem et al., ICML 2020), and diversity compares their spread with that of real
ones. With Inception's features also FID (Heusel et al., NeurIPS 2017) and KID (Bińkowski et
al., ICLR 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import InvalidValue

Rows = NDArray[np.float64]

NEIGHBOURS = 5
_LEAST = NEIGHBOURS + 1


def generation_figures(real: Rows, drawn: Rows, *, inception: bool = False) -> dict[str, float]:
    """`density`, `coverage` and `diversity` of (n, d) features, with Inception's `FID`, `KID`.

    Raises InvalidValue for fewer than six pictures on either side.
    """
    if min(len(real), len(drawn)) < _LEAST:
        raise InvalidValue(
            f"{len(drawn)} generated and {len(real)} real pictures are too few to compare",
            next_step=f"take at least {_LEAST} of each, better some hundred",
        )
    density, coverage = density_coverage(real, drawn)
    figures = {
        "density": density,
        "coverage": coverage,
        "diversity": _spread(drawn) / max(_spread(real), 1e-12),
    }
    if inception:
        figures |= {"FID": frechet_distance(real, drawn), "KID": kernel_distance(real, drawn)}
    return figures


def density_coverage(real: Rows, drawn: Rows, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Density (1 is like real, more is crowded where real ones are) and coverage in [0, 1].

    Each real picture owns the ball that reaches to its k-th neighbour. Density counts in
    how many balls a generated picture lies, by k; coverage is the share of balls that hold one.
    """
    among = _distances(real, real)
    np.fill_diagonal(among, np.inf)
    radii = np.partition(among, k - 1, axis=1)[:, k - 1]
    inside = _distances(real, drawn) < radii[:, None]
    return float(inside.sum(axis=0).mean() / k), float(inside.any(axis=1).mean())


def frechet_distance(real: Rows, drawn: Rows) -> float:
    """The Fréchet distance of two normal distributions with these means and covariances."""
    gap = real.mean(axis=0) - drawn.mean(axis=0)
    first, second = np.cov(real, rowvar=False), np.cov(drawn, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ second @ root), 0, None)).sum()
    return float(max(gap @ gap + np.trace(first) + np.trace(second) - 2 * cross, 0.0))


def kernel_distance(real: Rows, drawn: Rows) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x·y / d + 1)³."""

    def kernel(a: Rows, b: Rows) -> Rows:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    def within(rows: Rows) -> float:
        k, n = kernel(rows, rows), len(rows)
        return float((k.sum() - np.trace(k)) / (n * (n - 1)))

    return within(real) + within(drawn) - 2 * float(kernel(real, drawn).mean())


def _distances(a: Rows, b: Rows) -> Rows:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.clip(squares, 0, None)))


def _spread(rows: Rows) -> float:
    """The mean distance of all pairs."""
    count = len(rows)
    return float(_distances(rows, rows).sum() / (count * (count - 1)))
