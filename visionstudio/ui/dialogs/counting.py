"""Count the tracks of the video that is shown across the lines and zones drawn on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.formats.output import write_bytes
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.labels import PALETTE
from visionstudio.model.media import MediaItem
from visionstudio.session.counting import (
    Anchor,
    Counted,
    count_tracks,
    counts_csv,
    cumulative,
    events_csv,
    plot_svg,
    regions_of,
)
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore
from visionstudio.ui.dialogs.exchange import Table
from visionstudio.ui.i18n import told, tr

_WAIT_MS = 300


class CountingDialog(QDialog):
    """Counts anew whenever tracks, lines or zones change. The window can be used meanwhile."""

    message = Signal(str, str)
    line_wanted = Signal()  # the tool that draws a line
    zone_wanted = Signal()
    counted_anew = Signal()

    def __init__(
        self,
        session: ProjectSession,
        item: MediaItem,
        seconds: NDArray[np.float64],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("counting")
        self.setWindowTitle(tr("Count across lines and zones: {name}", name=item.name))
        self.resize(QSize(760, 560))
        self._session, self._item, self._seconds = session, item, seconds
        self.counted: Counted | None = None
        self._asked = 0
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._count)
        self._build()
        session.measurements_changed.connect(self._later)
        session.applied.connect(self._later)
        self._count()

    def _build(self) -> None:
        self.anchor = QComboBox()
        self.anchor.setObjectName("countingAnchor")
        self.anchor.setAccessibleName(tr("Where an object is"))
        self.anchor.addItem(tr("where it stands: bottom of its box"), Anchor.BOTTOM)
        self.anchor.addItem(tr("middle of its box"), Anchor.CENTRE)
        self.proposals = QCheckBox(tr("Proposals too"))
        self.proposals.setObjectName("countingProposals")
        self.proposals.setChecked(True)
        self.every = QDoubleSpinBox()
        self.every.setObjectName("countingEvery")
        self.every.setAccessibleName(tr("Seconds of a row of the saved table"))
        self.every.setRange(0.1, 86_400)
        self.every.setDecimals(1)
        self.every.setValue(60)
        self.every.setSuffix(" s")
        self.summary = QLabel()
        self.summary.setObjectName("countingSummary")
        self.summary.setWordWrap(True)
        heads = (tr("Region"), tr("Kind"), tr("Class"), tr("In"), tr("Out"))
        self.table = Table("countingTable", heads)
        palette = self.palette()
        self._ink = palette.color(QPalette.ColorRole.Text)
        self.plot = pg.PlotWidget(background=palette.color(QPalette.ColorRole.Base))
        self.plot.setObjectName("countingPlot")
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.showGrid(x=False, y=True, alpha=0.15)
        self.plot.setLabel("bottom", tr("Time"), units="s", color=self._ink.name())
        self.plot.setLabel("left", tr("Count"), color=self._ink.name())
        self.plot.addLegend(offset=(8, 8), labelTextColor=self._ink)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(self._ink)
            self.plot.getAxis(side).setTextPen(self._ink)

        top = QHBoxLayout()
        top.addWidget(QLabel(tr("Where an object is")))
        top.addWidget(self.anchor, 1)
        top.addWidget(self.proposals)
        buttons = QHBoxLayout()
        self.line = self._button("countingLine", tr("Draw a line"), self.line_wanted.emit)
        self.zone = self._button("countingZone", tr("Draw a zone"), self.zone_wanted.emit)
        buttons.addWidget(self.line)
        buttons.addWidget(self.zone)
        buttons.addStretch(1)
        buttons.addWidget(QLabel(tr("Rows of")))
        buttons.addWidget(self.every)
        self.saves = [
            self._button("countingSaveTable", tr("Save table…"), self._save_table),
            self._button("countingSaveEvents", tr("Save crossings…"), self._save_events),
            self._button("countingSavePlot", tr("Save plot…"), self._save_plot),
        ]
        for button in self.saves:
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addWidget(self.summary)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.plot, 2)
        layout.addLayout(buttons)
        self.anchor.currentIndexChanged.connect(self._count)
        self.proposals.toggled.connect(self._count)

    def _button(self, name: str, text: str, call: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: call())
        return button

    # Counting

    def _later(self, *_: object) -> None:
        self._wait.start()

    def _count(self, *_: object) -> None:
        session, media_id = self._session, self._item.id
        regions = regions_of(session.measurements.values(), media_id)
        if not regions:
            self._show(None)
            self._say(tr("Draw lines and zones on the video; what goes across them is counted."))
            return
        names = {c.id: c.name for c in session.classes}
        anchor = Anchor(self.anchor.currentData())
        proposals = self.proposals.isChecked()
        self._asked += 1
        number = self._asked

        def work(store: ProjectStore) -> Counted:
            rows = store.annotations(media_id)
            return count_tracks(rows, regions, names, anchor=anchor, proposals=proposals)

        def done(counted: Counted) -> None:
            if number == self._asked:
                self._show(counted)

        def failed(error: VisionStudioError) -> None:
            if number == self._asked:
                self._show(None)
                self._say(told(str(error)))

        session.in_store(work, done, failed)

    def _show(self, counted: Counted | None) -> None:
        self.counted = counted
        for button in self.saves:
            button.setEnabled(counted is not None)
        self.plot.clear()
        if counted is None:
            self.table.fill([])
            return
        kinds = {r.name: tr("zone") if r.is_zone else tr("line") for r in counted.regions}
        totals = counted.totals()
        rows = [(r, kinds[r], label, str(i), str(o)) for (r, label), (i, o) in totals.items()]
        nothing = [r.name for r in counted.regions if r.name not in {key[0] for key in totals}]
        rows += [(name, kinds[name], "–", "0", "0") for name in nothing]
        self.table.fill(sorted(rows))
        for n, (name, (times, counts)) in enumerate(cumulative(counted, self._seconds).items()):
            style = Qt.PenStyle.DashLine if name.endswith("out") else Qt.PenStyle.SolidLine
            pen = pg.mkPen(PALETTE[n % len(PALETTE)], width=2, style=style)
            # Each count holds until the next one.
            self.plot.plot([*times, times[-1]], counts, stepMode="center", pen=pen, name=name)
        text = tr(
            "Tracks: {tracks}, crossings: {count}. In is from the left of a line to its right,"
            " seen from its first point.",
            tracks=counted.tracks,
            count=len(counted.crossings),
        )
        self._say(text)
        self.counted_anew.emit()

    def _say(self, text: str) -> None:
        self.summary.setText(text)

    # Saving

    def _save_table(self) -> None:
        if self.counted is not None:
            self._save("counts.csv", counts_csv(self.counted, self._seconds, self.every.value()))

    def _save_events(self) -> None:
        if self.counted is not None:
            self._save("crossings.csv", events_csv(self.counted, self._seconds))

    def _save_plot(self) -> None:
        if self.counted is not None:
            self._save("counts.svg", plot_svg(self.counted, self._seconds))

    def _save(self, name: str, text: str) -> None:
        start = self._session.path_of(self._item).with_name(f"{Path(self._item.name).stem}_{name}")
        chosen, _ = QFileDialog.getSaveFileName(self, tr("Write to"), str(start))
        if not chosen:
            return
        try:
            write_bytes(Path(chosen), text.encode())
        except VisionStudioError as error:
            self.message.emit(told(str(error)), "error")
        else:
            self.message.emit(tr("Written: {path}", path=Path(chosen).name), "info")

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._wait.stop()
        self._asked += 1
        self._session.measurements_changed.disconnect(self._later)
        self._session.applied.disconnect(self._later)
