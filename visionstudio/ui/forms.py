"""A form made from parameter descriptions: one row per parameter, checked as it is typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.api import ParamSpec
from visionstudio.api.params import Value
from visionstudio.ui.i18n import tr

_INT_LIMIT = 2_000_000_000
_LEAST_SLIDER = 40  # widget units: in a narrow panel it can still be dragged
_SLIDER_STEPS = 1000
_MORE = "More settings"
LABEL_WIDTH = 128  # forms that stand below each other line up


class ParamForm(QWidget):
    """Editors for a sequence of `ParamSpec`s; `values()` is what they hold now."""

    changed = Signal(str)  # a parameter's name

    def __init__(
        self,
        specs: Iterable[ParamSpec],
        parent: QWidget | None = None,
        *,
        label_width: int = LABEL_WIDTH,
    ) -> None:
        super().__init__(parent)
        self._label_width = label_width
        self._editors: dict[str, Editor] = {}
        self._specs = specs = tuple(specs)
        self._forms: dict[str, QFormLayout] = {}  # in which each parameter has its row
        self._folds: dict[str, tuple[QToolButton, QWidget]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._rows([s for s in specs if not _fold_of(s)]))
        for group in dict.fromkeys(filter(None, map(_fold_of, specs))):
            self._add_folded(layout, group, [s for s in specs if _fold_of(s) == group])
        layout.addStretch(1)
        self.changed.connect(self._show_what_counts)
        self._show_what_counts()

    def _rows(self, specs: Iterable[ParamSpec]) -> QFormLayout:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for spec in specs:
            editor = editor_for(spec)
            editor.setObjectName(f"param_{spec.name}")
            editor.set_value(spec.default)
            editor.setToolTip(_tool_tip(spec))
            editor.edited.connect(lambda name=spec.name: self.changed.emit(name))
            label = QLabel(tr(spec.title))
            label.setMinimumWidth(self._label_width)
            label.setToolTip(editor.toolTip())
            label.setBuddy(editor.focus_widget())
            editor.focus_widget().setAccessibleName(tr(spec.title))
            editor.focus_widget().setObjectName(f"field_{spec.name}")
            form.addRow(label, editor)
            self._editors[spec.name], self._forms[spec.name] = editor, form
        return form

    def _add_folded(self, layout: QVBoxLayout, group: str, specs: list[ParamSpec]) -> None:
        more = QToolButton()
        more.setObjectName("paramsMore" if group == _MORE else f"params{group}")
        more.setText(tr(group))
        more.setCheckable(True)
        more.setAutoRaise(True)
        more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        more.setArrowType(Qt.ArrowType.RightArrow)
        body = QWidget()
        body.setLayout(self._rows(specs))
        body.setVisible(False)

        def fold(opened: bool) -> None:
            body.setVisible(opened)
            more.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)

        more.toggled.connect(fold)
        layout.addWidget(more)
        layout.addWidget(body)
        self._folds[group] = more, body

    def counts(self, name: str) -> bool:
        """Whether there is such a parameter and it has an effect beside the others' values."""
        values = self.values()
        return any(s.name == name and s.counts(values) for s in self._specs)

    def _show_what_counts(self) -> None:
        """Hide the rows, and folds without any, that have no effect beside the other values."""
        values = self.values()
        counting = [s for s in self._specs if s.counts(values)]
        for spec in self._specs:
            if spec.when:
                form = self._forms[spec.name]
                form.setRowVisible(self._editors[spec.name], spec in counting)
        for group, (more, body) in self._folds.items():
            some = any(_fold_of(s) == group for s in counting)
            more.setVisible(some)
            body.setVisible(some and more.isChecked())

    def values(self) -> dict[str, Value]:
        """Every parameter's value by name."""
        return {name: editor.value() for name, editor in self._editors.items()}

    def set_values(self, values: Mapping[str, Value]) -> None:
        """Show other values; names that the form does not have are passed over."""
        for name, value in values.items():
            if name in self._editors:
                self._editors[name].set_value(value)
        self._show_what_counts()


def _fold_of(spec: ParamSpec) -> str:
    """The title under which a parameter is folded away, "" for one that always shows."""
    return spec.group or (_MORE if spec.advanced else "")


def _tool_tip(spec: ParamSpec) -> str:
    parts = [tr(spec.help)] if spec.help else []
    if spec.low is not None and spec.high is not None:
        parts.append(f"{spec.low:g} – {spec.high:g} {tr(spec.unit)}".strip())
    return "\n".join(parts)


