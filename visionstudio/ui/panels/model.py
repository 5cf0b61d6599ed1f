"""The model panel: predict, track, generate and train with the model that is chosen in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Box
from visionstudio.session.models import ModelChoice
from visionstudio.session.predictions import PredictTarget, all_pictures
from visionstudio.session.tracks import Way
from visionstudio.session.workbench import Workbench
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.panels.model_choice import PREDICTORS, ModelChooser
from visionstudio.ui.panels.proposals import ProposalControls


class ModelPanel(QWidget):
    """Acts on the workbench that it was given last; without one it is disabled."""

    message = Signal(str, str)  # text, level: info | warning | error
    training_wanted = Signal(object)  # ModelInfo
    generator_wanted = Signal(object, object)  # ModelChoice, its class names
    class_wanted = Signal()  # a region was drawn and no class is active
    region_wanted = Signal()  # the tool that draws the region to track

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("modelPanel")
        self._workbench: Workbench | None = None
        self._build()
        self.setEnabled(False)

    # -- construction ---------------------------------------------------------------------------

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        self.chooser = ModelChooser()
        self.chooser.changed.connect(self._update_enabled)
        layout.addWidget(self.chooser)
        self.proposals = ProposalControls()
        layout.addWidget(self.proposals)
        layout.addLayout(self._build_buttons())
        layout.addWidget(self.chooser.form_area, 1)

    def _build_buttons(self) -> QVBoxLayout:
        layout = QVBoxLayout()
        layout.setSpacing(8)
        first = QHBoxLayout()
        self._predict = QToolButton()
        self._predict.setObjectName("predictButton")
        self._predict.setText(tr("Predict"))
        self._predict.setProperty("role", "primary")
        self._predict.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._predict.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        menu = QMenu(self._predict)
        menu.addAction(tr("This picture"), self.predict_current)
        menu.addAction(tr("Selected pictures"), self.predict_selected)
        menu.addAction(tr("Pictures without labels"), self.predict_unlabelled)
        menu.addAction(tr("All pictures"), self.predict_all)
        self._predict.setMenu(menu)
        self._predict.clicked.connect(self._main_action)
        self._train = self._button("trainButton", tr("Train…"), self.open_training)
        first.addWidget(self._predict, 1)
        first.addWidget(self._train)
        second = QHBoxLayout()
        second.addWidget(self.proposals.accept_button)
        second.addWidget(self.proposals.reject_button)
        layout.addLayout(first)
        layout.addLayout(second)
        return layout

    def _button(self, name: str, text: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(lambda: action())
        return button

    # -- what the panel works on ----------------------------------------------------------------

    def set_workbench(self, workbench: Workbench | None) -> None:
        """Work on another project, or on none."""
        self._workbench = workbench
        self.proposals.set_session(workbench.session if workbench is not None else None)
        self.setEnabled(workbench is not None)
        if workbench is not None:
            workbench.session.current_changed.connect(self._update_enabled)
            workbench.predictions.finished.connect(self._predicted)
            workbench.tracks.finished.connect(self._tracked)
            workbench.tracks.all_finished.connect(self._tracked_all)
        self.chooser.set_workbench(workbench)

    def choose(self, model_id: str) -> bool:
        """Choose a model by id; False if it is not there."""
        return self.chooser.choose(model_id)

    def live_choice(self) -> tuple[ModelChoice, ModelChoice | None]:
        """What runs on a live source, with the detector of a tracker of many objects.

        Raises InvalidValue when that cannot run.
        """
        choice = self.chooser.choice()
        if choice is None or choice.model.task == "generator" or not self.chooser.can_run():
            raise InvalidValue(
                "no model is ready",
                next_step="choose a classifier, detector, segmenter or tracker in the Model panel",
            )
        if choice.model.output != "tracks":
            return choice, None
        detector = self.chooser.detector.chosen()
        if detector is None:
            raise InvalidValue(
                "tracking all objects needs a detector",
                next_step="choose one in the Model panel, below the tracker",
            )
        return choice, detector

    def _update_enabled(self) -> None:
        model = self.chooser.model()
        session = self._workbench.session if self._workbench else None
        has_picture = session is not None and session.current is not None
        many = model is not None and model.output == "tracks"
        self.chooser.detector.setVisible(many)
        track = tr("Track all objects") if many else tr("Track a region")
        texts = {"tracker": track, "generator": tr("Generate…")}
        self._predict.setText(texts.get(model.task, tr("Predict")) if model else tr("Predict"))
        needs_picture = model is not None and model.task != "generator"
        can_run = self.chooser.can_run()
        self._predict.setEnabled(can_run and (has_picture or not needs_picture))
        predictor = model is not None and model.task in PREDICTORS
        self._predict.setPopupMode(
            QToolButton.ToolButtonPopupMode.MenuButtonPopup
            if predictor
            else QToolButton.ToolButtonPopupMode.DelayedPopup
        )
        missing = tr("Train the model first, or choose one that is ready")
        if model is not None and not model.trainable:
            missing = tr("This model needs a weights file: Model menu, Models…")
        self._predict.setToolTip("" if can_run else missing)
        self._train.setEnabled(model is not None and model.trainable)
        self.proposals.refresh()

    # -- running models -------------------------------------------------------------------------

    def _main_action(self) -> None:
        model = self.chooser.model()
        if model is None:
            return
        if model.task == "generator":
            self.open_generator()
        elif model.output == "tracks":
            self.track_all()
        elif model.task == "tracker":
            self.region_wanted.emit()
        else:
            self.predict_current()

    def predict_current(self) -> None:
        """Predict the picture or frame that is shown."""
        session = self._workbench.session if self._workbench is not None else None
        if session is not None and session.current is not None:
            self._predict_targets([PredictTarget(session.current, session.frame)])

    def predict_selected(self) -> None:
        """Predict the pictures that are selected in the media list."""
        if self._workbench is not None:
            self._predict_targets(
                [PredictTarget(i) for i in self._workbench.session.selected_media()]
            )

    def predict_unlabelled(self) -> None:
        """Predict every picture that has no label yet."""
        if self._workbench is not None:
            self._predict_targets(all_pictures(self._workbench.session, unlabelled=True))

    def use(self) -> None:
        """Show what the chosen model does: on the picture, or the pictures that it draws."""
        model = self.chooser.model()
        if model is not None and model.task == "generator":
            self.open_generator()
        elif model is not None and model.task in PREDICTORS:
            self.predict_current()

    def predict_all(self) -> None:
        """Predict every picture of the project."""
        if self._workbench is not None:
            self._predict_targets(all_pictures(self._workbench.session))

    def _predict_targets(self, targets: Sequence[PredictTarget]) -> None:
        self.chooser.when_filled(partial(self._predict_now, targets))

    def _predict_now(self, targets: Sequence[PredictTarget]) -> None:
        choice = self.chooser.choice()
        if self._workbench is None or choice is None:
            return
        if choice.model.task not in PREDICTORS:
            self.message.emit(tr("Choose a classifier, detector or segmenter first"), "warning")
        elif not self.chooser.can_run():
            self.message.emit(tr("This model is not trained yet: press Train…"), "warning")
        elif not targets:
            self.message.emit(tr("There is no picture to predict"), "warning")
        else:
            self._workbench.predictions.predict(choice, targets)

    def _predicted(self, count: int, known: int, pictures: int, failed: dict[str, str]) -> None:
        if pictures > 1:
            text = tr("Proposals: {count}, on {pictures} pictures", count=count, pictures=pictures)
            self.message.emit(text, "info")
        elif pictures == 1 and count == 0 and known:
            self.message.emit(
                tr("What the model found here is labelled or was rejected already"), "info"
            )
        elif pictures == 1 and count == 0:
            self.message.emit(tr("The model found nothing here"), "info")
        for name, reason in list(failed.items())[:1]:
            more = f" (+{len(failed) - 1})" if len(failed) > 1 else ""
            self.message.emit(f"{name}: {told(reason)}{more}", "warning")

    def track_region(self, box: Box) -> None:
        """Follow a region from the frame that is shown to the end of the video."""
        self.chooser.when_filled(partial(self._track_now, box))

    def _track_now(self, box: Box) -> None:
        ready = self._ready_to_track()
        if ready is None or self._workbench is None:
            return
        choice, item = ready
        session = self._workbench.session
        if session.active_class is None:
            self.class_wanted.emit()
            return
        self._workbench.tracks.track(
            choice, item, box, session.active_class.id, start=session.frame
        )

    def track_objects(self, objects: Sequence[Annotation], way: Way) -> None:
        """Follow objects of the frame that is shown, one after the other."""
        self.chooser.when_filled(partial(self._track_objects_now, objects, way))

    def _track_objects_now(self, objects: Sequence[Annotation], way: Way) -> None:
        ready = self._ready_to_track()
        if ready is not None and self._workbench is not None:
            self._workbench.tracks.track_objects(*ready, objects, way)

    def _ready_to_track(self) -> tuple[ModelChoice, MediaItem] | None:
        """A tracker of one object, chosen if need be, and the video; None after saying why not."""
        item = self._workbench.session.current if self._workbench is not None else None
        if self._workbench is None or item is None:
            return None
        model = self.chooser.model()
        if model is None or model.task != "tracker" or model.output == "tracks":
            trackers = [
                m for m in self._workbench.models.of_task("tracker") if m.output != "tracks"
            ]
            if not trackers or not self.chooser.choose(trackers[0].id):
                self.message.emit(tr("No tracker is installed"), "error")
                return None
        choice = self.chooser.choice()
        if choice is None:
            return None
        if item.kind is MediaKind.IMAGE:
            self.message.emit(tr("Tracking needs a video or a folder of frames"), "warning")
            return None
        return choice, item

    def track_all(self) -> None:
        """Follow every object that the chosen detector finds, or that is in the video already."""
        choice, detector = self.chooser.choice(), self.chooser.detector.chosen()
        labels = self.chooser.detector.takes_labels
        if self._workbench is None or choice is None or (detector is None and not labels):
            return
        item = self._workbench.session.current
        if item is None or item.kind is MediaKind.IMAGE:
            self.message.emit(tr("Tracking needs a video or a folder of frames"), "warning")
        elif detector is None:
            self._workbench.tracks.track_labels(choice, item)
        else:
            self._workbench.tracks.track_all(choice, item, detector)

    def _tracked(self, _media_id: int, seen: int, lost: int) -> None:
        text = tr("Tracked through {seen} frames, lost in {lost}", seen=seen, lost=lost)
        self.message.emit(text, "info")

    def _tracked_all(self, _media_id: int, tracks: int) -> None:
        text = tr("Tracks found: {count}", count=tracks)
        self.message.emit(text if tracks else tr("The model found nothing here"), "info")

    def open_training(self) -> None:
        """Ask for the training dialog of the chosen model."""
        model = self.chooser.model()
        if model is not None and model.trainable:
            self.training_wanted.emit(model)
        else:
            self.message.emit(tr("This model cannot be trained"), "warning")

    def open_generator(self) -> None:
        """Ask for the window of generated pictures."""
        choice = self.chooser.choice()
        if choice is None or choice.model.task != "generator":
            self.message.emit(tr("Choose a generator first"), "warning")
        elif not self.chooser.can_run():
            self.message.emit(tr("This model is not trained yet: press Train…"), "warning")
        else:
            runs = self.chooser.runs_of(choice.model)
            classes = [r.classes for r in runs if r.folder / "best.safetensors" == choice.weights]
            self.generator_wanted.emit(choice, classes[0] if classes else ())
