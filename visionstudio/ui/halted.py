"""What the window says and offers while changes cannot be stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.project_window import ProjectWindow

_BANNER = "blocked"


class Halted:
    """Follows a session: a full disk or a lost folder gets a banner with two ways on."""

    def __init__(self, window: ProjectWindow, session: ProjectSession) -> None:
        self._window = window
        self._session = session
        self._folder = session.store.folder
        session.blocked_changed.connect(self._changed)
        # Saving elsewhere may fail as well; then the banner offers both ways again.
        session.failed.connect(lambda _: self._show() if session.blocked is not None else None)

    def _changed(self, blocked: bool) -> None:
        if blocked:
            self._window.status.show_halted()
            self._show()
            return
        self._window.viewer.banners.take_away(_BANNER)
        self._window.status.show_saved(self._session.saved)
        if self._session.store.folder != self._folder:
            self._folder = self._session.store.folder
            self._window.project_moved(self._folder)

    def _show(self) -> None:
        text = tr(
            "Changes cannot be stored and wait in memory: {error}", error=str(self._session.blocked)
        )
        self._window.viewer.banners.show_banner(
            _BANNER,
            text,
            "error",
            (tr("Try again"), self._session.retry_save),
            (tr("Save elsewhere…"), self._save_elsewhere),
        )

    def _save_elsewhere(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self._window, tr("Folder to save the project in"), str(Path.home())
        )
        project = self._window.project
        if not chosen or project is None or self._session.blocked is None:
            return
        folder = free_folder(Path(chosen), project.title)
        text = tr("Saving the project in {folder}…", folder=str(folder))
        self._window.viewer.banners.show_banner(_BANNER, text, "info")
        self._session.save_elsewhere(folder)


def free_folder(parent: Path, name: str) -> Path:
    """A folder of that name that is not there yet: name, name 2, name 3, …"""
    folder, number = parent / name, 1
    while folder.exists():
        number += 1
        folder = parent / f"{name} {number}"
    return folder
