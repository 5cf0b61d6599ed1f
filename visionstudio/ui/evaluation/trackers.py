"""Trackers of one object beside each other on the video that is shown."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.engine.evaluation.trackers import TrackerResult, curves_csv
from visionstudio.formats.output import write_bytes
from visionstudio.model.errors import Cancelled, VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import Job
from visionstudio.session.tracker_comparison import Candidate, Contest, KnownTrack
from visionstudio.session.workbench import Workbench
from visionstudio.ui.evaluation.tables import FigureTable
from visionstudio.ui.evaluation.tracker_plots import TrackerPlots
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.panels.weights_choice import run_title

_ROLE = Qt.ItemDataRole.UserRole


class TrackersDialog(QDialog):
    """Chooses trackers and a ground truth, runs them, and shows who is best at what."""

    message = Signal(str, str)

    def __init__(
        self, workbench: Workbench, item: MediaItem, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("trackersDialog")
        self.setWindowTitle(tr("Compare trackers: {name}", name=item.name))
        self.resize(QSize(1080, 680))
        self._workbench, self._item = workbench, item
        self._job: Job | None = None
        self._contest: Contest | None = None
        self._ran: Contest | None = None  # what the results are of
        self._names: dict[tuple[str, Path | None], str] = {}
        self.results: list[TrackerResult] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(self._build_top())
        self.problem = QLabel()
        self.problem.setObjectName("trackersProblem")
        self.problem.setProperty("role", "error")
        self.problem.setWordWrap(True)
        self.problem.hide()
        layout.addWidget(self.problem)
        layout.addWidget(self._build_middle(), 1)
        layout.addLayout(self._build_bottom())
        workbench.jobs.changed.connect(self._job_changed)
        self.finished.connect(lambda _: self._let_go())
        workbench.tracker_comparison.look(item, self._offer, self._failed)
        self._update()

    # -- construction ---------------------------------------------------------------------------

    def _build_top(self) -> QHBoxLayout:
        self.truth = QComboBox()
        self.truth.setObjectName("trackersTruth")
        self.truth.setAccessibleName(tr("Ground truth"))
        self.truth.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.truth.currentIndexChanged.connect(lambda _: self._update())
        self.file = self._button("trackersFile", tr("File…"), self._choose_file)
        self.file.setToolTip(tr("A text file with a box per frame: x,y,w,h"))
        self.protocol = QComboBox()
        self.protocol.setObjectName("trackersProtocol")
        self.protocol.setAccessibleName(tr("Protocol"))
        for name, text, more in (
            ("ope", tr("One pass"), tr("One start, on the first frame")),
            ("tre", tr("Other starts in time"), tr("Up to 20 starts evenly through the video")),
            ("sre", tr("Perturbed starts"), tr("Twelve starts with a box that is moved or scaled")),
        ):
            self.protocol.addItem(text, name)
            self.protocol.setItemData(self.protocol.count() - 1, more, Qt.ItemDataRole.ToolTipRole)
        self.start = self._button("trackersStart", tr("Compare"), self._toggle)
        self.start.setProperty("role", "primary")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(QLabel(tr("Ground truth")))
        row.addWidget(self.truth, 1)
        row.addWidget(self.file)
        row.addWidget(self.protocol)
        row.addWidget(self.start)
        return row

    def _build_middle(self) -> QSplitter:
        self.trackers = QListWidget()
        self.trackers.setObjectName("trackersList")
        self.trackers.setAccessibleName(tr("Trackers"))
        self.trackers.setSpacing(3)
        self.trackers.itemChanged.connect(lambda _: self._update())
        self.table = FigureTable("trackersTable", tr("Figures of the trackers"))
        self.about = QLabel()
        self.about.setObjectName("trackersAbout")
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.about.setText(
            tr("Every tracker starts on the first box of the ground truth. Rows come as they end.")
        )
        figures = QWidget()
        inside = QVBoxLayout(figures)
        inside.setContentsMargins(0, 8, 0, 0)
        inside.addWidget(self.table, 1)
        inside.addWidget(self.about)
        self.plots = TrackerPlots()
        self.tabs = QTabWidget()
        self.tabs.setObjectName("trackersTabs")
        self.tabs.addTab(figures, tr("Figures"))
        self.tabs.addTab(self.plots, tr("Curves"))
        split = QSplitter()
        split.addWidget(self.trackers)
        split.addWidget(self.tabs)
        split.setStretchFactor(1, 1)
        split.setSizes([260, 780])
        split.setChildrenCollapsible(False)
        return split

    def _build_bottom(self) -> QHBoxLayout:
        self.bar = QProgressBar()
        self.bar.setObjectName("trackersProgress")
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.state = QLabel()
        self.state.setObjectName("trackersState")
        self.state.setProperty("role", "muted")
        self.report = self._button("trackersReport", tr("Save report…"), self._save_report)
        self.curves = self._button("trackersCurves", tr("Save curves…"), self._save_curves)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.bar, 1)
        row.addWidget(self.state, 1)
        row.addStretch(1)
        row.addWidget(self.report)
        row.addWidget(self.curves)
        return row

    def _button(self, name: str, text: str, call: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: call())  # type: ignore[operator]
        return button

    # -- what can be chosen ---------------------------------------------------------------------

    def _offer(self, tracks: list[KnownTrack], candidates: list[Candidate]) -> None:
        if not isValid(self):
            return  # closed before the answer came
        session = self._workbench.session
        names = {c.id: c.name for c in session.classes}
        chosen = {a.track_id for a in session.selected()}
        for track in tracks:
            text = tr(
                "{name} #{track}: frames {first} to {last}",
                name=names.get(track.class_id, "?"),
                track=track.track_id,
                first=track.first,
                last=track.last,
            )
            self.truth.addItem(text, track)
            if track.track_id in chosen:
                self.truth.setCurrentIndex(self.truth.count() - 1)
        self.trackers.blockSignals(True)
        for one in candidates:
            title = one.model.title
            if one.run is not None:
                title += f" · {run_title(one.run)}"
            elif one.weights is not None:
                title += f" · {one.weights.name}"
            self._names[one.model.id, one.weights] = title
            item = QListWidgetItem(title)
            item.setData(_ROLE, one)
            item.setToolTip(one.model.description)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            # Networks take long without a GPU: they are chosen on purpose.
            checked = one.run is not None or not one.model.trainable
            item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
            self.trackers.addItem(item)
        self.trackers.blockSignals(False)
        self._update()

    def _choose_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, tr("Ground truth: a box per frame"), "", tr("Text files (*.txt *.csv)")
        )
        if chosen:
            self.use_file(Path(chosen))

    def use_file(self, path: Path) -> None:
        """Take a file as ground truth."""
        self.truth.addItem(str(path), path)
        self.truth.setCurrentIndex(self.truth.count() - 1)

    def _chosen(self) -> list[Candidate]:
        rows = (self.trackers.item(row) for row in range(self.trackers.count()))
        return [i.data(_ROLE) for i in rows if i.checkState() == Qt.CheckState.Checked]

    # -- running --------------------------------------------------------------------------------

    def _toggle(self) -> None:
        if self._job is not None:
            self._job.cancel()
            return
        truth = self.truth.currentData()
        if not isinstance(truth, KnownTrack | Path):
            return
        self.problem.hide()
        subjects = tuple(c.subject for c in self._chosen())
        self.results = []
        self._show_table([], [])
        self._contest = Contest(self._item, subjects, truth, self.protocol.currentData())
        self._job = self._workbench.tracker_comparison.compare(
            self._contest, self._show, self._done, self._failed
        )
        self._update()

    def _job_changed(self, job: Job | None) -> None:
        if job is not None and job is self._job:
            self.bar.setValue(round(1000 * (job.fraction or 0.0)))
            self.state.setText(told(job.message))

    def _show(self, results: list[TrackerResult]) -> None:
        """What the trackers that have ended have reached."""
        self.results, self._ran = results, self._contest
        names = [self._names[r.subject.model, r.subject.weights] for r in results]
        self._show_table(names, results)
        self.plots.show_results(names, results)
        self.about.setText(
            tr(
                "Runs of each tracker: {runs}, frames in all: {frames}. The best of a column is "
                "bold. A frame in which a tracker says Lost counts as an overlap of 0.",
                runs=results[0].runs,
                frames=results[0].frames,
            )
        )

    def _show_table(self, names: list[str], results: list[TrackerResult]) -> None:
        columns = [
            tr("mean IoU"), tr("AUC"), tr("IoU over ½"), tr("within 20 px"), tr("normalised"),
            tr("frames/s"), tr("lost"),
        ]  # fmt: skip
        rows = [
            (name, [*r.metrics.values(), round(r.fps), r.lost])
            for name, r in zip(names, results, strict=True)
        ]
        best: list[int | None] = []
        for column in range(len(columns) - 1):
            values = [row[1][column] for row in rows]
            best.append(values.index(max(values)) if len(values) > 1 else None)
        order = sorted(range(len(rows)), key=lambda n: -results[n].metrics["auc"])
        place = {old: new for new, old in enumerate(order)}
        self.table.show_rows(
            [tr("Tracker"), *columns],
            [rows[n] for n in order],
            [None if b is None else place[b] for b in best],
        )

    def _done(self) -> None:
        self._job = None
        self._update()

    def _failed(self, error: VisionStudioError) -> None:
        if not isValid(self):
            return
        self._job = None
        if not isinstance(error, Cancelled):
            self.problem.setText(told(str(error)))
            self.problem.show()
        self._update()

    def _update(self) -> None:
        runs = self._job is not None
        self.start.setText(tr("Stop") if runs else tr("Compare"))
        ready = self.truth.currentData() is not None and bool(self._chosen())
        self.start.setEnabled(runs or ready)
        for widget in (self.truth, self.file, self.protocol, self.trackers):
            widget.setEnabled(not runs)
        self.bar.setVisible(runs)
        for button in (self.report, self.curves):
            button.setEnabled(bool(self.results) and not runs)
        if not runs:
            self.state.setText("" if self.results else self._missing())

    def _missing(self) -> str:
        """What to do first."""
        if self.truth.currentData() is None:
            return tr("Label an object in two frames with key frames, or choose a file.")
        return "" if self._chosen() else tr("Choose at least one tracker.")

    # -- keeping --------------------------------------------------------------------------------

    def _save_report(self) -> None:
        path = self._ask(tr("Save the report"), "trackers.html", "HTML (*.html)")
        if path is not None and self._ran is not None:
            self.save_report(path)

    def save_report(self, path: Path) -> None:
        """Write table and curves as one HTML file."""
        from visionstudio.engine.reports import write_tracker_report

        ran = self._ran
        if ran is not None:
            self._write(
                lambda: write_tracker_report(path, ran.source, ran.protocol, self.results), path
            )

    def _save_curves(self) -> None:
        path = self._ask(tr("Save the curves"), "trackers.csv", "CSV (*.csv)")
        if path is not None:
            self.save_curves(path)

    def save_curves(self, path: Path) -> None:
        """Write the points of all curves as CSV."""
        self._write(lambda: write_bytes(path, curves_csv(self.results).encode()), path)

    def _ask(self, title: str, name: str, kinds: str) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(self, title, name, kinds)
        return Path(chosen) if chosen else None

    def _write(self, write: object, path: Path) -> None:
        """Off the GUI thread: the place may be a slow one."""

        def done(_: object) -> None:
            if isValid(self):
                self.message.emit(tr("Saved: {name}", name=path.name), "info")

        self._workbench.session.in_store(lambda _: write(), done, self._failed)  # type: ignore[operator]

    def _let_go(self) -> None:
        self._workbench.jobs.changed.disconnect(self._job_changed)
        if self._job is not None:
            self._job.cancel()
