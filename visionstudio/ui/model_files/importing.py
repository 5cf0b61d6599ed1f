"""Importing a weights file: choose it, see what is in it, say what it is for, take it in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.engine.contents import SUFFIXES, Contents
from visionstudio.engine.model_store import Imported
from visionstudio.engine.registry import ModelInfo
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.model_files import ModelFiles
from visionstudio.ui.dialogs.exchange import PathEdit
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.model_files.parts import StatusLine, button_row

_NAMED = 20


class ImportWeightsDialog(QDialog):
    """A process of its own looks into the file as soon as it is chosen."""

    taken = Signal(object)  # Imported

    def __init__(
        self, files: ModelFiles, models: Sequence[ModelInfo], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("importWeightsDialog")
        self.setWindowTitle(tr("Import a weights file"))
        self.resize(QSize(640, 420))
        self._files = files
        self._looked_at: Path | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        layout.addLayout(self._build_rows(models))
        self._status = StatusLine(
            "importWeights",
            tr("Nothing in the file is run: only its numbers are read."),
            tr("Looking into the file"),
        )
        layout.addWidget(self._status)
        layout.addStretch(1)
        layout.addLayout(self._build_buttons())

    def _build_rows(self, models: Sequence[ModelInfo]) -> QFormLayout:
        rows = QFormLayout()
        rows.setSpacing(8)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._path = PathEdit(
            "importWeightsFile", tr("File"), ("Choose", tr("Choose…"), self._choose)
        )
        self._path.changed.connect(self._path_changed)
        rows.addRow(tr("File"), self._path)
        self._model = QComboBox()
        self._model.setObjectName("importWeightsModel")
        self._model.setAccessibleName(tr("Model"))
        self._model.addItem(tr("No model that is installed"), "")
        for info in models:
            self._model.addItem(f"{tr(info.title)}  ({info.id})", info.id)
        self._model.setEnabled(False)
        self._values: dict[str, QLabel] = {}
        for name, title in (
            ("Kind", tr("Kind")),
            ("Architecture", tr("Architecture")),
            ("Classes", tr("Classes")),
            ("Input", tr("Input")),
            ("Tensors", tr("Tensors")),
        ):
            label = QLabel("–")
            label.setObjectName(f"importWeights{name}")
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._values[name] = label
            rows.addRow(title, label)
        rows.addRow(tr("Use it for"), self._model)
        return rows

    def _build_buttons(self) -> QHBoxLayout:
        row, close, self._do = button_row(
            ("importWeightsCancel", tr("Cancel")), ("importWeightsRun", tr("Import"))
        )
        close.clicked.connect(self.close)
        self._do.setEnabled(False)
        self._do.clicked.connect(self._take)
        return row

    def _choose(self) -> str:
        pattern = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        return QFileDialog.getOpenFileName(
            self, tr("Weights file"), "", f"{tr('Weights')} ({pattern})"
        )[0]

    def _path_changed(self) -> None:
        path = self._path.path()
        self._do.setEnabled(False)
        self._model.setEnabled(False)
        # A path that is being typed is not one yet.
        if path is not None and path.suffix.lower() in SUFFIXES and path != self._looked_at:
            self._look(path)

    def look_into(self, path: Path) -> None:
        """Choose a file."""
        self._path.set_path(path)

    def _look(self, path: Path) -> None:
        self._looked_at = path
        for label in self._values.values():
            label.setText("–")
        self._status.tell(tr("Looking into the file…"), busy=True)
        self._files.inspect(
            path, lambda found: self._found(path, found), lambda error: self._refused(path, error)
        )

    def _current(self, path: Path) -> bool:
        return isValid(self) and path == self._looked_at

    def _found(self, path: Path, found: Contents) -> None:
        if not self._current(path):
            return
        height, width = found.input_size
        size = f"{width} × {height} px" if height else tr("any size")
        if found.notes:
            size = "\n".join([size, *found.notes[:4]])
        names = ", ".join(found.classes[:_NAMED]) + (", …" if len(found.classes) > _NAMED else "")
        texts = {
            "Kind": _kind(found),
            "Architecture": found.model or "–",
            "Classes": f"{len(found.classes)}: {names}" if found.classes else tr("not named"),
            "Input": size,
            "Tensors": tr(
                "{tensors} tensors, {numbers} numbers",
                tensors=found.tensors,
                numbers=f"{found.parameters:,}",
            )
            if found.parameters
            else "–",
        }
        for name, text in texts.items():
            self._values[name].setText(text)
        self._model.setCurrentIndex(max(self._model.findData(found.model), 0))
        self._model.setEnabled(True)
        self._do.setEnabled(True)
        self._do.setDefault(True)
        if found.usable:
            self._status.tell(tr("The model has loaded the file: it can be used."))
        else:
            self._status.tell(
                tr("Not usable as it is: {problem}", problem=found.problem), "warning"
            )

    def _refused(self, path: Path, error: VisionStudioError) -> None:
        if self._current(path):
            self._looked_at = None  # the same file may be tried again
            self._status.tell(told(str(error)), "error")

    def _take(self) -> None:
        path = self._path.path()
        if path is None:
            return
        self._do.setEnabled(False)
        self._status.tell(tr("Importing…"), busy=True)

        def done(found: Imported) -> None:
            if isValid(self):
                self.taken.emit(found)
                self.close()

        self._files.take(
            path,
            str(self._model.currentData() or ""),
            done,
            lambda error: self._refused(path, error),
        )


def _kind(found: Contents) -> str:
    return {
        "safetensors": "safetensors",
        "checkpoint": tr("checkpoint of torch (pickle); it is converted without running its code"),
        "onnx": "ONNX",
        "darknet": tr("darknet's weights"),
    }[found.kind]