class Editor(QWidget):
    """One parameter's widgets. `edited` fires when the person changes the value."""

    edited = Signal()

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        slides = any(isinstance(w, QSlider) for w in widgets)
        for widget in widgets:
            if isinstance(widget, QSlider):
                widget.setMinimumWidth(_LEAST_SLIDER)
            row.addWidget(widget, 1 if isinstance(widget, QSlider) or not slides else 0)

    def focus_widget(self) -> QWidget:
        raise NotImplementedError

    def value(self) -> Value:
        raise NotImplementedError

    def set_value(self, value: Value) -> None:
        raise NotImplementedError


class _BoolEditor(Editor):
    def __init__(self) -> None:
        self._box = QCheckBox()
        super().__init__(self._box)
        self._box.clicked.connect(self.edited)

    def focus_widget(self) -> QWidget:
        return self._box

    def value(self) -> Value:
        return self._box.isChecked()

    def set_value(self, value: Value) -> None:
        self._box.setChecked(bool(value))


class _ChoiceEditor(Editor):
    def __init__(self, spec: ParamSpec) -> None:
        self._box = QComboBox()
        titles = spec.choice_titles or spec.choices
        for choice, title in zip(spec.choices, titles, strict=True):
            self._box.addItem(tr(title), choice)
        super().__init__(self._box)
        self._box.activated.connect(self.edited)

    def focus_widget(self) -> QWidget:
        return self._box

    def value(self) -> Value:
        return str(self._box.currentData())

    def set_value(self, value: Value) -> None:
        self._box.setCurrentIndex(max(self._box.findData(value), 0))


class _TextEditor(Editor):
    def __init__(self, optional: bool, *beside: QWidget) -> None:
        self._line = QLineEdit()
        self._optional = optional
        super().__init__(self._line, *beside)
        self._line.editingFinished.connect(self.edited)

    def focus_widget(self) -> QWidget:
        return self._line

    def value(self) -> Value:
        text = self._line.text().strip()
        return None if self._optional and not text else text

    def set_value(self, value: Value) -> None:
        self._line.setText("" if value is None else str(value))


class _FileEditor(_TextEditor):
    """A path to type or to choose."""

    def __init__(self, spec: ParamSpec) -> None:
        button = QPushButton(tr("Choose…"))
        super().__init__(spec.optional, button)
        self._spec = spec
        button.setObjectName(f"choose_{spec.name}")
        button.setAccessibleName(f"{tr(spec.title)}: {tr('Choose…')}")
        button.setAutoDefault(False)
        button.clicked.connect(self._choose)

    def _choose(self) -> None:
        title = tr(self._spec.title)
        files = f"{self._spec.file} ({self._spec.file});;{tr('All files')} (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, title, str(self.value() or ""), files)
        if chosen:
            self.set_value(chosen)
            self.edited.emit()


class _IntEditor(Editor):
    """A whole number to type; with `slides` also a slider, finer among small numbers."""

    def __init__(self, spec: ParamSpec, slides: bool = False) -> None:
        self._spin = QSpinBox()
        low = int(spec.low) if spec.low is not None else -_INT_LIMIT
        self._none = low - 1 if spec.optional else None
        if self._none is not None:
            self._spin.setSpecialValueText(tr("automatic"))
        elif spec.zero and low == 0:
            self._spin.setSpecialValueText(tr(spec.zero))
        high = int(spec.high) if spec.high is not None else _INT_LIMIT
        self._spin.setRange(low if self._none is None else self._none, high)
        self._spin.setSingleStep(int(spec.step or 1))
        self._spin.setSuffix(f" {tr(spec.unit)}" if spec.unit else "")
        self._slider = QSlider(Qt.Orientation.Horizontal) if slides else None
        super().__init__(*([self._slider] if self._slider else []), self._spin)
        if self._slider is not None:
            self._slider.setRange(0, _SLIDER_STEPS)
            self._slider.setAccessibleName(tr(spec.title))
            self._slider.setObjectName(f"slider_{spec.name}")
            self._slider.valueChanged.connect(self._slid)
        self._spin.valueChanged.connect(self._typed)

    def _slid(self, position: int) -> None:
        low, high = self._spin.minimum(), self._spin.maximum()
        self._spin.setValue(low + round((high - low) * (position / _SLIDER_STEPS) ** 2))

    def _typed(self) -> None:
        self._move_slider()
        self.edited.emit()

    def _move_slider(self) -> None:
        if self._slider is None or self._slider.isSliderDown():
            return
        low, high = self._spin.minimum(), self._spin.maximum()
        share = (self._spin.value() - low) / max(high - low, 1)
        self._slider.blockSignals(True)
        self._slider.setValue(round(share**0.5 * _SLIDER_STEPS))
        self._slider.blockSignals(False)

    def focus_widget(self) -> QWidget:
        return self._spin

    def value(self) -> Value:
        value = self._spin.value()
        return None if self._none is not None and value == self._none else value

    def set_value(self, value: Value) -> None:
        number = self._none if value is None else int(value)
        self._spin.blockSignals(True)
        self._spin.setValue(number if number is not None else 0)
        self._spin.blockSignals(False)
        self._move_slider()


