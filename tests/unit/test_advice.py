"""What is told about a training's curves."""

from __future__ import annotations

import numpy as np
import pytest

from visionstudio.session.advice import Advice, advise


def curve(values: np.ndarray | list[float]) -> list[tuple[int, float]]:
    return [(i, float(v)) for i, v in enumerate(values)]


FALLING = np.exp(-np.linspace(0, 3, 40))


@pytest.mark.parametrize(
    ("curves", "pictures", "expected"),
    [
        ({"loss": curve(FALLING)}, 100, []),
        ({"loss": curve(FALLING[:5])}, 100, []),
        ({"loss": curve(np.concatenate([FALLING, np.linspace(0.1, 3, 30)]))}, 100, ["diverging"]),
        ({"loss": curve(np.full(40, 2.0))}, 100, ["flat"]),
        (
            {"loss": curve(FALLING), "val_loss": curve([1, 0.5, 0.6, 0.8, 0.9])},
            100,
            ["overfitting"],
        ),
        ({"loss": curve(FALLING), "AP": curve([0.3, 0.5, 0.4, 0.3, 0.3])}, 100, ["overfitting"]),
        ({"loss": curve(FALLING), "AP": curve([0.1, 0.2, 0.3, 0.5, 0.48])}, 100, []),
        ({"loss": curve(FALLING), "waiting": curve([0.1, 0.4])}, 100, ["waiting"]),
        ({}, 8, ["few"]),
    ],
)
def test_advice(curves: dict, pictures: int, expected: list[Advice]) -> None:  # type: ignore[type-arg]
    assert advise(curves, pictures) == expected
