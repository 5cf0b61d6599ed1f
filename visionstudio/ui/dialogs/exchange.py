"""Import and export dialogs: choose, see what would happen, do it, read what was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from visionstudio.formats.dataset import ReadOptions, Skipped, WriteOptions
from visionstudio.formats.registry import FORMATS
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.exchange import Source
from visionstudio.session.exporting import Exported
from visionstudio.session.import_values import ImportPlan, ImportReport
from visionstudio.session.workbench import Workbench
from visionstudio.ui.i18n import tr

_LISTED = 1000


class PathEdit(QWidget):
    """A path to type or to choose."""

    changed = Signal()

    def __init__(self, name: str, title: str, choose: Callable[[], str]) -> None:
        super().__init__()
        self._choose = choose
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._line = QLineEdit()
        self._line.setObjectName(name)
        self._line.setAccessibleName(title)
        self._line.textChanged.connect(self.changed)
        button = QPushButton(tr("Choose…"))
        button.setObjectName(f"{name}Choose")
        button.setAccessibleName(tr("Choose {what}", what=title))
        button.setAutoDefault(False)
        button.clicked.connect(self._ask)
        row.addWidget(self._line, 1)
        row.addWidget(button)

    def _ask(self) -> None:
        chosen = self._choose()
        if chosen:
            self._line.setText(chosen)

    def path(self) -> Path | None:
        """The path, None while it is empty."""
        text = self._line.text().strip()
        return Path(text).expanduser() if text else None

    def set_path(self, path: Path) -> None:
        self._line.setText(str(path))


class _FormatDialog(QDialog):
    """What both dialogs share: the format on top, a report in the middle, buttons below."""

    message = Signal(str, str)

    def __init__(self, workbench: Workbench, name: str, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.resize(QSize(680, 520))
        self._workbench = workbench
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(16, 16, 16, 16)
        self._layout.setSpacing(16)
        self._format = QComboBox()
        self._format.setObjectName(f"{name}Format")
        self._format.setAccessibleName(tr("Format"))
        for one in FORMATS.values():
            self._format.addItem(tr(one.title), one.name)
        self._rows = QFormLayout()
        self._rows.setSpacing(8)
        self._rows.addRow(tr("Format"), self._format)
        self._layout.addLayout(self._rows)
        self._summary = QLabel()
        self._summary.setObjectName(f"{name}Summary")
        self._summary.setWordWrap(True)
        self._layout.addWidget(self._summary)
        self._report = QTreeWidget()
        self._report.setObjectName(f"{name}Report")
        self._report.setAccessibleName(tr("Report"))
        self._report.setRootIsDecorated(False)
        self._report.setUniformRowHeights(True)
        self._report.setHeaderHidden(True)  # until there is a report
        self._layout.addWidget(self._report, 1)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        self._layout.addLayout(self._buttons)

    def _close(self) -> None:
        self.close()

    def _button(self, name: str, text: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: action())
        self._buttons.addWidget(button)
        return button

    def _list(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._report.clear()
        self._report.setHeaderLabels(list(headers))
        self._report.setHeaderHidden(not headers)
        for row in rows[:_LISTED]:
            item = QTreeWidgetItem(list(row))
            item.setToolTip(len(row) - 1, row[-1])
            self._report.addTopLevelItem(item)
        if len(rows) > _LISTED:
            more = tr("… and {count} more", count=len(rows) - _LISTED)
            self._report.addTopLevelItem(QTreeWidgetItem([more]))
        for column in range(len(headers) - 1):
            self._report.resizeColumnToContents(column)

    def _chosen_format(self) -> str:
        return str(self._format.currentData())


class ImportDialog(_FormatDialog):
    """Annotations from a file or folder into the open project, with a preview first."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(workbench, "importDialog", tr("Import annotations"), parent)
        self._plan: ImportPlan | None = None
        self._source = PathEdit("importSource", tr("File or folder"), self._choose_source)
        self._source.changed.connect(self._forget_plan)
        self._images = PathEdit("importImages", tr("Pictures"), self._choose_images)
        self._images.changed.connect(self._forget_plan)
        self._one_based = QCheckBox(tr("Pixels count from 1 (official Pascal VOC)"))
        self._one_based.setObjectName("importOneBased")
        self._one_based.toggled.connect(self._forget_plan)
        self._rows.addRow(tr("File or folder"), self._source)
        self._rows.addRow(tr("Pictures"), self._images)
        self._rows.addRow("", self._one_based)
        self._format.currentIndexChanged.connect(self._forget_plan)
        close = self._button("importClose", tr("Close"), self._close)
        close.setShortcut("Esc")
        self._preview = self._button("importPreview", tr("Preview"), self.preview)
        self._do = self._button("importRun", tr("Import"), self.run)
        self._do.setProperty("role", "primary")
        self._images.set_path(workbench.session.store.media_root)
        self._forget_plan()

    def _choose_source(self) -> str:
        if FORMATS[self._chosen_format()].single_file:
            return QFileDialog.getOpenFileName(self, tr("Annotation file"))[0]
        return QFileDialog.getExistingDirectory(self, tr("Folder of annotations"))

    def _choose_images(self) -> str:
        return QFileDialog.getExistingDirectory(self, tr("Folder of pictures"))

    def _forget_plan(self) -> None:
        self._plan = None
        self._one_based.setVisible(self._chosen_format() == "voc")
        ready = self._source.path() is not None
        self._preview.setEnabled(ready)
        self._do.setEnabled(ready)
        self._summary.setText(tr("Nothing is changed before you press Import."))
        self._report.clear()

    def preview(self) -> None:
        """Read the file and show what importing it would do."""
        self._read(lambda _: None)

    def run(self) -> None:
        """Import: what was previewed, or at once."""
        if self._plan is not None:
            self._import(self._plan)
        else:
            self._read(self._import)

    def _read(self, then: Callable[[ImportPlan], None]) -> None:
        path = self._source.path()
        if path is None:
            return
        source = Source(
            self._chosen_format(),
            path,
            self._images.path(),
            ReadOptions(one_based=self._one_based.isChecked()),
        )
        self._busy(tr("Reading…"))

        def done(plan: ImportPlan) -> None:
            self._plan = plan
            self._ready()
            self._show(plan.report, tr("would be added"))
            then(plan)

        self._workbench.exchange.plan(source, done, self._failed)

    def _import(self, plan: ImportPlan) -> None:
        if plan.edit is None:
            self._summary.setText(tr("Everything in this file is in the project already."))
            return
        self._busy(tr("Importing…"))

        def done(report: ImportReport) -> None:
            self._forget_plan()
            self._show(report, tr("added"))
            text = tr("{count} annotations imported", count=report.annotations)
            self.message.emit(text, "info")
            if not report.skipped and not report.unresolved:
                self.close()

        self._workbench.exchange.run(plan, done, self._failed)

    def _busy(self, text: str) -> None:
        self._summary.setText(text)
        self._preview.setEnabled(False)
        self._do.setEnabled(False)

    def _ready(self) -> None:
        self._preview.setEnabled(True)
        self._do.setEnabled(True)

    def _failed(self, error: VisionStudioError) -> None:
        self._ready()
        self._summary.setText(str(error))

    def _show(self, report: ImportReport, word: str) -> None:
        text = tr(
            "{annotations} annotations on {media} pictures {word}, {skipped} rows skipped.",
            annotations=report.annotations,
            media=report.media,
            word=word,
            skipped=len(report.skipped),
        )
        self._summary.setText("\n".join([text, *report.notes]))
        rows = [*report.skipped, *report.unresolved]
        self._list((tr("File"), tr("Place"), tr("Reason")), [_row(s) for s in rows])


