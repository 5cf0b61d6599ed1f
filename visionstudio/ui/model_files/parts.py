"""What the dialogs about model files share: how it goes, and the buttons at the end."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget


class StatusLine(QWidget):
    """What is going on in words, above a bar that moves while something runs.

    Its children are named `name` + Status and `name` + Busy.
    """

    def __init__(self, name: str, text: str, running: str) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(16)
        self._text = QLabel(text)
        self._text.setObjectName(f"{name}Status")
        self._text.setWordWrap(True)
        layout.addWidget(self._text)
        self._busy = QProgressBar()
        self._busy.setObjectName(f"{name}Busy")
        self._busy.setAccessibleName(running)
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setVisible(False)
        layout.addWidget(self._busy)

    def tell(self, text: str, role: str = "", *, busy: bool = False) -> None:
        """Show a text (`role` "warning" or "error" colours it), and whether something runs."""
        self._text.setText(text)
        self._text.setProperty("role", role)
        self._text.style().polish(self._text)
        self._busy.setVisible(busy)


def button_row(
    close: tuple[str, str], do: tuple[str, str]
) -> tuple[QHBoxLayout, QPushButton, QPushButton]:
    """A row with a button to leave and the primary one, each given as (object name, text)."""
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addStretch(1)
    buttons = []
    for name, text in (close, do):
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        row.addWidget(button)
        buttons.append(button)
    buttons[1].setProperty("role", "primary")
    return row, buttons[0], buttons[1]
