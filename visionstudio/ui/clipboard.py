"""The system's clipboard, for annotations: other windows and other projects can paste them."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QObject, Signal
from PySide6.QtWidgets import QApplication

from visionstudio.session.copying import MIME, Copied, from_text, to_text


class AnnotationClipboard(QObject):
    """Knows whether there is something to paste without asking its owner each time."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clipboard = QApplication.clipboard()
        self.has_copied = False
        self._is_ours = False
        self._clipboard.dataChanged.connect(self._look)
        self._look()

    def _look(self) -> None:
        # Another program's window may own it and be gone: then there is nothing.
        data = self._clipboard.mimeData()
        self.has_copied = data is not None and data.hasFormat(MIME)
        self._is_ours = False
        self.changed.emit()

    def put(self, what: Copied) -> None:
        """Copy annotations; as text too, so that they can be kept or sent."""
        text = to_text(what)
        data = QMimeData()
        data.setData(MIME, text)
        data.setText(text.decode())
        self._clipboard.setMimeData(data)
        self._is_ours = True

    def close(self) -> None:
        """Leave plain text behind: data of Python's must not outlive the program's window."""
        if self._is_ours:
            self._clipboard.setText(self._clipboard.text())

    def take(self) -> Copied:
        """What was copied. Raises InvalidValue when it cannot be read."""
        data = self._clipboard.mimeData()
        return from_text(bytes(data.data(MIME).data()) if data is not None else b"")
