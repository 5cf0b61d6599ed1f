"""Live-wire, also known as intelligent scissors: a polygon whose sides follow edges."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from visionstudio.model import geometry
from visionstudio.model.shapes import Polygon
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Host, Pointer, clipped, distance
from visionstudio.ui.tools.similar import EdgeMap, edge_area, edge_map, shown
from visionstudio.ui.tools.steps import Point, points_from
from visionstudio.ui.tools.working import WorkingTool

_CTRL = Qt.KeyboardModifier.ControlModifier
_NEAR = 1.0  # pixels of the screen that what is kept may be from the way found


class LiveWireTool(WorkingTool):
    """Each click fixes the way so far; it follows edges near the pointer, straight with Ctrl.

    Edges are looked for in what is on the screen, at the screen's resolution and
    around the last click: the size of the picture plays no part.
    """

    name = "livewire"
    cursor = Qt.CursorShape.CrossCursor
    draws = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._ways: list[list[Point]] = []  # the first holds the first click only
        self._undone: list[list[Point]] = []  # taken back, the last one last
        self._ahead: list[Point] = []  # from the last click to the pointer
        self._map: EdgeMap | None = None
        self._closing = False

    @property
    def busy(self) -> bool:
        return bool(self._ways)

    @property
    def ready(self) -> bool:
        """Whether the ways from the last click have been found."""
        return self._map is not None

    def hint(self) -> str:
        if not self.busy:
            return tr("Click on an edge of the object, then follow it with the pointer")
        if self._closing:
            return tr("Click to close the polygon")
        return tr("Click fixes the way, Ctrl goes straight, Backspace takes it back, Enter closes")

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        if not self.host.editable:
            self.host.hint(tr("This project is open for reading only"))
            return
        if pointer.button == Qt.MouseButton.RightButton:
            self.undo_point()
            return
        self._look(pointer)
        if self._closing:
            self.finish()
            return
        at = clipped(self.host.view, pointer.x, pointer.y)
        self._undone.clear()
        if not self._ways:
            self._ways.append([at])
        elif at != self._ways[-1][-1]:
            self._ways.append(self._ahead or [at])
        self._begin()
        self._changed()

    def _begin(self) -> None:
        """Find the ways from the last click."""
        self._map, self._ahead = None, []
        picture, view = self.host.picture, self.host.view
        if picture is None or not self._ways:
            self._work.drop()
            return
        at = self._ways[-1][-1]
        scale = min(1.0, view.scale)
        area = edge_area(picture, at, scale)
        colours = shown(picture, area, scale)
        self._work.want(partial(edge_map, colours, area, scale, at), self._begun, self.failed)

    def _begun(self, found: EdgeMap) -> None:
        self._map = found

    def move(self, pointer: Pointer) -> None:
        if not self.busy:
            return
        before = self._closing
        self._look(pointer)
        if before != self._closing:
            self.host.hint(self.hint())
        self.host.refresh()

    def _look(self, pointer: Pointer) -> None:
        if not self.busy:
            return
        view = self.host.view
        first = self._ways[0][0]
        self._closing = len(self._ways) > 1 and distance(view, pointer, *first) <= style.REACH
        at = first if self._closing else clipped(view, pointer.x, pointer.y)
        self._ahead = self._way(at, straight=pointer.held(_CTRL))

    def _way(self, to: Point, *, straight: bool = False) -> list[Point]:
        """From the last click to a point, without where it begins."""
        if straight or self._map is None:
            return [to]
        way = self._map.way(to)
        line = geometry.simplify(way, _NEAR / self._map.scale)
        points = [(float(x), float(y)) for x, y in line[1:]]
        return [*points[:-1], to] if self._map.covers(to) else [*points, to]

    def double_click(self, pointer: Pointer) -> None:
        # The first click of the two has fixed the way already.
        self.finish()

    # -- keys

    def finish(self) -> bool:
        if not self.busy:
            return False
        first = self._ways[0][0]
        closing = self._ahead if self._closing else self._way(first)
        ring = np.array([p for way in self._ways for p in way] + closing[:-1])
        if len(ring) < 3 or geometry.ring_area(ring) <= 0:
            self.host.hint(tr("A polygon needs at least three points that span an area"))
            return True
        self.cancel()
        self.host.drawn(Polygon((ring,)))
        return True

    def undo_point(self) -> bool:
        if not self.busy:
            return False
        self._undone.append(self._ways.pop())
        self._begin()
        self._changed()
        return True

    @property
    def has_steps(self) -> bool:
        return bool(self._ways or self._undone)

    def redo_step(self) -> bool:
        if not self._undone:
            return False
        self._ways.append(self._undone.pop())
        self._begin()
        self._changed()
        return True

    def forget_steps(self) -> None:
        self._undone.clear()

    def cancel(self) -> bool:
        was_busy = self.busy
        self._ways, self._undone, self._closing = [], [], False
        self._begin()
        if was_busy:
            self._changed()
        return was_busy

    def _changed(self) -> None:
        self.host.hint(self.hint())
        self.host.touched()
        self.host.refresh()

    # -- what survives a crash

    def unfinished(self) -> dict[str, Any] | None:
        return {"ways": [list(map(list, way)) for way in self._ways]} if self._ways else None

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        stored = drawn.get("ways")
        ways = [points_from(way) for way in stored] if isinstance(stored, list) else []
        if not ways or not all(ways):
            return False
        self._ways, self._undone = [way for way in ways if way], []
        self._begin()
        self._changed()
        return True

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        if not self.busy:
            return
        view, colour = self.host.view, self.host.drawing_colour
        points = [p for way in (*self._ways, self._ahead) for p in way]
        line = QPolygonF([QPointF(*view.to_widget(*p)) for p in points])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for shade, width in (
            (style.halo(colour), style.LINE + 2 * style.HALO),
            (QColor(colour), style.LINE),
        ):
            painter.setPen(style.pen(shade, width))
            painter.drawPolyline(line)
        for n, way in enumerate(self._ways):
            place = QPointF(*view.to_widget(*way[-1]))
            style.paint_handle(painter, place, colour, round_=True, hot=n == 0 and self._closing)
