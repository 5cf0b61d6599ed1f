"""Find an action, keys, the tour."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from visionstudio.settings.folders import log_folder
from visionstudio.ui.commands.base import Group


class HelpCommands(Group):
    """Find an action, keys, the tour."""

    def command_palette(self) -> None:
        self._window.palette_.open()

    def keys(self) -> None:
        self._window.dialogs.open_keys()

    def tour(self) -> None:
        self._window.tour.start()

    def show_log(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_folder())))

    def about(self) -> None:
        self._window.dialogs.open_about()
