"""In which order media are listed, found away from the window."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from visionstudio.session.core import SessionCore
from visionstudio.session.media_list import Places
from visionstudio.storage.store import ProjectStore

Values = NDArray[np.float64]


class Order(StrEnum):
    """What media are sorted by."""

    NAME = "name"
    DATE = "date"  # when the file was last written, newest first
    SIZE = "size"  # pixels, largest first
    CLASS = "class"  # by the first class that occurs, in the order of the classes
    SCORE = "score"  # highest score first
    UNCERTAINTY = "uncertainty"  # the proposal that a model is least sure of, first
    LABELS = "labels"  # most labels and proposals first


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """An order of a media list: its places one after the other, and where each one stands.

    Both are int64 of the list's length.
    """

    places: Places
    ranks: Places


class Sorting:
    """Orders of a session's media. Equal ones stay in path order; what has no rank comes last."""

    def __init__(self, session: SessionCore) -> None:
        self._session = session

    def sort(self, order: Order, done: Callable[[Sorted | None], None]) -> None:
        """`done(order)` with the places of the media list in the wanted order.

        None for the list's own order. Called in the GUI thread, at once or later; not
        at all when the list has changed meanwhile.
        """
        session, media = self._session, self._session.media
        if order is Order.NAME:
            done(None)
            return
        ids = media.ids

        def fitting(found: Sorted) -> None:
            if session.media.ids is ids:
                done(found)

        if order is Order.DATE:
            paths = media.all_paths()

            def work() -> None:
                found = _sorted(_dates(session.store, paths))
                session.post(lambda: fitting(found))

            # Asking a million files takes seconds in which edits are to be stored.
            threading.Thread(target=work, name="dates", daemon=True).start()
        elif order is Order.SIZE:
            pixels = media.pixels
            session.in_store(lambda _: _sorted(np.where(pixels, -pixels, np.nan)), fitting)
        elif order is Order.LABELS:
            summaries = session.tally.media.copy()

            def count(_store: ProjectStore) -> Sorted:
                total = np.add(*summaries.of(ids))
                return _sorted(np.where(total, -total, np.nan))

            session.in_store(count, fitting)
        else:
            session.in_store(lambda store: _sorted(_by_annotations(store, ids, order)), fitting)


def _sorted(values: Values) -> Sorted:
    # numpy sorts without holding the interpreter.
    places = np.argsort(values, kind="stable")
    ranks = np.empty_like(places)
    ranks[places] = np.arange(len(places))
    return Sorted(places, ranks)


def _array(values: object) -> Values:
    return np.fromiter(values, np.float64)  # type: ignore[call-overload, no-any-return]


def _dates(store: ProjectStore, paths: Iterable[str]) -> Values:
    root = os.fspath(store.media_root)

    def date(path: str) -> float:
        try:
            return -os.stat(os.path.join(root, path)).st_mtime  # noqa: PTH116, PTH118 - a million
        except OSError:
            return float("nan")

    return _array(date(path) for path in paths)


def _by_annotations(store: ProjectStore, ids: Places, order: Order) -> Values:
    column, sign = {Order.CLASS: (1, 1), Order.SCORE: (2, -1), Order.UNCERTAINTY: (3, -1)}[order]
    known = {row[0]: row[column] for row in store.ranks()}
    values = (known.get(media_id) for media_id in ids.tolist())
    return _array(np.nan if value is None else sign * value for value in values)
