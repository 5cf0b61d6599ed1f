"""A small list at a shape: type a class's name, press Enter; a new name makes a new class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QColor, QFocusEvent, QIcon, QKeyEvent, QPixmap
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from visionstudio.model.labels import LabelClass
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

_WIDTH, _ROW, _ROWS = 240, 28, 7
# Another window came to the front, or the field's own menu opened.
_STAYS = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
_ID = int(Qt.ItemDataRole.UserRole)


class ClassChooser(QFrame):
    """Floats over the picture while it asks."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("classChooser")
        self._over = parent
        self._classes: Sequence[LabelClass] = ()
        self._chosen: Callable[[int | str], None] | None = None
        self._dropped: Callable[[], None] | None = None
        self._back: QWidget | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(4)
        self.field = QLineEdit()
        self.field.setObjectName("classChooserField")
        self.field.setAccessibleName(tr("Class"))
        self.field.setPlaceholderText(tr("Name of the class"))
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setObjectName("classChooserList")
        self.list.setAccessibleName(tr("Classes"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda _: self._choose())
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.hide()

    def ask(
        self,
        at: QPoint,
        classes: Sequence[LabelClass],
        chosen: Callable[[int | str], None],
        dropped: Callable[[], None] | None = None,
        back: QWidget | None = None,
    ) -> None:
        """Ask near a point of the parent.

        `chosen` gets the id of a class, or the name of one to make; `dropped`
        is called when nothing was chosen. `back` gets the keyboard afterwards.
        """
        self._classes, self._chosen, self._dropped, self._back = classes, chosen, dropped, back
        self.field.clear()
        self._filter("")
        rows = min(max(len(classes), 1), _ROWS)
        self.setFixedSize(_WIDTH, rows * _ROW + 64)
        x = max(8, min(at.x(), self._over.width() - self.width() - 8))
        y = max(8, min(at.y(), self._over.height() - self.height() - 8))
        self.move(x, y)
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def _filter(self, text: str) -> None:
        self.list.clear()
        word = text.strip()
        for one in self._classes:
            if word.lower() in one.name.lower():
                swatch = QPixmap(14, 14)
                swatch.fill(QColor(one.colour))
                item = QListWidgetItem(QIcon(swatch), one.name)
                item.setData(_ID, one.id)
                self.list.addItem(item)
        if word and all(c.name != word for c in self._classes):
            item = QListWidgetItem(icon("plus", "accent"), tr("New class “{name}”", name=word))
            item.setData(_ID, word)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        value, chosen = item.data(_ID), self._chosen
        self._chosen = self._dropped = None
        self._leave()
        if chosen is not None:
            chosen(value)

    def drop(self) -> None:
        """Close it without a choice."""
        dropped = self._dropped
        self._chosen = self._dropped = None
        if self.isVisible():
            self._leave()
        if dropped is not None:
            dropped()

    def _leave(self) -> None:
        self.hide()
        if self._back is not None:
            self._back.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and self.isVisible():
            if (
                isinstance(event, QFocusEvent)
                and event.type() == QEvent.Type.FocusOut
                and event.reason() not in _STAYS
            ):
                self.drop()
            if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                return self._key(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}
        if event.key() == Qt.Key.Key_Escape:
            self.drop()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
        elif event.key() in steps:
            row = self.list.currentRow() + steps[Qt.Key(event.key())]
            self.list.setCurrentRow(max(0, min(row, self.list.count() - 1)))
        else:
            return False
        return True
