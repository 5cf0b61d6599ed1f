"""Move the picture by dragging."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt

from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer, Tool


class PanTool(Tool):
    """Drags the picture about."""

    name = "pan"
    cursor = Qt.CursorShape.OpenHandCursor
    _from: QPointF | None = None

    def hint(self) -> str:
        return tr("Drag to move the picture, turn the wheel to zoom")

    def press(self, pointer: Pointer) -> None:
        self._from = pointer.place
        self.host.point_at(Qt.CursorShape.ClosedHandCursor)

    def move(self, pointer: Pointer) -> None:
        if self._from is not None:
            step = pointer.place - self._from
            self._from = pointer.place
            self.host.pan_by(step.x(), step.y())

    def release(self, pointer: Pointer) -> None:
        self._from = None
        self.host.point_at(self.cursor)
