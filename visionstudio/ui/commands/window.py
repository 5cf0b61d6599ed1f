"""Bring a panel to the front."""

from __future__ import annotations

from visionstudio.ui.commands.base import Group


class WindowCommands(Group):
    """Bring a panel to the front."""

    def show_media(self) -> None:
        self._window.bring(self._window.media_dock, self._window.media_panel.view)

    def show_classes(self) -> None:
        self._window.bring(self._window.class_dock, self._window.class_panel.view)

    def show_objects(self) -> None:
        self._window.bring(self._window.object_dock, self._window.object_panel.view)

    def show_model(self) -> None:
        self._window.bring(self._window.model_dock, self._window.model_panel)

    def show_inspection(self) -> None:
        self._window.bring(self._window.inspection_dock, self._window.inspection_panel)

    def show_jobs(self) -> None:
        self._window.job_strip.open_list()

    def show_console(self) -> None:
        self._window.console.toggle()

    def reset_layout(self) -> None:
        self._window.reset_layout()
