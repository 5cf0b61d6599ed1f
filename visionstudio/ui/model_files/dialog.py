"""The models dialog: search, download, import, remove."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.api import TASKS
from visionstudio.engine.contents import SUFFIXES
from visionstudio.engine.model_store import Imported
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.jobs import Job, JobState
from visionstudio.session.model_files import ModelFiles
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.model_files.importing import ImportWeightsDialog
from visionstudio.ui.model_files.tree import ModelTree, Row
from visionstudio.ui.panels.model_choice import task_title


class ModelsDialog(QDialog):
    """What models there are, which of their files are here, and more of them."""

    message = Signal(str, str)

    def __init__(self, files: ModelFiles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("modelsDialog")
        self.setWindowTitle(tr("Models"))
        self.resize(QSize(1080, 640))
        self.setAcceptDrops(True)
        self._files = files
        self._watched: Job | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(self._build_search())
        self._tree = ModelTree()
        self._tree.chosen.connect(self._show_chosen)
        layout.addWidget(self._tree, 1)
        self._about = QLabel(tr("Reading the library…"))
        self._about.setObjectName("modelsAbout")
        self._about.setWordWrap(True)
        self._about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._about.setMinimumHeight(3 * self._about.fontMetrics().lineSpacing())
        self._about.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._about)
        layout.addLayout(self._build_buttons())
        files.changed.connect(self._show)
        self.finished.connect(lambda _: files.changed.disconnect(self._show))
        self._library = files.library
        self._search_changed()
        self._show_chosen()
        files.refresh()
        self._search.setFocus()

    def _build_search(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._search = QLineEdit()
        self._search.setObjectName("modelsSearch")
        self._search.setAccessibleName(tr("Search models"))
        self._search.setPlaceholderText(tr("Search: name, id, licence, figure…"))
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._search_changed)
        self._task = QComboBox()
        self._task.setObjectName("modelsTask")
        self._task.setAccessibleName(tr("Task"))
        self._task.addItem(tr("All tasks"), "")
        for task in TASKS:
            self._task.addItem(task_title(task), task)
        self._task.currentIndexChanged.connect(self._search_changed)
        self._here = QCheckBox(tr("Only what can be used now"))
        self._here.setObjectName("modelsHere")
        self._here.toggled.connect(self._search_changed)
        row.addWidget(self._search, 1)
        row.addWidget(self._task)
        row.addWidget(self._here)
        return row

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)

        def button(name: str, text: str, action: object) -> QPushButton:
            made = QPushButton(text)
            made.setObjectName(name)
            made.setAutoDefault(False)
            made.clicked.connect(action)
            row.addWidget(made)
            return made

        button("modelsImport", tr("Import file…"), lambda: self.open_import())
        self._download = button("modelsDownload", tr("Download"), lambda: self._fetch())
        self._cancel = button("modelsCancel", tr("Stop the download"), lambda: self._stop())
        self._remove = button("modelsRemove", tr("Remove…"), lambda: self._ask_to_remove())
        self._export = button("modelsExport", tr("Export…"), lambda: self._open_export())
        row.addStretch(1)
        button("modelsClose", tr("Close"), lambda: self.close()).setShortcut("Esc")
        return row

    # -- showing --------------------------------------------------------------------------------

    def _show(self) -> None:
        if self._files.library is not self._library or not self._tree.topLevelItemCount():
            self._library = self._files.library
            self._tree.show_library(self._library, self._files.downloads)
            self._search_changed()
        else:
            self._tree.show_progress(self._files.downloads)
        if self._watched is not None and self._watched.state is JobState.FAILED:
            self._tell(told(self._watched.message), "error")
            self._watched = None
        self._update_buttons()

    def _search_changed(self) -> None:
        self._tree.search(
            self._search.text(), str(self._task.currentData()), self._here.isChecked()
        )
        self._update_buttons()

    def _show_chosen(self) -> None:
        self._tell(_about(self._tree.row()), "")
        self._update_buttons()

    def _tell(self, text: str, role: str) -> None:
        self._about.setText(text)
        self._about.setProperty("role", role)
        self._about.style().polish(self._about)

    def _model(self) -> str:
        row = self._tree.row()
        return row.model.info.id if row is not None and row.model is not None else ""

    def _update_buttons(self) -> None:
        row, model = self._tree.row(), self._model()
        entry = row.model if row is not None else None
        busy = model in self._files.downloads
        missing = entry is not None and any(w.remote and not w.present for w in entry.weights)
        self._download.setEnabled(missing and not busy)
        begun = entry is not None and any(w.begun for w in entry.weights)
        self._download.setText(tr("Go on downloading") if begun and not busy else tr("Download"))
        self._cancel.setVisible(busy)
        self._remove.setEnabled(not busy and _removable(row) != "")
        here = row is not None and row.weights is not None and row.weights.present
        self._export.setEnabled(entry is not None and (here or entry.info.ready))

    # -- doing ----------------------------------------------------------------------------------

    def _fetch(self) -> None:
        model = self._model()
        if model:
            self._show_chosen()
            self._watched = self._files.download(model)

    def _stop(self) -> None:
        job = self._files.downloads.get(self._model())
        if job is not None:
            job.cancel()

    def _ask_to_remove(self) -> None:
        row = self._tree.row()
        name = _removable(row)
        if row is None or not name:
            return
        title = row.weights.name if row.weights is not None else self._model()
        box = QMessageBox(self)
        box.setObjectName("modelsRemoveQuestion")
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(tr("Delete the weights file “{name}” from this computer?", name=title))
        box.setStandardButtons(QMessageBox.StandardButton.Cancel)
        delete = box.addButton(tr("Delete"), QMessageBox.ButtonRole.DestructiveRole)
        delete.setObjectName("modelsRemoveYes")
        delete.clicked.connect(lambda: self._files.remove(name, self._failed))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def open_import(self, path: Path | None = None) -> None:
        """Ask for a file, show what is in it, and take it in."""
        models = [entry.info for entry in self._files.library.models]
        dialog = ImportWeightsDialog(self._files, models, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.taken.connect(self._taken)
        dialog.show()
        if path is not None:
            dialog.look_into(path)

    def _open_export(self) -> None:
        row = self._tree.row()
        if row is None or row.model is None:
            return
        from visionstudio.ui.model_files.exporting import ExportModelDialog

        weights = row.weights
        own = weights is None or weights.source.startswith("package:")
        path = None if own or weights is None else weights.path
        dialog = ExportModelDialog(self._files, row.model.info, path, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def _taken(self, found: Imported) -> None:
        name = found.name or found.id
        text = tr("Imported “{name}” for {model}", name=name, model=found.architecture or "?")
        self._tree.choose(found.id)
        self._tell(text, "")
        self.message.emit(text, "info")

    def _failed(self, error: VisionStudioError) -> None:
        if isValid(self):
            self._tell(told(str(error)), "error")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        urls = event.mimeData().urls()
        if len(urls) == 1 and urls[0].toLocalFile().lower().endswith(SUFFIXES):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.open_import(Path(event.mimeData().urls()[0].toLocalFile()))


def _removable(row: Row | None) -> str:
    """The id by which what is chosen can be removed, '' where it cannot."""
    weights = row.weights if row is not None else None
    if weights is None:
        return ""
    ours = weights.source == "import" or (weights.remote and (weights.present or weights.begun))
    return weights.id if ours else ""


def _about(row: Row | None) -> str:
    if row is None:
        return tr("Choose a model to read about it, or drop a weights file here.")
    if row.weights is None:
        return tr(row.model.info.description) if row.model is not None else ""
    weights = row.weights
    lines = [str(weights.path) if weights.path is not None else weights.source]
    if weights.classes:
        names = ", ".join(weights.classes[:12]) + (", …" if len(weights.classes) > 12 else "")
        lines.append(tr("{count} classes: {names}", count=len(weights.classes), names=names))
    if weights.sha256:
        lines.append(f"SHA-256 {weights.sha256}")
    return "\n".join(lines)
