"""Which class of the project each class of a file becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QAbstractItemModel, Qt, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from visionstudio.ui.dialogs.exchange import Index, TallRows
from visionstudio.ui.i18n import tr

_TARGET = Qt.ItemDataRole.UserRole  # the class of the project, "" to leave it out
_BECOMES = 2


class ClassMapping(QTreeWidget):
    """A row for each class of the file: its name, its count, and what it becomes here.

    The last column is chosen from the project's classes, or typed for a new one.
    `changed` tells that it was.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("importClasses")
        self.setAccessibleName(tr("Classes"))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setHeaderLabels([tr("Class in the file"), tr("Annotations"), tr("Becomes")])
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setItemDelegate(TallRows(self))
        self.setItemDelegateForColumn(_BECOMES, _Target(self))
        self.itemClicked.connect(self._edit)
        self.itemActivated.connect(self._edit)
        self.setColumnWidth(0, 180)
        self._known: tuple[str, ...] = ()
        self._used: Mapping[str, str | None] = {}

    @property
    def known(self) -> tuple[str, ...]:
        """The project's classes, in their order."""
        return self._known

    def offer(self, counts: Mapping[str, int], known: Sequence[str]) -> None:
        """The file's classes with their counts, most frequent first; earlier choices stay."""
        self._used = self.mapping()
        self._known = tuple(known)
        self.clear()
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
            item = QTreeWidgetItem([name, f"{count:,}", ""])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setToolTip(0, name)
            self.addTopLevelItem(item)
            target = self._used.get(name, name)
            self._set(item, "" if target is None else target)
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, min(max(self.columnWidth(0) + 16, 180), 320))
        self.setColumnWidth(1, 110)

    def mapping(self) -> dict[str, str | None]:
        """The classes that do not keep their name: what they become, None to leave them out."""
        found: dict[str, str | None] = {}
        for item in self._items():
            name, target = item.text(0), str(item.data(_BECOMES, _TARGET))
            if target != name:
                found[name] = target or None
        return found

    def choose(self, name: str, target: str) -> None:
        """Make a class of the file another of the project; '' leaves it out."""
        for item in self._items():
            if item.text(0) == name and item.data(_BECOMES, _TARGET) != target:
                self._set(item, target)
                self.changed.emit()

    def _items(self) -> list[QTreeWidgetItem]:
        return self.findItems("", Qt.MatchFlag.MatchContains)

    def _set(self, item: QTreeWidgetItem, target: str) -> None:
        item.setData(_BECOMES, _TARGET, target)
        text = target if target in self._known else tr("new class “{name}”", name=target)
        item.setText(_BECOMES, text if target else tr("leave out"))

    def _edit(self, item: QTreeWidgetItem, column: int = _BECOMES) -> None:
        if column == _BECOMES:
            self.editItem(item, _BECOMES)


class _Target(TallRows):
    """A choice box where a row is edited, and a mark that there is one."""

    def __init__(self, table: ClassMapping) -> None:
        super().__init__(table)
        self._table = table

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        rect = option.rect.adjusted(0, 0, -12, 0)
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "▾")
        painter.restore()

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, index: Index) -> QWidget:
        name = str(index.model().index(index.row(), 0).data())
        box = QComboBox(parent)
        box.setObjectName("importTarget")
        box.setAccessibleName(tr("Becomes"))
        box.setEditable(True)
        box.addItem(tr("leave out"), "")
        if name not in self._table.known:
            box.addItem(tr("new class “{name}”", name=name), name)
        for known in self._table.known:
            box.addItem(known, known)
        # Taken at once: who chooses by mouse need not press Return after.
        box.activated.connect(lambda _: self._take(box, name))
        return box

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        assert isinstance(editor, QComboBox)
        editor.setCurrentIndex(max(editor.findData(index.data(_TARGET)), 0))
        line = editor.lineEdit()
        if line is not None:
            line.selectAll()

    def setModelData(self, editor: QWidget, _model: QAbstractItemModel, index: Index) -> None:
        assert isinstance(editor, QComboBox)
        self._take(editor, str(index.model().index(index.row(), 0).data()))

    def _take(self, box: QComboBox, name: str) -> None:
        place = box.findText(box.currentText(), Qt.MatchFlag.MatchExactly)
        typed = box.currentText().strip()
        if place >= 0 or typed:
            self._table.choose(name, str(box.itemData(place)) if place >= 0 else typed)
