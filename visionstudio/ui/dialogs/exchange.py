"""What the dialogs for import and export share: paths, tables, progress and cancel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.model.errors import Cancelled, VisionStudioError
from visionstudio.session.jobs import Job
from visionstudio.session.workbench import Workbench
from visionstudio.ui.i18n import told, tr

_LISTED = 1000
_ROW_HEIGHT = 26
_SETTLE_MS = 250  # a row of choices made quickly is looked at once

Index = QModelIndex | QPersistentModelIndex
Chooser = tuple[str, str, Callable[[], str]]
"""A button beside a path: what it is called in names of objects, its text, and what it asks."""


class PathEdit(QWidget):
    """A path to type or to choose.

    `changed` comes with every letter, `settled` when it has been chosen or typed to its end.
    """

    changed = Signal()
    settled = Signal()

    def __init__(self, name: str, title: str, *choosers: Chooser) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._line = QLineEdit()
        self._line.setObjectName(name)
        self._line.setAccessibleName(title)
        self._line.textChanged.connect(self.changed)
        self._line.editingFinished.connect(self._typed)
        self._told = ""
        row.addWidget(self._line, 1)
        for suffix, text, ask in choosers:
            button = QPushButton(text)
            button.setObjectName(f"{name}{suffix}")
            button.setAccessibleName(f"{title}: {text}")
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, ask=ask: self._ask(ask))
            row.addWidget(button)

    def _ask(self, ask: Callable[[], str]) -> None:
        chosen = ask()
        if chosen:
            self.set_path(Path(chosen))

    def _typed(self) -> None:
        if self._line.text() != self._told:
            self._told = self._line.text()
            self.settled.emit()

    def path(self) -> Path | None:
        """The path, None while it is empty."""
        text = self._line.text().strip()
        return Path(text).expanduser() if text else None

    def set_path(self, path: Path) -> None:
        self._line.setText(str(path))
        self._typed()


class TallRows(QStyledItemDelegate):
    """Rows that a choice box fits into."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(size.width() + 12, max(size.height(), _ROW_HEIGHT))


