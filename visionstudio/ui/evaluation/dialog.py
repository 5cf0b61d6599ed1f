"""The evaluation dialog: choose what to measure and on which pictures, see where it goes wrong.

It is no modal box: an evaluation goes on when it is closed, and the last one shows
again when it is opened.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.api.params import Value
from visionstudio.engine.evaluation.analysis import OUTPUTS
from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.engine.training.runs import RunInfo
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.evaluations import (
    Evaluated,
    EvaluationRequest,
    Split,
    StoredRun,
    stored_runs,
)
from visionstudio.session.jobs import Job, JobState
from visionstudio.session.models import ModelChoice
from visionstudio.session.workbench import Workbench
from visionstudio.ui.evaluation.pages import ConfusionPage, FiguresPage, MistakesPage
from visionstudio.ui.evaluation.plots import EvaluationPlots
from visionstudio.ui.evaluation.tables import FigureTable
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.texts import duration


class EvaluationDialog(QDialog):
    """Measures models on the open project's labels."""

    message = Signal(str, str)
    place_wanted = Signal(object, object)  # Picture, Case: where somebody wants to look

    def __init__(
        self, workbench: Workbench, run: Path | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("evaluationDialog")
        self.setWindowTitle(tr("Evaluate"))
        self.resize(QSize(1080, 700))
        self._workbench = workbench
        self._evaluated: Evaluated | None = None
        self._found: Evaluation | None = None  # what the pages show
        self._stored: list[StoredRun] = []
        self._wanted = run
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(self._build_request())
        layout.addWidget(self._build_pages(), 1)
        layout.addLayout(self._build_bottom())
        evaluations, jobs = workbench.evaluations, workbench.jobs
        evaluations.changed.connect(self._changed)
        jobs.changed.connect(self._job_changed)
        workbench.models.changed.connect(self._fill)
        self.finished.connect(lambda _: self._let_go())
        self._fill()
        if evaluations.all:
            self._show(evaluations.all[-1])

    # -- construction ---------------------------------------------------------------------------

    def _build_request(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._what = QComboBox()
        self._what.setObjectName("evaluationWhat")
        self._what.setAccessibleName(tr("Run or model"))
        self._what.setMinimumContentsLength(30)
        self._what.currentIndexChanged.connect(lambda _: self._what_chosen())
        self._split = QComboBox()
        self._split.setObjectName("evaluationSplit")
        self._split.setAccessibleName(tr("Pictures"))
        self._split.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._start = QPushButton(tr("Evaluate"))
        self._start.setObjectName("evaluationStart")
        self._start.setProperty("role", "primary")
        self._start.setDefault(True)
        self._start.clicked.connect(self.start)
        self._stop = QPushButton(tr("Stop"))
        self._stop.setObjectName("evaluationStop")
        self._stop.clicked.connect(self._cancel)
        self._stop.setVisible(False)
        row.addWidget(self._what, 1)
        row.addWidget(self._split)
        row.addWidget(self._start)
        row.addWidget(self._stop)
        return row

    def _build_pages(self) -> QTabWidget:
        self._tabs = QTabWidget()
        self._tabs.setObjectName("evaluationTabs")
        self._figures = FiguresPage()
        self._plots = EvaluationPlots()
        self._confusion = ConfusionPage()
        self._mistakes = MistakesPage()
        self._comparison = FigureTable("comparisonTable", tr("Comparison of runs"))
        for title, page in (
            (tr("Figures"), self._figures),
            (tr("Curves"), self._plots),
            (tr("Confusion"), self._confusion),
            (tr("Mistakes"), self._mistakes),
            (tr("Compare"), self._comparison),
        ):
            self._tabs.addTab(page, title)
        for page in (self._confusion, self._mistakes):
            page.chosen.connect(self.place_wanted)
        return self._tabs

    def _build_bottom(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._progress = QProgressBar()
        self._progress.setObjectName("evaluationProgress")
        self._progress.setAccessibleName(tr("Progress"))
        self._progress.setRange(0, 1000)
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(200)
        self._progress.setVisible(False)
        self._status = QLabel(tr("Choose a run or a model and press Evaluate."))
        self._status.setObjectName("evaluationStatus")
        self._status.setWordWrap(True)
        self._threshold_label = QLabel(tr("Threshold"))
        self._threshold = QDoubleSpinBox()
        self._threshold.setObjectName("evaluationThreshold")
        self._threshold.setAccessibleName(tr("Threshold"))
        self._threshold.setToolTip(
            tr("Objects of at least this score count in the confusion and as mistakes")
        )
        self._threshold.setRange(0, 1)
        self._threshold.setSingleStep(0.05)
        self._threshold.setKeyboardTracking(False)
        self._threshold.valueChanged.connect(self._use_threshold)
        self._report = QPushButton(tr("Save report…"))
        self._report.setObjectName("evaluationReport")
        self._report.setAutoDefault(False)
        self._report.clicked.connect(self._choose_report)
        close = QPushButton(tr("Close"))
        close.setObjectName("evaluationClose")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        row.addWidget(self._progress)
        row.addWidget(self._status, 1)
        for widget in (self._threshold_label, self._threshold, self._report, close):
            row.addWidget(widget)
        self._show_result(None)
        return row

    # -- what can be measured -------------------------------------------------------------------

    def _fill(self) -> None:
        """Look for runs with weights, and models that work without."""
        folder = self._workbench.session.store.folder

        def show(found: list[StoredRun]) -> None:
            if isValid(self):
                self._show_choices(found)

        self._workbench.session.in_store(lambda _: stored_runs(folder), show)

    def _show_choices(self, stored: list[StoredRun]) -> None:
        models = self._workbench.models.registry.models
        before = self._what.currentText()
        self._stored = [s for s in stored if s.run.model in models]
        self._stored = [s for s in self._stored if models[s.run.model].output in OUTPUTS]
        self._what.blockSignals(True)
        self._what.clear()
        for one in self._stored:
            figures = list(one.run.metrics.items())[:1]
            words = "".join(f" · {name} {value:.3f}" for name, value in figures)
            self._what.addItem(f"{one.run.title}{words}", one.run)
            if one.run.folder == self._wanted:
                before = self._what.itemText(self._what.count() - 1)
        for model in models.values():
            if model.ready and model.output in OUTPUTS:
                self._what.addItem(tr("{name}, built in", name=tr(model.title)), model)
        self._what.setCurrentIndex(max(self._what.findText(before), 0))
        self._what.blockSignals(False)
        self._what_chosen()
        self._show_comparison()
        self._measure_wanted()

    def _measure_wanted(self) -> None:
        """Measure the run that the dialog was opened for, if that has not been done yet."""
        chosen = self._what.currentData()
        if not isinstance(chosen, RunInfo) or chosen.folder != self._wanted:
            return
        self._wanted = None
        known = any(s.evaluation is not None for s in self._stored if s.run is chosen)
        if self._evaluated is None and not known:
            self.start()

    def _what_chosen(self) -> None:
        self._fill_splits()
        evaluated = self._evaluated
        if evaluated is not None and not evaluated.job.state.is_final:
            return  # it shows what runs
        chosen = self._what.currentData()
        if evaluated is not None and evaluated.request.run == chosen:
            return
        for one in self._stored:
            if one.run is chosen and one.evaluation is not None:
                self._evaluated = None
                self._show_result(one.evaluation)

    def _fill_splits(self) -> None:
        chosen = self._what.currentData()
        self._split.clear()
        if isinstance(chosen, RunInfo):
            for title, split in (
                (tr("Held-out pictures ({count})"), "val"),
                (tr("Training pictures ({count})"), "train"),
            ):
                count = len(chosen.of(split))
                if count:
                    self._split.addItem(title.format(count=count), split)
        self._split.addItem(tr("All labelled pictures"), "all")
        self._start.setEnabled(chosen is not None)

    def _stored_text(self, count: str, measured: int) -> str:
        """What is said of figures that were measured at the end of a training."""
        chosen = self._what.currentData()
        held = len(chosen.of("val")) if isinstance(chosen, RunInfo) else 0
        if measured < held:
            return tr(
                "{count} of {held}, as stored with the run: there was no time for more",
                count=f"{measured:,}",
                held=f"{held:,}",
            )
        return tr("{count}, as stored with the run", count=count)

    def _request(self) -> EvaluationRequest | None:
        chosen = self._what.currentData()
        models = self._workbench.models.registry.models
        split: Split = self._split.currentData() or "all"
        if isinstance(chosen, RunInfo):
            model = models[chosen.model]
            return EvaluationRequest(
                ModelChoice(model, chosen.weights, _defaults(model.params)), chosen, split
            )
        if chosen is not None:
            return EvaluationRequest(ModelChoice(chosen, None, _defaults(chosen.params)))
        return None

    # -- measuring ------------------------------------------------------------------------------

    def start(self) -> None:
        """Evaluate what is chosen."""
        request = self._request()
        if request is not None:
            self._show(self._workbench.evaluations.start(request))

    def _cancel(self) -> None:
        if self._evaluated is not None:
            self._evaluated.job.cancel()

    def _show(self, evaluated: Evaluated) -> None:
        self._evaluated = evaluated
        self._job_changed(evaluated.job)
        self._show_result(evaluated.evaluation)

    def _job_changed(self, job: Job | None) -> None:
        evaluated = self._evaluated
        if evaluated is None or job is not evaluated.job:
            return
        running = not job.state.is_final
        self._start.setVisible(not running)
        self._stop.setVisible(running)
        self._progress.setVisible(running)
        self._progress.setValue(round((job.fraction or 0) * 1000))
        if running:
            left = job.seconds_left()
            parts = [told(evaluated.request.title), told(job.message)]
            if left is not None:
                parts.append(tr("{time} left", time=duration(left)))
            self._status.setText(" · ".join(p for p in parts if p))
        elif job.state is JobState.STOPPED:
            self._status.setText(tr("Stopped"))
        elif job.state is JobState.FAILED:
            self._status.setText(told(job.message))
        self._status.setProperty("role", "error" if job.state is JobState.FAILED else "")
        self._status.style().polish(self._status)

    def _changed(self, evaluated: Evaluated) -> None:
        if evaluated is self._evaluated:
            self._job_changed(evaluated.job)
            self._show_result(evaluated.evaluation)
            if evaluated.evaluation is not None:
                self._fill()

    def _show_result(self, found: Evaluation | None) -> None:
        """Fill the pages; without an evaluation of this session it is one stored with its run."""
        self._found = found
        self._report.setEnabled(found is not None)
        has_threshold = found is not None and found.threshold is not None
        self._threshold.setVisible(has_threshold)
        self._threshold_label.setVisible(has_threshold)
        self._threshold.setEnabled(self._evaluated is not None)
        if found is None:
            return
        if found.threshold is not None:
            self._threshold.blockSignals(True)
            self._threshold.setValue(found.threshold)
            self._threshold.blockSignals(False)
        self._figures.show_evaluation(found)
        self._plots.show_evaluation(found)
        self._tabs.setTabEnabled(self._tabs.indexOf(self._plots), self._plots.has_curves)
        self._confusion.show_evaluation(found)
        self._mistakes.show_evaluation(found)
        self._show_comparison()
        count = tr("{count} pictures", count=f"{len(found.pictures):,}")
        if self._evaluated is None:
            self._status.setText(self._stored_text(count, len(found.pictures)))
            return
        words = [self._evaluated.request.title, count, duration(self._evaluated.job.seconds())]
        if self._evaluated.failed:
            words.append(tr("{count} could not be predicted", count=self._evaluated.failed))
        self._status.setText(" · ".join(words))

    def _use_threshold(self, value: float) -> None:
        if self._evaluated is not None:
            self._workbench.evaluations.use_threshold(self._evaluated, value)

    def _show_comparison(self) -> None:
        """Runs on their held-out pictures, and what was evaluated here on others."""
        rows: dict[str, Evaluation] = {}
        task = ""
        if self._evaluated is not None and self._evaluated.evaluation is not None:
            task = self._evaluated.evaluation.task
        for one in self._stored:
            if one.evaluation is not None and task in ("", one.evaluation.task):
                rows[_row_title(one.run.title, one.evaluation)] = one.evaluation
        for other in self._workbench.evaluations.all:
            found = other.evaluation
            if found is not None and task in ("", found.task):
                rows[_row_title(other.request.title, found)] = found
        self._comparison.show_comparison(list(rows), list(rows.values()))

    def _choose_report(self) -> None:
        folder = self._workbench.session.store.folder
        run = self._run()
        title = run.title if run is not None else tr("Evaluation")
        name = title.replace(":", "").replace(" ", "-")
        path, _ = QFileDialog.getSaveFileName(
            self, tr("Save report"), str(folder / f"{name}.html"), "HTML (*.html)"
        )
        if path:
            self.save_report(Path(path))

    def save_report(self, path: Path) -> None:
        """Write what is shown as one HTML file, in the background."""

        def failed(error: VisionStudioError) -> None:
            self.message.emit(str(error), "error")

        def done(written: Path) -> None:
            self.message.emit(tr("Report saved: {path}", path=written), "info")

        if self._found is not None:
            evaluations = self._workbench.evaluations
            evaluations.write_report(self._found, self._run(), path, done, failed)

    def _run(self) -> RunInfo | None:
        """The run whose evaluation shows, None for a model without one."""
        if self._evaluated is not None:
            return self._evaluated.request.run
        chosen = self._what.currentData()
        return chosen if isinstance(chosen, RunInfo) else None

    def _let_go(self) -> None:
        self._workbench.evaluations.changed.disconnect(self._changed)
        self._workbench.jobs.changed.disconnect(self._job_changed)
        self._workbench.models.changed.disconnect(self._fill)
        self._confusion.close_threads()
        self._mistakes.close_threads()


def _defaults(specs: object) -> dict[str, Value]:
    """Every prediction parameter as it is without a choice."""
    return {s.name: s.default for s in specs}  # type: ignore[attr-defined]


def _row_title(title: str, found: Evaluation) -> str:
    sides = {"val": tr("held out"), "train": tr("training pictures"), "all": tr("all labelled")}
    return f"{title} · {sides.get(found.split, found.split)}"
