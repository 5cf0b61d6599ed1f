"""All media of a project in path order, as columns: a value is made when it is looked at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.edits import Change
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.session.shown import result_of
from visionstudio.storage.columns import KINDS, PIECE, STATUSES, MediaColumns, new_columns

_SPLIT = 32  # pieces whose paths are kept apart
_KIND = {kind: code for code, kind in enumerate(KINDS)}
_STATUS = {status: code for code, status in enumerate(STATUSES)}
BAD = (_STATUS[MediaStatus.ERROR], _STATUS[MediaStatus.MISSING])

Places = NDArray[np.int64]


class _Paths:
    """Very many sorted paths, in pieces of about `PIECE`."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self._split: OrderedDict[int, list[str]] = OrderedDict()
        self._count()

    def _count(self) -> None:
        counts = (piece.count("\0") + 1 for piece in self.pieces)
        self.starts = list(accumulate(counts, initial=0))
        self._split.clear()

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, place: int) -> str:
        number = bisect_right(self.starts, place) - 1
        return self.piece(number)[place - self.starts[number]]

    def piece(self, number: int) -> list[str]:
        """The paths of a piece."""
        found = self._split.get(number)
        if found is None:
            found = self._split[number] = self.pieces[number].split("\0")
            if len(self._split) > _SPLIT:
                self._split.popitem(last=False)
        return found

    def place_for(self, path: str) -> int:
        """Where a path stands, or would."""
        number = bisect_right(self.pieces, path, key=_first) - 1
        if number < 0:
            return 0
        return self.starts[number] + bisect_left(self.piece(number), path)

    def insert(self, paths: Sequence[str]) -> Places:
        """Put in sorted paths. Returns before which places of the old list each goes."""
        places = [self.place_for(path) for path in paths]
        if not self.pieces:
            self.pieces = _pieces(list(paths))
        else:
            at: dict[int, list[str]] = {}
            for path, place in zip(paths, places, strict=True):
                number = min(bisect_right(self.starts, place), len(self.pieces)) - 1
                at.setdefault(number, []).append(path)
            fresh: list[str] = []
            for number, piece in enumerate(self.pieces):
                if number in at:
                    fresh += _pieces(sorted(self.piece(number) + at[number]))
                else:
                    fresh.append(piece)
            self.pieces = fresh
        self._count()
        return np.array(places, np.int64)

    def remove(self, places: Iterable[int]) -> None:
        """Take out the paths at these places."""
        at: dict[int, set[int]] = {}
        for place in places:
            number = bisect_right(self.starts, place) - 1
            at.setdefault(number, set()).add(place - self.starts[number])
        for number, gone in at.items():
            kept = [path for n, path in enumerate(self.piece(number)) if n not in gone]
            self.pieces[number] = "\0".join(kept)
        self.pieces = [piece for piece in self.pieces if piece]
        self._count()


def _first(piece: str) -> str:
    return piece.partition("\0")[0]


def _pieces(paths: list[str]) -> list[str]:
    return ["\0".join(paths[i : i + PIECE]) for i in range(0, len(paths), PIECE)]


