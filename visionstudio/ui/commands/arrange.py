"""Groups, order, locks, hiding, alignment: what is done to several objects at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.session import arranging, editing
from visionstudio.ui.commands.base import Group
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.ui.window import MainWindow


class ArrangeCommands(Group):
    """Acts on the selected objects of the picture."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        for step in get_args(arranging.Step):
            setattr(self, f"order_{step}", partial(self._restack, step))
        for side in get_args(arranging.Side):
            setattr(self, f"align_{side}", partial(self._align, side))
        for axis in get_args(arranging.Axis):
            setattr(self, f"distribute_{axis}", partial(self._distribute, axis))
        for extent in get_args(arranging.Extent):
            setattr(self, f"same_{extent}", partial(self._same, extent))

    # Going through them

    def next_object(self) -> None:
        self._select_next(1)

    def previous_object(self) -> None:
        self._select_next(-1)

    def _select_next(self, step: int) -> None:
        """Select the next object of the list, as it is sorted there."""
        session = self._session
        if session is None:
            return
        model = self._window.object_panel.model
        rows = [model.annotation(row) for row in range(model.rowCount())]
        ids = [a.id for a in rows if a is not None and not session.is_hidden(a)]
        if not ids:
            self._say(tr("Nothing is labelled here yet."))
            return
        here = [place for place, i in enumerate(ids) if i in session.selection]
        if not here:
            place = 0 if step > 0 else len(ids) - 1
        else:
            place = ((here[-1] if step > 0 else here[0]) + step) % len(ids)
        session.select([ids[place]])

    # Groups

    def group(self) -> None:
        session = self._session
        if session is None:
            return
        members = [a for a in session.selected() if a.shape.kind != "tag"]
        if len(members) < 2:
            self._say(tr("Select two or more objects to group them."))
            return
        session.apply(editing.set_group(members, session.reserve_ids("group")))

    def ungroup(self) -> None:
        session = self._session
        if session is not None:
            chosen = session.members(session.selection)
            members = [a for a in session.annotations if a.id in chosen]
            session.apply(editing.set_group(members, None))

    # Order

    def _restack(self, step: arranging.Step) -> None:
        session = self._session
        if session is None:
            return
        seen = [a for a in session.annotations if not session.is_hidden(a)]
        if not session.apply(arranging.restack(seen, session.selection, step)):
            up = step in ("raise", "top")
            self._say(tr("Nothing lies above it.") if up else tr("Nothing lies below it."))

    # Locks and hiding

    def lock(self) -> None:
        self._switch(Flags.LOCKED)

    def hide(self) -> None:
        self._switch(Flags.HIDDEN)

    def _switch(self, flag: Flags) -> None:
        """Set a mark on all that are selected, or take it from all when all have it."""
        session = self._session
        if session is not None:
            on = not all(a.flags & flag for a in session.selected())
            session.set_flags(session.selection, flag, on)

    def show_all(self) -> None:
        """Everything of this picture and all classes."""
        session = self._session
        if session is None:
            return
        if session.put_away:
            session.isolate(None)
        if session.hidden_classes:
            session.set_hidden_classes(())
        session.set_flags([a.id for a in session.annotations], Flags.HIDDEN, False)

    def unlock_all(self) -> None:
        """Everything of this picture and all classes."""
        session = self._session
        if session is None:
            return
        if session.locked_classes:
            session.set_locked_classes(())
        session.set_flags([a.id for a in session.annotations], Flags.LOCKED, False)

    def isolate(self) -> None:
        session = self._session
        if session is None:
            return
        if session.put_away:
            session.isolate(None)
        elif session.selection:
            session.isolate(session.selection)
            self._say(tr("Only the selected objects are shown; press the key again to show all."))

    def hide_all(self) -> None:
        """See the picture without its objects, and with them again."""
        session = self._session
        if session is None:
            return
        if session.put_away:
            session.isolate(None)
        elif session.annotations:
            session.isolate(())
            session.select(())
            self._say(tr("All objects are out of sight; press the key again to show them."))

    # Place and size

    def _movable(self) -> list[Annotation]:
        session = self._session
        if session is None:
            return []
        movable = [a for a in session.selected() if not session.is_locked(a)]
        return [a for a in movable if a.state is not State.REJECTED]

    def _align(self, side: arranging.Side) -> None:
        movable = self._movable()
        if self._session is not None and not self._session.apply(arranging.align(movable, side)):
            self._need(2, movable)

    def _distribute(self, axis: arranging.Axis) -> None:
        movable = self._movable()
        edit = arranging.distribute(movable, axis)
        if self._session is not None and not self._session.apply(edit):
            self._need(3, movable)

    def _same(self, extent: arranging.Extent) -> None:
        session, movable = self._session, self._movable()
        if session is None or session.current is None or not session.selection:
            return
        model = session.annotation(session.primary) if session.primary is not None else None
        if model is None:
            model = max(session.selected(), key=lambda a: a.shape.area())
        picture = (float(session.current.width), float(session.current.height))
        if not session.apply(arranging.same_size(movable, model, extent, picture)):
            self._need(2, movable)

    def _need(self, least: int, movable: list[Annotation]) -> None:
        if len(movable) < least:
            text = tr("Select at least {count} objects that are not locked.", count=least)
            self._say(text)
        else:
            self._say(tr("They are like that already."))
