"""Labels and proposals of all media as columns: a value for each of a million stops a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import apsw
import numpy as np
from numpy.typing import NDArray

from visionstudio.storage.columns import numbers, pages
from visionstudio.storage.records import MediaSummary

_AT_ONCE = 8192

Counts = NDArray[np.int64]


class MediaSummaries(Mapping[int, MediaSummary]):
    """How much each media item has, by its id; those that never had anything are not in it.

    `ids`, `labels` and `proposals` are (N,), ids rising.
    """

    def __init__(self, ids: Counts, labels: Counts, proposals: Counts) -> None:
        self._ids, self._labels, self._proposals = ids, labels, proposals
        self._new: dict[int, tuple[int, int]] = {}  # not among the columns yet

    def __len__(self) -> int:
        return len(self._ids) + len(self._new)

    def __iter__(self) -> Iterator[int]:
        self._settle()
        yield from self._ids.tolist()

    def __getitem__(self, media_id: int) -> MediaSummary:
        place = self._place(media_id)
        if place is None:
            return MediaSummary(*self._new[media_id])
        return MediaSummary(int(self._labels[place]), int(self._proposals[place]))

    @property
    def have_proposals(self) -> bool:
        """Whether any item has one."""
        return bool(self._proposals.any()) or any(p for _, p in self._new.values())

    def add(self, media_id: int, labels: int, proposals: int) -> None:
        """Count so many more, or fewer."""
        place = self._place(media_id)
        if place is None:
            old = self._new.get(media_id, (0, 0))
            self._new[media_id] = old[0] + labels, old[1] + proposals
        else:
            self._labels[place] += labels
            self._proposals[place] += proposals

    def of(self, ids: Counts) -> tuple[Counts, Counts]:
        """Labels and proposals of many items, (n,) each, 0 for those that are not in it."""
        at, there = self._places(ids)
        if not len(self._ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        return np.where(there, self._labels[at], 0), np.where(there, self._proposals[at], 0)

    def has(self, ids: Counts) -> NDArray[np.bool_]:
        """Which of many items are in it."""
        return self._places(ids)[1]

    def copy(self) -> Self:
        """The figures of now, for another thread."""
        self._settle()
        return type(self)(self._ids, self._labels.copy(), self._proposals.copy())

    def _place(self, media_id: int) -> int | None:
        if not len(self._ids):
            return None
        place = int(self._ids.searchsorted(media_id))
        there = place < len(self._ids) and self._ids[place] == media_id
        return place if there else None

    def _places(self, ids: Counts) -> tuple[Counts, NDArray[np.bool_]]:
        self._settle()
        if not len(self._ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        at = np.minimum(self._ids.searchsorted(ids), len(self._ids) - 1)
        return at, self._ids[at] == ids

    def _settle(self) -> None:
        """Put what is new among the columns."""
        if not self._new:
            return
        ids = np.array(sorted(self._new), np.int64)
        at = self._ids.searchsorted(ids)
        labels, proposals = np.array([self._new[i] for i in ids.tolist()], np.int64).T
        self._ids = np.insert(self._ids, at, ids)
        self._labels = np.insert(self._labels, at, labels)
        self._proposals = np.insert(self._proposals, at, proposals)
        self._new = {}


def read_summaries(connection: apsw.Connection, labels: str, proposed: int) -> MediaSummaries:
    """Those of all media; `labels` are the codes of the states that count as one, as SQL."""
    sql = (
        "SELECT group_concat(media_id), group_concat(labels), group_concat(proposals),"
        " max(media_id) FROM (SELECT media_id,"
        f" sum(state IN ({labels})) AS labels, sum(state = {proposed}) AS proposals"
        " FROM annotation WHERE media_id > ? GROUP BY media_id ORDER BY media_id"
        f" LIMIT {_AT_ONCE})"
    )
    found = [tuple(map(numbers, row[:3])) for row in pages(connection, sql, -(2**63))]
    none = np.zeros(0, np.int64)
    return MediaSummaries(*(np.concatenate([none, *(f[n] for f in found)]) for n in range(3)))


def read_proposals(
    connection: apsw.Connection, proposed: int, threshold: float, media_ids: str, after: int
) -> tuple[Counts, Counts, int | None]:
    """Ids of some media and their proposals with at least such a score, or with none.

    `media_ids` is a condition on the ids as SQL; the last is where to go on, None at the end.
    """
    sql = (
        "SELECT group_concat(media_id), group_concat(proposals), max(media_id) FROM"
        " (SELECT media_id, count(*) AS proposals FROM annotation"
        f" WHERE media_id > ? AND {media_ids} AND state = ? AND coalesce(score >= ?, 1)"
        f" GROUP BY media_id ORDER BY media_id LIMIT {_AT_ONCE})"
    )
    none = np.zeros(0, np.int64)
    for ids, counts, last in connection.execute(sql, (after, proposed, threshold)):
        if last is not None:
            return numbers(ids), numbers(counts), last
    return none, none, None
