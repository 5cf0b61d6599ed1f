"""Going through the media list: what it shows, next and previous."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.session.core import SessionCore
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal


class Show(StrEnum):
    """Which media items the list shows."""

    ALL = "all"
    UNLABELLED = "unlabelled"  # no label and not verified
    LABELLED = "labelled"
    PROPOSALS = "proposals"  # something waits to be decided
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    UNREADABLE = "unreadable"  # missing or with an error


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """What the list shows: a part of the path (any case), a state, a class that occurs."""

    text: str = ""
    show: Show = Show.ALL
    class_id: int | None = None


class Navigation:
    """The filtered media list of a session, and moving in it.

    The list is made anew when the filter or the set of media changes, not when
    a picture gets its first label: it must not shift under the person at work.
    `changed()` is emitted when `items` is another list.
    """

    def __init__(self, session: ProjectSession) -> None:
        self.changed = Signal()
        self.filter = MediaFilter()
        self.items: Sequence[MediaItem] = session.media
        self._session = session
        self._place: dict[int, int] | None = None
        session.media_changed.connect(self._on_media)

    def set_filter(self, wanted: MediaFilter) -> None:
        """Show other items. `changed` follows, at once unless a class has to be looked up."""
        self.filter = wanted
        if wanted.class_id is None:
            self._update(None)
            return

        def found(ids: frozenset[int]) -> None:
            if self.filter == wanted:
                self._update(ids)

        class_id = wanted.class_id
        self._session.in_store(lambda store: store.media_with_class(class_id), found)

    def place(self) -> int | None:
        """Where in `items` the current item stands, None when the filter hides it."""
        if self._session.current is None:
            return None
        current = self._session.current.id
        if self.items is self._session.media:
            return self._session.media.place_of(current)
        return self._places().get(current)

    def go(self, step: int) -> bool:
        """Open the item `step` places further; False at the end of the list."""
        if not self.items:
            return False
        here = self.place()
        if here is None:
            here = self._place_before() if step > 0 else self._place_before() + 1
        target = min(max(here + step, 0), len(self.items) - 1)
        return self._open(target)

    def next(self) -> bool:
        """Open the next item."""
        return self.go(1)

    def previous(self) -> bool:
        """Open the item before."""
        return self.go(-1)

    def first(self) -> bool:
        """Open the first item."""
        return self._open(0)

    def last(self) -> bool:
        """Open the last item."""
        return self._open(len(self.items) - 1)

    def next_where(self, wanted: Callable[[MediaItem], bool]) -> bool:
        """Open the next item that is wanted, going round once; False when there is none."""
        count = len(self.items)
        here = self.place()
        start = 0 if here is None else here + 1
        for offset in range(count):
            place = (start + offset) % count
            if place != here and wanted(self.items[place]):
                return self._open(place)
        return False

    def next_unlabelled(self) -> bool:
        """Open the next item without labels that nobody has verified."""
        return self.next_where(
            lambda i: i.status is not MediaStatus.ERROR and not self._session.is_labelled(i.id)
        )

    def neighbours(self, ahead: int = 2, behind: int = 1) -> list[MediaItem]:
        """The items to read ahead of need, nearest first."""
        here = self.place()
        if here is None:
            return []
        places = [here + i for i in range(1, ahead + 1)] + [here - i for i in range(1, behind + 1)]
        return [self.items[p] for p in places if 0 <= p < len(self.items)]

    def _open(self, place: int) -> bool:
        if not 0 <= place < len(self.items):
            return False
        item = self.items[place]
        if self._session.current is not None and self._session.current.id == item.id:
            return False
        self._session.open_media(item.id)
        return True

    def _place_before(self) -> int:
        """The place of the last shown item that sorts before the hidden current one."""
        current = self._session.current
        if current is None:
            return -1
        key = (current.path, current.id)
        low, high = 0, len(self.items)
        while low < high:
            middle = (low + high) // 2
            if (self.items[middle].path, self.items[middle].id) < key:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _places(self) -> dict[int, int]:
        if self._place is None:
            self._place = {item.id: i for i, item in enumerate(self.items)}
        return self._place

    def _on_media(self, ids: frozenset[int] | None) -> None:
        if ids is None:
            self.set_filter(self.filter)
        elif self.items is not self._session.media:
            # The same items with new facts.
            for media_id in ids:
                place, item = self._places().get(media_id), self._session.media_by_id(media_id)
                if place is not None and item is not None and isinstance(self.items, list):
                    self.items[place] = item

    def _update(self, with_class: frozenset[int] | None) -> None:
        if self.filter == MediaFilter():
            self.items = self._session.media
        else:
            self.items = list(matching(self._session, self.filter, with_class))
        self._place = None
        self.changed.emit()


def matching(
    session: SessionCore, wanted: MediaFilter, with_class: frozenset[int] | None
) -> Sequence[MediaItem]:
    """The media items that a filter lets through, in path order."""
    text = wanted.text.casefold()
    return [
        item
        for item in session.media
        if (not text or text in item.path.casefold())
        and (with_class is None or item.id in with_class)
        and shows(session, wanted.show, item)
    ]


def shows(session: SessionCore, wanted: Show, item: MediaItem) -> bool:
    """Whether an item is in the state that is wanted."""
    match wanted:
        case Show.ALL:
            return True
        case Show.UNLABELLED:
            return not session.is_labelled(item.id)
        case Show.LABELLED:
            return session.summary(item.id).labels > 0
        case Show.PROPOSALS:
            return session.summary(item.id).proposals > 0
        case Show.VERIFIED:
            return item.verified
        case Show.UNVERIFIED:
            return not item.verified
        case Show.UNREADABLE:
            return item.status in (MediaStatus.ERROR, MediaStatus.MISSING)
