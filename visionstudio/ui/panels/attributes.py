"""The attributes of the selected objects: one editor for each question of their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import AttributeSpec
from visionstudio.session.attributes import MIXED, Question, questions
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_MOST = 220  # widget units: more questions than fit are scrolled


class AnswerEditor(QWidget):
    """One question's editor. `answered` carries a value that fits, None for no answer."""

    answered = Signal(object)
    refused = Signal(str)

    def __init__(self, spec: AttributeSpec, field: QWidget) -> None:
        super().__init__()
        self.spec, self.field = spec, field
        field.setObjectName(f"attribute_{spec.name}")
        field.setAccessibleName(spec.name)
        field.setToolTip(range_text(spec))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(field, 1)
        self.setFocusProxy(field)

    def show_value(self, value: Any) -> None:
        """Show what all objects answer, None for nothing, MIXED for different things."""
        raise NotImplementedError

    def commit(self) -> bool:
        """Answer with what is being typed. Returns whether it fits."""
        return True


class _LineEditor(AnswerEditor):
    """A text or a number."""

    def __init__(self, spec: AttributeSpec) -> None:
        self._line = QLineEdit()
        self._shown = ""
        super().__init__(spec, self._line)
        self._line.editingFinished.connect(self._take)

    def show_value(self, value: Any) -> None:
        mixed = value is MIXED
        text = "" if mixed or value is None else _text(value)
        self._line.setPlaceholderText(tr("several values") if mixed else range_text(self.spec))
        if text != self._line.text():
            self._line.setText(text)
        self._shown = text

    def _take(self) -> None:
        self.commit()

    def commit(self) -> bool:
        text = self._line.text().strip()
        if text == self._shown:
            return True
        value = self.spec.converted(text) if text else None
        if text and value is None:
            wanted = range_text(self.spec) or tr("a number")
            self.refused.emit(f"{self.spec.name}: {wanted}")
            self._line.setText(self._shown)
            return False
        self._shown = text
        self.answered.emit(value)
        return True


class _Choice(QComboBox):
    """Digits choose the n-th entry and letters the next that begins with them."""

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() in (
                Qt.KeyboardModifier.NoModifier,
                Qt.KeyboardModifier.ShiftModifier,
                Qt.KeyboardModifier.KeypadModifier,
            )
            if plain and event.text().strip():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = event.key() - Qt.Key.Key_0
        if 0 <= number < min(self.count(), 10):
            self.setCurrentIndex(number)
            self.activated.emit(number)
        elif event.text().strip():
            self._jump(event.text().casefold())
        else:
            super().keyPressEvent(event)

    def _jump(self, letter: str) -> None:
        start = max(self.currentIndex(), 0)
        for step in range(1, self.count() + 1):
            place = (start + step) % self.count()
            if str(self.itemData(place) or "").casefold().startswith(letter):
                self.setCurrentIndex(place)
                self.activated.emit(place)
                return


class _ChoiceEditor(AnswerEditor):
    def __init__(self, spec: AttributeSpec) -> None:
        self._box = _Choice()
        self._box.addItem(tr("0  no answer"), None)
        for n, choice in enumerate(spec.choices, 1):
            self._box.addItem(f"{n}  {choice}" if n < 10 else choice, choice)
        super().__init__(spec, self._box)
        self._box.activated.connect(lambda _: self.answered.emit(self._box.currentData()))

    def show_value(self, value: Any) -> None:
        self._box.setPlaceholderText(tr("several values") if value is MIXED else _text(value))
        known = value is None or value in self.spec.choices
        self._box.setCurrentIndex(self._box.findData(value) if known else -1)


class _FlagEditor(AnswerEditor):
    def __init__(self, spec: AttributeSpec) -> None:
        self._check = QCheckBox()
        super().__init__(spec, self._check)
        self._check.clicked.connect(self._take)

    def _take(self) -> None:
        self._check.setTristate(False)
        self.answered.emit(self._check.isChecked())

    def show_value(self, value: Any) -> None:
        mixed = value is MIXED
        self._check.setTristate(mixed)
        self._check.setText(tr("several values") if mixed else "")
        state = Qt.CheckState.PartiallyChecked if mixed else Qt.CheckState.Unchecked
        self._check.setCheckState(Qt.CheckState.Checked if value is True else state)


def editor_for(spec: AttributeSpec) -> AnswerEditor:
    """The editor of a question."""
    match spec.kind:
        case "choice":
            return _ChoiceEditor(spec)
        case "flag":
            return _FlagEditor(spec)
    return _LineEditor(spec)


def range_text(spec: AttributeSpec) -> str:
    """The bounds of a number, empty where there are none."""
    match spec.low, spec.high:
        case None, None:
            return ""
        case low, None:
            return f"≥ {low:g}"
        case None, high:
            return f"≤ {high:g}"
        case low, high:
            return f"{low:g} – {high:g}"
    return ""


