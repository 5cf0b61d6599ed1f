"""The line at the bottom: saved or not, how much is verified, what the next click does, pixels."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar, QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr


class StatusBar(QStatusBar):
    """Labels with fixed places; the jobs strip stands at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusBar")
        self.setSizeGripEnabled(False)
        self._saved_state: bool | None = None
        self.saved = self._label("saved", tr("Whether everything is stored"))
        self.verified = self._label("verifiedCount", tr("Pictures verified of all"))
        self.hint = self._label("hint", tr("What the next click does"))
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.pixel = self._label("pixel", tr("Place and value of the pixel under the pointer"))
        self.zoom = self._label("zoom", tr("Zoom"))
        self.addWidget(self.saved)
        self.addWidget(self.verified)
        self.addWidget(self.hint, 1)
        self.addPermanentWidget(self.pixel)
        self.addPermanentWidget(self.zoom)
        theme.watcher().changed.connect(self._colour_saved)
        self.show_saved(None)

    def _label(self, name: str, what: str) -> QLabel:
        label = QLabel()
        label.setObjectName(name)
        label.setAccessibleName(what)
        label.setToolTip(what)
        label.setContentsMargins(8, 0, 8, 0)
        return label

    def add_right(self, widget: QWidget) -> None:
        """Put a widget at the right end."""
        self.addPermanentWidget(widget)

    def show_saved(self, saved: bool | None) -> None:
        """The mark: True only after the store has committed, None without a project."""
        self._saved_state = saved
        if saved is None:
            self.saved.clear()
        else:
            self.saved.setText(tr("✓ saved") if saved else tr("… saving"))
        self._colour_saved()

    def show_halted(self) -> None:
        """Edits wait in memory because they cannot be stored."""
        self._saved_state = False
        self.saved.setText(tr("✗ not saved"))
        self._colour_saved()

    def _colour_saved(self) -> None:
        token = "success" if self._saved_state else "warning"
        self.saved.setStyleSheet(f"color: {getattr(theme.tokens(), token)}")

    def show_verified(self, verified: int, total: int) -> None:
        """How many pictures are verified; nothing without pictures."""
        text = tr("{verified} / {total} verified", verified=f"{verified:,}", total=f"{total:,}")
        self.verified.setText(text if total else "")
