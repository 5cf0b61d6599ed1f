"""The training dialog: data and parameters on the left, what happens on the right.

It is no modal box: training goes on when it is closed, and it shows the same
run again when it is opened.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.engine.registry import ModelInfo
from visionstudio.session.jobs import JobState
from visionstudio.session.training import Training, TrainingRequest
from visionstudio.session.training_data import TrainingSummary, suggest, summarise
from visionstudio.session.workbench import Workbench
from visionstudio.ui.forms import LABEL_WIDTH, ParamForm
from visionstudio.ui.i18n import tr
from visionstudio.ui.texts import duration

_REFRESH_MS = 250
_STRIP_HEIGHT = 120


class TrainingDialog(QDialog):
    """Train one model on the open project. `use_wanted` asks to predict with the result."""

    use_wanted = Signal(str)  # model id

    def __init__(
        self, workbench: Workbench, model: ModelInfo, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("trainingDialog")
        self.setWindowTitle(tr("Train a model"))
        self.resize(QSize(1040, 680))
        self._workbench = workbench
        self._training: Training | None = None
        self._form: ParamForm | None = None
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        self._fill_models(model)
        running = workbench.trainings.running
        if running:
            self._watch(running[-1])

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
        layout.addLayout(self._build_split())
        self._form_area = QScrollArea()
        self._form_area.setWidgetResizable(True)
        self._form_area.setFrameShape(QFrame.Shape.NoFrame)
        self._form_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(self._form_area, 1)
        self._left = left
        return left

    def _build_split(self) -> QFormLayout:
        form = QFormLayout()
        form.setSpacing(8)
        self._holdout = QSpinBox()
        self._holdout.setObjectName("trainingHoldout")
        self._holdout.setAccessibleName(tr("Held out"))
        self._holdout.setRange(0, 90)
        self._holdout.setValue(20)
        self._holdout.setSuffix(" %")
        self._holdout.setToolTip(tr("Pictures kept out of training, on which it is judged"))
        self._holdout.valueChanged.connect(self._count)
        self._seed = QSpinBox()
        self._seed.setObjectName("trainingSeed")
        self._seed.setAccessibleName(tr("Seed"))
        self._seed.setRange(0, 1_000_000)
        self._limit_time = QCheckBox(tr("At most"))
        self._limit_time.setObjectName("trainingLimitTime")
        self._minutes = QDoubleSpinBox()
        self._minutes.setObjectName("trainingMinutes")
        self._minutes.setAccessibleName(tr("Minutes"))
        self._minutes.setRange(0.1, 10_000)
        self._minutes.setDecimals(1)
        self._minutes.setValue(3)
        self._minutes.setSuffix(" " + tr("min"))
        self._limit_time.toggled.connect(self._minutes.setEnabled)
        self._limit_time.setChecked(True)
        for title, widget in (
            (QLabel(tr("Held out")), self._holdout),
            (self._limit_time, self._minutes),
            (QLabel(tr("Seed")), self._seed),
        ):
            title.setMinimumWidth(LABEL_WIDTH)
            form.addRow(title, widget)
        return form

    def _build_right(self) -> QWidget:
        # Imported here: pyqtgraph is not needed to start the window.
        from visionstudio.ui.curves import Curves

        right = QWidget()
        layout = QVBoxLayout(right)
        layout.setContentsMargins(8, 0, 0, 0)
        layout.setSpacing(8)
        self._curves = Curves()
        layout.addWidget(self._curves, 1)
        self._strip_area = QScrollArea()
        self._strip_area.setObjectName("trainingPreviews")
        self._strip_area.setWidgetResizable(True)
        self._strip_area.setFrameShape(QFrame.Shape.NoFrame)
        self._strip_area.setFixedHeight(_STRIP_HEIGHT + 24)
        self._strip_area.setVisible(False)
        strip = QWidget()
        self._strip = QHBoxLayout(strip)
        self._strip.setContentsMargins(0, 0, 0, 0)
        self._strip.setSpacing(8)
        self._strip.addStretch(1)
        self._strip_area.setWidget(strip)
        self._previews: dict[str, QLabel] = {}
        layout.addWidget(self._strip_area)
        return right

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
        self._use = QPushButton(tr("Use it"))
        self._use.setObjectName("trainingUse")
        self._use.clicked.connect(self._use_result)
        close = QPushButton(tr("Close"))
        close.setObjectName("trainingClose")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        row.addWidget(self._progress)
        row.addWidget(self._status, 1)
        for button in (self._start, self._stop, self._use, close):
            row.addWidget(button)
        self._stop.setVisible(False)
        self._use.setVisible(False)
        return row

    # -- before the start -----------------------------------------------------------------------

    def _fill_models(self, wanted: ModelInfo) -> None:
        registry = self._workbench.models.registry
        # What asks for most of the labels comes first where the wanted model does not suit them.
        order = ("detector", "segmenter", "classifier", "generator")
        models = [m for t in order for m in registry.models.values() if m.trainable and m.task == t]
        self._model.blockSignals(True)
        for model in models:
            self._model.addItem(f"{model.title}  ({model.id})", model)
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
        holdout = self._holdout.value() / 100
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
            self._form_area.setWidget(self._form)

    def _count(self) -> None:
        model = self._model.currentData()
        holdout = self._holdout.value() / 100
        self._data.setText(tr("Counting labelled pictures…"))
        self._start.setEnabled(False)
        self._workbench.session.in_store(
            lambda store: summarise(store, model, holdout),
            lambda summary: self._show_data(summary) if isValid(self) else None,
        )

    def _show_data(self, summary: TrainingSummary) -> None:
        classes = ", ".join(f"{name} {count}" for name, count in summary.classes[:6])
        if len(summary.classes) > 6:
            classes += ", …"
        text = tr(
            "{train} pictures to learn from, {val} held out", train=summary.train, val=summary.val
        )
        self._data.setText(f"{text}\n{classes}" if not summary.problem else summary.problem)
        self._start.setEnabled(not summary.problem)

    # -- the run --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start training with what the form says."""
        model = self._model.currentData()
        if self._form is None or not isinstance(model, ModelInfo):
            return
        request = TrainingRequest(
            model=model,
            params=self._form.values(),
            holdout=self._holdout.value() / 100,
            minutes=self._minutes.value() if self._limit_time.isChecked() else None,
            seed=self._seed.value(),
        )
        self._curves.clear()
        self._watch(self._workbench.trainings.start(request))

    def stop(self) -> None:
        """End soon and keep the best weights."""
        if self._training is not None:
            self._stop.setEnabled(False)
            self._status.setText(tr("Stopping after this step…"))
            self._training.stop()

    def _watch(self, training: Training) -> None:
        self._training = training
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
        self._stop.setVisible(running)
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
        self._curves.show_curves(training.curves)
        self._show_previews(training)

    def _status_text(self, training: Training) -> str:
        job = training.job
        if job.state is JobState.FAILED:
            return job.message
        if job.state.is_final:
            word = tr("Stopped") if job.state is JobState.STOPPED else tr("Done")
            return f"{word} · {duration(job.seconds())}  {job.message}".strip()
        left = job.seconds_left()
        parts = [job.message, duration(job.seconds())]
        if left is not None:
            parts.append(tr("{time} left", time=duration(left)))
        return " · ".join(p for p in parts if p)

    def _show_previews(self, training: Training) -> None:
        for name, path in training.previews.items():
            label = self._previews.get(name)
            if label is None:
                label = QLabel()
                label.setToolTip(name)
                label.setAccessibleName(name)
                self._previews[name] = label
                self._strip.insertWidget(self._strip.count() - 1, label)
                self._strip_area.setVisible(True)
            pixmap = QPixmap(str(path))
            if not pixmap.isNull():
                label.setPixmap(
                    pixmap.scaledToHeight(_STRIP_HEIGHT, Qt.TransformationMode.SmoothTransformation)
                )

    def _use_result(self) -> None:
        if self._training is not None:
            self.use_wanted.emit(self._training.request.model.id)
            self.close()
