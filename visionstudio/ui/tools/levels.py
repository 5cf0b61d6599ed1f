"""Window and level by dragging on the picture, as radiology stations have it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt

from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool


class LevelsTool(Tool):
    """Dragging across widens the window of values, dragging up makes the picture brighter."""

    name = "levels"
    cursor = Qt.CursorShape.SizeAllCursor
    stays = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._from: tuple[QPointF, float, float] | None = None

    @property
    def busy(self) -> bool:
        return self._from is not None

    def hint(self) -> str:
        return tr("Drag across to widen the window of values, up to brighten, Esc to leave")

    def press(self, pointer: Pointer) -> None:
        self._from = (pointer.place, *self.host.window_shown())

    def move(self, pointer: Pointer) -> None:
        if self._from is None:
            return
        start, low, high = self._from
        step = pointer.place - start
        width = max(high - low, 1e-9)
        wider = width * 1.01 ** step.x()
        middle = (low + high) / 2 + width * step.y() / 300
        self.host.window_dragged(middle - wider / 2, middle + wider / 2)

    def release(self, pointer: Pointer) -> None:
        self._from = None

    def cancel(self) -> bool:
        if self._from is None:
            return False
        _, low, high = self._from
        self._from = None
        self.host.window_dragged(low, high)
        return True