class Table(QTreeWidget):
    """Rows of text, as many as anybody reads."""

    def __init__(self, name: str, headers: Sequence[str]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(name)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setItemDelegate(TallRows(self))
        self.setHeaderLabels(list(headers))

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows instead."""
        self.clear()
        for row in rows[:_LISTED]:
            item = QTreeWidgetItem(list(row))
            for column, text in enumerate(row):
                item.setToolTip(column, text)
            self.addTopLevelItem(item)
        if len(rows) > _LISTED:
            more = tr("… and {count} more", count=len(rows) - _LISTED)
            self.addTopLevelItem(QTreeWidgetItem([more]))
        self.fit()

    def fit(self) -> None:
        """Columns as wide as what they hold, none so wide that the last is out of sight."""
        for column in range(self.columnCount() - 1):
            self.resizeColumnToContents(column)
            widest = max(self.viewport().width() // self.columnCount(), 160)
            if self.columnWidth(column) > widest:
                self.setColumnWidth(column, widest)


class Checks(QTreeWidget):
    """Things with a count, each to tick or not; `changed` tells that one was."""

    changed = Signal()

    def __init__(self, name: str, headers: Sequence[str]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(headers[0])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setItemDelegate(TallRows(self))
        self.setHeaderLabels(list(headers))
        self.itemChanged.connect(lambda *_: self.changed.emit())

    def offer(self, counts: Sequence[tuple[str, str, int]]) -> None:
        """Values with their texts and counts, all ticked. What was unticked before stays so."""
        off = self._values(Qt.CheckState.Unchecked)
        self.blockSignals(True)
        self.clear()
        for value, text, count in counts:
            item = QTreeWidgetItem([text, f"{count:,}"])
            item.setData(0, Qt.ItemDataRole.UserRole, value)
            state = Qt.CheckState.Unchecked if value in off else Qt.CheckState.Checked
            item.setCheckState(0, state)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)
        self.blockSignals(False)
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, max(self.columnWidth(0) + 16, 200))

    def chosen(self) -> frozenset[str] | None:
        """The ticked values, None when all are."""
        if not self._values(Qt.CheckState.Unchecked):
            return None
        return self._values(Qt.CheckState.Checked)

    def _values(self, state: Qt.CheckState) -> frozenset[str]:
        items = self.findItems("", Qt.MatchFlag.MatchContains)
        return frozenset(
            str(i.data(0, Qt.ItemDataRole.UserRole)) for i in items if i.checkState(0) == state
        )


class ExchangeDialog(QDialog):
    """Choices on top, what would come of them in the middle, progress and buttons below.

    A subclass looks again in `_look` whenever a choice has changed; nothing that
    is not of the latest choices is shown.
    """

    message = Signal(str, str)

    def __init__(self, workbench: Workbench, name: str, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.resize(QSize(820, 680))
        self._workbench = workbench
        self._name = name
        self._job: Job | None = None
        self._asked = 0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        self._format = QComboBox()
        self._format.setObjectName(f"{name}Format")
        self._format.setAccessibleName(tr("Format"))
        self._rows = QFormLayout()
        self._rows.setSpacing(8)
        layout.addLayout(self._rows)
        self._summary = QLabel()
        self._summary.setObjectName(f"{name}Summary")
        self._summary.setWordWrap(True)
        layout.addWidget(self._summary)
        self._tabs = QTabWidget()
        self._tabs.setObjectName(f"{name}Tabs")
        self._tabs.setDocumentMode(True)
        layout.addWidget(self._tabs, 1)
        layout.addLayout(self._build_bottom())
        workbench.jobs.changed.connect(self._job_changed)

    def _build_bottom(self) -> QHBoxLayout:
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._bar = QProgressBar()
        self._bar.setObjectName(f"{self._name}Progress")
        self._bar.setAccessibleName(tr("Progress"))
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(160)
        self._doing = QLabel()
        self._doing.setProperty("role", "muted")
        self._cancel = self._button(f"{self._name}Cancel", tr("Cancel"), self.cancel)
        self._buttons.insertWidget(0, self._bar)
        self._buttons.insertWidget(2, self._doing, 1)
        self._show_progress()
        return self._buttons

    def _button(self, name: str, text: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: action())
        self._buttons.addWidget(button)
        return button

    def _chosen_format(self) -> str:
        return str(self._format.currentData())

    # work

    @property
    def busy(self) -> bool:
        """Whether something is being read, planned or written."""
        return self._job is not None

    def cancel(self) -> None:
        """Give up what is being done; the project and the files stay as they are."""
        self._settle.stop()
        if self._job is not None:
            self._job.cancel()

    def _look(self) -> None:
        """See what the choices would do."""
        raise NotImplementedError

    def _later(self) -> None:
        """Look when the choices have settled."""
        self._settle.start()

    def _start(self, text: str, begin: Callable[[int], Job]) -> None:
        """Begin work under a fresh number, which `_is_latest` knows; older work is given up."""
        self.cancel()
        self._asked += 1
        self._say(text)
        self._job = begin(self._asked)
        self._show_progress()
        self._update()

    def _tell_window(self, text: str, level: str) -> None:
        """Say in the window what has come of it, unless the dialog is gone with the project."""
        if isValid(self):
            self.message.emit(text, level)

    def _is_latest(self, number: int) -> bool:
        """Whether an answer is to the latest question; then nothing is being done any more."""
        if number != self._asked:
            return False
        self._job = None
        self._show_progress()
        return True

    def _broke(self, number: int, error: VisionStudioError) -> None:
        if self._is_latest(number):
            stopped = isinstance(error, Cancelled)
            self._say(
                tr("Stopped. Nothing was changed.") if stopped else told(str(error)), not stopped
            )
            self._update()

    def _say(self, text: str, is_error: bool = False) -> None:
        self._summary.setText(text)
        self._summary.setProperty("role", "error" if is_error else "")
        self._summary.style().unpolish(self._summary)
        self._summary.style().polish(self._summary)

    def _update(self) -> None:
        """Show which buttons can be pressed."""
        raise NotImplementedError

    def _job_changed(self, job: Job | None) -> None:
        if job is not None and job is self._job:
            self._show_progress()

    def _show_progress(self) -> None:
        job = self._job
        for widget in (self._bar, self._cancel, self._doing):
            widget.setVisible(job is not None)
        if job is None:
            return
        if job.fraction is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(job.fraction * 1000))
        self._doing.setText(told(job.message)[-60:])

    def closeEvent(self, event: QCloseEvent) -> None:
        self.cancel()
        self._asked += 1  # answers come too late from now on
        self._job = None
        super().closeEvent(event)
        self._workbench.jobs.changed.disconnect(self._job_changed)
