"""Objects that two people see differently, side by side as cut-outs with both outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from visionstudio.model.annotations import Annotation
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Bounds, Tag
from visionstudio.ui.grid.crop import around
from visionstudio.ui.grid.item import GridItem, GridModel, Overlay, PictureSource
from visionstudio.ui.grid.view import GridView
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

MINE, THEIRS = "#009e73", "#d55e00"  # bluish green and vermillion (Okabe and Ito, 2008)
_SIDE = 128


@dataclass(frozen=True, slots=True)
class Shown:
    """One difference: the object as each side has it, None where a side lacks it."""

    media: MediaItem
    mine: Annotation | None
    theirs: Annotation | None
    title: str
    badge: str = ""
    taken: bool | None = None
    """Whether theirs is taken; None where nothing is decided."""


class DifferenceModel(GridModel):
    """Differences in their order; the key of one is its place."""

    def __init__(self) -> None:
        super().__init__()
        self._session: ProjectSession | None = None
        self._rows: Sequence[Shown] = ()

    def show(self, session: ProjectSession | None, rows: Sequence[Shown]) -> None:
        """Show other differences."""
        self._session, self._rows = session, rows

    def update(self, rows: Sequence[Shown], keys: frozenset[int]) -> None:
        """The same differences, some decided otherwise."""
        self._rows = rows
        self.changed.emit(keys)

    def count(self) -> int:
        return len(self._rows)

    def key(self, row: int) -> int:
        return row

    def row_of(self, key: int) -> int | None:
        return key if 0 <= key < len(self._rows) else None

    def shown(self, key: int) -> Shown:
        """The difference of a key."""
        return self._rows[key]

    def item(self, row: int) -> GridItem:
        one = self._rows[row]
        sides = [(a, c) for a, c in ((one.mine, MINE), (one.theirs, THEIRS)) if a is not None]
        drawn = [(a, c) for a, c in sides if not isinstance(a.shape, Tag)]
        mark = None
        if one.taken is not None:
            mark = ("account-arrow-left", "success") if one.taken else ("account", "muted")
        return GridItem(
            key=row,
            title=one.title,
            picture=PictureSource(
                self._path(one.media),
                _both([a.shape.bounds() for a, _ in drawn], one.media),
                kind=str(one.media.kind),
                frame=sides[0][0].frame if sides else 0,
            ),
            size=(one.media.width, one.media.height),
            overlay=tuple(Overlay(a.shape, c, filled=False) for a, c in drawn),
            badge=one.badge,
            mark=mark,
            tip=f"{one.title}\n{one.media.path}",
        )

    def _path(self, media: MediaItem) -> Path | None:
        return None if self._session is None else self._session.path_of(media)


def _both(bounds: Sequence[Bounds], media: MediaItem) -> Bounds | None:
    if not bounds:
        return None
    low = [min(b[i] for b in bounds) for i in (0, 1)]
    high = [max(b[i] for b in bounds) for i in (2, 3)]
    return around((low[0], low[1], high[0], high[1]), media.width, media.height)


class DifferenceGrid(GridView):
    """A grid of differences; arrow keys and clicks go to the places in the picture."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self.differences = DifferenceModel()
        super().__init__(self.differences, parent)
        self.setObjectName(name)
        self.setAccessibleName(tr("Differences"))
        self.set_side(_SIDE)

    def show_rows(self, session: ProjectSession | None, rows: Sequence[Shown]) -> None:
        """Show other differences, from the first."""
        self.differences.show(session, rows)
        self.reset()
