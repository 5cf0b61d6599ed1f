"""The points of a drawing under way, with steps to go back and forth. No Qt here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

Point = tuple[float, float]


class Steps:
    """Points placed one after another. What was taken back can be had again until one is added."""

    def __init__(self) -> None:
        self._all: list[Point] = []
        self._ends: list[int] = []  # how many points there were after each step
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> list[Point]:
        """The points that count."""
        return self._all[: self._count]

    @property
    def last(self) -> Point | None:
        """The point placed last."""
        return self._all[self._count - 1] if self._count else None

    @property
    def has_any(self) -> bool:
        """Whether there are points, or some to be had again."""
        return bool(self._all)

    def add(self, points: Iterable[Point]) -> None:
        """Place points in one step."""
        self.forget()
        self._all += points
        self._count = len(self._all)
        self._ends.append(self._count)

    def back_point(self) -> bool:
        """One point less."""
        self._count = max(self._count - 1, 0)
        return self._count < len(self._all)

    def back(self) -> bool:
        """Back to before the last step. Whether there was one."""
        if self._count == 0:
            return False
        self._count = max((end for end in self._ends if end < self._count), default=0)
        return True

    def forth(self) -> bool:
        """The step that was taken back again. Whether there was one."""
        if self._count == len(self._all):
            return False
        self._count = min(end for end in (*self._ends, len(self._all)) if end > self._count)
        return True

    def forget(self) -> None:
        """What was taken back cannot be had again."""
        del self._all[self._count :]
        self._ends = [end for end in self._ends if end <= self._count]

    def clear(self) -> None:
        """No points, and none to be had again."""
        self._all, self._ends, self._count = [], [], 0


def points_from(values: Any) -> list[Point] | None:
    """Finite points of a stored list of pairs; None for anything else."""
    try:
        points = [(float(x), float(y)) for x, y in values]
    except (TypeError, ValueError):
        return None
    return points if all(math.isfinite(v) for p in points for v in p) else None
