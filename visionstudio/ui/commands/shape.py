"""Turn, simplify and convert the shapes of what is selected; snapping and shared borders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from visionstudio.model import reshaping
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.shapes import Shape, Skeleton
from visionstudio.session import shaping
from visionstudio.session.shape_work import ShapeRequest
from visionstudio.session.skeletons import sides_swapped
from visionstudio.ui.aids import toggle
from visionstudio.ui.commands.base import Group
from visionstudio.ui.i18n import tr

T = TypeVar("T")


class ShapeCommands(Group):
    """Turn, simplify and convert shapes."""

    def turn_left(self) -> None:
        self._change(tr("Turn"), shaping.turn_by(-1))

    def turn_right(self) -> None:
        self._change(tr("Turn"), shaping.turn_by(1))

    def turn_left_far(self) -> None:
        self._change(tr("Turn"), shaping.turn_by(-10))

    def turn_right_far(self) -> None:
        self._change(tr("Turn"), shaping.turn_by(10))

    def simplify(self) -> None:
        session, canvas = self._session, self._window.viewer.canvas
        chosen = session.selected() if session is not None else []
        if any(shaping.can_simplify(a.shape) for a in chosen):
            canvas.set_tool("simplify")
            self._window.viewer.focus_canvas()
        else:
            self._say(tr("Only polygons and lines of more than three points can be simplified"))

    def close_or_open(self) -> None:
        self._change(tr("Close or open"), shaping.close_or_open)

    def reverse_points(self) -> None:
        self._change(tr("Reverse the points"), reshaping.reversed_points)

    def swap_sides(self) -> None:
        session = self._session
        if session is None:
            return

        def swap(a: Annotation) -> Shape | None:
            one = session.class_by_id(a.class_id)
            spec = one.skeleton if one is not None else None
            return sides_swapped(a.shape, spec) if isinstance(a.shape, Skeleton) else None

        self._apply(tr("Swap left and right"), swap)

    def to_polygon(self) -> None:
        self._change(tr("Make polygons"), shaping.as_polygon)

    def to_box(self) -> None:
        self._change(tr("Make boxes"), shaping.as_box)

    def to_rotated_box(self) -> None:
        self._change(tr("Make rotated boxes"), shaping.as_rotated_box)

    def toggle_snapping(self) -> None:
        toggle(self._window, "snapping")

    def toggle_shared_borders(self) -> None:
        toggle(self._window, "shared_borders")

    def _change(self, title: str, change: shaping.Change) -> None:
        self._apply(title, lambda a: change(a.shape))

    def _apply(self, title: str, change: Callable[[Annotation], Shape | None]) -> None:
        session = self._session
        if session is None:
            return
        chosen = tuple(a for a in session.selected() if not session.is_locked(a))
        count = len(session.selection)

        def done(answer: tuple[Edit | None, int]) -> None:
            edit, left_out = answer
            session.apply(edit)
            left_out += count - len(chosen)
            if left_out == count:
                self._say(tr("What is selected cannot be changed so, or is locked"))
            elif left_out:
                self._say(tr("{count} of the selected objects stayed as they are", count=left_out))

        self._work(title, chosen, lambda rows: shaping.changed(title, rows, change), done)

    def _work(
        self,
        title: str,
        annotations: Sequence[Annotation],
        work: Callable[[Sequence[Annotation]], T],
        done: Callable[[T], None],
    ) -> None:
        """Have something worked out about annotations, and go on with it."""
        project = self._window.project
        if project is not None:
            request = ShapeRequest(title, tuple(annotations), work)
            project.workbench.shape_work.do(request, done)
