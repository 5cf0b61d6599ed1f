"""The projects that were open last: remembered in the settings, offered in a menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QMenu

from visionstudio.settings.store import Settings
from visionstudio.ui.i18n import tr

_KEPT = 12


class RecentProjects:
    """`open` is called with the folder that was chosen."""

    def __init__(
        self, settings: Settings, menu: QMenu, open: Callable[[Sequence[Path]], None]
    ) -> None:
        self._settings = settings
        self._menu = menu
        self._open = open
        menu.aboutToShow.connect(self._fill)

    @property
    def folders(self) -> list[str]:
        """Project folders, newest first."""
        return list(self._settings.note("recent", []))

    def note(self, folder: Path) -> None:
        """A project was opened."""
        rest = [f for f in self.folders if f != str(folder)]
        self._settings.remember("recent", [str(folder), *rest][:_KEPT])

    def _fill(self) -> None:
        self._menu.clear()
        for folder in self.folders:
            path = Path(folder)
            shown = path.parent if path.name == ".visionstudio" else path
            action = self._menu.addAction(str(shown))
            action.triggered.connect(lambda _=False, p=path: self._open([p]))
        if self._menu.isEmpty():
            self._menu.addAction(tr("Nothing yet")).setEnabled(False)
