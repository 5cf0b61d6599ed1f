"""The console's panel: what was said above, what is typed below."""

from __future__ import annotations

import re
import rlcompleter
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent, QFontDatabase, QKeyEvent, QKeySequence, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from visionstudio.ui.console.interpreter import Interpreter, is_complete
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_KEPT_LINES = 5000
_LINES = 3  # of the input, which grows to the other number
_MOST_LINES = 8
_KEPT = 200  # inputs
_WORD = re.compile(r"[\w.]+$")
_HINT = "len(project.media), project.annotations(item.id), help(project)"


class _Input(QPlainTextEdit):
    """Enter runs what is complete; Shift+Enter makes a line; Up and Down go through what was."""

    def __init__(self, panel: ConsolePanel) -> None:
        super().__init__(panel)
        self._panel = panel

    def event(self, event: QEvent) -> bool:
        # Letters and Tab are text here, whatever they mean elsewhere in the window.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                event.accept()
                return True
        elif (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Tab
        ):
            self._panel.complete()
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._panel.interpreter.prepare()
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) and not self.textCursor().hasSelection():
            self._panel.interpreter.stop()  # Ctrl+C, as in a terminal
            return
        key, shift = event.key(), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            text = self.toPlainText()
            lines = text.split("\n")
            # A block ends with an empty line, as in Python's own console.
            ended = len(lines) == 1 or not lines[-1].strip() or not lines[-1][:1].isspace()
            if not shift and ended and is_complete(text.rstrip() + "\n" * (len(lines) > 1)):
                self._panel.run()
            else:
                self._new_line()
            return
        if key == Qt.Key.Key_Up and self.textCursor().blockNumber() == 0:
            self._panel.recall(-1)
            return
        if key == Qt.Key.Key_Down and self.textCursor().blockNumber() == self.blockCount() - 1:
            self._panel.recall(1)
            return
        super().keyPressEvent(event)

    def _new_line(self) -> None:
        """A line as far in as the one before, further behind a colon."""
        cursor = self.textCursor()
        line = cursor.block().text()[: cursor.positionInBlock()]
        deep = line[: len(line) - len(line.lstrip())]
        cursor.insertText("\n" + deep + ("    " if line.rstrip().endswith(":") else ""))
        self.ensureCursorVisible()


class ConsolePanel(QWidget):
    """A person's Python beside the picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("consolePanel")
        self.interpreter = Interpreter(self._say, self._ended)
        self._past: list[str] = []
        self._at = 0
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        self.output = QPlainTextEdit()
        self.output.setObjectName("consoleOutput")
        self.output.setAccessibleName(tr("What the console said"))
        self.output.setReadOnly(True)
        self.output.setMaximumBlockCount(_KEPT_LINES)
        self.output.setFont(font)
        self.input = _Input(self)
        self.input.setObjectName("consoleInput")
        self.input.setAccessibleName(tr("Python to run"))
        self.input.setPlaceholderText(_HINT)
        self.input.setFont(font)
        self._fit()
        self.input.document().documentLayout().documentSizeChanged.connect(lambda _: self._fit())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 8)
        layout.setSpacing(4)
        layout.addWidget(self.output, 1)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.input, 1)
        column = QVBoxLayout()
        column.setSpacing(4)
        self.run_button = self._button("consoleRun", "play", tr("Run (Enter)"), self.run)
        self.stop_button = self._button(
            "consoleStop", "stop", tr("Stop (Ctrl+C)"), self.interpreter.stop
        )
        self.stop_button.setEnabled(False)
        column.addWidget(self.run_button)
        column.addWidget(self.stop_button)
        column.addStretch(1)
        row.addLayout(column)
        layout.addLayout(row)
        self.setFocusProxy(self.input)

    def _button(self, name: str, sign: str, text: str, call: object) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setIcon(icon(sign))
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.clicked.connect(lambda _=False: call())  # type: ignore[operator]
        return button

    def _fit(self) -> None:
        """Show as many lines as are typed, within limits."""
        lines = round(self.input.document().size().height())  # a plain text's height is in lines
        lines = max(_LINES, min(lines, _MOST_LINES))
        self.input.setFixedHeight(lines * self.input.fontMetrics().lineSpacing() + 16)

    def set_session(self, session: ProjectSession | None) -> None:
        """Work on another project, or none."""
        self.interpreter.set_session(session)
        self.input.setEnabled(session is not None)
        self.run_button.setEnabled(session is not None)

    def run(self) -> None:
        """Run what has been typed."""
        text = self.input.toPlainText()
        if not text.strip() or self.interpreter.busy or not self.input.isEnabled():
            return
        self._past = [p for p in self._past if p != text][-_KEPT:] + [text]
        self._at = len(self._past)
        lines = text.rstrip().splitlines()
        self._say("".join(f"{'... ' if n else '>>> '}{line}\n" for n, line in enumerate(lines)))
        self.input.clear()
        self.stop_button.setEnabled(True)
        self.interpreter.run(text)

    def _ended(self, _ok: bool) -> None:
        self.stop_button.setEnabled(False)

    def _say(self, text: str) -> None:
        bar = self.output.verticalScrollBar()
        follow = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.output.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        if follow:
            bar.setValue(bar.maximum())

    def recall(self, step: int) -> None:
        """What was run before (-1) or after (1)."""
        place = self._at + step
        if 0 <= place <= len(self._past):
            self._at = place
            self.input.setPlainText(self._past[place] if place < len(self._past) else "")
            self.input.moveCursor(QTextCursor.MoveOperation.End)

    def complete(self) -> None:
        """Complete the name before the cursor as far as it is certain; list what is possible."""
        cursor = self.input.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        match = _WORD.search(before)
        if match is None:
            cursor.insertText("    ")
            return
        found = _completions(match[0], self.interpreter.names)
        if not found:
            return
        common = found[0]
        for other in found[1:]:
            while not other.startswith(common):
                common = common[:-1]
        cursor.insertText(common[len(match[0]) :])
        if len(found) > 1 and common == match[0]:
            self._say("  ".join(f.rsplit(".", 1)[-1] for f in found[:60]) + "\n")


def _completions(word: str, names: dict[str, object]) -> list[str]:
    completer = rlcompleter.Completer(names)
    found: list[str] = []
    while (one := completer.complete(word, len(found))) is not None and len(found) < 500:
        found.append(one.rstrip("(). "))
    return sorted(set(found))
