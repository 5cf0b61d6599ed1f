"""The objects of the current picture or frame: hover and select here as in the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.labels import LabelClass
from visionstudio.ui import icons, theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.attributes import AttributesSection

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

Index = QModelIndex | QPersistentModelIndex
_ROW = 28

SHAPE_ICONS = {
    "box": "vector-square",
    "rotated_box": "rectangle-outline",
    "polygon": "vector-polygon",
    "polyline": "vector-polyline",
    "points": "dots-hexagon",
    "skeleton": "human",
    "ellipse": "ellipse-outline",
    "mask": "texture-box",
    "tag": "tag-outline",
}
STATE_ICONS = {
    State.PROPOSED: ("rhombus-outline", "accent"),
    State.ACCEPTED: ("check", "success"),
    State.EDITED: ("pencil-outline", "muted"),
    State.VERIFIED: ("check-all", "success"),
}


def state_text(state: State) -> str:
    """A state for people."""
    return {
        State.PROPOSED: tr("proposed by a model"),
        State.ACCEPTED: tr("accepted proposal"),
        State.EDITED: tr("drawn or changed by hand"),
        State.VERIFIED: tr("verified"),
        State.REJECTED: tr("rejected"),
    }[state]


class ObjectModel(QAbstractListModel):
    """Labels, and proposals that pass the threshold, hidden ones included; topmost first."""

    AnnotationRole = int(Qt.ItemDataRole.UserRole)
    ClassRole = AnnotationRole + 1
    HiddenRole = AnnotationRole + 2
    LockedRole = AnnotationRole + 3

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: ProjectSession | None = None
        self._rows: list[Annotation] = []
        self._row_of: dict[int, int] = {}
        self._classes: dict[int, LabelClass] = {}

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        old = self._session
        if old is not None:
            for signal in (old.annotations_changed, old.threshold_changed, old.classes_changed):
                signal.disconnect(self.refresh)
        self._session = session
        if session is not None:
            for signal in (
                session.annotations_changed,
                session.threshold_changed,
                session.classes_changed,
            ):
                signal.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Take the session's annotations again."""
        rows: list[Annotation] = []
        if self._session is not None:
            threshold = self._session.threshold
            rows = [
                a
                for a in reversed(self._session.annotations)
                if a.state is not State.REJECTED
                and (a.state is not State.PROPOSED or a.score is None or a.score >= threshold)
            ]
        same = len(rows) == len(self._rows) and all(
            new.id == old.id for new, old in zip(rows, self._rows, strict=True)
        )
        self._classes = {c.id: c for c in self._session.classes} if self._session else {}
        if same:
            # The same objects: keep scroll place, selection and hover.
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self._row_of = {a.id: row for row, a in enumerate(rows)}
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self._rows)

    def annotation(self, row: int) -> Annotation | None:
        """The annotation of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, annotation_id: int) -> int | None:
        """The row of an annotation, None when it is not shown."""
        return self._row_of.get(annotation_id)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        annotation = self.annotation(index.row()) if index.isValid() else None
        if annotation is None:
            return None
        one = self._classes.get(annotation.class_id)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{one.name if one else '?'} {number_of(annotation)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(annotation, one)
        if role == self.AnnotationRole:
            return annotation
        if role == self.ClassRole:
            return one
        if role == self.HiddenRole:
            return self._session is not None and self._session.is_hidden(annotation)
        if role == self.LockedRole:
            return self._session is not None and self._session.is_locked(annotation)
        return None


def number_of(annotation: Annotation) -> str:
    """What an object goes by: its track's number, as in the timeline, else its own."""
    return f"#{annotation.id if annotation.track_id is None else annotation.track_id}"


def tool_tip(annotation: Annotation, one: LabelClass | None) -> str:
    """What an annotation is and how it came to be."""
    x1, y1, x2, y2 = annotation.shape.bounds()
    lines = [f"{one.name if one else '?'} {number_of(annotation)}", state_text(annotation.state)]
    if annotation.shape.kind != "tag":
        lines.append(f"x {x1:g}, y {y1:g}, {x2 - x1:g} × {y2 - y1:g} px")
    if annotation.score is not None:
        lines.append(tr("score {score}", score=f"{annotation.score:.3f}"))
    if annotation.source != "manual":
        lines.append(tr("from {source}", source=annotation.source))
    if annotation.group_id is not None:
        lines.append(tr("group {number}", number=annotation.group_id))
    lines += [f"{name}: {value}" for name, value in annotation.attributes.items()]
    if annotation.history:
        lines.append(tr("changes: {changes}", changes=", ".join(annotation.history)))
    return "\n".join(lines)


