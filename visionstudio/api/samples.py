"""Small pictures for the conformance kit: bright discs on a dark, noisy ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visionstudio.api.data import Sample, Target
from visionstudio.api.tasks import Frame

MOVING_BOX = (20.0, 30.0, 44.0, 54.0)
"""Where the object of `moving` is in its first frame."""


def picture(height: int, width: int, seed: int) -> Frame:
    """A (height, width, 3) picture with a disc; read-only, as the host's frames are."""
    frame, _ = _disc(height, width, seed)
    frame.flags.writeable = False
    return frame


def _disc(height: int, width: int, seed: int) -> tuple[Frame, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    frame = rng.integers(20, 70, (height, width, 3), dtype=np.uint8)
    radius = max(1.0, min(height, width) * rng.uniform(0.15, 0.3))
    y = rng.uniform(radius, max(radius, height - radius))
    x = rng.uniform(radius, max(radius, width - radius))
    rows, columns = np.mgrid[:height, :width]
    inside = np.asarray((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= radius**2)
    frame[inside] = (230, 200, 120) if seed % 2 else (120, 200, 230)
    return frame, inside


def moving(count: int) -> list[Frame]:
    """`count` frames 96×128 in which a textured square moves from MOVING_BOX to the right."""
    rng = np.random.default_rng(1)
    ground = rng.integers(0, 90, (96, 128, 3), dtype=np.uint8)
    square = rng.integers(120, 255, (24, 24, 3), dtype=np.uint8)
    frames = []
    for step in range(count):
        frame = ground.copy()
        frame[30:54, 20 + 2 * step : 44 + 2 * step] = square
        frame.flags.writeable = False
        frames.append(frame)
    return frames


class TinyData:
    """Eight pictures 96×96 of two classes to train on, four to validate; for any task."""

    def __init__(self, output: str) -> None:
        self.classes: tuple[str, ...] = ("cold", "warm")
        self.class_ids: tuple[int, ...] = (11, 12)
        self.data_hash = "conformance"
        self.train: Sequence[Sample] = [_sample(output, seed) for seed in range(8)]
        self.val: Sequence[Sample] = [_sample(output, seed) for seed in range(8, 12)]


def _sample(output: str, seed: int) -> Sample:
    frame, inside = _disc(96, 96, seed)
    frame.flags.writeable = False
    index = seed % 2
    if output in ("classes", "images"):
        target = Target(label=index)
    elif output == "semantic":
        target = Target(semantic=np.where(inside, index + 1, 0).astype(np.uint8))
    else:
        rows, columns = np.nonzero(inside)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        target = Target(
            boxes=np.array([box], dtype=np.float64),
            indices=np.array([index], dtype=np.int64),
            tracks=np.array([index], dtype=np.int64),
            ignore=np.zeros(1, dtype=bool),
            masks=(inside,) if output == "masks" else (),
        )
    return Sample(frame, target, f"sample {seed}", "clip" if output == "track" else "", seed)