class _Number(QDoubleSpinBox):
    """A number without the zeros behind it that say nothing."""

    def textFromValue(self, value: float) -> str:
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        if point not in text:
            return text
        whole, digits = text.split(point)
        digits = digits.rstrip("0").ljust(2, "0")
        return f"{whole}{point}{digits}"


class _FloatEditor(Editor):
    """A number to type and, where both bounds are known, a slider for it."""

    def __init__(self, spec: ParamSpec) -> None:
        self._spin = _Number()
        step = spec.step or 0.01
        decimals = 2
        while decimals < 7 and round(step, decimals) != step:
            decimals += 1
        finest = [abs(v) for v in (spec.default, spec.low) if isinstance(v, float) and v]
        small = min(finest, default=1.0)
        while decimals < 7 and small < 10.0**-decimals:
            decimals += 1
        self._spin.setDecimals(decimals)
        low = spec.low if spec.low is not None else -1e9
        self._none = low - step if spec.optional else None
        if self._none is not None:
            self._spin.setSpecialValueText(tr("automatic"))
        high = spec.high if spec.high is not None else 1e9
        self._spin.setRange(low if self._none is None else self._none, high)
        self._spin.setSingleStep(step)
        self._spin.setSuffix(f" {tr(spec.unit)}" if spec.unit else "")
        self._slider = QSlider(Qt.Orientation.Horizontal) if _slides(spec) else None
        super().__init__(*([self._slider] if self._slider else []), self._spin)
        if self._slider is not None:
            self._slider.setRange(0, _SLIDER_STEPS)
            self._slider.setAccessibleName(tr(spec.title))
            self._slider.setObjectName(f"slider_{spec.name}")
            self._slider.valueChanged.connect(self._slid)
        self._spin.valueChanged.connect(self._typed)

    def _slid(self, position: int) -> None:
        low, high = self._spin.minimum(), self._spin.maximum()
        self._spin.setValue(low + (high - low) * position / _SLIDER_STEPS)

    def _typed(self) -> None:
        self._move_slider()
        self.edited.emit()

    def _move_slider(self) -> None:
        if self._slider is None:
            return
        low, high = self._spin.minimum(), self._spin.maximum()
        self._slider.blockSignals(True)
        self._slider.setValue(round((self._spin.value() - low) / (high - low) * _SLIDER_STEPS))
        self._slider.blockSignals(False)

    def focus_widget(self) -> QWidget:
        return self._spin

    def value(self) -> Value:
        automatic = self._none is not None and self._spin.value() == self._spin.minimum()
        return None if automatic else self._spin.value()

    def set_value(self, value: Value) -> None:
        self._spin.blockSignals(True)
        self._spin.setValue(self._spin.minimum() if value is None else float(value))
        self._spin.blockSignals(False)
        self._move_slider()


def _slides(spec: ParamSpec) -> bool:
    """Whether a slider can set the value: bounds not too far apart, also not by factors."""
    if spec.low is None or spec.high is None or spec.high - spec.low > 100:
        return False
    return spec.low <= 0 or spec.high / spec.low < 1000


def editor_for(spec: ParamSpec, *, slides: bool = False) -> Editor:
    """The widgets that set one parameter; `slides` gives whole numbers a slider too."""
    match spec.kind:
        case "bool":
            return _BoolEditor()
        case "choice":
            return _ChoiceEditor(spec)
        case "str":
            return _FileEditor(spec) if spec.file else _TextEditor(spec.optional)
        case "int":
            return _IntEditor(spec, slides)
        case "float":
            return _FloatEditor(spec)
