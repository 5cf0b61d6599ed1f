"""generator/dcgan: convolutional, draws pictures like those it was trained on."""

from __future__ import annotations

import numpy as np

from visionstudio_generator.model import Adversarial, Family
from visionstudio_generator.network import Discriminator, Generator
from visionstudio_generator.training import Game

MODEL = "generator/dcgan"
LEAST_SIDE, USUAL_SIDE = 16, 64


def working_side(longest: float, asked: int) -> int:
    """The power of two that pictures are learned at."""
    wanted = max(asked, LEAST_SIDE) if asked else min(max(longest, LEAST_SIDE), USUAL_SIDE)
    return 1 << int(np.ceil(np.log2(wanted)))


FAMILY = Family(
    model=MODEL,
    generator=Generator,
    discriminator=Discriminator,
    side=working_side,
    # The discriminator at twice the generator's rate (Heusel et al., 2017), no momentum.
    game=Game(hinge=True, betas=(0.0, 0.99), generator_rate=0.5, spread=0.5),
)


class Dcgan(Adversarial):
    """Answers `generator/dcgan`: `load`, `generate`, `train`."""

    def __init__(self) -> None:
        super().__init__(FAMILY)
