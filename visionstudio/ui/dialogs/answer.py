"""Ask for one attribute and its value, to be set on many objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.labels import AttributeSpec, LabelClass
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.attributes import AnswerEditor, editor_for


class AnswerDialog(QDialog):
    """`take` gets the attribute's name and the value, None for no answer."""

    def __init__(
        self,
        specs: Sequence[AttributeSpec],
        take: Callable[[str, Any], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("answerDialog")
        self.setWindowTitle(tr("Set attribute"))
        self.setMinimumWidth(360)
        self._specs, self._take = list(specs), take
        self._values: list[Any] = [None] * len(self._specs)
        self.name = QComboBox()
        self.name.setObjectName("answerName")
        self.name.setAccessibleName(tr("Attribute"))
        self._editors = QStackedWidget()
        self._list: list[AnswerEditor] = []
        self.problem = QLabel()
        self.problem.setObjectName("answerProblem")
        self.problem.setProperty("role", "warning")
        for n, spec in enumerate(self._specs):
            self.name.addItem(spec.name)
            editor = editor_for(spec)
            editor.show_value(None)
            editor.answered.connect(lambda value, n=n: self._answered(n, value))
            editor.refused.connect(self.problem.setText)
            self._editors.addWidget(editor)
            self._list.append(editor)
        self.name.currentIndexChanged.connect(self._editors.setCurrentIndex)
        form = QFormLayout()
        form.addRow(QLabel(tr("Attribute")), self.name)
        form.addRow(QLabel(tr("Value")), self._editors)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        for kind, name, text in (
            (QDialogButtonBox.StandardButton.Ok, "answerOk", tr("Set")),
            (QDialogButtonBox.StandardButton.Cancel, "answerCancel", tr("Cancel")),
        ):
            button = buttons.button(kind)
            button.setObjectName(name)
            button.setText(text)
            button.setIcon(QIcon())
            button.setAccessibleName(text)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addWidget(buttons)

    def _answered(self, place: int, value: Any) -> None:
        self._values[place] = value

    def _accept(self) -> None:
        place = self.name.currentIndex()
        if not self._list[place].commit():
            return
        self.accept()
        self._take(self._specs[place].name, self._values[place])


def all_specs(classes: Sequence[LabelClass]) -> list[AttributeSpec]:
    """The attributes of all classes, of those with one name the first."""
    found: dict[str, AttributeSpec] = {}
    for one in classes:
        for spec in one.attributes:
            found.setdefault(spec.name, spec)
    return list(found.values())
