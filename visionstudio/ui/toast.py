"""Messages that do not stop anybody: toasts in a corner, banners above the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.ui.i18n import told, tr
from visionstudio.ui.icons import icon

ICONS = {
    "info": ("information-outline", "accent"),
    "warning": ("alert-outline", "warning"),
    "error": ("alert-circle-outline", "danger"),
}
_SHOWN_MS = {"info": 6000, "warning": 10000, "error": 0}  # errors stay until they are closed
_AT_MOST = 4
_WIDTH = 380
_MARGIN = 16


Action = tuple[str, Callable[[], None]]  # title, what it does


class Message(QFrame):
    """A line of text with an icon, buttons for what can be done, and a way to close it."""

    closed = Signal(object)
    closes_on_action = True

    def __init__(
        self,
        text: str,
        level: str,
        actions: Sequence[Action] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("level", level)
        self.text = text
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        sign = QLabel()
        sign.setPixmap(icon(*ICONS[level]).pixmap(18, 18))
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        label = QLabel(text)
        label.setObjectName("messageText")
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setMinimumWidth(1)  # a path without spaces must not widen the window
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(label, 1)
        for number, (title, call) in enumerate(actions):
            button = QPushButton(title)
            button.setObjectName("messageAction" if number == 0 else f"messageAction{number + 1}")
            button.setAccessibleName(title)
            button.clicked.connect(lambda _=False, call=call: self._act(call))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        close = QToolButton()
        close.setObjectName("messageClose")
        close.setAccessibleName(tr("Close message"))
        close.setToolTip(tr("Close message"))
        close.setIcon(icon("close", "muted"))
        close.setAutoRaise(True)
        close.clicked.connect(self.close_message)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName(text)

    def _act(self, call: Callable[[], None]) -> None:
        if self.closes_on_action:
            self.close_message()
        call()

    def close_message(self) -> None:
        """Take it away."""
        self.hide()
        self.closed.emit(self)
        self.deleteLater()


class Toasts(QObject):
    """Toasts at the lower right of a window, newest at the bottom."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._shown: list[Message] = []

    @property
    def texts(self) -> list[str]:
        """What is on screen now, oldest first."""
        return [toast.text for toast in self._shown]

    def show(
        self,
        text: str,
        level: str = "info",
        action: Action | None = None,
    ) -> None:
        """Say something. The same text again only renews the one that is there.

        An error's own words are told in the language of the window.
        """
        text = told(text)
        for toast in [t for t in self._shown if t.text == text]:
            toast.close_message()
        while len(self._shown) >= _AT_MOST:
            self._shown[0].close_message()
        toast = Message(text, level, () if action is None else (action,), self._window)
        toast.setObjectName("toast")
        toast.setFixedWidth(min(_WIDTH, max(200, self._window.width() - 2 * _MARGIN)))
        toast.closed.connect(self._forget)
        self._shown.append(toast)
        if _SHOWN_MS[level]:
            timer = QTimer(toast)
            timer.setSingleShot(True)
            timer.timeout.connect(toast.close_message)
            timer.start(_SHOWN_MS[level])
        toast.show()
        self.place()

    def clear(self) -> None:
        """Close them all."""
        for toast in list(self._shown):
            toast.close_message()

    def _forget(self, toast: Message) -> None:
        if toast in self._shown:
            self._shown.remove(toast)
            self.place()

    def place(self) -> None:
        """Put them in their corner; the window calls it when its size has changed."""
        bottom = self._window.height() - _MARGIN - 32
        for toast in reversed(self._shown):
            layout = toast.layout()
            height = layout.heightForWidth(toast.width()) if layout is not None else -1
            toast.resize(toast.width(), height if height > 0 else toast.sizeHint().height())
            bottom -= toast.height()
            toast.move(self._window.width() - toast.width() - _MARGIN, bottom)
            toast.raise_()
            bottom -= 8


class Banners(QWidget):
    """Lasting states above the picture: read-only, not stored, project damaged."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banners")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._shown: dict[str, Message] = {}
        self.setVisible(False)

    @property
    def texts(self) -> list[str]:
        """What is on screen now."""
        return [banner.text for banner in self._shown.values()]

    def show_banner(
        self,
        key: str,
        text: str,
        level: str = "warning",
        *actions: Action,
    ) -> None:
        """Show a banner; one with the same key is replaced. It stays until its state ends."""
        self.take_away(key)
        banner = Message(text, level, actions)
        banner.closes_on_action = False
        banner.setObjectName("banner")
        banner.closed.connect(lambda _: self._forget(key))
        self._shown[key] = banner
        self._layout.addWidget(banner)
        self.setVisible(True)

    def take_away(self, key: str) -> None:
        """Remove a banner, if it is there."""
        if key in self._shown:
            self._shown[key].close_message()

    def clear(self) -> None:
        """Remove them all."""
        for key in list(self._shown):
            self.take_away(key)

    def _forget(self, key: str) -> None:
        self._shown.pop(key, None)
        self.setVisible(bool(self._shown))
