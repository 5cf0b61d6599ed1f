"""What tools share that change the selected shapes by a number whose effect is seen at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt

from visionstudio.model.shapes import Shape
from visionstudio.session.shape_work import weight
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer
from visionstudio.ui.tools.working import WorkingTool

Shapes = Mapping[int, Shape]


class AdjustTool(WorkingTool):
    """Shows what the selected shapes would become; Enter takes it, Esc does not."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._before: dict[int, Shape] = {}
        self._after: dict[int, Shape] = {}
        self._figures: Any = None  # of the shapes shown
        self._taken = False  # Enter came before the answer

    def can(self, shape: Shape) -> bool:
        """Whether it could change such a shape."""
        raise NotImplementedError

    def changer(self) -> Callable[[Shape], Shape | None]:
        """What makes of a shape what it becomes with the options as they are; None for nothing.

        It is called in any thread and looks at nothing that changes.
        """
        raise NotImplementedError

    def figures(self, before: Shapes, after: Shapes) -> Any:
        """What `describe` tells of the shapes; in any thread."""
        raise NotImplementedError

    def describe(self, figures: Any) -> str:
        """What becomes of the shapes, for the hint line."""
        raise NotImplementedError

    def cost(self, shape: Shape) -> int:
        """About how long changing a shape takes, see `shape_work.weight`."""
        return weight(shape)

    @property
    def busy(self) -> bool:
        return bool(self._before)

    def hint(self) -> str:
        if not self._before:
            return tr("Nothing that this could change is selected")
        if self.working or self._figures is None:
            return tr("Working it out…")
        what = self.describe(self._figures)
        return tr("{what}: Enter takes it, Esc does not, [ and ] change it", what=what)

    def enter(self) -> None:
        self._begin()
        super().enter()

    def _begin(self) -> None:
        self._before, self._after, self._figures, self._taken = {}, {}, None, False
        for i in self.host.selection:
            annotation = self.host.annotation(i)
            if annotation is None or not self.host.editable or self.host.is_locked(annotation):
                continue
            if self.can(annotation.shape):
                self._before[i] = annotation.shape
        self._show()

    def _show(self) -> None:
        cost = sum(self.cost(s) for s in self._before.values())
        work = partial(_worked, dict(self._before), self.changer(), self.figures)
        self.work_out(work, self._shown, cost)

    def _shown(self, answer: tuple[dict[int, Shape], Any]) -> None:
        self._after, self._figures = answer
        self.host.lift(self._after)
        self.host.hint(self.hint())
        self.host.refresh()
        if self._taken:
            self.finish()

    def option_changed(self, name: str) -> None:
        if self._before:
            self._show()

    def selection_changed(self) -> None:
        self._begin()

    def shapes_replaced(self) -> None:
        self._forget()

    def press(self, pointer: Pointer) -> None:
        if pointer.button == Qt.MouseButton.LeftButton:
            found = self.host.hit_at(pointer.x, pointer.y)
            if found is not None and found not in self.host.selection:
                self.host.request_selection((found,), "replace")

    def finish(self) -> bool:
        if not self._before:
            return False
        if self.working:
            self._taken = True
            return True
        before, after = self._before, self._after
        self._forget()
        # What has changed meanwhile in another way stays as it is now.
        now = {i: a.shape for i in before if (a := self.host.annotation(i)) is not None}
        after = {i: s for i, s in after.items() if now.get(i) is before[i]}
        self.host.settle({i: s for i, s in after.items() if s is not before[i] and s != before[i]})
        self.host.set_tool("select")
        return True

    def cancel(self) -> bool:
        if not self._before:
            return False
        self._forget()
        self.host.lift({})
        self.host.set_tool("select")
        return True

    def leave(self) -> None:
        self._forget()
        self.host.lift({})

    def _forget(self) -> None:
        self._before, self._after, self._figures, self._taken = {}, {}, None, False
        self._work.drop()


def _worked(
    before: dict[int, Shape],
    change: Callable[[Shape], Shape | None],
    figures: Callable[[Shapes, Shapes], Any],
) -> tuple[dict[int, Shape], Any]:
    after = {i: changed if (changed := change(s)) is not None else s for i, s in before.items()}
    return after, figures(before, after)
