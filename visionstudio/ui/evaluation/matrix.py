"""The confusion matrix as a table: shaded cells, a click shows what is behind one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.ui.evaluation.texts import class_names
from visionstudio.ui.i18n import tr

_RIGHT, _WRONG = QColor("#009e73"), QColor("#d55e00")
_MOST = 60  # classes that a table shows; the ones with most in them
_PLACE = Qt.ItemDataRole.UserRole


class ConfusionTable(QTableWidget):
    """Rows are what is labelled, columns what was found; only classes that occur."""

    cell_chosen = Signal(int, int)  # places in the confusion matrix

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("confusionTable")
        self.setAccessibleName(tr("Confusion matrix"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.currentItemChanged.connect(lambda now, _: self._chosen(now))

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Fill the table."""
        confusion = evaluation.confusion
        self.blockSignals(True)
        self.clear()
        self.setRowCount(0)
        self.setColumnCount(0)
        if confusion is not None:
            counts = confusion.counts
            sizes = [sum(row) + sum(r[i] for r in counts) for i, row in enumerate(counts)]
            used = [i for i, size in enumerate(sizes) if size]
            used = sorted(sorted(used, key=lambda i: -sizes[i])[:_MOST])
            self._fill(evaluation, used)
        self.blockSignals(False)

    def _fill(self, evaluation: Evaluation, used: list[int]) -> None:
        confusion = evaluation.confusion
        assert confusion is not None
        names = class_names(evaluation)
        self.setRowCount(len(used))
        self.setColumnCount(len(used))
        self.setHorizontalHeaderLabels([names[i] for i in used])
        self.setVerticalHeaderLabels([names[i] for i in used])
        paper = self.palette().color(QPalette.ColorRole.Base)
        for y, i in enumerate(used):
            total = sum(confusion.counts[i]) or 1
            for x, j in enumerate(used):
                count = confusion.counts[i][j]
                item = QTableWidgetItem(f"{count:,}" if count else "")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setData(_PLACE, (i, j))
                if count:
                    share = count / total
                    item.setBackground(_mixed(paper, _RIGHT if i == j else _WRONG, share))
                    item.setToolTip(
                        tr(
                            "{truth} taken for {found}: {count}, {share} of the row",
                            truth=names[i],
                            found=names[j],
                            count=f"{count:,}",
                            share=f"{share:.0%}",
                        )
                    )
                self.setItem(y, x, item)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(48)

    def _chosen(self, item: QTableWidgetItem | None) -> None:
        if item is not None:
            row, column = item.data(_PLACE)
            self.cell_chosen.emit(row, column)


def _mixed(paper: QColor, ink: QColor, share: float) -> QColor:
    """Between both; never so strong that text on it could not be read."""
    amount = 0.12 + 0.5 * share
    parts = (
        round(a + (b - a) * amount)
        for a, b in zip(paper.getRgb()[:3], ink.getRgb()[:3], strict=True)  # type: ignore[index]
    )
    return QColor(*parts)