class MediaList(Sequence[MediaItem]):
    """All media items in path order, found by id and by path without searching.

    Items have what a list shows. `size` and `head_hash`, by which a moved file is
    found, and `extra`, which an import brought, are with the store's items only.
    """

    def __init__(self, items: Iterable[MediaItem] | MediaColumns = ()) -> None:
        odd: tuple[MediaItem, ...] = ()
        if isinstance(items, MediaColumns):
            columns, odd = items, items.odd
        else:
            columns = _columns_of(sorted(items, key=lambda i: (i.path, i.id)))
        self._ids = columns.ids
        self._paths = _Paths(list(columns.paths))
        self._width, self._height, self._frames = columns.widths, columns.heights, columns.frames
        self._kind, self._status = columns.kinds, columns.statuses
        self._verified, self._reason = columns.verified, columns.reasons
        self._texts = list(columns.texts)
        self._text_code = {text: code for code, text in enumerate(self._texts)}
        self._index()
        if odd:
            self.put(odd)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> MediaItem: ...
    @overload
    def __getitem__(self, place: slice) -> list[MediaItem]: ...
    def __getitem__(self, place: int | slice) -> MediaItem | list[MediaItem]:
        if isinstance(place, slice):
            return [self._item(n) for n in range(*place.indices(len(self)))]
        count = len(self)
        if not -count <= place < count:
            raise IndexError(place)
        return self._item(place % count)

    def __iter__(self) -> Iterator[MediaItem]:
        start = 0
        ids, *columns = self._columns()
        for piece in list(self._paths.pieces):
            paths = piece.split("\0")
            part = slice(start, start + len(paths))
            start += len(paths)
            rest = (column[part].tolist() for column in columns)
            for media_id, path, w, h, frames, kind, status, verified, reason in zip(
                ids[part].tolist(), paths, *rest, strict=True
            ):
                yield MediaItem(
                    id=media_id, path=path, width=w, height=h, frames=frames, kind=KINDS[kind],
                    status=STATUSES[status], verified=verified, reason=self._texts[reason],
                )  # fmt: skip

    def __contains__(self, item: object) -> bool:
        return isinstance(item, MediaItem) and self.get(item.id) == item

    def _item(self, place: int) -> MediaItem:
        return MediaItem(
            id=int(self._ids[place]),
            path=self._paths[place],
            kind=KINDS[self._kind[place]],
            width=int(self._width[place]),
            height=int(self._height[place]),
            frames=int(self._frames[place]),
            status=STATUSES[self._status[place]],
            reason=self._texts[self._reason[place]],
            verified=bool(self._verified[place]),
        )

    def get(self, media_id: int) -> MediaItem | None:
        """The item with an id."""
        place = self.place_of(media_id)
        return None if place is None else self._item(place)

    def place_of(self, media_id: int) -> int | None:
        """Where in the list an item stands."""
        at = int(self._sorted.searchsorted(media_id))
        if at == len(self._sorted) or self._sorted[at] != media_id:
            return None
        return int(self._places[at])

    def places_of(self, media_ids: Sequence[int]) -> Places:
        """Where in the list many items stand, -1 for those that are not there."""
        ids = np.asarray(media_ids, np.int64)
        if not len(self._sorted):
            return np.full(len(ids), -1, np.int64)
        at = np.minimum(self._sorted.searchsorted(ids), len(self._sorted) - 1)
        return np.where(self._sorted[at] == ids, self._places[at], -1)

    def at_path(self, path: str) -> MediaItem | None:
        """The item of a file."""
        place = self._paths.place_for(path)
        return self._item(place) if place < len(self) and self._paths[place] == path else None

    # Of all at once; arrays by place, not to be changed

    @property
    def ids(self) -> Places:
        return self._ids

    @property
    def rising_ids(self) -> Places:
        """The ids from the smallest to the largest."""
        return self._sorted

    @property
    def verified(self) -> int:
        """How many are verified."""
        return int(np.count_nonzero(self._verified))

    @property
    def are_verified(self) -> NDArray[np.bool_]:
        return self._verified

    def are_bad(self, places: Places) -> NDArray[np.bool_]:
        """Which of these cannot be read."""
        return np.isin(self._status[places], BAD)

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """Places in `storage.columns.KINDS`."""
        return self._kind

    @property
    def pixels(self) -> Places:
        """Width times height, 0 where the header has not been read."""
        return self._width * self._height

    def all_paths(self) -> Iterator[str]:
        """The paths as they are now, for a thread that takes its time."""
        for piece in list(self._paths.pieces):
            yield from piece.split("\0")

    def piece(self, number: int) -> range:
        """The places of the paths that are looked through together; empty behind the last."""
        starts = self._paths.starts
        return range(*starts[number : number + 2]) if number + 1 < len(starts) else range(0)

    def holding(self, number: int, words: Sequence[str]) -> Places:
        """The places in a piece whose paths hold all the words, which are in lower case."""
        start = self._paths.starts[number]
        text = self._paths.pieces[number].lower()
        if not all(word in text for word in words):
            return np.zeros(0, np.int64)
        found = [
            n for n, path in enumerate(text.split("\0")) if all(word in path for word in words)
        ]
        return np.array(found, np.int64) + start

    # Changes

    def put(self, items: Iterable[MediaItem]) -> bool:
        """Replace or add items. Returns whether the list's order or length has changed."""
        wanted = {item.id: item for item in items}
        places = self.places_of(list(wanted))
        new: dict[int, MediaItem] = {}
        known: list[MediaItem] = []
        stays = np.zeros(len(places), np.bool_)
        for n, (item, place) in enumerate(zip(wanted.values(), places.tolist(), strict=True)):
            if place >= 0 and self._paths[place] == item.path:
                stays[n] = True
                known.append(item)
            else:
                new[item.id] = item
        if known:
            self._set(places[stays], known)
        if new:
            self._remove(new)
            self._insert(sorted(new.values(), key=lambda i: (i.path, i.id)))
        return bool(new)

    def merge(self, changes: Iterable[Change]) -> tuple[frozenset[int], bool]:
        """Take over changes of media: the ids they concern, and whether the list changed."""
        result: dict[int, MediaItem | None] = {}
        for change in changes:
            row_id = change.row.id
            current = result[row_id] if row_id in result else self.get(row_id)
            result[row_id] = cast("MediaItem | None", result_of(current, change))
        gone = [i for i, item in result.items() if item is None]
        removed = self._remove(gone)
        moved = self.put(item for item in result.values() if item is not None)
        return frozenset(result), moved or removed

    def _set(self, places: Places, items: Sequence[MediaItem]) -> None:
        self._width[places] = [i.width for i in items]
        self._height[places] = [i.height for i in items]
        self._frames[places] = [i.frames for i in items]
        self._kind[places] = [_KIND[i.kind] for i in items]
        self._status[places] = [_STATUS[i.status] for i in items]
        self._verified[places] = [i.verified for i in items]
        self._reason[places] = [self._code(i.reason) for i in items]

    def _code(self, text: str) -> int:
        code = self._text_code.get(text)
        if code is None:
            code = self._text_code[text] = len(self._texts)
            self._texts.append(text)
        return code

    def _remove(self, ids: Iterable[int]) -> bool:
        places = sorted(place for i in ids if (place := self.place_of(i)) is not None)
        if not places:
            return False
        self._paths.remove(places)
        kept = np.ones(len(self), np.bool_)
        kept[places] = False
        self._replace(*(column[kept] for column in self._columns()))
        return True

    def _insert(self, items: Sequence[MediaItem]) -> None:
        new = _columns_of(items)
        reasons = np.array([self._code(item.reason) for item in items], np.int32)
        at = self._paths.insert([item.path for item in items])
        fresh: tuple[NDArray[Any], ...]
        fresh = (new.ids, new.widths, new.heights, new.frames, new.kinds, new.statuses,
                 new.verified, reasons)  # fmt: skip
        columns = self._columns()
        self._replace(*(np.insert(column, at, fresh[n]) for n, column in enumerate(columns)))

    def _columns(self) -> tuple[NDArray[Any], ...]:
        return (self._ids, self._width, self._height, self._frames, self._kind, self._status,
                self._verified, self._reason)  # fmt: skip

    def _replace(self, *columns: NDArray[Any]) -> None:
        (self._ids, self._width, self._height, self._frames, self._kind, self._status,
         self._verified, self._reason) = columns  # fmt: skip
        self._index()

    def _index(self) -> None:
        # Ids mostly rise with the paths: this sort takes advantage of it.
        self._places = np.argsort(self._ids, kind="stable")
        self._sorted = self._ids[self._places]


def _columns_of(items: Sequence[MediaItem]) -> MediaColumns:
    """Columns of items in path order."""
    count = len(items)
    columns = new_columns(
        np.fromiter((i.id for i in items), np.int64, count),
        [i.path for i in items],
        [i.kind for i in items],
    )
    places: dict[str, int] = {"": 0}
    for n, item in enumerate(items):
        columns.widths[n], columns.heights[n] = item.width, item.height
        columns.frames[n] = item.frames
        columns.statuses[n] = _STATUS[item.status]
        columns.verified[n] = item.verified
        columns.reasons[n] = places.setdefault(item.reason, len(places))
    columns.texts[:] = places
    return columns
