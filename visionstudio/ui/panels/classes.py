"""The class list: colours, keys 1–9, counts; add, rename, recolour, reorder, hide, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.ui import icons, theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

Index = QModelIndex | QPersistentModelIndex
_ROW = 28
_MIME = "application/x-visionstudio-class"


class ClassModel(QAbstractListModel):
    """The session's classes in their order; editing a row renames the class."""

    ClassRole = int(Qt.ItemDataRole.UserRole)
    CountRole = ClassRole + 1
    ActiveRole = ClassRole + 2
    HiddenRole = ClassRole + 3
    LockedRole = ClassRole + 4
    refused = Signal(object)  # VisionStudioError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: ProjectSession | None = None
        self._shown: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        if self._session is not None:
            self._session.classes_changed.disconnect(self._reset)
            self._session.active_class_changed.disconnect(self._repaint)
            self._session.tally_changed.disconnect(self._repaint)
            self._session.annotations_changed.disconnect(self._shown_changed)
        self.beginResetModel()
        self._session = session
        self.endResetModel()
        if session is not None:
            session.classes_changed.connect(self._reset)
            session.active_class_changed.connect(self._repaint)
            session.tally_changed.connect(self._repaint)
            session.annotations_changed.connect(self._shown_changed)

    def _shown_changed(self) -> None:
        """Another frame is no reason to paint anew, another set of hidden or locked classes is."""
        if self._session is not None:
            shown = self._session.hidden_classes, self._session.locked_classes
            if shown != self._shown:
                self._shown = shown
                self._repaint()

    def _reset(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def _repaint(self, *_: object) -> None:
        if self.rowCount():
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if self._session is None or parent.isValid() else len(self._session.classes)

    def class_at(self, row: int) -> LabelClass | None:
        """The class of a row."""
        if self._session is None or not 0 <= row < len(self._session.classes):
            return None
        return self._session.classes[row]

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        one = self.class_at(index.row()) if index.isValid() else None
        if one is None or self._session is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return one.name
        if role == Qt.ItemDataRole.ToolTipRole:
            key = tr("key {key}", key=index.row() + 1) if index.row() < 9 else ""
            count = tr("{count} objects", count=f"{self._count(one):,}")
            return "\n".join(t for t in (one.name, count, key) if t)
        if role == self.ClassRole:
            return one
        if role == self.CountRole:
            return self._count(one)
        if role == self.ActiveRole:
            active = self._session.active_class
            return active is not None and active.id == one.id
        if role == self.HiddenRole:
            return one.id in self._session.hidden_classes
        if role == self.LockedRole:
            return one.id in self._session.locked_classes
        return None

    def _count(self, one: LabelClass) -> int:
        return self._session.tally.classes.get(one.id, 0) if self._session is not None else 0

    def setData(self, index: Index, value: Any, role: int = int(Qt.ItemDataRole.EditRole)) -> bool:
        one = self.class_at(index.row())
        if one is None or self._session is None or role != Qt.ItemDataRole.EditRole:
            return False
        if str(value).strip() == one.name:
            return False
        try:
            self._session.rename_class(one.id, str(value))
        except InvalidValue as error:
            self.refused.emit(error)
            return False
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        flag = Qt.ItemFlag
        if not index.isValid():
            return flag.ItemIsDropEnabled
        shown = flag.ItemIsEnabled | flag.ItemIsSelectable
        if self._session is None or self._session.store.read_only:
            return shown
        return shown | flag.ItemIsEditable | flag.ItemIsDragEnabled

    # Dragging a row to another place

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [_MIME]

    def mimeData(self, indexes: Any) -> QMimeData:
        data = QMimeData()
        data.setData(_MIME, QByteArray(str(indexes[0].row()).encode()))
        return data

    def dropMimeData(
        self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: Index
    ) -> bool:
        moved = self.class_at(int(data.data(_MIME).toStdString() or -1))
        if moved is None or self._session is None:
            return False
        place = row if row >= 0 else (parent.row() if parent.isValid() else self.rowCount())
        before = self._session.classes.index(moved)
        self._session.move_class(moved.id, place - 1 if place > before else place)
        return False  # the session's signal brings the new order


class _Rows(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(80, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Any) -> None:
        one: LabelClass | None = index.data(ClassModel.ClassRole)
        if one is None:
            return
        rect: QRect = option.rect
        active = index.data(ClassModel.ActiveRole)
        painter.save()
        if active:
            painter.fillRect(rect, theme.colour("selection"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.colour("hover"))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.colour("accent"))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.colour("muted"))
        if index.row() < 9:
            key = QRect(rect.left() + 8, rect.top(), 14, rect.height())
            painter.drawText(key, middle | Qt.AlignmentFlag.AlignLeft, str(index.row() + 1))
        count = f"{index.data(ClassModel.CountRole):,}"
        metrics = QFontMetrics(painter.font())
        width = metrics.horizontalAdvance(count)
        right = rect.right() - 12
        painter.drawText(
            QRect(right - width, rect.top(), width, rect.height()),
            middle | Qt.AlignmentFlag.AlignRight,
            count,
        )
        hidden = index.data(ClassModel.HiddenRole)
        swatch = swatch_rect(rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour("line"))
        painter.setBrush(QColor(one.colour))
        painter.drawRoundedRect(swatch, 4, 4)
        left = swatch.right() + 8
        for on, sign in (
            (hidden, "eye-off-outline"),
            (index.data(ClassModel.LockedRole), "lock-outline"),
        ):
            if on:
                icons.paint(painter, QRect(left, rect.top() + 6, 16, 16), sign, "muted")
                left += 20
        painter.setPen(theme.colour("muted" if hidden else "text"))
        space = right - width - 8 - left
        name = metrics.elidedText(one.name, Qt.TextElideMode.ElideRight, max(space, 0))
        painter.drawText(QRect(left, rect.top(), space, rect.height()), middle, name)
        painter.restore()


def swatch_rect(row: QRect) -> QRect:
    """Where a row shows its colour."""
    return QRect(row.left() + 26, row.top() + 7, 14, 14)


class _List(QListView):
    def keyboardSearch(self, search: str) -> None:
        return


class ClassPanel(QWidget):
    """Acts on the session that it was given last."""

    message = Signal(str, str)  # text, level
    removed = Signal(str, int)  # a class was deleted: name, how many objects went with it
    new_class_wanted = Signal()
    attributes_wanted = Signal(int)  # a class id
    skeleton_wanted = Signal(int)  # a class id

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("classPanel")
        self._session: ProjectSession | None = None
        self.model = ClassModel(self)
        self.model.refused.connect(lambda error: self.message.emit(str(error), "warning"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._build_buttons())
        self.view = _List()
        self.view.setObjectName("classList")
        self.view.setAccessibleName(tr("Classes"))
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setItemDelegate(_Rows(self.view))
        self.view.setEditTriggers(
            QListView.EditTrigger.EditKeyPressed | QListView.EditTrigger.DoubleClicked
        )
        self.view.setDragDropMode(QListView.DragDropMode.InternalMove)
        self.view.setDropIndicatorShown(True)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setModel(self.model)
        self.view.clicked.connect(self._clicked)
        self.view.selectionModel().currentChanged.connect(self._row_changed)
        self.view.customContextMenuRequested.connect(self._open_menu)
        self.model.modelReset.connect(self._show_empty)
        layout.addWidget(self.view, 1)
        self.empty = QLabel(tr("No classes yet. Draw something, or press N."))
        self.empty.setObjectName("classesEmpty")
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setContentsMargins(16, 8, 16, 8)
        layout.addWidget(self.empty)
        layout.addStretch(0)
        theme.watcher().changed.connect(self.view.viewport().update)
        self._show_empty()

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 8, 4)
        row.setSpacing(4)
        self._buttons = []
        for name, sign, text, call in (
            ("classAdd", "plus", tr("New class"), self.new_class_wanted.emit),
            ("classRename", "pencil-outline", tr("Rename"), self.rename),
            ("classColour", "palette-outline", tr("Colour…"), self.recolour),
            ("classAttributes", "form-select", tr("Attributes…"), self.define_attributes),
            ("classDelete", "delete-outline", tr("Delete class"), self.delete),
        ):
            button = QToolButton()
            button.setObjectName(name)
            button.setIcon(icon(sign))
            button.setToolTip(text)
            button.setAccessibleName(text)
            button.clicked.connect(lambda _=False, c=call: c())
            row.addWidget(button)
            self._buttons.append(button)
        row.addStretch(1)
        return row

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        self._session = session
        self.model.set_session(session)
        writable = session is not None and not session.store.read_only
        for button in self._buttons:
            button.setEnabled(writable)
        self._show_empty()

    def _show_empty(self) -> None:
        empty = self.model.rowCount() == 0
        self.empty.setVisible(empty)
        self.view.setVisible(not empty)

    # What people do

    def current(self) -> LabelClass | None:
        """The class that the buttons act on: the active one."""
        return self._session.active_class if self._session is not None else None

    def _clicked(self, index: QModelIndex) -> None:
        one = self.model.class_at(index.row())
        if one is not None and self._session is not None:
            self._session.set_active_class(one.id)

    def _row_changed(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid():
            self._clicked(index)

    def rename(self) -> None:
        """Edit the active class's name in place."""
        one = self.current()
        if one is not None and self._session is not None:
            row = self._session.classes.index(one)
            self.view.setCurrentIndex(self.model.index(row))
            self.view.edit(self.model.index(row))

    def recolour(self) -> None:
        """Choose the active class's colour."""
        one = self.current()
        if one is None or self._session is None:
            return
        session, class_id = self._session, one.id
        dialog = QColorDialog(QColor(one.colour), self)
        dialog.setObjectName("classColourDialog")
        dialog.setWindowTitle(tr("Colour of {name}", name=one.name))
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda c: session.recolour_class(class_id, c.name()))
        dialog.open()

    def define_attributes(self) -> None:
        """Define what is asked about the active class's objects."""
        one = self.current()
        if one is not None:
            self.attributes_wanted.emit(one.id)

    def define_skeleton(self) -> None:
        """Define the points of the active class's skeletons."""
        one = self.current()
        if one is not None:
            self.skeleton_wanted.emit(one.id)

    def delete(self) -> None:
        """Delete the active class with its objects; the message offers to undo it."""
        one = self.current()
        if one is not None and self._session is not None:
            count = self._session.tally.classes.get(one.id, 0)
            self._session.delete_class(one.id)
            self.removed.emit(one.name, count)

    def move_by(self, step: int) -> None:
        """Move the active class up (-1) or down (1)."""
        one = self.current()
        if one is not None and self._session is not None:
            self._session.move_class(one.id, self._session.classes.index(one) + step)

    def toggle_hidden(self) -> None:
        """Hide the active class in the picture, or show it again."""
        one = self.current()
        if one is not None and self._session is not None:
            self._session.set_hidden_classes(self._session.hidden_classes ^ {one.id})
            self.view.viewport().update()

    def toggle_locked(self) -> None:
        """Protect the active class's objects against being moved and deleted, or no longer."""
        one = self.current()
        if one is not None and self._session is not None:
            self._session.set_locked_classes(self._session.locked_classes ^ {one.id})
            self.view.viewport().update()

    def _open_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if not index.isValid():
            return
        self._clicked(index)
        hidden, locked = index.data(ClassModel.HiddenRole), index.data(ClassModel.LockedRole)
        writable = self._session is not None and not self._session.store.read_only
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rows: list[tuple[str, Callable[[], None], bool]] = [
            (tr("Show") if hidden else tr("Hide"), self.toggle_hidden, True),
            (tr("Unlock") if locked else tr("Lock"), self.toggle_locked, True),
            (tr("Rename"), self.rename, writable),
            (tr("Colour…"), self.recolour, writable),
            (tr("Attributes…"), self.define_attributes, writable),
            (tr("Skeleton…"), self.define_skeleton, writable),
            (tr("Move up"), lambda: self.move_by(-1), writable),
            (tr("Move down"), lambda: self.move_by(1), writable),
            (tr("Delete class"), self.delete, writable),
        ]
        for text, call, enabled in rows:
            menu.addAction(text, call).setEnabled(enabled)
        menu.popup(self.view.viewport().mapToGlobal(at))
