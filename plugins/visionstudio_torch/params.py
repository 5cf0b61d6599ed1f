"""Parameters common to every trainable model. Imported by manifests, so without torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import param


@dataclass(frozen=True)
class TrainParams:
    """What every trainer asks; a model's own parameters override defaults and add to it."""

    epochs: int = param(
        0,
        low=0,
        high=100_000,
        step=1,
        impact="train",
        help="Passes over the training pictures. 0: as many as the time budget allows, "
        "without one a number that suits the amount of data.",
    )
    lr: float = param(
        1e-3,
        low=1e-7,
        high=10.0,
        step=1e-4,
        title="Learning rate",
        impact="train",
        help="Highest learning rate of the one-cycle schedule.",
    )
    batch: int = param(
        8,
        low=1,
        high=4096,
        step=1,
        title="Batch size",
        unit="pictures",
        impact="train",
        help="Pictures per step, over all processes. Lower it when memory runs out.",
    )
    image_size: int = param(
        224,
        low=32,
        high=4096,
        step=32,
        title="Image size",
        unit="px",
        impact="train",
        help="Size at which the model sees pictures.",
    )
    weights: str = param(
        "builtin",
        impact="train",
        title="Start from",
        help="builtin: the ImageNet backbone that comes with the program; none: from scratch; "
        "or a weights file.",
    )
    freeze: bool = param(
        False,
        title="Freeze backbone",
        impact="train",
        help="Keep the backbone as it is and train only the rest: faster, for very little data.",
    )
