"""What to try when training does not go well, from its curves. Rules of thumb, no measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np

Curve = Sequence[tuple[int, float]]

_FEW_POINTS = 12  # of a loss are too few to judge it by
_FEW_PICTURES = 20
_RISEN = 1.5  # times the lowest loss
_FLAT = 0.97  # of the loss at the start
_LOST = 0.9  # of the best figure
_WAITING = 0.2  # of the time


class Advice(StrEnum):
    """What was noticed."""

    DIVERGING = "diverging"  # the loss rises again
    FLAT = "flat"  # the loss hardly falls
    OVERFITTING = "overfitting"  # it falls, and the held-out pictures get worse
    WAITING = "waiting"  # the device waits for pictures
    FEW = "few"  # hardly any pictures to learn from


def advise(curves: Mapping[str, Curve], pictures: int | None = None) -> list[Advice]:
    """What is worth telling about curves of (step, value) by figure, most important first.

    `pictures` is how many there are to learn from, None when that is not known.
    """
    found = []
    loss = np.array([value for _, value in curves.get("loss", ())], np.float64)
    judged = len(loss) >= _FEW_POINTS
    if judged:
        part = max(3, len(loss) // 5)
        means = np.convolve(loss, np.full(part, 1 / part), "valid")
        if means[-1] > _RISEN * means.min():
            found.append(Advice.DIVERGING)
        elif means[-1] > _FLAT * means[0]:
            found.append(Advice.FLAT)
    if judged and not found and _gets_worse(curves):
        found.append(Advice.OVERFITTING)
    waiting = curves.get("waiting", ())
    if waiting and waiting[-1][1] > _WAITING:
        found.append(Advice.WAITING)
    if pictures is not None and 0 < pictures < _FEW_PICTURES:
        found.append(Advice.FEW)
    return found


def _gets_worse(curves: Mapping[str, Curve]) -> bool:
    """Whether the held-out pictures were clearly better in the first half than they are now."""
    held = curves.get("val_loss")
    if held is not None and len(held) >= 4:
        values = [v for _, v in held]
        best = int(np.argmin(values))
        return best < len(values) / 2 and values[-1] > 1.15 * values[best]
    for name in ("AP", "mIoU", "accuracy"):
        values = [v for _, v in curves.get(name, ())]
        if len(values) >= 4:
            best = int(np.argmax(values))
            return best < len(values) / 2 and values[-1] < _LOST * values[best]
    return False