class _Rows(QStyledItemDelegate):
    """A row of the list; its eye and its lock can be clicked."""

    def __init__(self, view: QListView) -> None:
        super().__init__(view)
        self.lit: int | None = None
        self.flag_wanted: Callable[[Annotation, Flags], None] = lambda _a, _f: None

    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(80, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Any) -> None:
        annotation: Annotation | None = index.data(ObjectModel.AnnotationRole)
        if annotation is None:
            return
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("selection"))
        elif annotation.id == self.lit or option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.colour("hover"))
        one: LabelClass | None = index.data(ObjectModel.ClassRole)
        middle = Qt.AlignmentFlag.AlignVCenter
        square = QRect(0, rect.top() + 6, 16, 16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour("line"))
        painter.setBrush(QColor(one.colour if one else "#808080"))
        painter.drawEllipse(QRect(rect.left() + 10, rect.top() + 9, 10, 10))
        square.moveLeft(rect.left() + 28)
        icons.paint(painter, square, SHAPE_ICONS[annotation.shape.kind], "muted")
        right = rect.right() - 12
        square.moveLeft(right - 16)
        icons.paint(painter, square, *STATE_ICONS.get(annotation.state, ("close", "muted")))
        right -= 24
        pointed = bool(option.state & QStyle.StateFlag.State_MouseOver)
        hidden, locked = index.data(ObjectModel.HiddenRole), index.data(ObjectModel.LockedRole)
        place = right
        for on, sign, idle in (
            (locked, "lock-outline", "lock-open-variant-outline"),
            (hidden, "eye-off-outline", "eye-outline"),
        ):
            square.moveLeft(place - 16)
            place -= 24
            if on or pointed:
                icons.paint(painter, square, sign if on else idle, "text" if on else "disabled")
                right = place
        metrics = QFontMetrics(painter.font())
        if annotation.score is not None:
            score = f"{annotation.score:.2f}"
            width = metrics.horizontalAdvance(score)
            painter.setPen(theme.colour("muted"))
            painter.drawText(
                QRect(right - width, rect.top(), width, rect.height()),
                middle | Qt.AlignmentFlag.AlignRight,
                score,
            )
            right -= width + 8
        left = rect.left() + 52
        number = number_of(annotation)
        space = right - left - metrics.horizontalAdvance(number) - 8
        name = one.name if one else "?"
        name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(space, 24))
        painter.setPen(theme.colour("disabled" if hidden else "text"))
        painter.drawText(QRect(left, rect.top(), right - left, rect.height()), middle, name)
        left += metrics.horizontalAdvance(name) + 8
        painter.setPen(theme.colour("muted"))
        painter.drawText(QRect(left, rect.top(), right - left, rect.height()), middle, number)
        painter.restore()

    def editorEvent(
        self, event: QEvent, model: Any, option: QStyleOptionViewItem, index: Any
    ) -> bool:
        if not isinstance(event, QMouseEvent) or event.button() != Qt.MouseButton.LeftButton:
            return False
        flag = self._flag_at(option.rect, event.position().toPoint())
        annotation: Annotation | None = index.data(ObjectModel.AnnotationRole)
        if flag is None or annotation is None:
            return False
        if event.type() == QEvent.Type.MouseButtonRelease:
            self.flag_wanted(annotation, flag)
        return True

    @staticmethod
    def _flag_at(rect: QRect, place: QPoint) -> Flags | None:
        """The mark whose sign is there: from the right the state, the lock, the eye."""
        column = (rect.right() - 12 - place.x()) // 24
        return {1: Flags.LOCKED, 2: Flags.HIDDEN}.get(column)


class _List(QListView):
    def keyboardSearch(self, search: str) -> None:
        return


