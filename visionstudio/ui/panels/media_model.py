"""The media list as a Qt model: rows are places in the session's list, filtered in slices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QPixmap

from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.ui.i18n import tr
from visionstudio.ui.thumbnails import ThumbnailLoader

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

Index = QModelIndex | QPersistentModelIndex
_SLICE_MS = 8
_SLICE_ROWS = 2000

STATES: tuple[tuple[str, str], ...] = (
    ("all", "All"),
    ("unlabelled", "Not labelled"),
    ("labelled", "Labelled"),
    ("verified", "Verified"),
    ("unverified", "Not verified"),
    ("proposals", "With proposals"),
    ("failed", "Cannot be read"),
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


class MediaModel(QAbstractListModel):
    """All media of a session, or those that a filter lets through."""

    ItemRole = int(Qt.ItemDataRole.UserRole)
    SummaryRole = ItemRole + 1
    filtered = Signal()  # a new filter or order has been applied to all rows
    ranks_lost = Signal()  # the list is another one, its ranks are no longer known

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        loader.ready.connect(self._thumbnail_ready)
        self._session: ProjectSession | None = None
        self._places: NDArray[np.int64] | None = None  # None: all, in the list's own order
        self._filtered = False
        self._ranks: NDArray[np.float64] | None = None  # by place; None: the list's own order
        self._rows: NDArray[np.int64] | None = None  # by place, where they are sorted by ranks
        self._text, self._state = "", "all"
        self._found: list[int] = []
        self._next = 0
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._filter_slice)

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        if self._session is not None:
            self._session.media_changed.disconnect(self._media_changed)
            self._session.tally_changed.disconnect(self._rows_changed)
        self._timer.stop()
        self.beginResetModel()
        self._session = session
        self._places = self._ranks = self._rows = None
        self._filtered = False
        self._text, self._state = "", "all"
        self.endResetModel()
        if session is not None:
            session.media_changed.connect(self._media_changed)
            session.tally_changed.connect(self._rows_changed)

    # Rows

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        if self._session is None or parent.isValid():
            return 0
        return len(self._session.media) if self._places is None else len(self._places)

    def item(self, row: int) -> MediaItem | None:
        """The item of a row."""
        if self._session is None or not 0 <= row < self.rowCount():
            return None
        place = row if self._places is None else int(self._places[row])
        return self._session.media[place] if place < len(self._session.media) else None

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
            return self._session.summary(item.id)
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
        had_ranks, self._ranks = self._ranks is not None, None
        self._start_filter()
        if had_ranks:
            self.ranks_lost.emit()

    def _rows_changed(self, ids: Any) -> None:
        if ids is None or len(ids) > 200:
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1))
            return
        for media_id in ids:
            row = self.row_of(media_id)
            if row is not None:
                index = self.index(row)
                self.dataChanged.emit(index, index)

    # Filter

    @property
    def is_filtered(self) -> bool:
        return self._filtered

    def set_ranks(self, ranks: NDArray[np.float64] | None) -> None:
        """List by these numbers, one for every item of the session, the lowest first.

        Equal ones stay in path order, NaN comes last; None lists in path order.
        """
        self._ranks = ranks
        self._start_filter()

    def ids(self) -> list[int]:
        """The media ids of all rows, in their order."""
        if self._session is None:
            return []
        media = self._session.media
        if self._places is None:
            return [item.id for item in media]
        return [media[place].id for place in self._places.tolist()]

    def set_filter(self, text: str, state: str) -> None:
        """Show items whose path holds all the words, and that are in a state of `STATES`."""
        self._text, self._state = text.lower().strip(), state
        self._start_filter()

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
        while self._next < len(media) and time.perf_counter() < until:
            start = self._next
            self._next = min(start + _SLICE_ROWS, len(media))
            for place, item in enumerate(media[start : self._next], start):
                if words:
                    path = item.path.lower()
                    if not all(word in path for word in words):
                        continue
                if self._state == "all" or self._in_state(item):
                    self._found.append(place)
        if self._next >= len(media):
            self._timer.stop()
            self._use(np.array(self._found, dtype=np.int64))

    def _in_state(self, item: MediaItem) -> bool:
        if self._session is None:
            return False
        match self._state:
            case "unlabelled":
                return not item.verified and not self._session.summary(item.id).labels
            case "labelled":
                return self._session.summary(item.id).labels > 0
            case "verified":
                return item.verified
            case "unverified":
                return not item.verified
            case "proposals":
                return self._session.summary(item.id).proposals > 0
            case "failed":
                return is_bad(item)
        return True

    def _use(self, places: NDArray[np.int64] | None) -> None:
        self.beginResetModel()
        self._filtered = places is not None
        self._rows = None
        if self._ranks is not None and self._session is not None:
            count = len(self._session.media)
            places = np.arange(count) if places is None else places
            places = places[np.argsort(self._ranks[places], kind="stable")]
            self._rows = np.full(count, -1, np.int64)
            self._rows[places] = np.arange(len(places))
        self._places = places
        self.endResetModel()
        self.filtered.emit()
