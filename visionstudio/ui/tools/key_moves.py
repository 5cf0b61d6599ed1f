"""Moving and turning what is selected by keys; what is done until the key is let go is one edit."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt

from visionstudio.model.reshaping import turned
from visionstudio.model.shapes import Shape
from visionstudio.ui.tools.base import Host
from visionstudio.ui.tools.vertices import held_inside, union

ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_TURNS = {Qt.Key.Key_Z: -1, Qt.Key.Key_X: 1}  # degrees
_UPRIGHT = ("mask", "tag", "points")  # kinds that turning does nothing to
Shapes = dict[int, Shape]


class KeyMoves:
    """Arrow keys move by whole pixels, Z and X turn by degrees; with Shift ten of them.

    `editable(id)` gives the shape of an annotation that may be changed.
    """

    def __init__(self, host: Host, editable: Callable[[int], Shape | None]) -> None:
        self._host = host
        self._editable = editable
        self._under_way: tuple[Shapes, Shapes] | None = None  # before, now

    @property
    def under_way(self) -> bool:
        """Whether a key has changed something that is no edit yet."""
        return self._under_way is not None

    def wants(self, key: int) -> bool:
        """Whether a key would change something."""
        return bool(self._chosen() if key in ARROWS else self._turnable() if key in _TURNS else ())

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        """A key is pressed, or repeats. Whether it changed something."""
        step = 10 if keys & Qt.KeyboardModifier.ShiftModifier else 1
        if key in ARROWS:
            dx, dy = ARROWS[Qt.Key(key)]
            return self._show(self._chosen(), lambda s: moved(self._host, s, dx * step, dy * step))
        if key in _TURNS:
            angle = math.radians(_TURNS[Qt.Key(key)] * step)
            return self._show(
                self._turnable(), lambda s: {i: turned(shape, angle) for i, shape in s.items()}
            )
        return False

    def key_up(self, key: int) -> bool:
        """A key is let go."""
        return (key in ARROWS or key in _TURNS) and self.settle()

    def settle(self) -> bool:
        """What was changed becomes an edit. Whether there was anything."""
        if self._under_way is None:
            return False
        (before, now), self._under_way = self._under_way, None
        self._host.settle({i: s for i, s in now.items() if s != before[i]})
        return True

    def drop(self) -> None:
        """What was changed is forgotten."""
        self._under_way = None

    def _show(self, chosen: Shapes, change: Callable[[Shapes], Shapes]) -> bool:
        before, now = self._under_way or (chosen, chosen)
        if not before:
            return False
        self._under_way = before, change(now)
        self._host.lift(self._under_way[1])
        return True

    def _chosen(self) -> Shapes:
        return {i: s for i in self._host.selection if (s := self._editable(i)) is not None}

    def _turnable(self) -> Shapes:
        return {i: s for i, s in self._chosen().items() if s.kind not in _UPRIGHT}


def moved(host: Host, shapes: Shapes, dx: float, dy: float) -> Shapes:
    """The shapes moved together, held inside the picture."""
    step = held_inside(union(list(shapes.values())), dx, dy, host.view)
    return {i: s.translated(*step) for i, s in shapes.items()}
