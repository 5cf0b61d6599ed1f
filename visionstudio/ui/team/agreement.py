"""How far two people agree: figures by class, and what they differ on."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from visionstudio.formats.output import write_bytes
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.team.agreement import NOTHING, Agreement, Disagreement
from visionstudio.session.workbench import Workbench
from visionstudio.ui.evaluation.tables import FigureTable
from visionstudio.ui.i18n import tr
from visionstudio.ui.team.base import CompareDialog, folder_of
from visionstudio.ui.team.differences import DifferenceGrid, Shown


class AgreementDialog(CompareDialog):
    """Compares the labels of this project with those of another one."""

    def __init__(self, workbench: Workbench, parent: QWidget) -> None:
        super().__init__("agreementDialog", tr("Agreement of two people"), workbench, parent)
        self._found: Agreement | None = None
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        self.table = FigureTable("agreementTable", tr("Agreement by class"))
        self.grid = DifferenceGrid("agreementGrid", self)
        self.grid.selection_changed.connect(self._go)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        self._kinds = QComboBox()
        self._kinds.setObjectName("agreementKinds")
        self._kinds.setAccessibleName(tr("Which differences"))
        self._kinds.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._kinds.activated.connect(lambda _: self._show_grid())
        about = QLabel(tr("Green is mine, orange theirs."))
        about.setProperty("role", "muted")
        row = QHBoxLayout()
        row.addWidget(self._kinds)
        row.addWidget(about, 1)
        column.addLayout(row)
        column.addWidget(self.grid, 1)
        splitter.addWidget(self.table)
        splitter.addWidget(right)
        splitter.setSizes([540, 460])
        splitter.hide()  # until there is something to show
        self._results = splitter
        self.body.addWidget(splitter, 1)
        label = QLabel(tr("Same object from an IoU of"))
        self._least = QDoubleSpinBox()
        self._least.setObjectName("agreementIou")
        self._least.setAccessibleName(label.text())
        self._least.setRange(0.05, 1.0)
        self._least.setSingleStep(0.05)
        self._least.setValue(0.5)
        self._least.setKeyboardTracking(False)
        self._least.valueChanged.connect(lambda _: self.look())
        self._save = self._button("agreementSave", tr("Save as CSV…"), self._choose_file)
        self._save.setEnabled(False)
        self.bottom.addWidget(label)
        self.bottom.addWidget(self._least)
        self.bottom.addWidget(self._save)
        self.bottom.addWidget(self._button("agreementClose", tr("Close"), self.close))
        self.say(tr("Choose a project in which somebody else has labelled the same pictures."))

    def look(self) -> None:
        folder = folder_of(self.path)
        if folder is None:
            return
        team, least = self._workbench.team, self._least.value()
        self.run(
            tr("Comparing…"),
            lambda done, failed: team.agreement(folder, least, done, failed),
            self._show,
        )

    def broke(self, error: VisionStudioError) -> None:
        self._found = None
        self._results.hide()
        self._save.setEnabled(False)
        self.table.setRowCount(0)
        self._kinds.clear()
        self.grid.show_rows(None, ())
        super().broke(error)

    def _show(self, found: Agreement) -> None:
        self._found = found
        self._results.show()
        self._save.setEnabled(True)
        alpha = "–" if math.isnan(found.alpha) else f"{found.alpha:.3f}"
        self.say(
            tr(
                "{count} pictures that both have looked at. Krippendorff's alpha {alpha}:"
                " 1 is perfect, 0 what chance gives.",
                count=f"{found.pictures:,}",
                alpha=alpha,
            )
        )
        head = [tr("Class"), tr("Mine"), tr("Theirs"), tr("Both"), "F1", tr("Mean IoU"), "alpha"]
        rows = [
            (c.name, [c.mine, c.theirs, c.both, _known(c.f1), _known(c.overlap), _known(c.alpha)])
            for c in found.classes
        ]
        self.table.show_rows(head, rows)
        self._kinds.clear()
        everything = tr("All differences ({count})", count=f"{len(found.disagreements):,}")
        self._kinds.addItem(everything, None)
        kinds = {(d.mine_class, d.theirs_class) for d in found.disagreements}
        for said in sorted(kinds, key=lambda k: -found.confusion.get(k, 0)):
            count = sum((d.mine_class, d.theirs_class) == said for d in found.disagreements)
            self._kinds.addItem(f"{_said(*said)} ({count:,})", said)
        self._show_grid()

    def _show_grid(self) -> None:
        found = self._found
        if found is None:
            return
        wanted = self._kinds.currentData()
        rows = [
            _shown(d)
            for d in found.disagreements
            if wanted is None or (d.mine_class, d.theirs_class) == tuple(wanted)
        ]
        self.grid.show_rows(self._workbench.session, rows)

    def _go(self) -> None:
        if len(self.grid.selection) == 1:
            one = self.grid.differences.shown(next(iter(self.grid.selection)))
            self.place_wanted.emit(one.media, one.mine or one.theirs)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, tr("Save as CSV"), "agreement.csv", "CSV (*.csv)"
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the figures of the classes as CSV, in the background."""
        found = self._found
        if found is None:
            return
        text = found.to_csv()
        self._workbench.session.in_store(
            lambda _: write_bytes(path, text.encode("utf-8")),
            lambda _: self.message.emit(tr("Saved: {path}", path=path), "info"),
        )

    def let_go(self) -> None:
        self.grid.close_threads()


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _said(mine: str, theirs: str) -> str:
    nothing = tr("nothing")
    return f"{nothing if mine == NOTHING else mine} → {nothing if theirs == NOTHING else theirs}"


def _shown(one: Disagreement) -> Shown:
    return Shown(one.media, one.mine, one.theirs, _said(one.mine_class, one.theirs_class))
