"""The command palette: type a few letters of any action and press Enter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRect, QSize, Qt
from PySide6.QtGui import (
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPixmap,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from visionstudio.ui import theme
from visionstudio.ui.actions import ACTIONS, ActionSet
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

_ID = int(Qt.ItemDataRole.UserRole)
_KEY = _ID + 1
_MENU = _ID + 2
_WIDTH, _ROWS, _ROW, _ICON = 560, 10, 32, 20


def score(query: str, text: str) -> int | None:
    """How well a query fits a text, lower is better; None when a letter is missing.

    Letters must appear in order. Matches at the start of words and close
    together come first.
    """
    text = text.lower()
    cost, at = 0, -1
    for letter in query.lower().replace(" ", ""):
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        starts_word = found == 0 or not text[found - 1].isalnum()
        cost += 0 if starts_word else min(found - at - 1, 8)
        at = found
    return cost * 100 + len(text)


class _Rows(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(_WIDTH - 32, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Any) -> None:
        super().paint(painter, option, index)
        rect: QRect = option.rect.adjusted(8, 0, -12, 0)
        painter.save()
        painter.setPen(theme.colour("muted"))
        key, menu = index.data(_KEY), index.data(_MENU)
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(rect, right, "   ".join(t for t in (menu, key) if t))
        painter.restore()


class Palette(QFrame):
    """Floats at the top of the window while it is needed."""

    def __init__(self, window: QWidget, actions: ActionSet, run: Callable[[str], None]) -> None:
        super().__init__(window)
        self.setObjectName("palette")
        self._window, self._actions, self._run = window, actions, run
        self._before: QWidget | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        self.field = QLineEdit()
        self.field.setObjectName("paletteField")
        self.field.setAccessibleName(tr("Find an action"))
        self.field.setPlaceholderText(tr("Find an action…"))
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.list = QListView()
        self.list.setObjectName("paletteList")
        self.list.setAccessibleName(tr("Actions"))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setItemDelegate(_Rows(self.list))
        self.list.clicked.connect(self._choose)
        self._model = QStandardItemModel(self)
        self.list.setIconSize(QSize(_ICON, _ICON))
        blank = QPixmap(_ICON, _ICON)
        blank.fill(Qt.GlobalColor.transparent)
        self._blank = QIcon(blank)
        self.list.setModel(self._model)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.hide()

    def open(self) -> None:
        """Show it, empty, with the keyboard."""
        self._before = QApplication.focusWidget()
        self.field.clear()
        self._filter("")
        width = min(_WIDTH, self._window.width() - 32)
        self.setFixedSize(width, min(_ROWS * _ROW + 64, self._window.height() - 120))
        self.move((self._window.width() - width) // 2, 56)
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def dismiss(self) -> None:
        """Hide it and give the keyboard back."""
        if self.isVisible():
            self.hide()
            if self._before is not None:
                self._before.setFocus()

    def _filter(self, query: str) -> None:
        found = []
        for row in ACTIONS:
            title = tr(row.title)
            rank = score(query, title)
            if rank is None and title != row.title:
                rank = score(query, row.title)
            if rank is not None and row.id != "help.palette":
                found.append((not self._actions[row.id].isEnabled(), rank if query else 0, row))
        found.sort(key=lambda entry: entry[:2])
        self._model.clear()
        for disabled, _, row in found:
            action = self._actions[row.id]
            sign = icon(row.icon) if row.icon else self._blank
            item = QStandardItem(sign, action.text().replace("&", ""))
            item.setEnabled(not disabled)
            item.setData(row.id, _ID)
            item.setData(action.shortcut().toString(QKeySequence.SequenceFormat.NativeText), _KEY)
            item.setData(tr(row.menu) if row.menu else "", _MENU)
            self._model.appendRow(item)
        self.list.setCurrentIndex(self._model.index(0, 0))

    def _choose(self, index: QModelIndex | None = None) -> None:
        index = index or self.list.currentIndex()
        if not index.isValid() or not index.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        action_id = index.data(_ID)
        self.dismiss()
        self._run(action_id)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field:
            if event.type() == QEvent.Type.FocusOut:
                self.hide()
            if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                return self._key(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: 8,
            Qt.Key.Key_PageUp: -8,
        }
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
        elif event.key() in steps:
            row = self.list.currentIndex().row() + steps[Qt.Key(event.key())]
            row = max(0, min(self._model.rowCount() - 1, row))
            self.list.setCurrentIndex(self._model.index(row, 0))
        else:
            return False
        return True
