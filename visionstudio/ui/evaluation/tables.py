"""Figures as tables: by class, by size, and of several runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.ui.i18n import tr


class FigureTable(QTableWidget):
    """Rows of a name and numbers, sorted by a click on a column."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)

    def show_rows(
        self,
        head: Sequence[str],
        rows: Sequence[tuple[str, Sequence[float | int | None]]],
        best: Sequence[int | None] = (),
    ) -> None:
        """Fill it; `best` names, for each number column, the row to be set in bold."""
        self.setSortingEnabled(False)
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(len(head))
        self.setHorizontalHeaderLabels(list(head))
        for y, (name, values) in enumerate(rows):
            self.setItem(y, 0, QTableWidgetItem(name))
            for x, value in enumerate(values):
                item = _Number(value)
                if x < len(best) and best[x] == y:
                    bold = QFont(item.font())
                    bold.setBold(True)
                    item.setFont(bold)
                self.setItem(y, x + 1, item)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(False)
        self.setSortingEnabled(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def show_classes(self, evaluation: Evaluation) -> None:
        """The figures of every class."""
        names = list(dict.fromkeys(n for c in evaluation.classes for n in c.figures))
        rows = [
            (c.name, [c.truths, c.found, *(c.figures.get(n) for n in names)])
            for c in evaluation.classes
        ]
        self.show_rows([tr("Class"), tr("Labelled"), tr("Found"), *map(tr, names)], rows)

    def show_comparison(self, names: Sequence[str], found: Sequence[Evaluation]) -> None:
        """Several evaluations, a row each, the best of every figure in bold."""
        figures = list(dict.fromkeys(n for e in found for n in e.metrics))
        rows = [
            (name, [len(e.pictures), *(e.metrics.get(f) for f in figures)])
            for name, e in zip(names, found, strict=True)
        ]
        best: list[int | None] = [None]
        for figure in figures:
            values = [e.metrics.get(figure, -1.0) for e in found]
            best.append(values.index(max(values)) if len(values) > 1 else None)
        self.show_rows([tr("Run"), tr("Pictures"), *figures], rows, best)


class _Number(QTableWidgetItem):
    """A number that sorts as one."""

    def __init__(self, value: float | int | None) -> None:
        whole = isinstance(value, int)
        missing = value is None or value == -1
        super().__init__("–" if missing else f"{value:,}" if whole else f"{value:.3f}")
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._value = float("-inf") if value is None else float(value)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self._value < other._value if isinstance(other, _Number) else super().__lt__(other)
