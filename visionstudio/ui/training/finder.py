"""The learning-rate finder: a short run with a growing rate, its curve, and a suggestion."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from visionstudio.model.labels import PALETTE
from visionstudio.session.jobs import JobState
from visionstudio.session.training import Training
from visionstudio.ui.i18n import told, tr


class RatePage(QWidget):
    """Starts the search by `start` and offers what it found."""

    rate_wanted = Signal(float)

    def __init__(self, start: Callable[[], Training | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._start = start
        self._training: Training | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._about = QLabel(
            tr("Trains for a moment with a growing rate. Good is where the loss falls fastest.")
        )
        self._about.setObjectName("rateAbout")
        self._about.setWordWrap(True)
        self._find = QPushButton(tr("Find"))
        self._find.setObjectName("rateFind")
        self._find.setAutoDefault(False)
        self._find.clicked.connect(self.search)
        self._use = QPushButton(tr("Use it"))
        self._use.setObjectName("rateUse")
        self._use.setAutoDefault(False)
        self._use.clicked.connect(self._take)
        self._use.setVisible(False)
        row.addWidget(self._about, 1)
        row.addWidget(self._find)
        row.addWidget(self._use)
        layout.addLayout(row)
        ink = self.palette().color(QPalette.ColorRole.Text)
        self._plot = pg.PlotWidget(background=self.palette().color(QPalette.ColorRole.Base))
        self._plot.setObjectName("ratePlot")
        self._plot.setLabel("bottom", tr("Learning rate"), color=ink.name())
        self._plot.setLabel("left", tr("Loss"), color=ink.name())
        self._plot.setLogMode(x=True)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(ink)
            self._plot.getAxis(side).setTextPen(ink)
        self._line = self._plot.plot(pen=pg.mkPen(PALETTE[4], width=2))
        self._mark = pg.InfiniteLine(pen=pg.mkPen(PALETTE[1], width=2, style=Qt.PenStyle.DashLine))
        layout.addWidget(self._plot, 1)

    def search(self) -> None:
        """Look for a rate with the parameters as they are."""
        training = self._start()
        if training is not None:
            self._training = training
            self._use.setVisible(False)
            self._plot.removeItem(self._mark)
            training.changed.connect(self._refresh)
            self._refresh()

    @property
    def searching(self) -> bool:
        """Whether a search is under way."""
        return self._training is not None and not self._training.job.state.is_final

    def _refresh(self) -> None:
        training = self._training
        if training is None:
            return
        rates = [v for _, v in training.curves.get("lr", ())]
        losses = [v for _, v in training.curves.get("loss", ())]
        count = min(len(rates), len(losses))
        self._line.setData(rates[:count], losses[:count])
        job = training.job
        self._find.setEnabled(job.state.is_final)
        rate = training.suggested_lr
        if rate is not None:
            self._mark.setValue(math.log10(rate))
            self._plot.addItem(self._mark)
            self._about.setText(tr("Suggested: {rate}", rate=f"{rate:g}"))
            self._use.setVisible(True)
        elif job.state is JobState.FAILED or not job.state.is_final:
            self._about.setText(told(job.message))

    def _take(self) -> None:
        if self._training is not None and self._training.suggested_lr is not None:
            self.rate_wanted.emit(self._training.suggested_lr)

    def let_go(self) -> None:
        """The dialog closes: a search is of no use to anybody any more."""
        if self._training is not None:
            self._training.changed.disconnect(self._refresh)
            if self.searching:
                self._training.stop()