class ObjectsPanel(QWidget):
    """Acts on the session that it was given last."""

    hovered = Signal(object)  # annotation id or None
    focus_wanted = Signal(int)  # double click: show this one large

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("objectsPanel")
        self._session: ProjectSession | None = None
        self._syncing = False
        self.model = ObjectModel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.view = _List()
        self.view.setObjectName("objectList")
        self.view.setAccessibleName(tr("Objects"))
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._delegate = _Rows(self.view)
        self._delegate.flag_wanted = self._switch_flag
        self.view.setItemDelegate(self._delegate)
        self.view.setModel(self.model)
        self.view.entered.connect(self._entered)
        self.view.viewport().installEventFilter(self)
        self.view.doubleClicked.connect(self._double_clicked)
        self.view.selectionModel().selectionChanged.connect(self._rows_selected)
        self.model.modelReset.connect(self._after_reset)
        self.empty = QLabel(tr("Nothing is labelled here yet."))
        self.empty.setObjectName("objectsEmpty")
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setContentsMargins(16, 16, 16, 16)
        # One place for both: from frame to frame of a video they change without a new layout.
        self._pages = QStackedWidget()
        self._pages.addWidget(self.view)
        self._pages.addWidget(self.empty)
        layout.addWidget(self._pages, 1)
        self.attributes = AttributesSection(self)
        layout.addWidget(self.attributes)
        theme.watcher().changed.connect(self.view.viewport().update)
        self._after_reset()

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        if self._session is not None:
            self._session.selection_changed.disconnect(self._take_selection)
        self._session = session
        self.model.set_session(session)
        self.attributes.set_session(session)
        if session is not None:
            session.selection_changed.connect(self._take_selection)
        self._after_reset()

    def light(self, annotation_id: int | None) -> None:
        """Show which row belongs to the object under the pointer in the picture."""
        if annotation_id != self._delegate.lit:
            self._delegate.lit = annotation_id
            self.view.viewport().update()

    def _after_reset(self) -> None:
        empty = self.model.rowCount() == 0
        self._pages.setCurrentWidget(self.empty if empty else self.view)
        if self._session is None:
            self.empty.setText(tr("No project is open."))
        else:
            self.empty.setText(tr("Nothing is labelled here yet."))
        self._take_selection()

    def _take_selection(self) -> None:
        """Select the rows of what is selected in the picture."""
        if self._session is None or self._syncing:
            return
        chosen = QItemSelection()
        rows = sorted(
            row for i in self._session.selection if (row := self.model.row_of(i)) is not None
        )
        for first, last in _stretches(rows):
            chosen.select(self.model.index(first), self.model.index(last))
        self._syncing = True
        try:
            selection = self.view.selectionModel()
            selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if rows:
                self.view.scrollTo(self.model.index(rows[0]))
        finally:
            self._syncing = False

    def _rows_selected(self, *_: object) -> None:
        if self._session is None or self._syncing:
            return
        rows = self.view.selectionModel().selectedRows()
        found = [self.model.annotation(index.row()) for index in rows]
        self._syncing = True
        try:
            self._session.select({a.id for a in found if a is not None})
        finally:
            self._syncing = False

    def _switch_flag(self, annotation: Annotation, flag: Flags) -> None:
        """Lock or hide one object, or the reverse; all that are selected with it alike."""
        if self._session is not None:
            ids = self._session.selection
            ids = ids if annotation.id in ids else frozenset({annotation.id})
            self._session.set_flags(ids, flag, not annotation.flags & flag)

    def _entered(self, index: QModelIndex) -> None:
        annotation = self.model.annotation(index.row())
        self.hovered.emit(annotation.id if annotation is not None else None)

    def _double_clicked(self, index: QModelIndex) -> None:
        annotation = self.model.annotation(index.row())
        if annotation is not None:
            self.focus_wanted.emit(annotation.id)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.hovered.emit(None)
        return super().eventFilter(watched, event)


def _stretches(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of what follows each other in rising numbers."""
    begin = 0
    for n in range(1, len(rows) + 1):
        if n == len(rows) or rows[n] != rows[n - 1] + 1:
            yield rows[begin], rows[n - 1]
            begin = n
