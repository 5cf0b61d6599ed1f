"""The options of the tool in use, in a slim strip that floats over the picture."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QFrame, QHBoxLayout, QLabel, QSlider, QWidget

from visionstudio.api.params import ParamSpec, Value
from visionstudio.model.errors import InvalidValue
from visionstudio.ui.actions import BY_ID
from visionstudio.ui.forms import Editor, editor_for
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.settings.store import Settings
    from visionstudio.ui.canvas.canvas import Canvas
    from visionstudio.ui.tools import Tool

_NOTE = "tool_options"
_MARGIN = 8
_SLIDER = 96
_FIELD = 84
_LEAVING = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ToolStrip(QFrame):
    """Editors for `Tool.options`; hidden while the tool has none.

    It floats so that choosing another tool does not move the picture. Enter and
    Esc in a field, and any choice, give the keyboard back to the picture.
    """

    def __init__(self, parent: QWidget, canvas: Canvas) -> None:
        super().__init__(parent)
        self.setObjectName("toolStrip")
        self.setAccessibleName(tr("Tool options"))
        self.setAutoFillBackground(True)
        self._canvas = canvas
        self._tool: Tool | None = None
        self._editors: dict[str, Editor] = {}
        self._edge = 0
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 4, 10, 4)
        self._row.setSpacing(8)
        canvas.tool_changed.connect(self._tool_changed)
        canvas.option_changed.connect(self._option_changed)
        canvas.installEventFilter(self)
        self.hide()

    def _tool_changed(self, _name: str) -> None:
        self._tool = self._canvas.tool
        self.hide()  # what is added to a widget on screen has no size before the next event
        self._clear()
        if not self._tool.options:
            return
        row = BY_ID.get(f"tool.{self._tool.name}")
        if row is not None and row.icon:
            sign = QLabel()
            sign.setPixmap(icon(row.icon).pixmap(18, 18))
            sign.setToolTip(tr(row.title))
            self._row.addWidget(sign)
        for spec in self._tool.options:
            self._add(spec, slides=spec.name == self._tool.stepped)
        self.show()
        self._place()

    def _clear(self) -> None:
        self._editors = {}
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _add(self, spec: ParamSpec, *, slides: bool) -> None:
        editor = editor_for(spec, slides=slides)
        editor.setObjectName(f"option_{spec.name}")
        editor.setToolTip(tr(spec.help) if spec.help else "")
        field = editor.focus_widget()
        field.setObjectName(f"option_{spec.name}_field")
        field.setAccessibleName(tr(spec.title))
        field.installEventFilter(self)
        for slider in editor.findChildren(QSlider):
            slider.setFixedWidth(_SLIDER)
            slider.setObjectName(f"option_{spec.name}_slider")
            slider.setAccessibleName(tr(spec.title))
            field.setMaximumWidth(_FIELD)
        for widget in (field, *editor.findChildren(QSlider)):
            # A click on a choice leaves the keyboard to the picture; numbers are typed.
            typed = isinstance(widget, QAbstractSpinBox)
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus if typed else Qt.FocusPolicy.TabFocus)
        if self._tool is not None:
            editor.set_value(self._tool.values[spec.name])
        editor.edited.connect(lambda name=spec.name, made=editor: self._edited(name, made.value()))
        label = QLabel(tr(spec.title))
        label.setBuddy(field)
        label.setToolTip(editor.toolTip())
        self._row.addWidget(label)
        self._row.addWidget(editor)
        self._editors[spec.name] = editor

    def _edited(self, name: str, value: Value) -> None:
        if self._tool is None:
            return
        try:
            self._tool.set_option(name, value)
        except InvalidValue as error:
            self._canvas.hint(told(str(error)))

    def _option_changed(self, tool: str, name: str) -> None:
        if self._tool is None or self._tool.name != tool or name not in self._editors:
            return
        editor = self._editors[name]
        if editor.value() != self._tool.values[name]:
            editor.set_value(self._tool.values[name])

    def keep_off(self, edge: int) -> None:
        """Leave as many widget units free at the canvas's upper edge."""
        self._edge = edge
        self._place()

    def _place(self) -> None:
        """In the middle above the picture, below whatever lies at the canvas's upper edge."""
        room = self._canvas.geometry()
        size = self.sizeHint().boundedTo(room.size())
        self.setGeometry(
            room.x() + max(0, (room.width() - size.width()) // 2),
            room.y() + self._edge + _MARGIN,
            size.width(),
            size.height(),
        )
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas:
            moved = event.type() in (QEvent.Type.Resize, QEvent.Type.Move)
            if moved and not self.isHidden():
                self._place()
        elif (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() in _LEAVING
        ):
            self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)
            return True
        return super().eventFilter(watched, event)


def remember_options(canvas: Canvas, settings: Settings) -> None:
    """Give the tools the options they had last, and keep what changes."""
    kept: dict[str, dict[str, Value]] = dict(settings.note(_NOTE, {}))
    for tool in canvas.tools.values():
        for name, value in kept.get(tool.option_group or tool.name, {}).items():
            # Options of another version of the program are left alone.
            with suppress(InvalidValue, StopIteration):
                tool.set_option(name, value)

    def changed(tool_name: str, name: str) -> None:
        tool = canvas.tools[tool_name]
        kept.setdefault(tool.option_group or tool.name, {})[name] = tool.values[name]
        settings.remember(_NOTE, kept)

    canvas.option_changed.connect(changed)
