"""Asks how long a drawn line really is."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.numbers import number

UNITS = ("µm", "mm", "cm", "m", "nm", "in")


class ScaleDialog(QDialog):
    """A length, its unit, and whether it holds for all pictures."""

    def __init__(self, pixels: float, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scaleDialog")
        self.setWindowTitle(tr("Set the scale"))
        self.length = QDoubleSpinBox()
        self.length.setObjectName("scaleLength")
        self.length.setAccessibleName(tr("Known length"))
        self.length.setDecimals(6)
        self.length.setRange(0.000001, 1e9)
        self.length.setValue(100.0)
        self.length.selectAll()
        self.unit = QComboBox()
        self.unit.setObjectName("scaleUnit")
        self.unit.setAccessibleName(tr("Unit"))
        self.unit.setEditable(True)
        self.unit.addItems(UNITS)
        self.unit.setCurrentText(unit if unit != "px" else UNITS[0])
        self.everywhere = QCheckBox(tr("For all pictures without a scale of their own"))
        self.everywhere.setObjectName("scaleEverywhere")
        self.everywhere.setChecked(True)
        self.result_text = QLabel()
        self.result_text.setObjectName("scaleResult")
        self.result_text.setProperty("role", "muted")
        self._pixels = pixels
        row = QHBoxLayout()
        row.addWidget(self.length, 1)
        row.addWidget(self.unit)
        form = QFormLayout()
        form.addRow(tr("The line is {pixels} pixels long", pixels=number(pixels, 5)), QWidget())
        form.addRow(tr("Known length"), row)
        form.addRow(self.everywhere)
        form.addRow(self.result_text)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.setObjectName("scaleButtons")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(buttons)
        self.length.valueChanged.connect(self._tell)
        self.unit.currentTextChanged.connect(self._tell)
        self._tell()

    def _tell(self) -> None:
        size = number(self.length.value() / self._pixels, 5)
        unit = self.unit.currentText().strip()
        self.result_text.setText(tr("1 pixel = {size} {unit}", size=size, unit=unit))

    @property
    def answer(self) -> tuple[float, str, bool]:
        """The length, its unit, and whether it holds for all pictures."""
        unit = self.unit.currentText().strip() or "px"
        return self.length.value(), unit, self.everywhere.isChecked()
