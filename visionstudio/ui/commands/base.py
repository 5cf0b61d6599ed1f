"""What all groups of commands share: the window, and the project that is open in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.window import MainWindow


class Group:
    """Some commands: a method for each, without arguments."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    @property
    def _session(self) -> ProjectSession | None:
        return self._window.session

    def _say(self, text: str) -> None:
        """Tell in the hint line what has come of an action."""
        self._window.status.hint.setText(text)

    def _use_tool(self, name: str) -> None:
        viewer = self._window.viewer
        viewer.canvas.set_tool(name)
        viewer.focus_canvas()
        self._window.show_tool(viewer.canvas.tool_name)
