"""Look closely at a picture."""

from __future__ import annotations

from visionstudio.ui.commands.window import WindowCommands


class InspectCommands(WindowCommands):
    """Look closely at a picture."""

    def auto_contrast(self) -> None:
        on = self._window.actions_["inspect.contrast"].isChecked()
        self._window.viewer.display.set_auto(on)

    def histogram(self) -> None:
        self.show_inspection()
