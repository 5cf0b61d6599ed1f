"""What a grid shows: items with a picture, an overlay and marks, and the model they come from.

A grid asks its model for the rows that are in view and for no others, so that a
million items cost what a screenful costs.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from visionstudio.model.shapes import Bounds, Shape


@dataclass(frozen=True, slots=True, eq=False)
class PictureSource:
    """Where the pixels of an item come from: a file, a part of it, or an array.

    `crop` is x1, y1, x2, y2 in the file's pixels; what lies outside of the picture is
    dark. `kind` is that of the media, `frame` counts from 0. `pixels` is (H, W, 3) uint8.
    Without a path and pixels it is not known yet.
    """

    path: Path | None = None
    crop: Bounds | None = None
    kind: str = "image"
    frame: int = 0
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Overlay:
    """A shape drawn on the picture, in its pixels (of the crop's file for a crop)."""

    shape: Shape
    colour: str
    proposed: bool = False
    filled: bool = True


@dataclass(frozen=True, slots=True)
class GridItem:
    """One cell. `key` tells it from all others and stays when the order changes.

    `size` is the width and height of the picture that overlays are given in,
    (0, 0) while it is not known. `badge` is a short text in the corner, `mark` an
    icon with a colour of the theme, `chips` texts on colours along the bottom,
    `problem` says why there is no picture.
    """

    key: int
    title: str
    picture: PictureSource
    size: tuple[int, int] = (0, 0)
    overlay: tuple[Overlay, ...] = ()
    badge: str = ""
    mark: tuple[str, str] | None = None
    chips: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    tip: str = ""


class GridModel(QObject):
    """Rows of items. Subclasses say how many there are and make one when it is asked for."""

    replaced = Signal()
    """Other rows, or another order."""
    changed = Signal(object)
    """frozenset of keys whose items are others now; None for all."""

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def item(self, row: int) -> GridItem:
        """The item of a row; cheap, as it is called for what is in view."""
        raise NotImplementedError

    def key(self, row: int) -> int:
        """The key of a row's item."""
        return self.item(row).key

    def row_of(self, key: int) -> int | None:
        """The row of an item, None when it is not among them."""
        raise NotImplementedError

    def keys(self) -> Set[int]:
        """All keys."""
        return frozenset(self.key(row) for row in range(self.count()))

    def seen(self, rows: range) -> None:
        """These rows are in view: what is needed to show them may be read now."""


@dataclass(slots=True)
class _Rows:
    items: Sequence[GridItem] = ()
    places: dict[int, int] = field(default_factory=dict)


class ListModel(GridModel):
    """Items that are in memory: crops for review, generated pictures, a cell's pictures."""

    def __init__(self, items: Sequence[GridItem] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows()
        self.set_items(items)

    def set_items(self, items: Sequence[GridItem]) -> None:
        """Show these, in their order."""
        self._rows = _Rows(items, {item.key: row for row, item in enumerate(items)})
        self.replaced.emit()

    def count(self) -> int:
        return len(self._rows.items)

    def item(self, row: int) -> GridItem:
        return self._rows.items[row]

    def row_of(self, key: int) -> int | None:
        return self._rows.places.get(key)
