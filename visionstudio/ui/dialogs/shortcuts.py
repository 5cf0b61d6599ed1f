"""All actions and their keys; a key can be changed here, and conflicts are shown at once."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from visionstudio.ui.actions import ACTIONS, BY_ID, Action, conflicts, keys_of
from visionstudio.ui.i18n import tr
from visionstudio.ui.key_presets import changed_by, presets, without_key

_ID = int(Qt.ItemDataRole.UserRole)


class ShortcutsDialog(QDialog):
    """`changed` carries the keys by action id that differ from the table."""

    changed = Signal(object)

    def __init__(self, changed_keys: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shortcutsDialog")
        self.setWindowTitle(tr("Keys"))
        self.resize(640, 600)
        self._changed = dict(changed_keys)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        self.filter = QLineEdit()
        self.filter.setObjectName("shortcutsFilter")
        self.filter.setAccessibleName(tr("Filter actions"))
        self.filter.setPlaceholderText(tr("Filter…"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        layout.addLayout(self._build_presets())
        layout.addWidget(self.filter)
        self.tree = QTreeWidget()
        self.tree.setObjectName("shortcutsList")
        self.tree.setAccessibleName(tr("Actions"))
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setHeaderLabels([tr("Menu"), tr("Action"), tr("Key")])
        header = self.tree.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setStretchLastSection(False)
        for action in ACTIONS:
            item = QTreeWidgetItem([tr(action.menu) if action.menu else "", tr(action.title), ""])
            item.setData(0, _ID, action.id)
            self.tree.addTopLevelItem(item)
        self.tree.currentItemChanged.connect(lambda *_: self._selected())
        layout.addWidget(self.tree, 1)
        layout.addLayout(self._build_editor())
        self.problem = QLabel()
        self.problem.setObjectName("shortcutsProblem")
        self.problem.setProperty("role", "warning")
        self.problem.setWordWrap(True)
        layout.addWidget(self.problem)
        self._show_keys()
        self.tree.setCurrentIndex(self.tree.model().index(0, 0))

    def _build_presets(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        label = QLabel(tr("Keys as in"))
        self.presets = QComboBox()
        self.presets.setObjectName("shortcutsPreset")
        self.presets.setAccessibleName(tr("Keys as in another program"))
        label.setBuddy(self.presets)
        self.presets.addItem("VisionStudio", {})
        for preset in presets():
            self.presets.addItem(preset.title, changed_by(preset))
        self.presets.activated.connect(self._use_preset)
        row.addWidget(label)
        row.addWidget(self.presets, 1)
        return row

    def _use_preset(self, place: int) -> None:
        keys = self.presets.itemData(place)
        if keys is not None:
            self._changed = dict(keys)
            self._tell()
            self._selected()

    def _show_preset(self) -> None:
        """Name the preset that the keys are those of; none after changes of one's own."""
        places = (n for n in range(self.presets.count()) if n < 1 + len(presets()))
        same = [n for n in places if self.presets.itemData(n) == self._changed]
        own = self.presets.findText(tr("my own"))
        if own >= 0:
            self.presets.removeItem(own)
        if not same:
            self.presets.addItem(tr("my own"), None)
        self.presets.setCurrentIndex(same[0] if same else self.presets.count() - 1)

    def _build_editor(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        label = QLabel(tr("Key of the selected action:"))
        self.editor = QKeySequenceEdit()
        self.editor.setObjectName("shortcutsKey")
        self.editor.setAccessibleName(tr("Key of the selected action"))
        self.editor.setMaximumSequenceLength(1)
        self.editor.setClearButtonEnabled(True)
        self.editor.editingFinished.connect(self._take)
        label.setBuddy(self.editor)
        reset = QPushButton(tr("Default"))
        reset.setObjectName("shortcutsReset")
        reset.setAutoDefault(False)
        reset.setAccessibleName(tr("Default key of the selected action"))
        reset.clicked.connect(self._reset)
        reset_all = QPushButton(tr("All defaults"))
        reset_all.setObjectName("shortcutsResetAll")
        reset_all.setAutoDefault(False)
        reset_all.clicked.connect(self._reset_all)
        row.addWidget(label)
        row.addWidget(self.editor, 1)
        row.addWidget(reset)
        row.addWidget(reset_all)
        return row

    def _action(self) -> Action | None:
        item = self.tree.currentItem()
        return BY_ID[item.data(0, _ID)] if item is not None else None

    def _selected(self) -> None:
        action = self._action()
        keys = keys_of(action, self._changed) if action is not None else ()
        self.editor.setKeySequence(QKeySequence(keys[0] if keys else ""))

    def _take(self) -> None:
        action = self._action()
        if action is None:
            return
        key = self.editor.keySequence().toString()
        keys = keys_of(action, self._changed)
        if key != (QKeySequence(keys[0]).toString() if keys else ""):
            self._changed[action.id] = key
            self._tell()

    def _reset(self) -> None:
        action = self._action()
        if action is not None and self._changed.pop(action.id, None) is not None:
            self._tell()
            self._selected()

    def _reset_all(self) -> None:
        self._changed.clear()
        self._tell()
        self._selected()

    def _tell(self) -> None:
        self._show_keys()
        self.changed.emit(dict(self._changed))

    def _show_keys(self) -> None:
        native = QKeySequence.SequenceFormat.NativeText
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item is not None:
                keys = keys_of(BY_ID[item.data(0, _ID)], self._changed)
                item.setText(2, ", ".join(QKeySequence(k).toString(native) for k in keys))
        found = conflicts(ACTIONS, self._changed)
        lost = ", ".join(tr(title) for title in without_key(self._changed))
        text = tr("Without a key now: {actions}", actions=lost) if lost else ""
        if found:
            text = tr("One key for two actions does nothing: {keys}", keys="; ".join(found))
        self.problem.setText(text)
        self._show_preset()

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item is not None:
                line = " ".join(item.text(column) for column in range(3)).lower()
                item.setHidden(not all(word in line for word in words))
