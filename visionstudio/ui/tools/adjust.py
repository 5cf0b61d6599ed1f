"""What tools share that change the selected shapes by a number whose effect is seen at once."""

from __future__ import annotations

from PySide6.QtCore import Qt

from visionstudio.model.shapes import Shape
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, Tool


class AdjustTool(Tool):
    """Shows what the selected shapes would become; Enter takes it, Esc does not."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._before: dict[int, Shape] = {}
        self._after: dict[int, Shape] = {}

    def can(self, shape: Shape) -> bool:
        """Whether it could change such a shape."""
        raise NotImplementedError

    def change(self, shape: Shape) -> Shape | None:
        """What a shape becomes with the options as they are; None where nothing would be left."""
        raise NotImplementedError

    def describe(self) -> str:
        """What becomes of the shapes, for the hint line."""
        raise NotImplementedError

    @property
    def busy(self) -> bool:
        return bool(self._before)

    def hint(self) -> str:
        if not self._before:
            return tr("Nothing that this could change is selected")
        return tr("{what}: Enter takes it, Esc does not, [ and ] change it", what=self.describe())

    def enter(self) -> None:
        self._begin()
        super().enter()

    def _begin(self) -> None:
        self._before = {}
        for i in self.host.selection:
            annotation = self.host.annotation(i)
            if annotation is None or not self.host.editable or self.host.is_locked(annotation):
                continue
            if self.can(annotation.shape):
                self._before[i] = annotation.shape
        self._show()

    def _show(self) -> None:
        changed = {i: self.change(s) for i, s in self._before.items()}
        self._after = {i: s if s is not None else self._before[i] for i, s in changed.items()}
        self.host.lift(self._after)
        self.host.hint(self.hint())
        self.host.refresh()

    def option_changed(self, name: str) -> None:
        if self._before:
            self._show()

    def selection_changed(self) -> None:
        self._begin()

    def shapes_replaced(self) -> None:
        self._before, self._after = {}, {}

    def press(self, pointer: Pointer) -> None:
        if pointer.button == Qt.MouseButton.LeftButton:
            found = self.host.hit_at(pointer.x, pointer.y)
            if found is not None and found not in self.host.selection:
                self.host.request_selection((found,), "replace")

    def finish(self) -> bool:
        if not self._before:
            return False
        before, after = self._before, self._after
        self._before, self._after = {}, {}
        self.host.settle({i: s for i, s in after.items() if s != before[i]})
        self.host.set_tool("select")
        return True

    def cancel(self) -> bool:
        if not self._before:
            return False
        self._before, self._after = {}, {}
        self.host.lift({})
        self.host.set_tool("select")
        return True

    def leave(self) -> None:
        self._before, self._after = {}, {}
        self.host.lift({})
