"""The media list as a Qt model: rows are places in the session's list, filtered in slices."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSignalBlocker,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QPixmap, QStandardItemModel

from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.storage.records import MediaSummary
from visionstudio.ui.i18n import tr
from visionstudio.ui.thumbnails import ThumbnailLoader

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.session.sorting import Sorted

Index = QModelIndex | QPersistentModelIndex
_SLICE_MS = 8

STATES: tuple[tuple[str, str], ...] = (
    ("all", "All"),
    ("unlabelled", "Not labelled"),
    ("labelled", "Labelled"),
    ("verified", "Verified"),
    ("unverified", "Not verified"),
    ("proposals", "With proposals"),
    ("failed", "Cannot be read"),
    ("mine", "Assigned to me"),
)


def is_bad(item: MediaItem) -> bool:
    """Whether the file cannot be shown."""
    return item.status in (MediaStatus.ERROR, MediaStatus.MISSING)


def describe(item: MediaItem) -> str:
    """Size and kind in a few words, or why it cannot be read."""
    if is_bad(item):
        return item.reason or tr("cannot be read")
    if not item.width:
        return tr("video") if item.kind is not MediaKind.IMAGE else ""
    size = f"{item.width} × {item.height}"
    if item.kind is not MediaKind.IMAGE:
        return tr("{size}, {frames} frames", size=size, frames=f"{item.frames:,}")
    return size


class MediaModel(QStandardItemModel):
    """All media of a session, or those that a filter lets through.

    Of the base only its rows are used, of which none holds anything: a view asks for
    their number twice for each when it lays them out, and a million times two calls
    of Python would take seconds.
    """

    ItemRole = int(Qt.ItemDataRole.UserRole)
    SummaryRole = ItemRole + 1
    filtered = Signal()  # a new filter or order has been applied to all rows
    order_lost = Signal()  # the list is another one, in its own order again

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(0, 1, parent)
        self._loader = loader
        loader.ready.connect(self._thumbnail_ready)
        self._session: ProjectSession | None = None
        self._places: NDArray[np.int64] | None = None  # None: all, in the list's own order
        self._filtered = False
        self._order: Sorted | None = None  # of all; None: the list's own order
        self._rows: NDArray[np.int64] | None = None  # by place, where there is such an order
        self._text, self._state = "", "all"
        self._mine = np.zeros(0, np.int64)
        self._found: list[NDArray[np.int64]] = []
        self._next = 0
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._filter_slice)

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        if self._session is not None:
            self._session.media_changed.disconnect(self._media_changed)
            self._session.tally_changed.disconnect(self._rows_changed)
            self._session.proposal_counts.changed.disconnect(self._rows_changed)
        self._timer.stop()
        self.beginResetModel()
        self._session = session
        self._places = self._order = self._rows = None
        self._filtered = False
        self._text, self._state = "", "all"
        self._set_rows(0 if session is None else len(session.media))
        self.endResetModel()
        if session is not None:
            session.media_changed.connect(self._media_changed)
            session.tally_changed.connect(self._rows_changed)
            session.proposal_counts.changed.connect(self._rows_changed)

    # Rows

    def _set_rows(self, count: int) -> None:
        """Have so many rows; within a reset."""
        with QSignalBlocker(self):
            self.setRowCount(count)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled

    def item(self, row: int) -> MediaItem | None:  # type: ignore[override]  # of media
        """The item of a row."""
        place = self._place_at(row)
        return None if place is None or self._session is None else self._session.media[place]

    def id_at(self, row: int) -> int | None:
        """The media id of a row."""
        place = self._place_at(row)
        if place is None or self._session is None:
            return None
        return int(self._session.media.ids[place])

    def _place_at(self, row: int) -> int | None:
        if self._session is None or not 0 <= row < self.rowCount():
            return None
        place = row if self._places is None else int(self._places[row])
        return place if place < len(self._session.media) else None

    def row_of(self, media_id: int) -> int | None:
        """The row that shows an item, None when it is not listed or filtered away."""
        place = self._session.media.place_of(media_id) if self._session is not None else None
        if place is None or self._places is None:
            return place
        if self._rows is not None:
            row = int(self._rows[place]) if place < len(self._rows) else -1
            return row if row >= 0 else None
        row = int(np.searchsorted(self._places, place))
        return row if row < len(self._places) and self._places[row] == place else None

    def neighbour(
        self, media_id: int | None, step: int, wanted: Callable[[MediaItem], bool] | None = None
    ) -> MediaItem | None:
        """The next shown item in a direction that is wanted; from the ends when none is current."""
        row = self.row_of(media_id) if media_id is not None else None
        if row is None:
            row = self._row_beside(media_id, step)
        row += step
        while 0 <= row < self.rowCount():
            item = self.item(row)
            if item is not None and (wanted is None or wanted(item)):
                return item
            row += step
        return None

    def _row_beside(self, media_id: int | None, step: int) -> int:
        place = None
        if self._session is not None and media_id is not None:
            place = self._session.media.place_of(media_id)
        if place is None or self._places is None or self._rows is not None:
            return -1 if step > 0 else self.rowCount()
        row = int(np.searchsorted(self._places, place))
        return row - 1 if step > 0 else row

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        item = self.item(index.row()) if index.isValid() else None
        if item is None or self._session is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return item.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(t for t in (item.path, describe(item)) if t)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return describe(item)
        if role == self.ItemRole:
            return item
        if role == self.SummaryRole:
            shown = self._session.proposal_counts.of(item.id)
            return MediaSummary(self._session.summary(item.id).labels, shown)
        return None

    def thumbnail(self, item: MediaItem) -> QPixmap | None:
        """The picture of a row if it has come; it is asked for by this."""
        if self._session is None or is_bad(item):
            return None
        return self._loader.get(item.id, self._session.path_of(item))

    # Changes

    def _thumbnail_ready(self, media_id: int) -> None:
        self._rows_changed((media_id,))

    def _media_changed(self, ids: frozenset[int] | None) -> None:
        if ids is not None:
            self._rows_changed(ids)
            return
        had_order, self._order = self._order is not None, None
        self._start_filter()
        if had_order:
            self.order_lost.emit()

    def _rows_changed(self, ids: Any) -> None:
        if ids is None or len(ids) > 200:
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, 0))
            return
        for media_id in ids:
            row = self.row_of(media_id)
            if row is not None:
                index = self.index(row, 0)
                self.dataChanged.emit(index, index)

    # Filter

    @property
    def is_filtered(self) -> bool:
        return self._filtered

    @property
    def is_sorted(self) -> bool:
        """Whether another order than that of the paths has been given."""
        return self._order is not None

    def set_order(self, order: Sorted | None) -> None:
        """List in this order of all the session's items; None lists in path order."""
        self._order = order
        self._start_filter()

    def ids(self) -> list[int]:
        """The media ids of all rows, in their order."""
        found: list[int] = self.id_array().tolist()
        return found

    def id_array(self) -> NDArray[np.int64]:
        """The same as an array, not to be changed."""
        if self._session is None:
            return np.zeros(0, np.int64)
        ids = self._session.media.ids
        return ids if self._places is None else ids[self._places]

    def ids_in(self, rows: range) -> NDArray[np.int64]:
        """Those of some rows that follow each other."""
        if self._session is None:
            return np.zeros(0, np.int64)
        ids, part = self._session.media.ids, slice(rows.start, rows.stop)
        return ids[part] if self._places is None else ids[self._places[part]]

    def set_filter(
        self, text: str, state: str, mine: NDArray[np.int64] | Sequence[int] = ()
    ) -> None:
        """Show items whose path holds all the words, and that are in a state of `STATES`.

        `mine` are the ids that the state 'mine' means.
        """
        self._text, self._state = text.lower().strip(), state
        self._mine = np.asarray(mine, np.int64)
        self._start_filter()

    @property
    def is_filtering(self) -> bool:
        """Whether rows are still being looked through."""
        return self._timer.isActive()

    def _start_filter(self) -> None:
        self._found, self._next = [], 0
        if not self._text and self._state == "all":
            self._timer.stop()
            self._use(None)
        else:
            self._timer.start()
            self._filter_slice()

    def _filter_slice(self) -> None:
        """Look at rows for a few milliseconds; a million rows must not stop the window."""
        if self._session is None:
            self._timer.stop()
            return
        media, words = self._session.media, self._text.split()
        until = time.perf_counter() + _SLICE_MS / 1000
        while time.perf_counter() < until:
            piece = media.piece(self._next)
            if not piece:
                self._timer.stop()
                self._use(np.concatenate([np.zeros(0, np.int64), *self._found]))
                return
            found = np.arange(piece.start, piece.stop)
            if words:
                found = media.holding(self._next, words)
            self._found.append(self._in_state(self._session, found))
            self._next += 1

    def _in_state(self, session: ProjectSession, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of some places whose items are in the state that is wanted."""
        media = session.media
        match self._state:
            case "verified":
                return places[media.are_verified[places]]
            case "unverified":
                return places[~media.are_verified[places]]
            case "failed":
                return places[media.are_bad(places)]
            case "mine":
                return places[np.isin(media.ids[places], self._mine)]
            case "all":
                return places
            case "proposals":
                shown = session.proposal_counts.of_many(media.ids[places])
                return places[shown > 0]
        labels, _ = session.tally.media.of(media.ids[places])
        wanted = labels > 0
        if self._state == "unlabelled":
            wanted = (labels == 0) & ~media.are_verified[places]
        return places[wanted]

    def _use(self, places: NDArray[np.int64] | None) -> None:
        self.beginResetModel()
        self._filtered = places is not None
        self._rows = None
        if self._order is not None and places is None:
            places, self._rows = self._order.places, self._order.ranks
        elif self._order is not None and places is not None:
            order = self._order.places
            shown = np.zeros(len(order), np.bool_)
            shown[places] = True
            places = order[shown[order]]
            self._rows = np.full(len(order), -1, np.int64)
            self._rows[places] = np.arange(len(places))
        self._places = places
        if self._session is not None:
            self._set_rows(len(self._session.media) if places is None else len(places))
        self.endResetModel()
        self.filtered.emit()
