"""Writing a model for other programs: choose the format and the file, read how it went."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.engine.exporting import FORMATS, Exported
from visionstudio.engine.registry import ModelInfo
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.model_files import ModelFiles
from visionstudio.ui.dialogs.exchange import PathEdit
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.model_files.parts import StatusLine, button_row


class ExportModelDialog(QDialog):
    """A child process writes and checks the file; the window goes on meanwhile."""

    def __init__(
        self,
        files: ModelFiles,
        info: ModelInfo,
        weights: Path | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("exportModelDialog")
        self.setWindowTitle(tr("Export the model {name}", name=tr(info.title)))
        self.resize(QSize(600, 280))
        self._files, self._info, self._weights = files, info, weights
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        rows = QFormLayout()
        rows.setSpacing(8)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form = QComboBox()
        self._form.setObjectName("exportModelFormat")
        self._form.setAccessibleName(tr("Format"))
        self._form.addItem(tr("ONNX, for other programs; compared with torch"), "onnx")
        self._form.addItem(tr("safetensors, for this program and for torch"), "safetensors")
        self._form.currentIndexChanged.connect(self._suggest)
        rows.addRow(tr("Format"), self._form)
        self._out = PathEdit(
            "exportModelOut", tr("Write to"), ("Choose", tr("Choose…"), self._choose)
        )
        rows.addRow(tr("Write to"), self._out)
        layout.addLayout(rows)
        self._status = StatusLine(
            "exportModel",
            tr("A model card is written beside it: classes, figures, data hash, licence."),
            tr("Progress"),
        )
        layout.addWidget(self._status)
        layout.addStretch(1)
        row, close, self._do = button_row(
            ("exportModelClose", tr("Close")), ("exportModelRun", tr("Export"))
        )
        close.clicked.connect(self.close)
        self._do.setDefault(True)
        self._do.clicked.connect(self._export)
        layout.addLayout(row)
        self._suggest()

    def _suggest(self) -> None:
        """A name by the model, in the folder that was chosen last."""
        chosen = self._out.path()
        folder = chosen.parent if chosen is not None else Path.home()
        name = self._info.id.replace("/", "-")
        self._out.set_path(folder / f"{name}.{self._form.currentData()}")

    def _choose(self) -> str:
        return QFileDialog.getSaveFileName(self, tr("Write to"), str(self._out.path() or ""))[0]

    def _export(self) -> None:
        out = self._out.path()
        form = next(f for f in FORMATS if f == self._form.currentData())
        if out is None:
            return
        self._do.setEnabled(False)
        self._status.tell(tr("Writing and checking the model…"), busy=True)
        self._files.export(self._info, self._weights, form, out, self._done, self._failed)

    def _done(self, made: Exported) -> None:
        text = tr("Written: {files}", files=", ".join(str(path) for path in made.files))
        if made.difference is not None:
            apart = f"{made.difference:.1e}"
            text += "\n" + tr("ONNX and torch are at most {apart} apart.", apart=apart)
        self._ended(text)

    def _failed(self, error: VisionStudioError) -> None:
        self._ended(told(str(error)), "error")

    def _ended(self, text: str, role: str = "") -> None:
        if isValid(self):
            self._do.setEnabled(True)
            self._status.tell(text, role)
