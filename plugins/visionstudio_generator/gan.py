"""generator/gan: the fully connected networks of the first paper."""

from __future__ import annotations

from visionstudio_generator.dense_network import DenseDiscriminator, DenseGenerator
from visionstudio_generator.model import Adversarial, Family
from visionstudio_generator.training import Game

MODEL = "generator/gan"
LEAST_SIDE, USUAL_SIDE = 4, 64


def working_side(longest: float, asked: int) -> int:
    """The side that pictures are learned at."""
    return asked or max(LEAST_SIDE, min(round(longest), USUAL_SIDE))


# Without it the generator ignores its noise and draws one digit of each kind: its diversity stays
# near .15 for a thousand steps, with it it is 1.
SPREAD = 4.0
FAMILY = Family(
    model=MODEL,
    generator=DenseGenerator,
    discriminator=DenseDiscriminator,
    side=working_side,
    game=Game(hinge=False, betas=(0.5, 0.999), generator_rate=1.0, spread=SPREAD),
)


class Gan(Adversarial):
    """Answers `generator/gan`: `load`, `generate`, `train`."""

    def __init__(self) -> None:
        super().__init__(FAMILY)
