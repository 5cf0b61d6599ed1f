"""Training pictures as they are varied: a grid that follows the parameters, rolled at will."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QImage, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.api.params import Value
from visionstudio.engine.registry import ModelInfo
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.examples import TrainingExamples
from visionstudio.ui.i18n import told, tr

_SIDE = 196
_CALM_MS = 250  # after a change, so that dragging a slider asks once

Wanted = Callable[[], tuple[ModelInfo, Mapping[str, Value]] | None]


class ExamplesPage(QWidget):
    """Asks for examples of what `wanted` says, whenever it shows and something has changed."""

    def __init__(
        self, examples: TrainingExamples, wanted: Wanted, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._examples = examples
        self._wanted = wanted
        self._seed = 0
        self._is_old = True
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        row = QHBoxLayout()
        self._about = QLabel(tr("Training pictures as the model sees them, with what it learns."))
        self._about.setObjectName("examplesAbout")
        self._about.setProperty("role", "muted")
        self._about.setWordWrap(True)
        again = QPushButton(tr("Roll again"))
        again.setObjectName("examplesAgain")
        again.setAutoDefault(False)
        again.clicked.connect(self.roll)
        row.addWidget(self._about, 1)
        row.addWidget(again)
        layout.addLayout(row)
        self.grid = QListWidget()
        self.grid.setObjectName("examplesGrid")
        self.grid.setAccessibleName(tr("Training pictures"))
        self.grid.setViewMode(QListView.ViewMode.IconMode)
        self.grid.setResizeMode(QListView.ResizeMode.Adjust)
        self.grid.setMovement(QListView.Movement.Static)
        self.grid.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.grid.setIconSize(QSize(_SIDE, _SIDE))
        self.grid.setSpacing(4)
        layout.addWidget(self.grid, 1)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_CALM_MS)
        self._soon.timeout.connect(self._ask)

    def refresh(self) -> None:
        """The parameters have changed."""
        self._is_old = True
        if self.isVisible():
            self._soon.start()

    def roll(self) -> None:
        """Other random changes of the same pictures."""
        self._seed += 1
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_old:
            self._soon.start()

    def _ask(self) -> None:
        wanted = self._wanted()
        if wanted is None:
            return
        self._is_old = False
        self._about.setText(tr("Making examples…"))
        self._examples.show(*wanted, self._seed, self._show, self._fail)

    def _show(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        if not isValid(self):
            return
        self._about.setText(tr("Training pictures as the model sees them, with what it learns."))
        self.grid.clear()
        for rgb in pictures:
            self.grid.addItem(QListWidgetItem(QIcon(_pixmap(rgb)), ""))

    def _fail(self, error: VisionStudioError) -> None:
        if isValid(self):
            self.grid.clear()
            self._about.setText(told(str(error)))

    def stop(self) -> None:
        """Nothing is wanted any more."""
        self._soon.stop()
        self._examples.cancel()


def _pixmap(rgb: NDArray[np.uint8]) -> QPixmap:
    pixels = np.ascontiguousarray(rgb)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    # Small pictures keep their pixels, large ones are made smooth.
    smooth = Qt.TransformationMode.SmoothTransformation
    mode = smooth if max(height, width) > _SIDE else Qt.TransformationMode.FastTransformation
    return QPixmap.fromImage(image).scaled(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio, mode)
