"""How a training goes: curves, what to try, and predictions on a few held-out pictures."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from visionstudio.session.advice import Advice, advise
from visionstudio.session.jobs import JobState
from visionstudio.session.training import Training
from visionstudio.ui.curves import Curves
from visionstudio.ui.i18n import tr

_STRIP_HEIGHT = 140


def advice_text(advice: Advice) -> str:
    """What to try, for a person."""
    texts = {
        Advice.DIVERGING: tr("The loss rises again: use a third of the learning rate."),
        Advice.FLAT: tr(
            "The loss hardly falls: look for a better learning rate, train longer, or do not "
            "freeze the backbone."
        ),
        Advice.OVERFITTING: tr(
            "The held-out pictures get worse while the loss falls: label more pictures, vary them "
            "more, or stop early. The best weights are kept."
        ),
        Advice.WAITING: tr(
            "The model waits for pictures: use a smaller image size, or copy the pictures to a "
            "faster disk."
        ),
        Advice.FEW: tr("There are few pictures to learn from: more labels help most."),
    }
    return texts[advice]


class ProgressPage(QWidget):
    """Shows one training; `show_training` brings it up to date."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        self._curves = Curves()
        layout.addWidget(self._curves, 1)
        self._advice = QLabel()
        self._advice.setObjectName("trainingAdvice")
        self._advice.setWordWrap(True)
        self._advice.setVisible(False)
        layout.addWidget(self._advice)
        self._area = QScrollArea()
        self._area.setObjectName("trainingPreviews")
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFixedHeight(_STRIP_HEIGHT + 24)
        self._area.setVisible(False)
        strip = QWidget()
        self._strip = QHBoxLayout(strip)
        self._strip.setContentsMargins(0, 0, 0, 0)
        self._strip.setSpacing(8)
        self._strip.addStretch(1)
        self._area.setWidget(strip)
        self._previews: dict[str, QLabel] = {}
        self._shown: dict[Path, int] = {}
        layout.addWidget(self._area)

    def clear(self) -> None:
        """Another training begins."""
        self._curves.clear()
        self._advice.setVisible(False)
        self._shown.clear()

    def show_training(self, training: Training) -> None:
        """Draw what is known of it now."""
        self._curves.show_curves(training.curves)
        self._show_advice(training)
        self._show_previews(training)

    def _show_advice(self, training: Training) -> None:
        if training.job.state in (JobState.FAILED, JobState.STOPPED):
            return  # an error has advice of its own
        plan = training.plan
        pictures = len(plan.of("train")) if plan is not None else None
        found = advise(training.curves, pictures)[:2]
        self._advice.setText("\n".join(advice_text(a) for a in found))
        self._advice.setVisible(bool(found))

    def _show_previews(self, training: Training) -> None:
        for name, (path, number) in training.previews.items():
            if self._shown.get(path) == number:
                continue
            self._shown[path] = number
            label = self._previews.get(name)
            if label is None:
                label = QLabel()
                label.setToolTip(tr("Predictions on held-out pictures"))
                label.setAccessibleName(tr("Predictions on held-out pictures"))
                self._previews[name] = label
                self._strip.insertWidget(self._strip.count() - 1, label)
                self._area.setVisible(True)
            pixmap = QPixmap(str(path))
            if not pixmap.isNull():
                smooth = Qt.TransformationMode.SmoothTransformation
                label.setPixmap(pixmap.scaledToHeight(_STRIP_HEIGHT, smooth))
