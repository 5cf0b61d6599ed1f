"""The training dialog: data and parameters on the left, what happens on the right.

It is no modal box: training goes on when it is closed, and it shows the same
run again when it is opened.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.api.params import Value
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training.runs import RunInfo
from visionstudio.session.examples import TrainingExamples
from visionstudio.session.jobs import JobState
from visionstudio.session.training import Training, TrainingRequest, interrupted_runs
from visionstudio.session.training_data import TrainingSummary, suggest, summarise
from visionstudio.session.workbench import Workbench
from visionstudio.ui.forms import ParamForm
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.panels.model_choice import PREDICTORS
from visionstudio.ui.texts import duration
from visionstudio.ui.training.drawn import DrawnForm, trained_generators
from visionstudio.ui.training.split import SplitForm

_REFRESH_MS = 250


class TrainingDialog(QDialog):
    """Train one model on the open project. `use_wanted` asks to predict with the result."""

    use_wanted = Signal(str)  # model id
    evaluation_wanted = Signal(object)  # the run's folder
    export_wanted = Signal(object, object)  # ModelInfo, its weights file

    def __init__(
        self, workbench: Workbench, model: ModelInfo, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("trainingDialog")
        self.setWindowTitle(tr("Train a model"))
        self.resize(QSize(1040, 680))
        self._workbench = workbench
        self._training: Training | None = None
        self._interrupted: tuple[RunInfo, ModelInfo] | None = None
        self._form: ParamForm | None = None
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        running = [t for t in workbench.trainings.running if not t.request.find_lr]
        self._fill_models(running[-1].request.model if running else model)
        if running:
            self._watch(running[-1])
        self._look_for_interrupted()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._build_left())
        splitter.addWidget(self._build_right())
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([360, 680])
        layout.addWidget(splitter, 1)
        layout.addLayout(self._build_bottom())

    def _build_left(self) -> QWidget:
        left = QWidget()
        layout = QVBoxLayout(left)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(8)
        self._model = QComboBox()
        self._model.setObjectName("trainingModel")
        self._model.setAccessibleName(tr("Model"))
        self._model.currentIndexChanged.connect(self._model_chosen)
        layout.addWidget(self._model)
        self._data = QLabel(tr("Counting labelled pictures…"))
        self._data.setObjectName("trainingData")
        self._data.setWordWrap(True)
        layout.addWidget(self._data)
        self._split = SplitForm()
        self._split.changed.connect(self._count)
        layout.addWidget(self._split)
        self._drawn = DrawnForm()
        layout.addWidget(self._drawn)
        self._form_area = QScrollArea()
        self._form_area.setWidgetResizable(True)
        self._form_area.setFrameShape(QFrame.Shape.NoFrame)
        self._form_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(self._form_area, 1)
        self._left = left
        return left

    def _build_right(self) -> QWidget:
        # Imported here: pyqtgraph is not needed to start the window.
        from visionstudio.ui.training.examples import ExamplesPage
        from visionstudio.ui.training.finder import RatePage
        from visionstudio.ui.training.progress import ProgressPage

        self._tabs = QTabWidget()
        self._tabs.setObjectName("trainingTabs")
        self._page = ProgressPage()
        session, models = self._workbench.session, self._workbench.models
        self._examples = ExamplesPage(TrainingExamples(session, models), self._wanted_examples)
        self._rate = RatePage(self._search_rate)
        self._rate.rate_wanted.connect(self._use_rate)
        self._tabs.addTab(self._page, tr("Progress"))
        self._tabs.addTab(self._examples, tr("Examples"))
        self._tabs.addTab(self._rate, tr("Learning rate"))
        self.finished.connect(lambda _: self._let_go())
        return self._tabs

    def _let_go(self) -> None:
        self._examples.stop()
        self._rate.let_go()

    def _wanted_examples(self) -> tuple[ModelInfo, dict[str, Value]] | None:
        model = self._model.currentData()
        if self._form is None or not isinstance(model, ModelInfo):
            return None
        return model, self._form.values()

    def _search_rate(self) -> Training | None:
        request = self._request()
        if request is None or self._workbench.trainings.running:
            return None
        return self._workbench.trainings.start(replace(request, find_lr=True))

    def _use_rate(self, rate: float) -> None:
        if self._form is not None:
            self._form.set_values({"lr": rate})

    def _build_bottom(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._progress = QProgressBar()
        self._progress.setObjectName("trainingProgress")
        self._progress.setAccessibleName(tr("Progress"))
        self._progress.setRange(0, 1000)
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(200)
        self._progress.setVisible(False)
        self._status = QLabel()
        self._status.setObjectName("trainingStatus")
        self._status.setWordWrap(True)
        self._start = QPushButton(tr("Start"))
        self._start.setObjectName("trainingStart")
        self._start.setProperty("role", "primary")
        self._start.setDefault(True)
        self._start.clicked.connect(self.start)
        self._stop = QPushButton(tr("Stop and keep the best"))
        self._stop.setObjectName("trainingStop")
        self._stop.clicked.connect(self.stop)
        self._pause = QPushButton(tr("Pause"))
        self._pause.setObjectName("trainingPause")
        self._pause.setAutoDefault(False)
        self._pause.clicked.connect(self.pause)
        self._resume = QPushButton(tr("Go on with the last one"))
        self._resume.setObjectName("trainingResume")
        self._resume.setAutoDefault(False)
        self._resume.clicked.connect(self.resume)
        self._evaluate = QPushButton(tr("Evaluate…"))
        self._evaluate.setObjectName("trainingEvaluate")
        self._evaluate.setAutoDefault(False)
        self._evaluate.clicked.connect(self._evaluate_result)
        self._export = QPushButton(tr("Export…"))
        self._export.setObjectName("trainingExport")
        self._export.setAutoDefault(False)
        self._export.clicked.connect(self._export_result)
        self._use = QPushButton(tr("Use it"))
        self._use.setObjectName("trainingUse")
        self._use.clicked.connect(self._use_result)
        close = QPushButton(tr("Close"))
        close.setObjectName("trainingClose")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        row.addWidget(self._progress)
        row.addWidget(self._status, 1)
        for button in (
            self._resume,
            self._start,
            self._pause,
            self._stop,
            self._evaluate,
            self._export,
            self._use,
            close,
        ):
            row.addWidget(button)
        for button in (
            self._resume,
            self._pause,
            self._stop,
            self._evaluate,
            self._export,
            self._use,
        ):
            button.setVisible(False)
        return row

    # -- before the start -----------------------------------------------------------------------

    def _fill_models(self, wanted: ModelInfo) -> None:
        registry = self._workbench.models.registry
        # What asks for most of the labels comes first where the wanted model does not suit them.
        order = ("detector", "segmenter", "classifier", "generator", "tracker")
        models = [m for t in order for m in registry.models.values() if m.trainable and m.task == t]
        self._model.blockSignals(True)
        for model in models:
            self._model.addItem(f"{tr(model.title)}  ({model.id})", model)
        self._choose(wanted)
        self._model.blockSignals(False)
        self._show_form()

        def suggested(found: tuple[ModelInfo, TrainingSummary]) -> None:
            if not isValid(self):
                return  # closed meanwhile
            model, summary = found
            if model.id != wanted.id and self._model.currentData().id == wanted.id:
                self._model.blockSignals(True)
                self._choose(model)
                self._model.blockSignals(False)
                self._show_form()
            if self._model.currentData().id == model.id:
                self._show_data(summary)

        self._start.setEnabled(False)
        holdout = self._split.holdout
        self._workbench.session.in_store(
            trained_generators, lambda found: self._drawn.offer(found) if isValid(self) else None
        )
        self._workbench.session.in_store(
            lambda store: suggest(store, models, wanted, holdout), suggested
        )

    def _choose(self, model: ModelInfo) -> None:
        for row in range(self._model.count()):
            if self._model.itemData(row).id == model.id:
                self._model.setCurrentIndex(row)

    def _model_chosen(self) -> None:
        self._show_form()
        self._count()

    def _show_form(self) -> None:
        model = self._model.currentData()
        if isinstance(model, ModelInfo) and model.train_params is not None:
            self._form = ParamForm(model.train_params)
            self._form.changed.connect(lambda _: self._examples.refresh())
            self._drawn.set_wanted(model.task == "classifier")
            self._form_area.setWidget(self._form)
            self._examples.refresh()
            names = {spec.name for spec in model.train_params}
            # What the shared training loop offers, its own loop of a model may not.
            self._tabs.setTabVisible(self._tabs.indexOf(self._rate), "warm_up" in names)
            self._tabs.setTabVisible(self._tabs.indexOf(self._examples), "warm_up" in names)

    def _count(self) -> None:
        model = self._model.currentData()
        holdout = self._split.holdout
        self._data.setText(tr("Counting labelled pictures…"))
        self._start.setEnabled(False)
        self._workbench.session.in_store(
            lambda store: summarise(store, model, holdout),
            lambda summary: self._show_data(summary) if isValid(self) else None,
        )

    def _show_data(self, summary: TrainingSummary) -> None:
        classes = ", ".join(f"{name}: {count:,}" for name, count in summary.classes[:6])
        if len(summary.classes) > 6:
            classes += ", …"
        text = tr(
            "{train} pictures to learn from, {val} held out", train=summary.train, val=summary.val
        )
        self._data.setText(f"{text}\n{classes}" if not summary.problem else summary.problem)
        self._start.setEnabled(not summary.problem)

    # -- the run --------------------------------------------------------------------------------

    def _request(self) -> TrainingRequest | None:
        model = self._model.currentData()
        if self._form is None or not isinstance(model, ModelInfo):
            return None
        return TrainingRequest(
            model=model,
            params=self._form.values(),
            holdout=self._split.holdout,
            minutes=self._split.minutes,
            seed=self._split.seed,
            drawn=self._drawn.chosen,
        )

    def start(self) -> None:
        """Start training with what the form says."""
        request = self._request()
        if request is not None:
            self._watch(self._workbench.trainings.start(request))

    def resume(self) -> None:
        """Go on with the newest run that was interrupted."""
        if self._interrupted is not None:
            run, model = self._interrupted
            self._interrupted = None
            self._choose(model)
            self._watch(self._workbench.trainings.resume(run, model))

    def pause(self) -> None:
        """Hold training, or go on."""
        if self._training is not None:
            self._training.pause(not self._training.paused)
            self._refresh()

    def stop(self) -> None:
        """End soon and keep the best weights."""
        if self._training is not None:
            self._stop.setEnabled(False)
            self._status.setText(tr("Stopping after this step…"))
            self._training.stop()

    def _watch(self, training: Training) -> None:
        self._training = training
        self._page.clear()
        self._tabs.setCurrentWidget(self._page)
        self._timer.start()
        self._refresh()

    def _refresh(self) -> None:
        training = self._training
        if training is None:
            return
        job = training.job
        running = not job.state.is_final
        self._left.setEnabled(not running)
        self._start.setVisible(not running)
        self._resume.setVisible(not running and self._interrupted is not None)
        self._pause.setVisible(running)
        self._pause.setText(tr("Go on") if training.paused else tr("Pause"))
        self._stop.setVisible(running)
        measured = training.request.model.task in PREDICTORS
        self._evaluate.setVisible(measured and not running and training.weights is not None)
        self._export.setVisible(not running and training.weights is not None)
        if not running:
            self._stop.setEnabled(True)
            self._timer.stop()
        self._use.setVisible(not running and training.weights is not None)
        fraction = job.fraction
        self._progress.setVisible(running)
        self._progress.setRange(0, 0 if running and fraction is None else 1000)
        self._progress.setValue(round((fraction or 0) * 1000))
        self._status.setText(self._status_text(training))
        self._status.setProperty("role", "error" if job.state is JobState.FAILED else "")
        self._status.style().polish(self._status)
        self._page.show_training(training)

    def _status_text(self, training: Training) -> str:
        job = training.job
        if job.state is JobState.FAILED:
            return told(job.message)
        if job.state.is_final:
            word = tr("Stopped") if job.state is JobState.STOPPED else tr("Done")
            return f"{word} · {duration(job.seconds())}  {told(job.message)}".strip()
        left = job.seconds_left()
        parts = [told(job.message), duration(job.seconds())]
        if left is not None:
            parts.append(tr("{time} left", time=duration(left)))
        return " · ".join(p for p in parts if p)

    def _use_result(self) -> None:
        if self._training is not None:
            self.use_wanted.emit(self._training.request.model.id)
            self.close()

    def _export_result(self) -> None:
        if self._training is not None and self._training.weights is not None:
            self.export_wanted.emit(self._training.request.model, self._training.weights)

    def _evaluate_result(self) -> None:
        if self._training is not None:
            self.evaluation_wanted.emit(self._training.folder)

    def _look_for_interrupted(self) -> None:
        """Offer to go on with the newest run that did not end by itself."""
        trainings = self._workbench.trainings
        folder = self._workbench.session.store.folder
        models = self._workbench.models.registry.models

        def offer(runs: list[RunInfo]) -> None:
            busy = {t.folder for t in trainings.running}
            found = [r for r in runs if r.model in models and r.folder not in busy]
            if found and isValid(self) and not trainings.running:
                self._interrupted = found[0], models[found[0].model]
                self._resume.setVisible(True)
                self._resume.setToolTip(
                    tr(
                        "{name} was interrupted; its last checkpoint is there",
                        name=told(found[0].title),
                    )
                )

        self._workbench.session.in_store(lambda _: interrupted_runs(folder), offer)
