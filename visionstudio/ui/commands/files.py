"""Open, import, export, close."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from visionstudio.ui.commands.base import Group
from visionstudio.ui.i18n import tr


class FileCommands(Group):
    """Open, import, export, close."""

    def open_folder(self) -> None:
        self._window.expect_opening()
        folder = QFileDialog.getExistingDirectory(self._window, tr("Open folder"))
        if folder:
            self._window.open([Path(folder)])

    def open_files(self) -> None:
        self._window.expect_opening()
        files, _ = QFileDialog.getOpenFileNames(self._window, tr("Open pictures or videos"))
        if files:
            self._window.open([Path(f) for f in files])

    def open_live(self) -> None:
        self._window.dialogs.open_live()

    def open_sample(self) -> None:
        self._window.open_sample()

    def add_media(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self._window, tr("Add pictures or videos"))
        if files:
            self._window.add_media([Path(f) for f in files])

    def import_annotations(self) -> None:
        self._window.dialogs.open_import()

    def export_annotations(self) -> None:
        self._window.dialogs.open_export()

    def export_video(self) -> None:
        self._window.dialogs.open_video_export()

    def statistics(self) -> None:
        self._window.dialogs.open_statistics()

    def merge_project(self) -> None:
        self._window.dialogs.open_merge()

    def agreement(self) -> None:
        self._window.dialogs.open_agreement()

    def second_pass(self) -> None:
        self._window.dialogs.open_second_pass()

    def live_export(self) -> None:
        self._window.dialogs.open_live_export()

    def show_folder(self) -> None:
        if self._window.project is not None:
            folder = str(self._window.project.folder)
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    def close_project(self) -> None:
        self._window.close_project()

    def quit(self) -> None:
        self._window.close()
