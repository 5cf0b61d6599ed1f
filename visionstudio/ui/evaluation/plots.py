"""Precision over recall, F1 over the threshold, and reliability, as plots."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from visionstudio.engine.evaluation.evaluation import ClassFigures, Evaluation
from visionstudio.model.labels import PALETTE
from visionstudio.ui.i18n import tr
from visionstudio.ui.plots import framed_plot

_MOST = 12  # lines in one plot


class EvaluationPlots(QWidget):
    """Curves of all classes, or of the one that is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evaluationPlots")
        self.setAccessibleName(tr("Curves"))
        self._evaluation: Evaluation | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        row = QHBoxLayout()
        self._class = QComboBox()
        self._class.setObjectName("curveClass")
        self._class.setAccessibleName(tr("Class"))
        self._class.setMinimumContentsLength(18)
        self._class.currentIndexChanged.connect(lambda _: self._draw())
        self._about = QLabel()
        self._about.setObjectName("curveAbout")
        self._about.setProperty("role", "muted")
        row.addWidget(self._class)
        row.addWidget(self._about, 1)
        layout.addLayout(row)
        grid = QGridLayout()
        grid.setSpacing(8)
        self._recall = self._plot(tr("Recall"), tr("Precision"))
        ink = self.palette().color(QPalette.ColorRole.Text)
        self._recall.addLegend(offset=(8, -8), labelTextColor=ink)
        self._f1 = self._plot(tr("Threshold"), "F1")
        self._reliability = self._plot(tr("Score"), tr("Share of right answers"))
        grid.addWidget(self._recall, 0, 0)
        grid.addWidget(self._f1, 0, 1)
        grid.addWidget(self._reliability, 0, 2)
        layout.addLayout(grid, 1)

    def _plot(self, x: str, y: str) -> pg.PlotWidget:
        plot = framed_plot(self, x, y)
        plot.setRange(xRange=(0, 1), yRange=(0, 1), padding=0.02)
        return plot

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Draw another evaluation's curves."""
        self._evaluation = evaluation
        with_curve = [c for c in evaluation.classes if c.curve is not None and c.curve.recall]
        self._class.blockSignals(True)
        self._class.clear()
        self._class.addItem(tr("All classes"), None)
        for one in sorted(with_curve, key=lambda c: -c.truths):
            self._class.addItem(one.name, one)
        self._class.blockSignals(False)
        self._draw()

    @property
    def has_curves(self) -> bool:
        """Whether there is anything to draw; pixel maps have no scores."""
        found = self._evaluation
        return found is not None and (self._class.count() > 1 or found.calibration is not None)

    def _draw(self) -> None:
        evaluation = self._evaluation
        if evaluation is None:
            return
        for plot in (self._recall, self._f1, self._reliability):
            plot.clear()
        chosen = self._class.currentData()
        classes = [self._class.itemData(i) for i in range(1, self._class.count())]
        shown = [chosen] if isinstance(chosen, ClassFigures) else classes[:_MOST]
        for place, one in enumerate(classes):
            if one in shown:
                self._draw_class(one, PALETTE[place % len(PALETTE)])
        if evaluation.threshold is not None:
            pen = pg.mkPen("#888888", style=Qt.PenStyle.DashLine)
            self._f1.addItem(pg.InfiniteLine(evaluation.threshold, pen=pen))
        self._draw_reliability(evaluation)
        self._about.setText(self._words(evaluation, chosen))

    def _draw_class(self, one: ClassFigures, colour: str) -> None:
        curve = one.curve
        if curve is None:
            return
        pen = pg.mkPen(colour, width=2)
        self._recall.plot(list(curve.recall), list(curve.precision), pen=pen, name=one.name)
        self._f1.plot(list(curve.thresholds), list(curve.f1), pen=pen, name=one.name)
        best = [curve.best_threshold], [curve.best_f1]
        self._f1.addItem(pg.ScatterPlotItem(*best, size=8, brush=colour, pen=None))

    def _draw_reliability(self, evaluation: Evaluation) -> None:
        found = evaluation.calibration
        ink = self.palette().color(QPalette.ColorRole.PlaceholderText)
        self._reliability.plot([0, 1], [0, 1], pen=pg.mkPen(ink, style=Qt.PenStyle.DashLine))
        if found is not None:
            self._reliability.plot(
                list(found.scores),
                list(found.rights),
                pen=pg.mkPen(PALETTE[4], width=2),
                symbol="o",
                symbolSize=6,
                symbolBrush=PALETTE[4],
                symbolPen=None,
            )

    def _words(self, evaluation: Evaluation, chosen: object) -> str:
        if isinstance(chosen, ClassFigures) and chosen.curve is not None:
            return tr(
                "AP {ap} · best F1 {f1} at a threshold of {threshold}",
                ap=f"{chosen.curve.average_precision:.3f}",
                f1=f"{chosen.curve.best_f1:.3f}",
                threshold=f"{chosen.curve.best_threshold:.2f}",
            )
        parts = []
        if evaluation.threshold is not None:
            least = f"{evaluation.threshold:.2f}"
            parts.append(tr("counted from a threshold of {value}", value=least))
        if evaluation.calibration is not None:
            ece = evaluation.calibration.ece
            parts.append(tr("expected calibration error {value}", value=f"{ece:.3f}"))
        return " · ".join(parts)
