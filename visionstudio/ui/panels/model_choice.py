"""Choosing a model with its weights and parameters; what has been trained appears by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from visionstudio.api import TASKS, Task
from visionstudio.engine.model_store import WeightsEntry
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training.runs import RunInfo
from visionstudio.session.model_files import usable_files
from visionstudio.session.models import ModelChoice
from visionstudio.session.training import Training, trained_runs
from visionstudio.session.workbench import Workbench
from visionstudio.ui.forms import ParamForm
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.weights_choice import DetectorChoice, WeightsChoice

_SETTLE_MS = 500  # a run's files are written one after the other


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read from disk: runs and weights files by model id, and the folders to watch."""

    runs: dict[str, list[RunInfo]]
    files: dict[str, list[WeightsEntry]]
    places: list[str]


PREDICTORS: tuple[Task, ...] = ("classifier", "detector", "segmenter")


def task_title(task: Task) -> str:
    """A task's name for people."""
    names = {
        "classifier": tr("Classifier"),
        "detector": tr("Detector"),
        "segmenter": tr("Segmenter"),
        "tracker": tr("Tracker"),
        "generator": tr("Generator"),
    }
    return names[task]


class ModelChooser(QWidget):
    """The models of the workbench, their weights, and for many-object trackers a detector.

    `form_area` holds the chosen model's parameters; the panel around it places it.
    """

    changed = Signal()  # another model, other weights, or others to choose from

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench: Workbench | None = None
        self._runs: dict[str, list[RunInfo]] = {}
        self._files: dict[str, list[WeightsEntry]] = {}  # imported and downloaded
        self._form: ParamForm | None = None
        self._just_trained: str | None = None
        self._wanted: list[Callable[[], object]] = []  # once there are models
        # Weights appear whoever trained them: this window, the command line, another program.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MS)
        self._soon.timeout.connect(self.refresh)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(lambda _: self._soon.start())
        self._build()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._model = QComboBox()
        self._model.setObjectName("modelChoice")
        self._model.setAccessibleName(tr("Model"))
        self._model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._model.currentIndexChanged.connect(self._model_chosen)
        self._weights = WeightsChoice()
        self._weights.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.detector = DetectorChoice()
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._about.setProperty("role", "muted")
        for widget in (self._model, self._weights, self.detector, self._about):
            layout.addWidget(widget)
        self.form_area = QScrollArea()
        self.form_area.setWidgetResizable(True)
        self.form_area.setFrameShape(QFrame.Shape.NoFrame)
        self.form_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def set_workbench(self, workbench: Workbench | None) -> None:
        """Offer the models of another project, or none."""
        if self._workbench is not None:
            self._workbench.models.changed.disconnect(self.refresh)
        self._workbench = workbench
        self._runs, self._wanted = {}, []
        if self._watcher.directories():
            self._watcher.removePaths(self._watcher.directories())
        if workbench is not None:
            workbench.trainings.finished.connect(self._trained)
            workbench.models.changed.connect(self.refresh)
            self.refresh()

    def refresh(self) -> None:
        """Look again at models and trained weights, keeping the choice."""
        if self._workbench is None:
            return
        folder = self._workbench.session.store.folder
        registry = self._workbench.models.registry
        models = [m for m in registry.models.values() if m.output != "edit"]
        ids = [m.id for m in models if m.trainable]

        def read(_: object) -> _Found:
            places = [str(p) for p in (folder / "runs", *(folder / "runs").glob("*/"))]
            places = [p for p in places if Path(p).is_dir()]
            return _Found({i: trained_runs(folder, i) for i in ids}, usable_files(registry), places)

        self._workbench.session.in_store(read, partial(self._show_models, models))

    def _show_models(self, models: list[ModelInfo], found: _Found) -> None:
        if self._workbench is None:
            return
        watched = self._watcher.directories()
        new = [place for place in found.places if place not in watched]
        if new:
            self._watcher.addPaths(new)
        self._runs, self._files = found.runs, found.files
        trained, self._just_trained = self._just_trained, None
        before = self.model()
        self._model.blockSignals(True)
        self._model.clear()
        for task in TASKS:
            for model in (m for m in models if m.task == task):
                self._model.addItem(f"{task_title(task)} · {tr(model.title)}", model)
                self._model.setItemData(
                    self._model.count() - 1, tr(model.description), Qt.ItemDataRole.ToolTipRole
                )
        wanted = trained or (before.id if before else None) or self._sensible(models)
        for row in range(self._model.count()):
            if self._model.itemData(row).id == wanted:
                self._model.setCurrentIndex(row)
        self._model.blockSignals(False)
        if before is None or before != self.model():
            self._model_chosen()
        else:  # its parameters stay as they were set
            self._fill_weights(keep=trained is None)
            self.changed.emit()
        if models:
            wanted_now, self._wanted = self._wanted, []
            for action in wanted_now:
                action()

    def when_filled(self, action: Callable[[], object]) -> None:
        """Do it now, or as soon as the models of a project that was just opened are known."""
        if self._model.count() or self._workbench is None:
            action()
        else:
            self._wanted.append(action)

    def _trained(self, training: Training) -> None:
        """What was trained here is offered for the next pictures at once."""
        if training.weights is not None:
            self._just_trained = training.request.model.id

    def _sensible(self, models: list[ModelInfo]) -> str | None:
        trained = [i for i, found in self._runs.items() if found]
        ready = [m.id for m in models if m.ready and m.task in PREDICTORS]
        return next(iter([*trained, *ready, *(m.id for m in models)]), None)

    def _model_chosen(self) -> None:
        model = self.model()
        self._fill_weights(keep=False)
        if model is not None:
            self._about.setText(tr(model.description))
            # The threshold above the form does what parameters for display are for.
            self._form = ParamForm(s for s in model.params if s.impact != "display")
            self.form_area.setWidget(self._form)
        self.changed.emit()

    def _fill_weights(self, *, keep: bool) -> None:
        model = self.model()
        runs = self._runs.get(model.id, []) if model is not None else []
        files = self._files.get(model.id, []) if model is not None else []
        self._weights.offer(model, runs, files, keep=keep)
        if self._workbench is not None:
            detectors = self._workbench.models.of_task("detector")
            self.detector.offer(detectors, self._runs, self._files)

    def model(self) -> ModelInfo | None:
        """The chosen model."""
        chosen = self._model.currentData()
        return chosen if isinstance(chosen, ModelInfo) else None

    def choose(self, model_id: str) -> bool:
        """Choose a model by id; False if it is not there."""
        for row in range(self._model.count()):
            if self._model.itemData(row).id == model_id:
                self._model.setCurrentIndex(row)
                return True
        return False

    def choice(self) -> ModelChoice | None:
        """Model, weights and parameters as they are set now."""
        model = self.model()
        if model is None or self._form is None:
            return None
        return ModelChoice(model, self._weights.chosen(), self._form.values())

    def runs_of(self, model: ModelInfo) -> list[RunInfo]:
        """The trainings of a model in this project, the newest first."""
        return self._runs.get(model.id, [])

    def can_run(self) -> bool:
        """Whether the chosen model has weights: of its own, trained here, or a file."""
        model = self.model()
        return model is not None and (model.ready or self._weights.chosen() is not None)
