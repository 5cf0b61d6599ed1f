"""The menus of an object and of a track: right click where they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QMenu

from visionstudio.ui.actions import ACTIONS

if TYPE_CHECKING:
    from visionstudio.ui.canvas.canvas import Canvas
    from visionstudio.ui.window import MainWindow

_FIRST = ("label.change_class", "edit.copy", "edit.paste", "edit.duplicate", "edit.delete")
_OF_TRACKS = ("track.run", "track.relabel")  # the first and the last of them


def show_track_menu(window: MainWindow, at: QPoint) -> None:
    """What the Track menu does with the selected tracks, at a place on the screen."""
    menu = QMenu(window)
    menu.setObjectName("trackMenu")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    rows = [row for row in ACTIONS if row.menu == "Track"]
    first, last = (next(n for n, r in enumerate(rows) if r.id == name) for name in _OF_TRACKS)
    for row in rows[first : last + 1]:
        if row.separator:
            menu.addSeparator()
        menu.addAction(window.actions_[row.id])
    menu.popup(at)


class ObjectMenu(QObject):
    """Offers what the Object menu does and the first of the Edit menu, as far as it makes sense."""

    def __init__(self, window: MainWindow, view: QAbstractScrollArea, canvas: Canvas) -> None:
        super().__init__(window)
        self._window = window
        self._canvas = canvas
        for widget in (view, canvas):
            widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            widget.customContextMenuRequested.connect(
                lambda at, widget=widget: self._open(widget, at)
            )

    def _open(self, widget: QAbstractScrollArea, at: QPoint) -> None:
        session = self._window.session
        drawing = widget is self._canvas and (
            self._canvas.tool_name != "select" or self._canvas.tool.takes_right_click()
        )
        if session is None or not session.selection or drawing:
            return  # in a drawing tool the right button takes a point back
        menu = QMenu(self._window)
        menu.setObjectName("objectMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in _FIRST:
            menu.addAction(self._window.actions_[name])
        for row in ACTIONS:
            if row.menu == "Object":
                if row.separator:
                    menu.addSeparator()
                menu.addAction(self._window.actions_[row.id])
        menu.popup(widget.viewport().mapToGlobal(at))