def _number(annotation: Annotation) -> int:
    """What the list of objects calls it by: its track, else itself."""
    return annotation.id if annotation.track_id is None else annotation.track_id


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class AttributesSection(QFrame):
    """Stands below the list of objects while there is something to ask about the selected ones."""

    message = Signal(str, str)  # text, level
    specs_wanted = Signal(int)  # a class id: define its attributes
    left = Signal()  # Esc: back to the picture

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("attributesSection")
        self._session: ProjectSession | None = None
        self._editors: list[AnswerEditor] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(4)
        head = QHBoxLayout()
        self.heading = QLabel()
        self.heading.setObjectName("attributesHeading")
        self.heading.setProperty("role", "heading")
        edit = QToolButton()
        edit.setObjectName("attributesDefine")
        edit.setIcon(icon("pencil-outline"))
        edit.setToolTip(tr("Define the attributes of the class"))
        edit.setAccessibleName(edit.toolTip())
        edit.clicked.connect(self._define)
        self.whole = QCheckBox(tr("Whole track"))
        self.whole.setObjectName("attributesWhole")
        self.whole.setAccessibleName(tr("Answer for all frames of the track"))
        self.whole.setToolTip(self.whole.accessibleName())
        self.whole.hide()
        head.addWidget(self.heading, 1)
        head.addWidget(self.whole)
        head.addWidget(edit)
        layout.addLayout(head)
        self._scroll = QScrollArea()
        self._scroll.setObjectName("attributesScroll")
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(self._scroll)
        self.hide()

    def set_session(self, session: ProjectSession | None) -> None:
        """Ask about another project's objects, or none."""
        old = self._session
        if old is not None:
            for signal in (old.selection_changed, old.annotations_changed, old.classes_changed):
                signal.disconnect(self.refresh)
        self._session = session
        if session is not None:
            for signal in (
                session.selection_changed,
                session.annotations_changed,
                session.classes_changed,
            ):
                signal.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Take the selection's attributes again; the keyboard stays where it is."""
        session = self._session
        asked: list[Question] = []
        if session is not None and session.selection:
            chosen = session.selected()
            self.whole.setVisible(any(a.track_id is not None for a in chosen))
            asked = questions(chosen, {c.id: c for c in session.classes})
            self.heading.setText(
                tr("Attributes of {count} objects", count=len(chosen))
                if len(chosen) > 1
                else tr("Attributes of #{number}", number=_number(chosen[0]) if chosen else "")
            )
        if [q.spec for q in asked] != [e.spec for e in self._editors]:
            self._rebuild(asked)
        for question, editor in zip(asked, self._editors, strict=True):
            editor.show_value(question.value)
            editor.setEnabled(session is not None and not session.store.read_only)
        self.setVisible(bool(asked))

    def _rebuild(self, asked: list[Question]) -> None:
        body = QWidget()
        form = QFormLayout(body)
        form.setContentsMargins(0, 0, 4, 0)
        form.setSpacing(6)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._editors = []
        for question in asked:
            editor = editor_for(question.spec)
            editor.answered.connect(lambda v, name=question.spec.name: self._answer(name, v))
            editor.refused.connect(lambda text: self.message.emit(text, "warning"))
            editor.field.installEventFilter(self)
            label = QLabel(question.spec.name)
            label.setMaximumWidth(120)
            label.setToolTip(question.spec.name)
            label.setBuddy(editor.field)
            form.addRow(label, editor)
            self._editors.append(editor)
        self._scroll.setWidget(body)
        height = body.sizeHint().height() + 2
        self._scroll.setFixedHeight(min(height, _MOST))

    def focus_first(self) -> bool:
        """Give the first question the keyboard. Returns whether there is one."""
        if not self._editors or not self.isVisible():
            return False
        self._editors[0].field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True

    def _answer(self, name: str, value: Any) -> None:
        session = self._session
        if session is None:
            return
        chosen = session.selected()
        tracks = {a.track_id for a in chosen if a.track_id is not None}
        if not self.whole.isChecked():
            tracks = set()
        session.set_attributes([a.id for a in chosen if a.track_id not in tracks], {name: value})
        if tracks:
            session.set_track_attributes([t for t in tracks if t is not None], {name: value})

    def _define(self) -> None:
        session = self._session
        if session is not None and session.selection:
            self.specs_wanted.emit(session.selected()[-1].class_id)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self.left.emit()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go_on(watched)
                return True
        return False

    def _go_on(self, field: QObject) -> None:
        """Enter answers and goes to the next question, from the last one to the picture."""
        places = [n for n, e in enumerate(self._editors) if e.field is field]
        if isinstance(field, QLineEdit):
            field.editingFinished.emit()
        if places and places[0] + 1 < len(self._editors):
            self._editors[places[0] + 1].field.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self.left.emit()
