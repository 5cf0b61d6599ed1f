"""Snapping for tools: where a click would really go, with a marker that shows it before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.snap import Snap
from visionstudio.ui.tools.base import Host, Pointer, clipped

if TYPE_CHECKING:
    from collections.abc import Collection

_CORNERS = 12  # of a moved shape that are tried, those nearest to the pointer
_MARK = 6.0  # half of a marker's side, widget units


class Snapper:
    """Moves pointers to what is near them. Ctrl turns it off while it is on, and on while off."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.found: Snap | None = None

    def place(self, pointer: Pointer) -> tuple[float, float]:
        """The picture's point that a click at the pointer means."""
        switched = pointer.held(Qt.KeyboardModifier.ControlModifier)
        wanted = self._host.snapping != switched
        self.found = self._host.snap_at(pointer.x, pointer.y) if wanted else None
        if self.found is None:
            return clipped(self._host.view, pointer.x, pointer.y)
        return self.found.x, self.found.y

    def shift(
        self, pointer: Pointer, corners: NDArray[np.float64], dx: float, dy: float
    ) -> tuple[float, float]:
        """The step that brings one of (n, 2) corners, moved by (dx, dy), onto what is near it.

        The corner that has least far to go decides; without one the step stays as it is.
        """
        self.found = None
        if self._host.snapping == pointer.held(Qt.KeyboardModifier.ControlModifier):
            return dx, dy
        away = np.hypot(corners[:, 0] + dx - pointer.x, corners[:, 1] + dy - pointer.y)
        best = np.inf
        step = dx, dy
        for x, y in corners[np.argsort(away)[:_CORNERS]].tolist():
            snap = self._host.snap_at(x + dx, y + dy)
            if snap is None:
                continue
            far = float(np.hypot(snap.x - x - dx, snap.y - y - dy))
            if far < best:
                best, self.found, step = far, snap, (snap.x - x, snap.y - y)
        return step

    def drop(self) -> None:
        """Nothing is snapped to any more."""
        self.found = None

    def paint(self, painter: QPainter) -> None:
        """A square on a vertex, a diamond on an edge, a bar on the picture's border."""
        if self.found is None:
            return
        at = QPointF(*self._host.view.to_widget(self.found.x, self.found.y))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for shade, width in ((QColor("#161616"), 4.0), (QColor(style.SNAPPED), 2.0)):
            painter.setPen(style.pen(shade, width))
            if self.found.kind == "vertex":
                painter.drawRect(QRectF(at.x() - _MARK, at.y() - _MARK, 2 * _MARK, 2 * _MARK))
            elif self.found.kind == "edge":
                painter.drawPolygon(_around(at, ((0, -1), (1, 0), (0, 1), (-1, 0))))
            else:
                painter.drawPolygon(_around(at, ((-1, -1), (1, 1), (-1, 1), (1, -1))))


def _around(at: QPointF, steps: Collection[tuple[int, int]]) -> list[QPointF]:
    reach = _MARK * 1.2
    return [QPointF(at.x() + reach * x, at.y() + reach * y) for x, y in steps]
