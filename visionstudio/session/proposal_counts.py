"""How many proposals of each media item the threshold lets through.

Models are asked for more than is shown, so that the threshold can be moved without
another run; a count of all would say little about what there is to decide.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visionstudio.session.latest import Latest
from visionstudio.session.signal import Signal

if TYPE_CHECKING:
    from visionstudio.session.core import SessionCore

_FEW = 500  # media items; beyond, all are counted anew

Counts = NDArray[np.int64]


class ProposalCounts:
    """Counted in a thread of its own, whenever what it follows from has changed and is stored.

    `changed(media ids | None)` comes with new figures; None: any may be others.
    """

    def __init__(self, session: SessionCore) -> None:
        self.changed = Signal()
        self._session = session
        self._latest = Latest(session.post, "proposals")
        self._ids: Counts = np.zeros(0, np.int64)  # rising
        self._counts: Counts = np.zeros(0, np.int64)
        self._stale: set[int] | None = None  # None: all
        session.threshold_changed.connect(lambda _: self._recount(None))
        session.tally_changed.connect(self._recount)
        session.saved_changed.connect(lambda _: self._count())
        self._count()

    def of(self, media_id: int) -> int:
        """The proposals of a media item, over all its frames; 0 until they have been counted."""
        return int(self.of_many(np.array([media_id]))[0])

    def of_many(self, ids: Counts) -> Counts:
        """The same for many, (n,)."""
        if not len(self._ids):
            return np.zeros(len(ids), np.int64)
        at = np.minimum(self._ids.searchsorted(ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._counts[at], 0)

    def close(self) -> None:
        """Wait for the thread; before the project is closed."""
        self._latest.close()

    def _recount(self, ids: Collection[int] | None) -> None:
        known = self._stale is not None and ids is not None
        self._stale = {*self._stale, *ids} if known else None  # type: ignore[misc]
        if self._stale is not None and len(self._stale) > _FEW:
            self._stale = None
        self._latest.drop()  # its answer would be of before
        self._count()

    def _count(self) -> None:
        session = self._session
        if self._stale == set() or not session.saved:
            return
        if not session.tally.media.have_proposals and not len(self._ids):
            self._stale = set()
            return
        store, threshold = session.store, session.threshold
        some = None if self._stale is None else sorted(self._stale)
        self._latest.want(
            lambda: store.proposals_from(threshold, some), self._take, session.failed.emit
        )

    def _take(self, found: tuple[Counts, Counts]) -> None:
        ids, counts = found
        stale, self._stale = self._stale, set()
        if stale is not None:
            gone = np.array(sorted(stale), np.int64)
            at = self._ids.searchsorted(gone)
            there = at < len(self._ids)
            there[there] = self._ids[at[there]] == gone[there]
            rest = np.delete(self._ids, at[there])
            counts = np.insert(np.delete(self._counts, at[there]), rest.searchsorted(ids), counts)
            ids = np.insert(rest, rest.searchsorted(ids), ids)
        self._ids, self._counts = ids, counts
        self.changed.emit(None if stale is None else frozenset(stale))
