"""The project in figures and plots: classes, sizes, places, progress, people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from visionstudio.formats.output import write_bytes
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.jobs import Job
from visionstudio.session.team.statistics import GRID, ClassStatistics, Statistics
from visionstudio.session.workbench import Workbench
from visionstudio.ui import theme
from visionstudio.ui.evaluation.tables import FigureTable
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.plots import framed_plot

_BINS = 40
_MOST = 30  # bars


class StatisticsDialog(QDialog):
    """Counts when it opens, and again when asked."""

    message = Signal(str, str)

    def __init__(self, workbench: Workbench, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("statisticsDialog")
        self.setWindowTitle(tr("Statistics"))
        self.resize(QSize(1000, 680))
        self._workbench = workbench
        self._found: Statistics | None = None
        self._job: Job | None = None
        self._closed = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        self.head = QLabel()
        self.head.setObjectName("statisticsHead")
        self.head.setWordWrap(True)
        layout.addWidget(self.head)
        tabs = QTabWidget()
        tabs.setObjectName("statisticsTabs")
        self.classes = FigureTable("statisticsClasses", tr("Figures by class"))
        self.people = FigureTable("statisticsPeople", tr("People"))
        self.shares = FigureTable("statisticsShares", tr("Assigned pictures"))
        tabs.addTab(self._build_plots(), tr("Overview"))
        tabs.addTab(self.classes, tr("Classes"))
        both = QWidget()
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 8, 0, 0)
        column.addWidget(self.people, 1)
        column.addWidget(self.shares, 1)
        tabs.addTab(both, tr("People"))
        layout.addWidget(tabs, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for name, text, call in (
            ("statisticsAgain", tr("Count again"), self.count),
            ("statisticsSave", tr("Save as CSV…"), self._choose_file),
            ("statisticsClose", tr("Close"), self.close),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, c=call: c())
            row.addWidget(button)
        layout.addLayout(row)
        self.finished.connect(lambda _: self._let_go())
        self.count()

    def _build_plots(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 8, 0, 0)
        self._class = QComboBox()
        self._class.setObjectName("statisticsClass")
        self._class.setAccessibleName(tr("Class"))
        self._class.setMinimumContentsLength(18)
        self._class.activated.connect(lambda _: self._draw())
        layout.addWidget(self._class, 0, Qt.AlignmentFlag.AlignLeft)
        grid = QGridLayout()
        grid.setSpacing(8)
        self._counts = framed_plot(self, "", tr("Labels"))
        self._sides = framed_plot(self, tr("Side of the bounding box, pixels"), tr("Objects"))
        self._aspects = framed_plot(self, tr("Width ÷ height"), tr("Objects"))
        self._heat = framed_plot(self, tr("Where the centres lie, % of the picture"), "")
        for n, plot in enumerate((self._counts, self._sides, self._aspects, self._heat)):
            grid.addWidget(plot, n // 2, n % 2)
        layout.addLayout(grid, 1)
        return page

    def count(self) -> None:
        """Count in the background."""
        if self._job is None:
            self.head.setText(tr("Counting…"))
            self._job = self._workbench.team.statistics(self._show, self._broke)

    def _broke(self, error: VisionStudioError) -> None:
        self._job = None
        if not self._closed:
            self.head.setText(told(str(error)))

    def _show(self, found: Statistics) -> None:
        self._job = None
        if self._closed:
            return
        self._found = found
        self.head.setText(
            tr(
                "{media} pictures and videos, {verified} of them verified, {labelled} with labels;"
                " {labels} labels of {classes} classes",
                media=f"{found.media:,}",
                verified=f"{found.verified:,}",
                labelled=f"{found.labelled:,}",
                labels=f"{found.labels:,}",
                classes=f"{len(found.classes):,}",
            )
        )
        document = found.to_document()
        self.classes.show_rows(
            [tr("Class"), tr("Labels"), tr("Pictures"), tr("Side, median"), tr("Width ÷ height")],
            [
                (c["name"], [c["count"], c["pictures"], c["side"][1], c["aspect"][1]])
                for c in document["classes"]
            ],
        )
        self.people.show_rows(
            [tr("Person"), tr("Steps"), tr("Minutes"), tr("Steps a minute")],
            [
                (p.name, [p.gestures, round(p.seconds / 60), _rate(p.gestures, p.seconds)])
                for p in found.people
            ],
        )
        self.shares.show_rows(
            [tr("Person"), tr("Assigned"), tr("Verified")],
            [(who, [n, done]) for who, (n, done) in found.assigned.items()],
        )
        chosen = self._class.currentData()
        self._class.clear()
        self._class.addItem(tr("All classes"), None)
        for one in found.classes:
            self._class.addItem(one.name, one.name)
        self._class.setCurrentIndex(max(0, self._class.findData(chosen)))
        self._draw()

    # plots

    def _draw(self) -> None:
        found = self._found
        if found is None:
            return
        for plot in (self._counts, self._sides, self._aspects, self._heat):
            plot.clear()
        name = self._class.currentData()
        chosen = [c for c in found.classes if name in (None, c.name)]
        most = sorted(found.classes, key=lambda c: -c.count)[:_MOST]
        self._draw_counts(most, name)
        accent = theme.colour("accent")
        sides = np.concatenate([c.sides for c in chosen]) if chosen else np.zeros(0)
        aspects = np.concatenate([c.aspects for c in chosen]) if chosen else np.zeros(0)
        _histogram(self._sides, sides, accent)
        _histogram(self._aspects, aspects[aspects < _widest(aspects)], accent)
        heat = np.sum([np.zeros((GRID, GRID)), *(c.heat for c in chosen)], axis=0)
        image = pg.ImageItem(heat.T)
        image.setColorMap(pg.colormap.get("viridis"))
        self._heat.addItem(image)
        image.setRect(0, 0, 100, 100)  # per cent of the picture
        self._heat.getPlotItem().invertY(True)
        self._heat.setRange(xRange=(0, 100), yRange=(0, 100), padding=0)

    def _draw_counts(self, classes: list[ClassStatistics], chosen: str | None) -> None:
        brushes = [c.colour if chosen in (None, c.name) else "#80808060" for c in classes]
        bars = pg.BarGraphItem(
            x=np.arange(len(classes)), height=[c.count for c in classes], width=0.7,
            brushes=brushes, pens=[None] * len(classes),
        )  # fmt: skip
        self._counts.addItem(bars)
        names = [c.name if len(c.name) <= 12 else f"{c.name[:11]}…" for c in classes]
        self._counts.getAxis("bottom").setTicks([list(enumerate(names))])
        top = max((c.count for c in classes), default=1) or 1
        self._counts.setRange(xRange=(-0.6, len(classes) - 0.4), yRange=(0, top), padding=0.02)

    # files

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, tr("Save as CSV"), "statistics.csv", "CSV (*.csv)"
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the figures of the classes as CSV, in the background."""
        if self._found is None:
            return
        text = self._found.to_csv()
        self._workbench.session.in_store(
            lambda _: write_bytes(path, text.encode("utf-8")),
            lambda _: self.message.emit(tr("Saved: {path}", path=path), "info"),
        )

    def _let_go(self) -> None:
        self._closed = True
        if self._job is not None:
            self._job.cancel()


def _rate(steps: int, seconds: float) -> float | None:
    return steps / seconds * 60 if seconds else None


def _widest(aspects: np.ndarray) -> float:
    """Beyond this a few very wide ones would flatten the others."""
    return float(np.percentile(aspects, 99)) + 1e-6 if len(aspects) else 1.0


def _histogram(plot: pg.PlotWidget, values: np.ndarray, colour: object) -> None:
    if not len(values):
        return
    counts, edges = np.histogram(values, bins=_BINS)
    plot.addItem(
        pg.BarGraphItem(x0=edges[:-1], x1=edges[1:], height=counts, brush=colour, pen=None)
    )
    plot.setRange(
        xRange=(float(edges[0]), float(edges[-1])), yRange=(0, max(1, int(counts.max()))),
        padding=0.02,
    )  # fmt: skip
