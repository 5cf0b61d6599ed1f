"""The media list: thumbnails, states, filter; a million rows stay fluid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QItemSelectionModel, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.media import ASSIGNED, MediaItem, MediaKind
from visionstudio.ui import icons, theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.media_model import STATES, MediaModel, describe, is_bad
from visionstudio.ui.thumbnails import ThumbnailLoader

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_FILTER_MS = 150
_DOT = 8


class _Rows(QStyledItemDelegate):
    """A thumbnail, the name, its size, a dot for its state and a badge with its proposals."""

    def __init__(self, view: QListView, height: int) -> None:
        super().__init__(view)
        self.height = height

    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(120, self.height + 8)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Any) -> None:
        model: MediaModel = index.model()
        item: MediaItem | None = index.data(MediaModel.ItemRole)
        rect: QRect = option.rect
        state = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("selection"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.colour("hover"))
        if item is not None:
            self._picture(painter, rect, model, item)
            self._texts(painter, rect, item, index.data(MediaModel.SummaryRole))
        painter.restore()

    def _picture(self, painter: QPainter, rect: QRect, model: MediaModel, item: MediaItem) -> None:
        side = self.height
        box = QRect(rect.left() + 8, rect.top() + 4, side, side)
        pixmap = None if is_bad(item) else model.thumbnail(item)
        if is_bad(item):
            icons.paint(painter, box.adjusted(8, 8, -8, -8), "image-broken-variant", "danger")
        elif pixmap is None:
            painter.fillRect(box, theme.colour("hover"))
            if item.kind is not MediaKind.IMAGE:
                icons.paint(painter, box.adjusted(8, 8, -8, -8), "filmstrip", "muted")
        else:
            size = pixmap.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(box.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(target, pixmap)

    def _texts(self, painter: QPainter, rect: QRect, item: MediaItem, summary: Any) -> None:
        left = rect.left() + 16 + self.height
        right = rect.right() - 12
        metrics = QFontMetrics(painter.font())
        if summary.proposals:
            text = f"{summary.proposals:,}"
            width = metrics.horizontalAdvance(text) + 12
            badge = QRect(right - width, rect.center().y() - 9, width, 18)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(theme.colour("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(badge, 9, 9)
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
            right = badge.left() - 8
        self._dot(painter, QRect(right - _DOT, rect.center().y() - 4, _DOT, _DOT), item, summary)
        right -= _DOT + 8
        line = metrics.height()
        top = rect.center().y() - line
        for text, token, elide in (
            (item.name, "text", Qt.TextElideMode.ElideMiddle),  # names often differ at their ends
            (describe(item), "danger" if is_bad(item) else "muted", Qt.TextElideMode.ElideRight),
        ):
            painter.setPen(theme.colour(token))
            shown = metrics.elidedText(text, elide, max(right - left, 0))
            painter.drawText(
                QRect(left, top, right - left, line), Qt.AlignmentFlag.AlignLeft, shown
            )
            top += line

    def _dot(self, painter: QPainter, box: QRect, item: MediaItem, summary: Any) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if item.verified:
            icons.paint(painter, box.adjusted(-4, -4, 4, 4), "check-circle", "success")
        elif summary.labels:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawEllipse(box)
        else:
            painter.setPen(theme.colour("disabled"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(box)


class _List(QListView):
    """A list that keeps single letters for the window's actions instead of searching."""

    def keyboardSearch(self, search: str) -> None:
        return


