"""What a training is given besides the model's parameters: held-out share, time, seed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from visionstudio.ui.forms import LABEL_WIDTH
from visionstudio.ui.i18n import tr


class SplitForm(QWidget):
    """`changed` fires when other pictures would be held out."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(8)
        self._holdout = QSpinBox()
        self._holdout.setObjectName("trainingHoldout")
        self._holdout.setAccessibleName(tr("Held out"))
        self._holdout.setRange(0, 90)
        self._holdout.setValue(20)
        self._holdout.setSuffix(" %")
        self._holdout.setToolTip(tr("Pictures kept out of training, on which it is judged"))
        self._holdout.valueChanged.connect(lambda _: self.changed.emit())
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
        self._minutes.setSuffix(tr(" min"))
        self._limit_time.toggled.connect(self._minutes.setEnabled)
        self._limit_time.setChecked(True)
        for title, widget in (
            (QLabel(tr("Held out")), self._holdout),
            (self._limit_time, self._minutes),
            (QLabel(tr("Seed")), self._seed),
        ):
            title.setMinimumWidth(LABEL_WIDTH)
            form.addRow(title, widget)

    @property
    def holdout(self) -> float:
        """The share of pictures that is held out."""
        return self._holdout.value() / 100

    @property
    def minutes(self) -> float | None:
        """The time budget, None without one."""
        return self._minutes.value() if self._limit_time.isChecked() else None

    @property
    def seed(self) -> int:
        """What makes split and training repeatable."""
        return self._seed.value()
