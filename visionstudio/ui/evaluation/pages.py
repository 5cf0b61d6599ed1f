"""The pages of the evaluation dialog that are made of several parts."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from visionstudio.engine.evaluation.evaluation import KINDS, Case, Evaluation
from visionstudio.ui.evaluation.gallery import CaseGallery
from visionstudio.ui.evaluation.matrix import ConfusionTable
from visionstudio.ui.evaluation.tables import FigureTable
from visionstudio.ui.evaluation.texts import class_names, kind_title
from visionstudio.ui.i18n import tr

_TILES = 7  # main figures that stand large above the table


class FiguresPage(QWidget):
    """The main figures, large, and those of every class and size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        self._tiles = QHBoxLayout()
        self._tiles.setSpacing(24)
        self._rest = QLabel()
        self._rest.setObjectName("evaluationRest")
        self._rest.setProperty("role", "muted")
        self._rest.setWordWrap(True)
        self._rest.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._classes = FigureTable("classTable", tr("Figures by class"))
        self._sizes = FigureTable("sizeTable", tr("Figures by size"))
        layout.addLayout(self._tiles)
        layout.addWidget(self._rest)
        layout.addWidget(self._classes, 3)
        layout.addWidget(self._sizes, 1)
        self._sizes.setVisible(False)

    def show_evaluation(self, found: Evaluation) -> None:
        """Show another evaluation."""
        while self._tiles.count():
            item = self._tiles.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        figures = [f for f in found.metrics.items() if not f[0].startswith("IoU ")]
        for name, value in figures[:_TILES]:
            self._tiles.addWidget(_tile(name, value))
        self._tiles.addStretch(1)
        rest = [f"{n} {v:.3f}" if v != -1 else f"{n} –" for n, v in figures[_TILES:]]
        if found.calibration is not None:
            ece = f"{found.calibration.ece:.3f}"
            rest.append(tr("expected calibration error {value}", value=ece))
        self._rest.setText(" · ".join(rest))
        self._rest.setVisible(bool(rest))
        self._classes.show_classes(found)
        self._sizes.setVisible(bool(found.buckets))
        self._sizes.show_rows(
            [tr("Size"), tr("Labelled"), tr("Found"), "AP"],
            [(tr(b.name), [b.truths, b.recall, b.average_precision]) for b in found.buckets],
        )


def _tile(name: str, value: float) -> QWidget:
    tile = QLabel(f"<big><b>{value:.3f}</b></big><br>{name}" if value != -1 else f"–<br>{name}")
    tile.setAccessibleName(name)
    font = tile.font()
    font.setPointSizeF(font.pointSizeF() * 1.15)
    tile.setFont(font)
    return tile


class ConfusionPage(QWidget):
    """The confusion matrix beside the cases of the cell that was clicked."""

    chosen = Signal(object, object)  # Picture, Case

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        self._unit = QLabel()
        self._unit.setProperty("role", "muted")
        self._unit.setWordWrap(True)
        self._table = ConfusionTable()
        self._table.cell_chosen.connect(self._show_cell)
        column.addWidget(self._unit)
        column.addWidget(self._table, 1)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        self._about = QLabel(tr("Click a cell to see the pictures behind it."))
        self._about.setObjectName("cellAbout")
        self._about.setWordWrap(True)
        self._gallery = CaseGallery("cellGallery")
        self._gallery.chosen.connect(self.chosen)
        column.addWidget(self._about)
        column.addWidget(self._gallery, 1)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setSizes([560, 480])
        layout.addWidget(splitter)

    def show_evaluation(self, found: Evaluation) -> None:
        """Show another evaluation."""
        self._evaluation = found
        self._table.show_evaluation(found)
        self._gallery.show_cases(None, ())
        self._about.setText(tr("Click a cell to see the pictures behind it."))
        unit = found.confusion.unit if found.confusion is not None else ""
        words = {
            "objects": tr("Objects. Rows are what is labelled, columns what was found."),
            "pictures": tr("Pictures. Rows are what is labelled, columns what was found."),
            "pixels": tr("Pixels. Rows are what is labelled, columns what was found."),
        }
        self._unit.setText(words.get(unit, ""))

    def _show_cell(self, row: int, column: int) -> None:
        found = self._evaluation
        if found is None or found.confusion is None:
            return
        names = class_names(found)
        count = found.confusion.counts[row][column]
        self._about.setText(f"{names[row]} → {names[column]}: {count:,}")
        self._gallery.show_cases(found, found.cell(row, column))

    def close_threads(self) -> None:
        """Stop cutting out."""
        self._gallery.close_threads()


class MistakesPage(QWidget):
    """All mistakes, worst first, by kind and class."""

    chosen = Signal(object, object)  # Picture, Case

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._kind = self._choice("mistakeKind", tr("Kind of mistake"))
        self._class = self._choice("mistakeClass", tr("Class"))
        self._about = QLabel()
        self._about.setObjectName("mistakesAbout")
        self._about.setProperty("role", "muted")
        row.addWidget(self._kind)
        row.addWidget(self._class)
        row.addWidget(self._about, 1)
        layout.addLayout(row)
        self._gallery = CaseGallery("mistakeGallery")
        self._gallery.chosen.connect(self.chosen)
        layout.addWidget(self._gallery, 1)

    def _choice(self, name: str, title: str) -> QComboBox:
        box = QComboBox()
        box.setObjectName(name)
        box.setAccessibleName(title)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        box.currentIndexChanged.connect(lambda _: self._filter())
        return box

    def show_evaluation(self, found: Evaluation) -> None:
        """Show another evaluation."""
        self._evaluation = found
        mistakes = found.mistakes()
        for box in (self._kind, self._class):
            box.blockSignals(True)
            box.clear()
        self._kind.addItem(tr("All mistakes ({count})", count=f"{len(mistakes):,}"), None)
        for kind in KINDS:
            count = sum(c.kind == kind for c in mistakes)
            if count:
                self._kind.addItem(f"{kind_title(kind)} ({count:,})", kind)
        self._class.addItem(tr("All classes"), None)
        names = found.confusion.classes if found.confusion is not None else ()
        occurring = {i for c in mistakes for i in (c.row, c.column)}
        for place, name in enumerate(names):
            if place in occurring:
                self._class.addItem(name, place)
        for box in (self._kind, self._class):
            box.blockSignals(False)
        self._filter()

    def _filter(self) -> None:
        found = self._evaluation
        if found is None:
            return
        kind, place = self._kind.currentData(), self._class.currentData()
        cases: list[Case] = [
            c
            for c in found.mistakes()
            if kind in (None, c.kind) and (place is None or place in (c.row, c.column))
        ]
        self._gallery.show_cases(found, cases)
        text = tr("Worst first. Green is the label, orange what was found. Click to go there.")
        self._about.setText(text if cases else tr("Nothing to show."))

    def close_threads(self) -> None:
        """Stop cutting out."""
        self._gallery.close_threads()