class MediaPanel(QWidget):
    """Filter above, rows below. The current row is the session's current picture."""

    opened = Signal(int)  # a person chose a picture: its media id

    def __init__(self, row_height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mediaPanel")
        self._session: ProjectSession | None = None
        self.loader = ThumbnailLoader(_side(row_height), self)
        self.model = MediaModel(self.loader, self)
        self.model.filtered.connect(self._rows_replaced)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._build_filter())
        self.view = _List()
        self.view.setObjectName("mediaList")
        self.view.setAccessibleName(tr("Media"))
        self.view.setUniformItemSizes(True)
        self.view.setLayoutMode(QListView.LayoutMode.Batched)
        self.view.setBatchSize(8_000)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setMouseTracking(True)
        self._rows = _Rows(self.view, row_height)
        self.view.setItemDelegate(self._rows)
        self.view.setModel(self.model)
        selection = self.view.selectionModel()
        selection.currentChanged.connect(self._current_row_changed)
        selection.selectionChanged.connect(self._selection_changed)
        layout.addWidget(self.view, 1)
        self.empty = QLabel()
        self.empty.setObjectName("mediaEmpty")
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setContentsMargins(16, 16, 16, 16)
        layout.addWidget(self.empty)
        self._following = False
        theme.watcher().changed.connect(self.view.viewport().update)
        self._show_empty()

    def _build_filter(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 8, 0)
        row.setSpacing(4)
        self._wants_first = False  # once the filter is through
        self.filter = QLineEdit()
        self.filter.setObjectName("mediaFilter")
        self.filter.setAccessibleName(tr("Filter pictures by name"))
        self.filter.setPlaceholderText(tr("Filter…"))
        self.filter.setClearButtonEnabled(True)
        self.state = QComboBox()
        self.state.setObjectName("mediaState")
        self.state.setAccessibleName(tr("Filter pictures by state"))
        self.state.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.state.setMinimumContentsLength(5)
        for value, title in STATES:
            self.state.addItem(tr(title), value)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_FILTER_MS)
        self._delay.timeout.connect(self._filter)
        self.filter.textChanged.connect(lambda _: self._delay.start())
        self.filter.returnPressed.connect(self._take_first)
        self.state.currentIndexChanged.connect(lambda _: self._filter())
        row.addWidget(self.filter, 3)
        row.addWidget(self.state, 2)
        return row

    def view_focus(self) -> None:
        """Give the list the keyboard."""
        self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def set_row_height(self, height: int) -> None:
        """Change the size of the thumbnails."""
        self._rows.height = height
        self.loader.clear(_side(height))
        self.view.doItemsLayout()

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        if self._session is not None:
            self._session.current_changed.disconnect(self._follow)
        self.loader.clear()
        self._session = session
        for widget in (self.filter, self.state):
            widget.blockSignals(True)
        self.filter.clear()
        self.state.setCurrentIndex(0)
        for widget in (self.filter, self.state):
            widget.blockSignals(False)
        self.model.set_session(session)
        if session is not None:
            session.current_changed.connect(self._follow)
            self._follow()
        self._show_empty()

    def close_threads(self) -> None:
        """Before the window goes."""
        self.loader.close()

    # Between rows and session

    def _filter(self) -> None:
        self._delay.stop()
        session, state = self._session, self.state.currentData()
        if state != "mine" or session is None:
            self.model.set_filter(self.filter.text(), state)
            return
        me = session.store.author

        def found(ids: list[int]) -> None:
            if session is self._session and self.state.currentData() == "mine":
                self.model.set_filter(self.filter.text(), "mine", ids)

        session.in_store(lambda store: store.media_with_extra(ASSIGNED, me), found)

    def _take_first(self) -> None:
        """Enter in the filter goes on in the list, at its first row where what is shown is not
        among those that fit."""
        self.view_focus()
        self._wants_first = True
        if self._delay.isActive():
            self._filter()
        if not self.model.is_filtering:
            self._rows_replaced()

    def _rows_replaced(self) -> None:
        self._follow()
        self._show_empty()
        wants, self._wants_first = self._wants_first, False
        session, first = self._session, self.model.item(0) if self.model.rowCount() else None
        if wants and session is not None and first is not None:
            shown = session.current
            if shown is None or self.model.row_of(shown.id) is None:
                self.opened.emit(first.id)

    def _show_empty(self) -> None:
        rows = self.model.rowCount()
        self.empty.setVisible(rows == 0)
        self.view.setVisible(rows > 0)
        if self._session is None:
            self.empty.setText(tr("No project is open."))
        elif self.model.is_filtered:
            self.empty.setText(tr("Nothing fits the filter."))
        else:
            self.empty.setText(tr("No pictures or videos here yet. Drop some, or add them."))

    def _follow(self) -> None:
        """Make the session's current picture the current row."""
        current = self._session.current if self._session is not None else None
        row = self.model.row_of(current.id) if current is not None else None
        selection = self.view.selectionModel()
        here = selection.currentIndex()  # a list that gets the keyboard takes its first row
        if row is None or (here.row() == row and selection.isSelected(here)):
            return
        self._following = True
        try:
            index = self.model.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
            selection.setCurrentIndex(index, flags)
            self.view.scrollTo(index)
        finally:
            self._following = False

    def _current_row_changed(self, index: Any, _before: Any) -> None:
        item = self.model.item(index.row()) if index.isValid() else None
        if item is None or self._following or self._session is None:
            return
        if self._session.current is None or item.id != self._session.current.id:
            self.opened.emit(item.id)

    def _selection_changed(self, *_: object) -> None:
        if self._session is not None:
            self._session.select_media(self.selected_ids())

    def selected_ids(self) -> list[int]:
        """The media ids of the selected rows."""
        rows = self.view.selectionModel().selectedRows()
        ids = (self.model.id_at(index.row()) for index in rows)
        return [media_id for media_id in ids if media_id is not None]


def _side(row_height: int) -> int:
    """Pixels of a thumbnail: twice the row, for screens with a scale."""
    return row_height * 2
