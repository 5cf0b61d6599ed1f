"""Figures of generated pictures against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionstudio.engine.evaluation.generation import (
    density_coverage,
    frechet_distance,
    generation_figures,
    kernel_distance,
)
from visionstudio.engine.evaluation.likeness import likeness
from visionstudio.model.errors import Cancelled, InvalidValue


@pytest.fixture
def sets() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(80, 6)), rng.normal(0.4, 1.3, size=(60, 6))


def test_density_and_coverage_by_neighbours(sets: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.neighbors import NearestNeighbors

    real, drawn = sets
    distances, _ = NearestNeighbors(n_neighbors=6).fit(real).kneighbors(real)
    radii = distances[:, 5]  # the first is the picture itself
    inside = np.array([[np.linalg.norm(r - d) < radius for d in drawn]
                       for r, radius in zip(real, radii, strict=True)])  # fmt: skip
    density, coverage = density_coverage(real, drawn)
    assert density == pytest.approx(inside.sum() / 5 / len(drawn))
    assert coverage == pytest.approx(inside.any(axis=1).mean())


def test_frechet_distance_equals_the_matrix_root(sets: tuple[np.ndarray, np.ndarray]) -> None:
    from scipy.linalg import sqrtm

    real, drawn = sets
    first, second = np.cov(real, rowvar=False), np.cov(drawn, rowvar=False)
    gap = ((real.mean(0) - drawn.mean(0)) ** 2).sum()
    expected = gap + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet_distance(real, drawn) == pytest.approx(expected)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_equals_scikit_learns_kernel(sets: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics.pairwise import polynomial_kernel

    real, drawn = sets

    def off_diagonal(rows: np.ndarray) -> float:
        k = polynomial_kernel(rows, degree=3, gamma=1 / 6, coef0=1)
        return float(k[~np.eye(len(k), dtype=bool)].mean())

    cross = polynomial_kernel(real, drawn, degree=3, gamma=1 / 6, coef0=1).mean()
    expected = off_diagonal(real) + off_diagonal(drawn) - 2 * cross
    assert kernel_distance(real, drawn) == pytest.approx(expected)


def test_collapse_and_noise_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 8))
    good = generation_figures(real, rng.normal(size=(200, 8)), inception=True)
    collapsed = generation_figures(
        real, np.repeat(real[:1], 200, 0) + rng.normal(0, 0.01, (200, 8))
    )
    noise = generation_figures(real, rng.normal(6, 1, size=(200, 8)), inception=True)
    assert good["density"] == pytest.approx(1, abs=0.25)
    assert good["coverage"] > 0.9
    assert good["diversity"] == pytest.approx(1, abs=0.1)
    assert collapsed["coverage"] < 0.1
    assert collapsed["diversity"] < 0.05
    assert noise["density"] == 0
    assert noise["FID"] > 100 * good["FID"]
    with pytest.raises(InvalidValue, match="too few"):
        generation_figures(real, real[:3])


@pytest.mark.slow
def test_pictures_are_compared_by_a_child(tmp_path: Path) -> None:
    """It says why it cannot, and ends when nobody waits for it any more."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 255, (8, 8, 3), np.uint8) for _ in range(6)]
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for path, image in zip(paths, drawn, strict=True):
        Image.fromarray(image).save(path)
    told: list[float] = []

    def tell(share: float | None, _message: str) -> None:
        told.append(share or 0.0)

    assert likeness(paths, drawn, tell)["coverage"] == 1.0
    assert told == [0.5, 1.0]
    with pytest.raises(InvalidValue, match="6 generated and 0 real pictures are too few"):
        likeness([], drawn, tell)

    def stop(_share: float | None, _message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        likeness(paths, drawn, stop)
