"""Join, subtract and intersect objects; masks, holes and parts of what is selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.shapes import Shape
from visionstudio.session import booleans, combining, pixels, shaping
from visionstudio.session.booleans import Size
from visionstudio.ui.commands.shape import ShapeCommands
from visionstudio.ui.i18n import tr


class CombineCommands(ShapeCommands):
    """Many objects become one, one becomes many, shapes become masks."""

    @property
    def _size(self) -> Size:
        view = self._window.viewer.canvas.view
        return view.width, view.height

    def join(self) -> None:
        self._combine(tr("Join"), combining.join, tr("Joined into the object selected first"))

    def subtract(self) -> None:
        done = tr("The others were cut out of the object selected first")
        self._combine(tr("Subtract"), combining.subtract, done)

    def intersect(self) -> None:
        self._combine(tr("Intersect"), combining.intersect, tr("What all had in common stayed"))

    def _combine(self, title: str, make: Callable[..., Edit | None], said: str) -> None:
        session, size = self._session, self._size
        if session is None:
            return
        chosen = [a for a in session.selected_in_order() if not session.is_locked(a)]

        def done(edit: Edit | None) -> None:
            if edit is None:
                self._say(tr("Nothing of them overlaps: nothing was changed"))
            elif session.apply(edit):
                session.select([edit.changes[0].row.id])
                self._say(said)

        self._work(title, chosen, lambda rows: make(rows, size), done)

    def to_mask(self) -> None:
        size = self._size
        self._change(tr("Make masks"), lambda shape: pixels.as_mask(shape, *size))

    def fill_holes(self) -> None:
        self._change(tr("Fill holes"), shaping.without_holes)

    def grow(self) -> None:
        self._adjust("grow")

    def smooth(self) -> None:
        self._adjust("smooth")

    def specks(self) -> None:
        self._adjust("specks")

    def _adjust(self, name: str) -> None:
        self._window.viewer.canvas.set_tool(name)
        self._window.viewer.focus_canvas()

    def split_objects(self) -> None:
        session = self._session
        if session is None:
            return
        title = tr("Split into objects")

        def work(rows: Sequence[Annotation]) -> dict[int, list[Shape]]:
            return {a.id: booleans.parts(a.shape) for a in rows}

        def done(parts: dict[int, list[Shape]]) -> None:
            ids = session.divide(title, parts)
            if ids:
                self._say(tr("{count} objects came of it", count=len(ids)))
            else:
                self._say(tr("Nothing to split: what is selected is in one piece, or locked"))

        self._work(title, session.selected(), work, done)
