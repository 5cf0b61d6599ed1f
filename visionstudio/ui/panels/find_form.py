"""The conditions of a search: one line for what is asked most, the rest folded away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.annotations import State
from visionstudio.model.labels import AttributeSpec, LabelClass
from visionstudio.model.shapes import KINDS
from visionstudio.storage.query import ANY, AttributeTest, Query, Range
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon
from visionstudio.ui.panels.objects import SHAPE_ICONS, state_text

_WAIT_MS = 300
_NARROW = 56  # widget units: the panel must not widen the window
_RANGES = ("score", "width", "height", "area")


class FindForm(QWidget):
    """`changed` fires a moment after a condition was changed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findForm")
        self._specs: dict[str, AttributeSpec] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self.changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._build_first())
        self.more_part = self._build_more()
        self.more_part.hide()
        layout.addWidget(self.more_part)

    def _build_first(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.text = self._line("findText", tr("Words to find"), 160)
        self.text.setPlaceholderText(tr("Class, file, attribute value, source or #number…"))
        self.text.setClearButtonEnabled(True)
        self.where = self._box("findWhere", tr("Where to look"))
        self.where.addItem(tr("Project"), False)
        self.where.addItem(tr("Picture"), True)
        self.label_class = self._box("findClass", tr("Class"))
        self.state = self._box("findState", tr("State"))
        self.state.addItem(tr("State"), None)
        for state in State:
            self.state.addItem(state_text(state), state.value)
        self.kind = self._box("findKind", tr("Shape"))
        self.kind.addItem(tr("Shape"), None)
        for kind in KINDS:
            self.kind.addItem(icon(SHAPE_ICONS[kind], "muted"), tr(kind.replace("_", " ")), kind)
        self.source = self._box("findSource", tr("Source"))
        self.more = QToolButton()
        self.more.setObjectName("findMore")
        self.more.setIcon(icon("tune-variant"))
        self.more.setCheckable(True)
        self.more.setToolTip(tr("More conditions: score, size, attribute, track"))
        self.more.setAccessibleName(self.more.toolTip())
        self.more.toggled.connect(lambda on: self.more_part.setVisible(on))
        self.reset_button = QToolButton()
        self.reset_button.setObjectName("findReset")
        self.reset_button.setIcon(icon("filter-off-outline"))
        self.reset_button.setToolTip(tr("Without conditions"))
        self.reset_button.setAccessibleName(self.reset_button.toolTip())
        self.reset_button.clicked.connect(self.reset)
        row.addWidget(self.text, 2)
        for box in (self.label_class, self.state, self.kind, self.source, self.where):
            row.addWidget(box, 1)
        row.addWidget(self.more)
        row.addWidget(self.reset_button)
        return row

    def _build_more(self) -> QWidget:
        part = QWidget()
        grid = QGridLayout(part)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.ranges: dict[str, tuple[QLineEdit, QLineEdit]] = {}
        titles = (tr("Score"), tr("Width"), tr("Height"), tr("Area"))
        for n, (name, title) in enumerate(zip(_RANGES, titles, strict=True)):
            low = self._line(f"find_{name}_low", tr("{what} at least", what=title), 48)
            high = self._line(f"find_{name}_high", tr("{what} at most", what=title), 48)
            low.setPlaceholderText(tr("from"))
            high.setPlaceholderText(tr("to"))
            self.ranges[name] = low, high
            label = QLabel(title)
            label.setBuddy(low)
            for column, widget in enumerate((label, low, high)):
                grid.addWidget(widget, 0, 3 * n + column)
        self._names = self._box("findAttributes", tr("Attribute"))
        self.attribute = self._line("findAttribute", tr("Name of the attribute"), 80)
        self.attribute.setPlaceholderText(tr("name"))
        self._names.setEditable(True)
        self._names.setLineEdit(self.attribute)
        self._names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._names.setCompleter(None)  # type: ignore[arg-type]
        self.test = self._box("findTest", tr("What the attribute says"))
        for text, test in (
            (tr("has any value"), "any"),
            (tr("has no value"), "none"),
            (tr("is"), "is"),
            (tr("is not"), "not"),
            (tr("contains"), "contains"),
            (tr("is at least"), "least"),
            (tr("is at most"), "most"),
        ):
            self.test.addItem(text, test)
        self.value = self._line("findValue", tr("Value of the attribute"), 80)
        self.value.setPlaceholderText(tr("value"))
        self.track = self._line("findTrack", tr("Number of the track"), 48)
        self.run = self._line("findRun", tr("Number of the run"), 48)
        for column, span, widget in (
            (0, 1, QLabel(tr("Attribute"))),
            (1, 2, self._names),
            (3, 2, self.test),
            (5, 1, self.value),
            (6, 1, QLabel(tr("Track"))),
            (7, 2, self.track),
            (9, 1, QLabel(tr("Run"))),
            (10, 2, self.run),
        ):
            grid.addWidget(widget, 1, column, 1, span)
        return part

    def _line(self, name: str, what: str, width: int) -> QLineEdit:
        line = QLineEdit()
        line.setObjectName(name)
        line.setAccessibleName(what)
        line.setToolTip(what)
        line.setMinimumWidth(width // 2)
        line.textEdited.connect(lambda _: self._timer.start())
        return line

    def _box(self, name: str, what: str) -> QComboBox:
        box = QComboBox()
        box.setObjectName(name)
        box.setAccessibleName(what)
        box.setToolTip(what)
        box.setMinimumWidth(_NARROW)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.activated.connect(lambda _: self._timer.start())
        return box

    # What there is to choose from

    def show_classes(self, classes: Sequence[LabelClass]) -> None:
        """Offer the classes of a project."""
        chosen = self.label_class.currentData()
        self.label_class.clear()
        self.label_class.addItem(tr("Class"), None)
        for one in classes:
            swatch = QPixmap(12, 12)
            swatch.fill(QColor(one.colour))
            self.label_class.addItem(QIcon(swatch), one.name, one.id)
        self.label_class.setCurrentIndex(max(self.label_class.findData(chosen), 0))
        self._specs = {s.name: s for one in classes for s in one.attributes}
        written = self.attribute.text()
        self._names.clear()
        self._names.addItems(sorted(self._specs))
        self.attribute.setText(written)

    def show_sources(self, sources: Sequence[str]) -> None:
        """Offer where annotations come from."""
        chosen = self.source.currentData()
        self.source.clear()
        for text, source in (
            (tr("Source"), ""),
            (tr("drawn by hand"), "manual"),
            (tr("imported"), "import"),
            (tr("from a model"), "model"),
        ):
            self.source.addItem(text, source)
        for source in sources:
            if source != "manual":
                self.source.addItem(source, source)
        self.source.setCurrentIndex(max(self.source.findData(chosen or ""), 0))

    # What is asked

    @property
    def only_here(self) -> bool:
        """Whether to look in the current picture alone."""
        return bool(self.where.currentData())

    def query(self) -> Query:
        """The conditions; what is no number where one belongs is passed over."""
        class_id, state = self.label_class.currentData(), self.state.currentData()
        kind = self.kind.currentData()
        track, run = _number(self.track.text()), _number(self.run.text())
        return Query(
            text=self.text.text(),
            classes=() if class_id is None else (class_id,),
            states=() if state is None else (State(state),),
            kinds=() if kind is None else (kind,),
            source=str(self.source.currentData() or ""),
            track_id=None if track is None else int(track),
            run_id=None if run is None else int(run),
            attribute=self._attribute(),
            score=self._range("score"),
            width=self._range("width"),
            height=self._range("height"),
            area=self._range("area"),
        )

    def _range(self, name: str) -> Range:
        low, high = (_number(line.text()) for line in self.ranges[name])
        return (low, high) if (low, high) != ANY else ANY

    def _attribute(self) -> AttributeTest | None:
        name, text = self.attribute.text().strip(), self.value.text().strip()
        test = self.test.currentData()
        if not name:
            return None
        if test in ("any", "none"):
            return AttributeTest(name, test)
        if not text:
            return AttributeTest(name)
        value: Any = text if test == "contains" else self._typed(name, text)
        if test in ("least", "most") and not isinstance(value, float):
            return AttributeTest(name)
        return AttributeTest(name, test, value)

    def _typed(self, name: str, text: str) -> str | float | bool:
        """A text as the classes' attribute of that name holds it."""
        spec = self._specs.get(name)
        value = spec.converted(text) if spec is not None else None
        return typed(text) if value is None else value

    def reset(self) -> None:
        """No conditions."""
        for box in (self.label_class, self.state, self.kind, self.source, self.where, self.test):
            box.setCurrentIndex(0)
        lines = [self.text, self.attribute, self.value, self.track, self.run]
        for line in (*lines, *(one for both in self.ranges.values() for one in both)):
            line.clear()
        self.changed.emit()


def typed(text: str) -> str | float | bool:
    """A value as it was most likely meant: yes or no, a number, else text."""
    flag = {"true": True, "yes": True, "false": False, "no": False}.get(text.casefold())
    if flag is not None:
        return flag
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> float | None:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
