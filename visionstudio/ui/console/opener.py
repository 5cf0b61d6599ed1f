"""The console in the window: made when it is first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDockWidget

from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.console.panel import ConsolePanel
    from visionstudio.ui.window import MainWindow

_HEIGHT = 220


class Console(QObject):
    """Stands below the picture while it is wanted."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session: ProjectSession | None = None
        self._panel: ConsolePanel | None = None
        self.dock: QDockWidget | None = None

    @property
    def panel(self) -> ConsolePanel:
        """The panel; made with the first use."""
        if self._panel is None:
            from visionstudio.ui.console.panel import ConsolePanel

            self._panel = panel = ConsolePanel()
            self.dock = dock = QDockWidget(tr("Console"), self._window)
            dock.setObjectName("consoleDock")
            dock.setWidget(panel)
            self._window.stand_below(dock, _HEIGHT)
            panel.set_session(self._session)
        return self._panel

    def set_session(self, session: ProjectSession | None) -> None:
        """Work on another project, or none."""
        self._session = session
        if self._panel is not None:
            self._panel.set_session(session)

    def stop(self) -> None:
        """Interrupt what runs; before a project is closed."""
        if self._panel is not None:
            self._panel.interpreter.stop()

    def toggle(self) -> None:
        """Show the console and give it the keyboard; hide it when it has it already."""
        panel = self.panel
        if self.dock is None:
            return
        if self.dock.isVisible() and panel.input.hasFocus():
            self.dock.hide()
            self._window.viewer.focus_canvas()
            return
        self.dock.show()
        self.dock.raise_()
        panel.input.setFocus(Qt.FocusReason.ShortcutFocusReason)
