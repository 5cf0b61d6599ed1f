"""Success, precision and overlap over time of several trackers."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QWidget

from visionstudio.engine.evaluation.sot import PRECISION, SUCCESS
from visionstudio.engine.evaluation.trackers import TrackerResult
from visionstudio.model.labels import PALETTE
from visionstudio.ui.i18n import tr
from visionstudio.ui.plots import framed_plot


class TrackerPlots(QWidget):
    """One line per tracker in each of three plots."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trackerPlots")
        self.setAccessibleName(tr("Curves"))
        self.success = framed_plot(self, tr("Overlap (IoU) over"), tr("Share of frames"))
        self.precision = framed_plot(self, tr("Middles within (px)"), tr("Share of frames"))
        self.overlap = framed_plot(self, tr("Frame"), tr("Overlap (IoU)"))
        ink = self.palette().color(QPalette.ColorRole.Text)
        self.precision.addLegend(offset=(-8, -8), labelTextColor=ink)
        self.success.setRange(xRange=(0, 1), yRange=(0, 1), padding=0.02)
        self.precision.setRange(xRange=(0, 50), yRange=(0, 1), padding=0.02)
        self.overlap.setYRange(0, 1, padding=0.02)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.success, 0, 0)
        layout.addWidget(self.precision, 0, 1)
        layout.addWidget(self.overlap, 1, 0, 1, 2)
        layout.setRowStretch(0, 3)
        layout.setRowStretch(1, 2)

    def show_results(self, names: Sequence[str], results: Sequence[TrackerResult]) -> None:
        """Draw other results."""
        for plot in (self.success, self.precision, self.overlap):
            plot.clear()
        for n, (name, found) in enumerate(zip(names, results, strict=True)):
            pen = pg.mkPen(PALETTE[n % len(PALETTE)], width=2)
            self.success.plot(SUCCESS, found.curves.success, pen=pen)
            self.precision.plot(PRECISION, found.curves.precision, pen=pen, name=name)
            self.overlap.plot(found.overlap[:, 0], found.overlap[:, 1], pen=pen)
