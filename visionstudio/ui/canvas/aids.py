"""What helps a hand that draws: snapping, borders that are shared, a pointer moved by keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Bounds
from visionstudio.ui.canvas import snap, style
from visionstudio.ui.canvas.columns import Columns
from visionstudio.ui.canvas.measuring import MeasuringAids
from visionstudio.ui.canvas.snap import Snap

if TYPE_CHECKING:
    from visionstudio.ui.tools.base import Prompter


class DrawingAids(MeasuringAids):
    """The part of the canvas that tools ask for help; `snapping` and the rest are switches."""

    drawing_changed = Signal()
    """A drawing has begun, grown, shrunk or ended."""

    _columns: Columns

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.snapping = False
        self.shared_borders = False
        self.skeleton: SkeletonSpec | None = None
        self.prompter: Prompter | None = None

    def skeleton_of(self, annotation_id: int) -> SkeletonSpec | None:
        """The skeleton of an annotation's class."""
        annotation = self._columns.get(annotation_id)
        known = self._columns.classes.get(annotation.class_id) if annotation is not None else None
        return known.skeleton if known is not None else None

    def snap_at(self, x: float, y: float) -> Snap | None:
        """What a point of the picture would snap to, whether or not snapping is on."""
        view = self.view
        return snap.find(self._columns, (view.width, view.height), x, y, view.reach(style.SNAP))

    def vertices_at(self, points: NDArray[np.float64]) -> Iterator[tuple[int, int, int]]:
        """Vertices of shown shapes that lie where one of (n, 2) points does.

        Yields annotation, vertex and the number of the point. Shapes that are not
        made of their vertices, such as ellipses and masks, are left out.
        """
        return snap.vertices_at(self._columns, points)

    def meeting(self, region: Bounds) -> frozenset[int]:
        """The shown annotations whose bounding box meets a region of the picture."""
        return frozenset(self._columns.ids(self._columns.within(region)))

    def touched(self) -> None:
        """A tool says that its drawing is another one now."""
        self.drawing_changed.emit()