class ExportDialog(_FormatDialog):
    """The project's labels into a file or folder of another program."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(workbench, "exportDialog", tr("Export annotations"), parent)
        self._out = PathEdit("exportOut", tr("Write to"), self._choose_out)
        self._out.changed.connect(self._update)
        self._copy = QCheckBox(tr("Copy the pictures as well"))
        self._copy.setObjectName("exportCopyMedia")
        self._split = QLineEdit()
        self._split.setObjectName("exportSplit")
        self._split.setAccessibleName(tr("Subset name"))
        self._split.setPlaceholderText(tr("none"))
        self._rows.addRow(tr("Write to"), self._out)
        self._rows.addRow(tr("Subset name"), self._split)
        self._rows.addRow("", self._copy)
        close = self._button("exportClose", tr("Close"), self._close)
        close.setShortcut("Esc")
        self._do = self._button("exportRun", tr("Export"), self.run)
        self._do.setProperty("role", "primary")
        self._format.currentIndexChanged.connect(self._suggest)
        self._suggest()

    def _suggest(self) -> None:
        root = self._workbench.session.store.media_root
        name = self._chosen_format()
        single = FORMATS[name].single_file
        self._out.set_path(root / (f"{name}.json" if single else f"export_{name}"))

    def _choose_out(self) -> str:
        if FORMATS[self._chosen_format()].single_file:
            return QFileDialog.getSaveFileName(self, tr("Write to"))[0]
        return QFileDialog.getExistingDirectory(self, tr("Write to"))

    def _update(self) -> None:
        self._do.setEnabled(self._out.path() is not None)

    def run(self) -> None:
        """Write the files."""
        out = self._out.path()
        if out is None:
            return
        self._summary.setText(tr("Writing…"))
        self._do.setEnabled(False)
        options = WriteOptions(
            copy_media=self._copy.isChecked(), split=self._split.text().strip() or None
        )

        def done(exported: Exported) -> None:
            written = exported.written
            self._do.setEnabled(True)
            text = tr(
                "{annotations} annotations written to {out}",
                annotations=written.annotations,
                out=out,
            )
            self._summary.setText(text)
            rows = [(loss.what, str(loss.count)) for loss in written.losses]
            self._list((tr("What the format cannot hold"), tr("How often")), rows)
            self.message.emit(text, "info")

        self._workbench.exchange.export(self._chosen_format(), out, options, done, self._failed)

    def _failed(self, error: VisionStudioError) -> None:
        self._do.setEnabled(True)
        self._summary.setText(str(error))


def _row(skipped: Skipped) -> tuple[str, str, str]:
    return skipped.file, skipped.where, skipped.reason
