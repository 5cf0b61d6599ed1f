"""Make a project in which somebody labels some of the pictures again without seeing the labels."""

from __future__ import annotations

import random

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.workbench import Workbench
from visionstudio.ui.dialogs.exchange import PathEdit
from visionstudio.ui.i18n import told, tr


class SecondPassDialog(QDialog):
    """Asks how many pictures, and where the new project goes."""

    message = Signal(str, str)

    def __init__(self, workbench: Workbench, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("secondPassDialog")
        self.setWindowTitle(tr("Blind second pass"))
        self._workbench = workbench
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        about = QLabel(
            tr(
                "Draws labelled pictures by chance into a project of their own, with the classes"
                " and without the labels. Afterwards “Agreement of two people” compares both."
            )
        )
        about.setWordWrap(True)
        layout.addWidget(about)
        form = QFormLayout()
        form.setSpacing(8)
        self.count = QSpinBox()
        self.count.setObjectName("secondPassCount")
        self.count.setAccessibleName(tr("Pictures"))
        self.count.setRange(1, 1_000_000)
        self.count.setValue(50)
        self.seed = QSpinBox()
        self.seed.setObjectName("secondPassSeed")
        self.seed.setAccessibleName(tr("Seed"))
        self.seed.setRange(0, 1_000_000_000)
        self.seed.setToolTip(tr("The same seed draws the same pictures again"))
        dice = QPushButton(tr("Another seed"))
        dice.setObjectName("secondPassDice")
        dice.setAutoDefault(False)
        dice.clicked.connect(lambda: self.seed.setValue(random.randrange(1_000_000)))
        row = QHBoxLayout()
        row.addWidget(self.seed, 1)
        row.addWidget(dice)
        title = tr("Folder of the new project")
        self.path = PathEdit("secondPassFolder", title, ("Choose", tr("Folder…"), self._choose))
        self.path.changed.connect(self._update)
        form.addRow(tr("Pictures"), self.count)
        form.addRow(tr("Seed"), row)
        form.addRow(title, self.path)
        layout.addLayout(form)
        self.said = QLabel()
        self.said.setObjectName("secondPassSaid")
        self.said.setWordWrap(True)
        layout.addWidget(self.said)
        close = QPushButton(tr("Close"))
        close.setObjectName("secondPassClose")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        self._start = QPushButton(tr("Make it"))
        self._start.setObjectName("secondPassStart")
        self._start.setProperty("role", "primary")
        self._start.clicked.connect(self.start)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(self._start)
        layout.addLayout(buttons)
        self.setMinimumWidth(520)
        ours = workbench.session.store.folder
        ours = ours.parent if ours.name == ".visionstudio" else ours
        self.path.set_path(ours.with_name(f"{ours.name}-second-pass"))

    def _choose(self) -> str:
        return QFileDialog.getExistingDirectory(self, tr("Folder of the new project"))

    def _update(self) -> None:
        self._start.setEnabled(self.path.path() is not None)

    def start(self) -> None:
        """Make the project."""
        folder = self.path.path()
        if folder is None:
            return
        self._start.setEnabled(False)

        def done(chosen: list[MediaItem]) -> None:
            text = tr("{count} pictures in {folder}", count=f"{len(chosen):,}", folder=folder)
            if isValid(self):
                self.message.emit(text, "info")
                self.close()

        def failed(error: VisionStudioError) -> None:
            if isValid(self):
                self.said.setText(told(str(error)))
                self._update()

        team = self._workbench.team
        team.second_pass(folder, self.count.value(), self.seed.value(), done, failed)
