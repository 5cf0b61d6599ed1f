"""The session's media as cells, filtered and ordered as the media list is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Tag
from visionstudio.ui.grid.item import GridItem, GridModel, Overlay, PictureSource
from visionstudio.ui.grid.keys import Keys
from visionstudio.ui.panels.media_model import MediaModel, describe, is_bad

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_KEPT = 4000  # pictures whose annotations are remembered
_AT_ONCE = 200  # of them are read together
_MOST_SHAPES = 400  # of one picture
_NO_CLASS = "#b0b0b0"


class MediaGridModel(GridModel):
    """Cells of the rows of a `MediaModel`; annotations are read for what is in view."""

    def __init__(self, rows: MediaModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = rows
        self._session: ProjectSession | None = None
        self._drawn: OrderedDict[int, list[Annotation]] = OrderedDict()
        self._stale: set[int] = set()  # of these: to be read again
        self._asked: set[int] = set()
        self._view = range(0)
        rows.filtered.connect(self.replaced)

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        old = self._session
        if old is not None:
            old.tally_changed.disconnect(self._tally_changed)
            old.media_changed.disconnect(self._media_changed)
            old.classes_changed.disconnect(self._all_changed)
            old.threshold_changed.disconnect(self._all_changed)
            old.proposal_counts.changed.disconnect(self._badges_changed)
        self._session = session
        self._drawn.clear()
        self._stale.clear()
        self._asked.clear()
        if session is not None:
            session.tally_changed.connect(self._tally_changed)
            session.media_changed.connect(self._media_changed)
            session.classes_changed.connect(self._all_changed)
            session.threshold_changed.connect(self._all_changed)
            session.proposal_counts.changed.connect(self._badges_changed)
        self.replaced.emit()

    # -- rows

    def count(self) -> int:
        return self._rows.rowCount()

    def key(self, row: int) -> int:
        return self._rows.id_at(row) or 0

    def keys(self) -> Set[int]:
        if self._session is not None and not self._rows.is_filtered:
            return Keys(self._session.media.rising_ids, rising=True)
        return Keys(self._rows.id_array())

    def row_of(self, key: int) -> int | None:
        return self._rows.row_of(key)

    def item(self, row: int) -> GridItem:
        media, session = self._rows.item(row), self._session
        if media is None or session is None:
            return GridItem(0, "", PictureSource())
        drawn = self._drawn.get(media.id, ())
        proposals = session.proposal_counts.of(media.id)
        return GridItem(
            key=media.id,
            title=media.name,
            picture=PictureSource(session.path_of(media)),
            size=(media.width, media.height),
            overlay=tuple(o for a in drawn if (o := self._overlay(session, a)) is not None),
            badge=f"◇ {proposals:,}" if proposals else "",
            mark=_mark(media),
            chips=tuple(self._chip(session, a) for a in drawn if isinstance(a.shape, Tag)),
            problem=describe(media) if is_bad(media) else "",
            tip="\n".join(t for t in (media.path, describe(media)) if t),
        )

    def _overlay(self, session: ProjectSession, annotation: Annotation) -> Overlay | None:
        proposed = annotation.state is State.PROPOSED
        weak = proposed and (annotation.score or 0.0) < session.threshold
        if weak or isinstance(annotation.shape, Tag) or session.is_hidden(annotation):
            return None
        known = session.class_by_id(annotation.class_id)
        return Overlay(annotation.shape, known.colour if known else _NO_CLASS, proposed)

    def _chip(self, session: ProjectSession, annotation: Annotation) -> tuple[str, str]:
        known = session.class_by_id(annotation.class_id)
        name, colour = (known.name, known.colour) if known else ("?", _NO_CLASS)
        return (f"◇ {name}" if annotation.state is State.PROPOSED else name), colour

    # -- annotations of what is in view

    def seen(self, rows: range) -> None:
        self._view = rows
        session = self._session
        if session is None:
            return
        ids = self._rows.ids_in(rows)
        labels, proposals = session.tally.media.of(ids)
        wanted = []
        for key, some in zip(ids.tolist(), (labels + proposals).tolist(), strict=True):
            needed = key in self._stale if key in self._drawn else some
            if needed and key not in self._asked:
                wanted.append(key)
        for begin in range(0, len(wanted), _AT_ONCE):
            self._read(session, wanted[begin : begin + _AT_ONCE])

    def _read(self, session: ProjectSession, keys: list[int]) -> None:
        self._asked.update(keys)

        def arrived(found: dict[int, list[Annotation]]) -> None:
            if session is not self._session:
                return
            self._asked.difference_update(keys)
            self._stale.difference_update(keys)
            self._drawn.update(found)
            while len(self._drawn) > _KEPT:
                self._drawn.popitem(last=False)
            self.changed.emit(frozenset(found))

        session.in_store(lambda store: store.drawn_on(keys, _MOST_SHAPES), arrived)

    # -- changes

    def _tally_changed(self, ids: frozenset[int] | None) -> None:
        if ids is None:
            self._drawn.clear()
        else:
            self._stale |= ids & self._drawn.keys()
            self._asked -= ids  # what is on its way was read before
        self.changed.emit(ids)
        self.seen(self._view)

    def _media_changed(self, ids: frozenset[int] | None) -> None:
        if ids is not None:
            self.changed.emit(ids)

    def _badges_changed(self, ids: frozenset[int] | None) -> None:
        self.changed.emit(ids)

    def _all_changed(self, *_: object) -> None:
        self.changed.emit(None)


def _mark(media: MediaItem) -> tuple[str, str] | None:
    if media.verified:
        return "check-circle", "success"
    if media.kind is not MediaKind.IMAGE:
        return "filmstrip", "muted"
    return None
