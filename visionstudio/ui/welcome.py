"""The page without a project: where to begin, and what was open last."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

_RECENT = 6


class Welcome(QWidget):
    """Three buttons, the recent projects, and a word about dropping things here."""

    folder_wanted = Signal()
    files_wanted = Signal()
    sample_wanted = Signal()
    recent_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        layout.addStretch(2)
        self._sign = QLabel()
        self._sign.setPixmap(icon("image-plus", "muted").pixmap(64, 64))
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self._sign)
        self.title = QLabel(tr("Drop a folder, a video or a project here"))
        self.title.setObjectName("welcomeTitle")
        self.title.setProperty("role", "title")
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self.title)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for name, text, sign, signal in (
            ("openFolder", tr("Open folder…"), "folder-open-outline", self.folder_wanted),
            ("openFiles", tr("Open pictures or videos…"), "image-multiple", self.files_wanted),
            ("openSample", tr("Open the sample project"), "flask-outline", self.sample_wanted),
        ):
            primary = name == "openFolder"
            button = QPushButton(icon(sign, "accent_text" if primary else "text"), text)
            button.setObjectName(name)
            button.setAccessibleName(text)
            button.setProperty("role", "primary" if primary else "")
            button.clicked.connect(signal)
            row.addWidget(button)
        row.addStretch(1)
        layout.addLayout(row)
        self.busy = QLabel()
        self.busy.setObjectName("welcomeBusy")
        self.busy.setProperty("role", "muted")
        self.busy.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.busy.setWordWrap(True)
        layout.addWidget(self.busy)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        layout.addLayout(self._recent)
        layout.addStretch(3)

    def show_recent(self, folders: list[str]) -> None:
        """List the projects that were open last, newest first."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for folder in folders[:_RECENT]:
            path = Path(folder)
            shown = path.parent if path.name == ".visionstudio" else path
            button = QToolButton()
            button.setObjectName("recentProject")
            button.setText(f"{shown.name}    {shown.parent}")
            button.setAccessibleName(tr("Open {path}", path=str(shown)))
            button.setToolTip(str(shown))
            button.setIcon(icon("history", "muted"))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setAutoRaise(True)
            button.clicked.connect(lambda _=False, f=folder: self.recent_wanted.emit(f))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_busy(self, text: str) -> None:
        """What is being opened; '' when nothing is."""
        self.busy.setText(text)
