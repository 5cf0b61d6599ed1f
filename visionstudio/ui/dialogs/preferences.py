"""Preferences: a page per group of the settings' schema, applied as they are changed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGroupBox, QVBoxLayout, QWidget

from visionstudio.settings.schema import GROUPS
from visionstudio.settings.store import Settings
from visionstudio.ui.forms import ParamForm
from visionstudio.ui.i18n import tr


class PreferencesDialog(QDialog):
    """Everything takes effect at once; there is nothing to apply."""

    changed = Signal(str)  # a setting's name

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preferencesDialog")
        self.setWindowTitle(tr("Preferences"))
        self._settings = settings
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        titles = [tr(spec.title) for group in GROUPS for spec in group.specs]
        widest = max(map(self.fontMetrics().horizontalAdvance, titles))
        for group in GROUPS:
            box = QGroupBox(tr(group.title))
            box.setObjectName(f"settings_{group.title.lower()}")
            inner = QVBoxLayout(box)
            form = ParamForm(group.specs, label_width=widest)
            form.set_values({spec.name: settings.get(spec.name) for spec in group.specs})
            form.changed.connect(lambda name, f=form: self._take(name, f))
            inner.addWidget(form)
            layout.addWidget(box)
        layout.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setText(tr("Close"))
        buttons.button(QDialogButtonBox.StandardButton.Close).setObjectName("preferencesClose")
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.setMinimumWidth(520)

    def _take(self, name: str, form: ParamForm) -> None:
        self._settings.set(name, form.values()[name])
        self.changed.emit(name)
