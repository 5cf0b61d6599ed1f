"""Define what is asked about the objects of a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass
from visionstudio.session import attributes
from visionstudio.session.attributes import AttributeChange
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession


@dataclass(slots=True)
class _Row:
    """An attribute being defined, and what it was called before."""

    spec: AttributeSpec
    old_name: str | None = None


class AttributesDialog(QDialog):
    """`changed` hears how the values of the objects fared, when the dialog has long been closed."""

    def __init__(
        self,
        session: ProjectSession,
        one: LabelClass,
        changed: Callable[[AttributeChange], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("attributesDialog")
        self.setWindowTitle(tr("Attributes of {name}", name=one.name))
        self.resize(620, 420)
        self._session, self._class, self._changed = session, one, changed
        self._rows = [_Row(spec, spec.name) for spec in one.attributes]
        self._usage: Mapping[str, int] = {}
        self._filling = False
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addLayout(self._build_list(), 2)
        top.addLayout(self._build_form(), 3)
        layout.addLayout(top, 1)
        self.note = QLabel()
        self.note.setObjectName("attributesNote")
        self.note.setProperty("role", "warning")
        self.note.setWordWrap(True)
        layout.addWidget(self.note)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        for kind, name, text in (
            (QDialogButtonBox.StandardButton.Ok, "attributesOk", tr("OK")),
            (QDialogButtonBox.StandardButton.Cancel, "attributesCancel", tr("Cancel")),
        ):
            button = self.buttons.button(kind)
            button.setObjectName(name)
            button.setText(text)
            button.setIcon(QIcon())
            button.setAccessibleName(text)
        self.buttons.accepted.connect(self._apply)
        self.buttons.rejected.connect(self.reject)
        layout.addWidget(self.buttons)
        self._fill_list(0)
        session.in_store(lambda store: store.attribute_usage(one.id), self._take_usage)

    def _build_list(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        bar = QHBoxLayout()
        self._on_row: list[QToolButton] = []
        for name, sign, text, call in (
            ("attributeAdd", "plus", tr("New attribute"), self._add),
            ("attributeRemove", "delete-outline", tr("Remove the attribute"), self._remove),
            ("attributeUp", "arrow-up", tr("Move up"), lambda: self._move(-1)),
            ("attributeDown", "arrow-down", tr("Move down"), lambda: self._move(1)),
        ):
            button = QToolButton()
            button.setObjectName(name)
            button.setIcon(icon(sign))
            button.setToolTip(text)
            button.setAccessibleName(text)
            button.clicked.connect(lambda _=False, c=call: c())
            bar.addWidget(button)
            if name != "attributeAdd":
                self._on_row.append(button)
        bar.addStretch(1)
        column.addLayout(bar)
        self.list = QListWidget()
        self.list.setObjectName("attributeList")
        self.list.setAccessibleName(tr("Attributes"))
        self.list.currentRowChanged.connect(lambda _: self._show())
        column.addWidget(self.list, 1)
        return column

    def _build_form(self) -> QFormLayout:
        form = self._form = QFormLayout()
        form.setSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.name, self.low, self.high, self.default = (QLineEdit() for _ in range(4))
        self.kind = QComboBox()
        for kind, title in (
            ("text", tr("Text")),
            ("number", tr("Number")),
            ("choice", tr("Choice")),
            ("flag", tr("Yes or no")),
        ):
            self.kind.addItem(title, kind)
        self.choices = QPlainTextEdit()
        self.choices.setTabChangesFocus(True)
        self.choices.setPlaceholderText(tr("One in a line"))
        self.default_choice = QComboBox()
        for widget, name, title in (
            (self.name, "attributeName", tr("Name")),
            (self.kind, "attributeKind", tr("Kind")),
            (self.choices, "attributeChoices", tr("Choices")),
            (self.low, "attributeLow", tr("Smallest")),
            (self.high, "attributeHigh", tr("Largest")),
            (self.default, "attributeDefault", tr("Default")),
            (self.default_choice, "attributeDefaultChoice", tr("Default")),
        ):
            widget.setObjectName(name)
            widget.setAccessibleName(title)
            label = QLabel(title)
            label.setBuddy(widget)
            form.addRow(label, widget)
        for line in (self.name, self.low, self.high, self.default):
            line.textEdited.connect(self._edited)
        self.choices.textChanged.connect(self._edited)
        self.kind.activated.connect(self._edited)
        self.default_choice.activated.connect(self._edited)
        return form

    # What there is

    def _current(self) -> _Row | None:
        place = self.list.currentRow()
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def _fill_list(self, place: int) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems([self._title(row) for row in self._rows])
        self.list.setCurrentRow(min(place, len(self._rows) - 1))
        self.list.blockSignals(False)
        self._show()

    def _title(self, row: _Row) -> str:
        count = self._usage.get(row.old_name or "", 0)
        name = row.spec.name or "…"
        return tr("{name} ({count} values)", name=name, count=f"{count:,}") if count else name

    def _take_usage(self, usage: Mapping[str, int]) -> None:
        if not isValid(self):
            return  # closed before the answer came
        self._usage = usage
        self._fill_list(self.list.currentRow())

    def _show(self) -> None:
        """Show the chosen attribute in the form."""
        row = self._current()
        self._filling = True
        fields = (self.name, self.kind, self.choices, self.low, self.high, self.default)
        for widget in (*fields, *self._on_row):
            widget.setEnabled(row is not None)
        spec = row.spec if row is not None else AttributeSpec("")
        self.name.setText(spec.name)
        self.kind.setCurrentIndex(self.kind.findData(spec.kind))
        self.choices.setPlainText("\n".join(spec.choices))
        self.low.setText("" if spec.low is None else f"{spec.low:g}")
        self.high.setText("" if spec.high is None else f"{spec.high:g}")
        typed = isinstance(spec.default, str | int | float) and not isinstance(spec.default, bool)
        self.default.setText(_text(spec.default) if typed else "")
        self._fill_defaults(spec)
        self._filling = False
        self._show_fields(spec)
        self._check()

    def _fill_defaults(self, spec: AttributeSpec) -> None:
        self.default_choice.clear()
        self.default_choice.addItem(tr("none"), None)
        if spec.kind == "flag":
            self.default_choice.addItem(tr("yes"), True)
            self.default_choice.addItem(tr("no"), False)
        for choice in spec.choices:
            self.default_choice.addItem(choice, choice)
        self.default_choice.setCurrentIndex(max(self.default_choice.findData(spec.default), 0))

    def _show_fields(self, spec: AttributeSpec) -> None:
        chosen = spec.kind in ("choice", "flag")
        self._form.setRowVisible(self.choices, spec.kind == "choice")
        self._form.setRowVisible(self.low, spec.kind == "number")
        self._form.setRowVisible(self.high, spec.kind == "number")
        self._form.setRowVisible(self.default, not chosen)
        self._form.setRowVisible(self.default_choice, chosen)

    # What people do

    def _edited(self, *_: object) -> None:
        row = self._current()
        if row is None or self._filling:
            return
        kind = self.kind.currentData()
        lines = [line.strip() for line in self.choices.toPlainText().splitlines()]
        spec = AttributeSpec(
            self.name.text().strip(),
            kind,
            tuple(line for line in lines if line) if kind == "choice" else (),
            low=_number(self.low.text()) if kind == "number" else None,
            high=_number(self.high.text()) if kind == "number" else None,
        )
        before, row.spec = row.spec, replace(spec, default=self._default(spec))
        if (before.kind, before.choices) != (spec.kind, spec.choices):
            self._filling = True
            self._fill_defaults(row.spec)
            self._filling = False
            self._show_fields(spec)
        item = self.list.currentItem()
        if item is not None:
            item.setText(self._title(row))
        self._check()

    def _default(self, spec: AttributeSpec) -> Any:
        if spec.kind in ("choice", "flag"):
            value = self.default_choice.currentData()
            return value if value is None or spec.fits(value) else None
        text = self.default.text().strip()
        if not text:
            return None
        if spec.kind == "number":
            number = _number(text)
            return text if number is None else number
        return text

    def _add(self) -> None:
        self._rows.append(_Row(AttributeSpec(_free_name([r.spec.name for r in self._rows]))))
        self._fill_list(len(self._rows) - 1)
        self.name.setFocus()
        self.name.selectAll()

    def _remove(self) -> None:
        place = self.list.currentRow()
        if 0 <= place < len(self._rows):
            del self._rows[place]
            self._fill_list(max(place - 1, 0))

    def _move(self, step: int) -> None:
        place = self.list.currentRow()
        if 0 <= place < len(self._rows) and 0 <= place + step < len(self._rows):
            self._rows.insert(place + step, self._rows.pop(place))
            self._fill_list(place + step)

    def _check(self) -> bool:
        """Say what is wrong, or which values will be dropped."""
        problem = ""
        try:
            attributes.check([row.spec for row in self._rows])
        except InvalidValue as error:
            problem = str(error)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not problem)
        kept = {row.old_name for row in self._rows}
        gone = [
            tr("{count} values of {name} will be dropped", count=f"{count:,}", name=spec.name)
            for spec in self._class.attributes
            if spec.name not in kept and (count := self._usage.get(spec.name, 0))
        ]
        hint = tr("Press + to ask something about every object of this class: its age, its side…")
        self.note.setText(problem or "; ".join(gone) or ("" if self._rows else hint))
        return not problem

    def _apply(self) -> None:
        if not self._check():
            return
        specs = tuple(row.spec for row in self._rows)
        old_names = {row.spec.name: row.old_name for row in self._rows if row.old_name is not None}
        self._session.change_attributes(self._class.id, specs, old_names, self._changed)
        self.accept()


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _free_name(taken: list[str]) -> str:
    name, number = tr("attribute"), 1
    while name in taken:
        number += 1
        name = f"{tr('attribute')} {number}"
    return name
