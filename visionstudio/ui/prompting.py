"""The prompt tool in the window: whom it asks, and which pictures are looked at ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from visionstudio.session.prompting import Prompts
    from visionstudio.ui.window import MainWindow

_TOOL = "prompt"


class PromptControl(QObject):
    """Binds the canvas's prompt tool to the prompts of a project."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._prompts: Prompts | None = None
        window.viewer.shown.connect(lambda _item: self._prepare())
        window.viewer.canvas.tool_changed.connect(lambda _name: self._prepare())

    def set_prompts(self, prompts: Prompts | None) -> None:
        """Ask in another project, or in none."""
        self._prompts = self._window.viewer.canvas.prompter = prompts
        if prompts is not None:
            prompts.network = self._network
            prompts.failed.connect(lambda error: self._window.toast(str(error), "error"))
            self._prepare()  # the picture is there already
            canvas = self._window.viewer.canvas
            if canvas.tool_name == _TOOL:
                canvas.tool.prompter_came()  # type: ignore[attr-defined]

    def _network(self) -> tuple[str, str]:
        settings = self._window.settings
        return str(settings.get("prompt_encoder")), str(settings.get("prompt_decoder"))

    def _prepare(self) -> None:
        canvas, session = self._window.viewer.canvas, self._window.session
        if self._prompts is None or session is None or canvas.tool_name != _TOOL:
            return
        if session.current is not None:
            method = str(canvas.tool.values["method"])
            self._prompts.prepare(method, self._window.viewer.near(session.current))
