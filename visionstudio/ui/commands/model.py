"""Predict, decide, train."""

from __future__ import annotations

from visionstudio.ui.commands.base import Group


class ModelCommands(Group):
    """Predict, decide, train."""

    def predict_current(self) -> None:
        self._window.model_panel.predict_current()

    def predict_selected(self) -> None:
        self._window.model_panel.predict_selected()

    def predict_all(self) -> None:
        self._window.model_panel.predict_all()

    def accept(self) -> None:
        self._window.model_panel.proposals.accept()

    def accept_all(self) -> None:
        self._window.model_panel.proposals.accept_all()

    def reject_all(self) -> None:
        self._window.model_panel.proposals.reject_all()

    def train(self) -> None:
        self._window.model_panel.open_training()

    def evaluate(self) -> None:
        self._window.dialogs.open_evaluation()

    def generate(self) -> None:
        self._window.model_panel.open_generator()

    def model_files(self) -> None:
        self._window.dialogs.open_models()

    def inpaint(self) -> None:
        self._window.dialogs.open_inpainting()

    def plugins(self) -> None:
        self._window.dialogs.open_plugins()

    def free_memory(self) -> None:
        self._window.models.free_memory()
