"""A table of results: sortable, searchable, to be copied and written as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.numbers import number

Index = QModelIndex | QPersistentModelIndex
Row = Sequence[Any]


class RowsModel(QAbstractTableModel):
    """Rows of texts and numbers; NaN is shown as nothing and sorts last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.titles: Sequence[str] = ()
        self.rows: list[Row] = []
        self._all: list[Row] = []
        self._order: tuple[int, Qt.SortOrder] | None = None
        self._filter = ""

    def show_rows(self, titles: Sequence[str], rows: Sequence[Row]) -> None:
        """Other rows; the sorting and the filter stay."""
        self.beginResetModel()
        self.titles, self._all = list(titles), list(rows)
        self._arrange()
        self.endResetModel()

    def set_filter(self, text: str) -> None:
        """Only rows in which some cell contains a text."""
        self._filter = text.strip().lower()
        self.beginResetModel()
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order)
        self.layoutAboutToBeChanged.emit()
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        rows = self._all
        if self._filter:
            rows = [r for r in rows if any(self._filter in cell_text(c).lower() for c in r)]
        if self._order is not None and 0 <= self._order[0] < len(self.titles):
            column, order = self._order
            present = [r for r in rows if not _is_missing(r[column])]
            missing = [r for r in rows if _is_missing(r[column])]
            down = order == Qt.SortOrder.DescendingOrder
            rows = sorted(present, key=lambda r: _sort_key(r[column]), reverse=down) + missing
        self.rows = list(rows)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        value = self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(value)
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str) and len(value) > 30:
            return value
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Horizontal:
            return self.titles[section] if section < len(self.titles) else None
        return section + 1


class ResultTable(QWidget):
    """A table with a row of buttons above it. `keys` name the rows for whoever fills it."""

    activated = Signal(object)
    """The key of a row that was chosen by a double click or Enter."""
    delete_wanted = Signal(object)
    """The keys of the selected rows."""
    export_wanted = Signal()

    def __init__(self, name: str, what: str, empty: str, parent: QWidget | None = None) -> None:
        """`what` are the rows, `empty` says how there come to be some."""
        super().__init__(parent)
        self.setObjectName(name)
        self.model = RowsModel(self)
        self._empty = empty
        self.view = _Table()
        self.view.setObjectName(f"{name}Table")
        self.view.setAccessibleName(what)
        self.view.setModel(self.model)
        self.view.setSortingEnabled(True)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setAlternatingRowColors(True)
        self.view.setWordWrap(False)
        self.view.verticalHeader().setDefaultSectionSize(24)
        self.view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.view.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        self.search = QLineEdit()
        self.search.setObjectName(f"{name}Find")
        self.search.setAccessibleName(tr("Search in the table"))
        self.search.setPlaceholderText(tr("Search…"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(220)
        self.count = QLabel()
        self.count.setObjectName(f"{name}Count")
        self.count.setProperty("role", "muted")
        self.copy_button = self.button(f"{name}Copy", tr("Copy"))
        self.export_button = self.button(f"{name}Export", tr("Export CSV…"))
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(6)
        self.buttons.addWidget(self.search)
        self.buttons.addWidget(self.count)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.copy_button)
        self.buttons.addWidget(self.export_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        column.addLayout(self.buttons)
        column.addWidget(self.view, 1)
        self.search.textChanged.connect(self._filter)
        self.copy_button.clicked.connect(self.copy)
        self.export_button.clicked.connect(self.export_wanted)
        self.view.activated.connect(lambda index: self._activate(index.row()))
        self.show_rows((), ())

    def button(self, name: str, text: str) -> QPushButton:
        """A small button for the row above the table."""
        made = QPushButton(text)
        made.setObjectName(name)
        made.setAccessibleName(text)
        return made

    def add_widget(self, widget: QWidget) -> None:
        """Put a widget in front of the buttons for copying."""
        self.buttons.insertWidget(self.buttons.count() - 2, widget)

    def show_rows(self, titles: Sequence[str], rows: Sequence[Row]) -> None:
        """Show these; the first cell of a row is its key and is not shown."""
        widths = [self.view.columnWidth(c) for c in range(self.model.columnCount())]
        fresh = list(self.model.titles) != ["", *titles]
        self.model.show_rows(["", *titles], rows)
        self.view.setColumnHidden(0, True)
        if fresh:
            self.view.resizeColumnsToContents()
            self.view.horizontalHeader().setStretchLastSection(True)
        else:
            for c, width in enumerate(widths):
                self.view.setColumnWidth(c, width)
        self._tell_count()

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._tell_count()

    def _tell_count(self) -> None:
        shown = len(self.model.rows)
        self.view.empty = tr("Nothing matches") if self.search.text().strip() else self._empty
        self.count.setText(tr("{count} rows", count=f"{shown:,}"))
        self.copy_button.setEnabled(shown > 0)
        self.export_button.setEnabled(shown > 0)

    def selected_keys(self) -> list[Any]:
        """The keys of the selected rows, from the top."""
        rows = sorted({i.row() for i in self.view.selectionModel().selectedRows(1)})
        return [self.model.rows[r][0] for r in rows]

    def _activate(self, row: int) -> None:
        if 0 <= row < len(self.model.rows):
            self.activated.emit(self.model.rows[row][0])

    def copy(self) -> None:
        """Copy the selected rows, or all, with their titles."""
        chosen = sorted({i.row() for i in self.view.selectionModel().selectedRows(1)})
        rows = [self.model.rows[r] for r in chosen] or self.model.rows
        lines = ["\t".join(self.model.titles[1:])]
        lines += ["\t".join(cell_text(c) for c in row[1:]) for row in rows]
        QApplication.clipboard().setText("\n".join(lines))

    def csv(self) -> str:
        """All rows that are shown, in their order."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.model.titles[1:])
        for row in self.model.rows:
            writer.writerow(["" if _is_missing(c) else c for c in row[1:]])
        return out.getvalue()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() == Qt.Key.Key_Delete:
            keys = self.selected_keys()
            if keys:
                self.delete_wanted.emit(keys)
        else:
            super().keyPressEvent(event)


class _Table(QTableView):
    """With a text in the place of rows while there are none."""

    empty = ""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.model().rowCount():
            return
        painter = QPainter(self.viewport())
        painter.setPen(theme.colour("muted"))
        how = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        painter.drawText(self.viewport().rect().adjusted(16, 0, -16, 0), how, self.empty)


def cell_text(value: Any) -> str:
    """A cell as it is read."""
    if _is_missing(value):
        return ""
    if isinstance(value, float):
        return number(value)
    return str(value)


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and value != value)


def _sort_key(value: Any) -> tuple[int, float, str]:
    """Numbers before texts."""
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value).lower())
