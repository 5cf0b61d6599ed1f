"""What this program is, its version, and what it runs on."""

from __future__ import annotations

import platform
from importlib.metadata import version

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from visionstudio.settings.folders import config_folder, data_folder, log_folder
from visionstudio.ui.i18n import tr


class AboutDialog(QDialog):
    """Facts that help with a report of a fault, selectable."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("aboutDialog")
        self.setWindowTitle(tr("About VisionStudio"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(8)
        title = QLabel(f"VisionStudio {version('visionstudio')}")
        title.setProperty("role", "title")
        layout.addWidget(title)
        what = QLabel(
            tr("Look at, label and measure pictures and video with models at hand.")
            + "\n"
            + tr("Apache License 2.0")
        )
        what.setWordWrap(True)
        layout.addWidget(what)
        facts = QLabel(
            "\n".join(
                (
                    f"Python {platform.python_version()}, PySide6 {PySide6.__version__}",
                    platform.platform(),
                    "",
                    tr("Settings: {path}", path=config_folder()),
                    tr("Data: {path}", path=data_folder()),
                    tr("Log: {path}", path=log_folder()),
                )
            )
        )
        facts.setObjectName("aboutFacts")
        facts.setProperty("role", "muted")
        facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(facts)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setText(tr("Close"))
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
