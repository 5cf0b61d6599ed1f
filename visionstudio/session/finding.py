"""A search through all annotations of the project, and what is done to all that it found.

The search goes through the project in pieces, so that edits are stored in
between and the first results show at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.labels import LabelClass
from visionstudio.session import editing
from visionstudio.session.core import SessionCore
from visionstudio.session.signal import Signal
from visionstudio.storage.finding import Hits
from visionstudio.storage.query import Query
from visionstudio.storage.store import ProjectStore

PIECE = 20_000
"""Annotations that are looked through at once: some tens of milliseconds."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the project: some media, or frames from the first to before the second of one."""

    media: tuple[int, ...]
    frames: tuple[int, int] | None = None


class Search:
    """Finds the annotations for which a query holds, in the order of the media list.

    Signals: `grew()` when more have been found, `finished()` when all have.
    """

    def __init__(
        self, session: SessionCore, query: Query, media: Sequence[int] | None = None
    ) -> None:
        self.grew = Signal()
        self.finished = Signal()
        self.query = query
        self.ids: Ids = np.zeros(0, dtype=np.int64)
        self.done = 0.0
        self._session = session
        self._pieces = pieces(session, media)
        self._cancelled = False

    def start(self) -> None:
        """Look through the first piece; the others follow by themselves."""
        self._next()

    def cancel(self) -> None:
        """Find nothing more and say nothing more."""
        self._cancelled = True

    def _next(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            self.done = 1.0
            self.finished.emit()
            return

        def work(store: ProjectStore) -> Hits | None:
            if self._cancelled:
                return None
            return store.find(self.query, piece.media, piece.frames)

        self._session.in_store(work, lambda hits: self._take(piece, hits))

    def _take(self, piece: Piece, hits: Hits | None) -> None:
        if self._cancelled or hits is None:
            return
        place = self._session.media.place_of(piece.media[-1]) or 0
        self.done = place / max(len(self._session.media), 1)
        if len(hits.ids):
            self.ids = np.concatenate([self.ids, self._in_order(hits)])
            self.grew.emit()
        self._next()

    def _in_order(self, hits: Hits) -> Ids:
        """By the media list; within a media item they are in order already."""
        media, which = np.unique(hits.media, return_inverse=True)
        known = [self._session.media.place_of(m) for m in media.tolist()]
        places = np.array([-1 if p is None else p for p in known], dtype=np.int64)
        return hits.ids[np.argsort(places[which], kind="stable")]

    def rows(
        self, start: int, stop: int, done: Callable[[Mapping[int, Annotation]], object]
    ) -> None:
        """Read the found annotations at some places, as they are now; by id, those that remain."""
        ids = self.ids[start:stop].tolist()
        self._session.in_store(lambda store: {a.id: a for a in store.annotations_by_id(ids)}, done)


def pieces(session: SessionCore, media: Sequence[int] | None = None) -> Iterator[Piece]:
    """The project, or some media of it, in parts of about `PIECE` annotations."""
    items = session.media if media is None else [i for m in media if (i := session.media.get(m))]
    batch: list[int] = []
    weight = 0
    for item in items:
        summary = session.summary(item.id)
        count = summary.labels + summary.proposals
        if count > PIECE and item.frames > 1:
            if batch:
                yield Piece(tuple(batch))
                batch, weight = [], 0
            step = max(1, item.frames * PIECE // count)
            for first in range(0, item.frames, step):
                last = first + step
                yield Piece((item.id,), (first, last if last < item.frames else 2**62))
            continue
        batch.append(item.id)
        weight += count + 1
        if weight >= PIECE:
            yield Piece(tuple(batch))
            batch, weight = [], 0
    if batch:
        yield Piece(tuple(batch))


class Batch:
    """Does one thing to many annotations of the project, as one step that can be undone.

    `done` hears how many were changed, and how many were left because they are
    locked; it is not called when the edit is refused.
    """

    def __init__(
        self, session: SessionCore, ids: Sequence[int], done: Callable[[int, int], object]
    ) -> None:
        self._session, self._ids, self._done = session, ids, done

    def relabel(self, target: LabelClass) -> None:
        """Give them another class."""
        self._run(lambda found: editing.relabel(found, target))

    def set_attribute(self, name: str, value: Any) -> None:
        """Answer a question about all; None takes the answer away."""
        self._run(lambda found: editing.set_attributes(found, {name: value}))

    def verify(self) -> None:
        """Say that they are right; proposals become labels by it."""
        self._run(editing.verify)

    def delete(self) -> None:
        """Delete labels and reject proposals; locked ones stay."""
        self._run(editing.delete, spare_locked=True)

    def _run(
        self, make: Callable[[Sequence[Annotation]], Edit | None], *, spare_locked: bool = False
    ) -> None:
        session = self._session

        def build(store: ProjectStore) -> tuple[Edit | None, int]:
            found = store.annotations_by_id(self._ids)
            kept = [a for a in found if not (spare_locked and session.is_locked(a))]
            return make(kept), len(found) - len(kept)

        def use(built: tuple[Edit | None, int]) -> None:
            edit, locked = built
            if edit is None or session.apply(edit):
                self._done(len(edit.changes) if edit is not None else 0, locked)

        session.in_store(build, use)
