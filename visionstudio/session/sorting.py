"""In which order media are listed: a rank for each, computed away from the window."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.media import MediaItem
from visionstudio.session.core import SessionCore
from visionstudio.storage.store import ProjectStore

Ranks = NDArray[np.float64]


class Order(StrEnum):
    """What media are sorted by."""

    NAME = "name"
    DATE = "date"  # when the file was last written, newest first
    SIZE = "size"  # pixels, largest first
    CLASS = "class"  # by the first class that occurs, in the order of the classes
    SCORE = "score"  # highest score first
    UNCERTAINTY = "uncertainty"  # the proposal that a model is least sure of, first
    LABELS = "labels"  # most labels and proposals first


class Sorting:
    """Ranks of a session's media. What has none comes last."""

    def __init__(self, session: SessionCore) -> None:
        self._session = session

    def rank(self, order: Order, done: Callable[[Ranks | None], None]) -> None:
        """`done(ranks)` with a number for every place of the media list, the lowest first.

        None for the list's own order. Called in the GUI thread, at once or later; not
        at all when the list has changed meanwhile.
        """
        session = self._session
        if order is Order.NAME:
            done(None)
            return
        items = session.media[:]

        def fitting(ranks: Ranks) -> None:
            if len(ranks) == len(session.media):
                done(ranks)

        if order is Order.DATE:

            def work() -> None:
                ranks = _dates(session.store, items)
                session.post(lambda: fitting(ranks))

            # Asking a million files takes seconds in which edits are to be stored.
            threading.Thread(target=work, name="dates", daemon=True).start()
        elif order in (Order.SIZE, Order.LABELS):
            summaries = dict(session.tally.media) if order is Order.LABELS else {}

            def measure(_store: ProjectStore) -> Ranks:
                if order is Order.SIZE:
                    return _array(-i.width * i.height or np.nan for i in items)
                sums = ((summaries.get(i.id)) for i in items)
                return _array(-(s.labels + s.proposals) if s else np.nan for s in sums)

            session.in_store(measure, fitting)
        else:
            session.in_store(lambda store: _by_annotations(store, items, order), fitting)


def _array(values: object) -> Ranks:
    return np.fromiter(values, np.float64)  # type: ignore[call-overload, no-any-return]


def _dates(store: ProjectStore, items: Sequence[MediaItem]) -> Ranks:
    def date(item: MediaItem) -> float:
        try:
            return -os.stat(store.path_of(item)).st_mtime  # noqa: PTH116
        except OSError:
            return float("nan")

    return _array(date(item) for item in items)


def _by_annotations(store: ProjectStore, items: Sequence[MediaItem], order: Order) -> Ranks:
    column, sign = {Order.CLASS: (1, 1), Order.SCORE: (2, -1), Order.UNCERTAINTY: (3, -1)}[order]
    known = {row[0]: row[column] for row in store.ranks()}
    values = (known.get(item.id) for item in items)
    return _array(np.nan if value is None else sign * value for value in values)
