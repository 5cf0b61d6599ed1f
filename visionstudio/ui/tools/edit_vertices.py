"""Choose vertices of one or several shapes, and move or delete them together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from visionstudio.model.shapes import Bounds, Box, Points, Polygon, Polyline, Shape, Skeleton
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools import shared
from visionstudio.ui.tools.base import Host, Pointer, Tool, clipped
from visionstudio.ui.tools.handles import paint_band, paint_vertices
from visionstudio.ui.tools.key_moves import ARROWS
from visionstudio.ui.tools.shared import Partner
from visionstudio.ui.tools.snapping import Snapper
from visionstudio.ui.tools.vertices import (
    Grip,
    extended,
    held_inside,
    nearest_edge,
    with_vertex,
    without_vertex,
)

_KINDS = (Polygon, Polyline, Points, Skeleton, Box)
_MOST = 500  # shapes; more at once cannot be worked on by hand
_SLACK = 3.0  # widget units that a click may move without being a drag
_ADDING = Qt.KeyboardModifier.ShiftModifier
_MAKING = Qt.KeyboardModifier.ControlModifier
_DELETES = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
Vertex = tuple[int, int]  # annotation, and place among its points


class VerticesTool(Tool):
    """A rectangle or clicks choose vertices, of the selected shapes or else of all.

    Shift adds to what is chosen, Ctrl+click makes a new vertex. Dragging one of them
    or the arrow keys move them all, Delete deletes them; with shared borders others
    at the same place come along.
    """

    name = "vertices"
    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._chosen: frozenset[Vertex] = frozenset()
        self._hot: Vertex | None = None
        self._from: Pointer | None = None  # where a drag began
        self._at = (0.0, 0.0)
        self._moved = False
        self._held: Vertex | None = None  # the vertex that is dragged; else a rectangle is
        self._by_keys: tuple[float, float] | None = None
        self._others: dict[int, Partner] = {}  # found before anything is dragged
        self._snapper = Snapper(host)

    @property
    def busy(self) -> bool:
        return (self._from is not None and self._moved) or self._by_keys is not None

    def hint(self) -> str:
        if self._chosen:
            return tr(
                "{count} vertices: drag or arrow keys move them, Del deletes, Esc lets go",
                count=len(self._chosen),
            )
        return tr("Drag a rectangle around vertices or click one, Ctrl+click makes a new one")

    # -- mouse

    def press(self, pointer: Pointer) -> None:
        self._settle_keys()
        if pointer.button != Qt.MouseButton.LeftButton or not self.host.editable:
            return
        self._look(pointer)
        if pointer.held(_MAKING) and self._hot is None:
            self._make(pointer)
            return
        self._from, self._moved, self._held = pointer, False, self._hot
        if self._hot is not None:
            if pointer.held(_ADDING):
                self._choose(self._chosen ^ {self._hot})
                self._held = None
                self._from = None
                return
            if self._hot not in self._chosen:
                self._choose(frozenset({self._hot}))
            self._find_others()

    def move(self, pointer: Pointer) -> None:
        self._at = pointer.x, pointer.y
        if self._from is None:
            self._look(pointer)
            return
        step = pointer.place - self._from.place
        if not self._moved and step.manhattanLength() < _SLACK:
            return
        self._moved = True
        if self._held is not None:
            self.host.lift(self._dragged(pointer))
        self.host.refresh()

    def release(self, pointer: Pointer) -> None:
        start, self._from = self._from, None
        held, self._held = self._held, None
        if start is None or pointer.button != Qt.MouseButton.LeftButton:
            return
        if held is not None and self._moved:
            self._held = held
            after = self._dragged(pointer)
            self._held = None
            self._settle(after)
        elif held is None and self._moved:
            self._take_band(start, pointer)
        elif held is None:
            self._click(start, pointer)
        self._moved = False
        self._snapper.drop()
        self._look(pointer)
        self.host.refresh()

    def _make(self, pointer: Pointer) -> None:
        """A new vertex of the one selected shape: on its edge, at a line's end, in a set."""
        target = self.host.focused
        shape = None if target is None else self._editable(target)
        if target is None or shape is None:
            self.host.hint(tr("Select one shape to give it a new vertex"))
            return
        x, y = clipped(self.host.view, pointer.x, pointer.y)
        edge = nearest_edge(shape, x, y, self.host.view.reach(style.REACH))
        if edge is not None:
            after, (x, y) = edge
            others = shared.partners(self.host, {target: shape}, self._editable)
            made = {target: with_vertex(shape, after, x, y)}
            grip = Grip("middle", after)
            self.host.settle(made | shared.split(others, target, shape, grip, x, y))
        elif (longer := extended(shape, x, y)) is not None:
            self.host.settle({target: longer})
        else:
            self.host.hint(tr("Ctrl+click on an edge to make a vertex there"))

    def _take_band(self, start: Pointer, end: Pointer) -> None:
        region = Box(start.x, start.y, end.x, end.y).bounds()
        found = frozenset(v for i, s in self._shapes(region).items() for v in _within(i, s, region))
        if not self.host.selection and found:
            self.host.request_selection({i for i, _ in found}, "replace")
        self._choose(self._chosen | found if start.held(_ADDING) else found)

    def _click(self, start: Pointer, pointer: Pointer) -> None:
        if start.held(_ADDING):
            return
        if self._chosen:
            self._choose(frozenset())
            return
        found = self.host.hit_at(pointer.x, pointer.y)
        self.host.request_selection(() if found is None else (found,), "replace")

    def pointer_left(self) -> None:
        self._hot = None
        self.host.refresh()

    def _look(self, pointer: Pointer) -> None:
        self._at = pointer.x, pointer.y
        reach = self.host.view.reach(style.REACH)
        x, y = pointer.x, pointer.y
        near = self._shapes((x - reach, y - reach, x + reach, y + reach))
        before, self._hot, least = self._hot, None, reach
        for i, shape in near.items():
            points = shape.points()
            away = np.hypot(points[:, 0] - x, points[:, 1] - y)
            away[~_there(shape)] = np.inf
            n = int(away.argmin())
            if away[n] <= least:
                self._hot, least = (i, n), float(away[n])
        on = self._hot is not None
        self.host.point_at(Qt.CursorShape.SizeAllCursor if on else self.cursor)
        if self._hot != before:
            self.host.refresh()

    # -- what is worked on

    def _editable(self, annotation_id: int) -> Shape | None:
        annotation = self.host.annotation(annotation_id)
        if annotation is None or not self.host.editable or self.host.is_locked(annotation):
            return None
        shape = self.host.shape_of(annotation_id)
        return shape if isinstance(shape, _KINDS) else None

    def _shapes(self, region: Bounds) -> dict[int, Shape]:
        """The shapes whose vertices can be chosen in a region."""
        ids = self.host.meeting(region)
        if self.host.selection:
            ids = ids & self.host.selection
        wanted = sorted(ids)[:_MOST]
        return {i: s for i in wanted if (s := self._editable(i)) is not None}

    def _choose(self, vertices: frozenset[Vertex]) -> None:
        self._chosen = vertices
        self.host.hint(self.hint())
        self.host.refresh()

    def _by_shape(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for i, n in sorted(self._chosen):
            found.setdefault(i, []).append(n)
        return found

    def _before(self) -> dict[int, Shape]:
        """The stored shapes of what is chosen; vertices that are gone are let go."""
        shapes: dict[int, Shape] = {}
        for i in self._by_shape():
            annotation = self.host.annotation(i)
            if annotation is not None and self._editable(i) is not None:
                shapes[i] = annotation.shape
        kept = {(i, n) for i, n in self._chosen if i in shapes and n < len(shapes[i].points())}
        self._chosen = frozenset(kept)
        return {i: s for i, s in shapes.items() if any(v[0] == i for v in kept)}

    # -- moving

    def _dragged(self, pointer: Pointer) -> dict[int, Shape]:
        before = self._before()
        if self._held is None or self._held[0] not in before:
            return {}
        at = self._snapper.place(pointer)
        start = before[self._held[0]].points()[self._held[1]]
        return self._shifted(before, at[0] - float(start[0]), at[1] - float(start[1]))

    def _shifted(self, before: Mapping[int, Shape], dx: float, dy: float) -> dict[int, Shape]:
        by_shape = self._by_shape()
        moving = np.concatenate([before[i].points()[by_shape[i]] for i in before])
        low, high = moving.min(axis=0), moving.max(axis=0)
        step = held_inside((*low.tolist(), *high.tolist()), dx, dy, self.host.view)
        after: dict[int, Shape] = {}
        for i, shape in before.items():
            points = shape.points().copy()
            points[by_shape[i]] += step
            after[i] = shape.with_points(points)
        return after | shared.followed(self._others, before, after)

    def _find_others(self) -> None:
        self._others = shared.partners(self.host, self._before(), self._editable)

    def _settle(self, after: Mapping[int, Shape]) -> None:
        """End a gesture: what really differs is an edit."""
        changed = {}
        for i, shape in after.items():
            annotation = self.host.annotation(i)
            if annotation is not None and annotation.shape != shape:
                changed[i] = shape
        self.host.settle(changed)

    # -- keys

    def wants(self, key: int) -> bool:
        if key in ARROWS or key in _DELETES or key == Qt.Key.Key_Escape:
            return bool(self._chosen) or self.busy
        return super().wants(key)

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        arrow = ARROWS.get(Qt.Key(key))
        if arrow is not None and self._chosen:
            size = 10 if keys & _ADDING else 1
            if self._by_keys is None:
                self._find_others()
            x, y = self._by_keys or (0.0, 0.0)
            self._by_keys = x + arrow[0] * size, y + arrow[1] * size
            before = self._before()
            if before:
                self.host.lift(self._shifted(before, *self._by_keys))
                self.host.refresh()
            return True
        if key in _DELETES and self._chosen:
            return self.delete_vertex()
        return super().key(key, keys)

    def key_up(self, key: int) -> bool:
        return key in ARROWS and self._settle_keys()

    def _settle_keys(self) -> bool:
        if self._by_keys is None:
            return False
        step, self._by_keys = self._by_keys, None
        before = self._before()
        self._settle(self._shifted(before, *step) if before else {})
        return True

    def delete_vertex(self) -> bool:
        """Delete all chosen vertices, as far as the shapes can do without."""
        before = self._before()
        if not before:
            return False
        others = shared.partners(self.host, before, self._editable)
        by_shape = self._by_shape()
        gone = dict(by_shape)
        for i, partner in others.items():
            pairs = zip(partner.own, partner.led, strict=True)
            gone[i] = sorted(own for own, led in pairs if led in self._chosen)
        shapes = before | {i: p.shape for i, p in others.items()}
        after = {i: _without(shapes[i], places) for i, places in gone.items() if places}
        self._choose(frozenset())
        self._settle(after)
        if all(len(after[i].points()) == len(before[i].points()) for i in before):
            self.host.hint(tr("This shape cannot do with fewer vertices"))
        return True

    def cancel(self) -> bool:
        under_way = self.busy
        self._from, self._held, self._moved, self._by_keys = None, None, False, None
        self._snapper.drop()
        if under_way:
            self.host.lift({})
        elif self._chosen:
            self._choose(frozenset())
            under_way = True
        self.host.refresh()
        return under_way

    def leave(self) -> None:
        self._settle_keys()
        self.cancel()
        self._chosen, self._hot = frozenset(), None

    def selection_changed(self) -> None:
        if self.host.selection:
            self._choose(frozenset(v for v in self._chosen if v[0] in self.host.selection))

    def shapes_replaced(self) -> None:
        self._chosen, self._hot, self._from, self._by_keys = frozenset(), None, None, None

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        view = self.host.view
        shapes = {i: s for i in self.host.selection if (s := self._editable(i)) is not None}
        for i, shape in list(shapes.items())[:_MOST]:
            points = shape.points()
            chosen = np.zeros(len(points), dtype=bool)
            chosen[[n for j, n in self._chosen if j == i and n < len(points)]] = True
            there = _there(shape)
            paint_vertices(painter, view, points[there], chosen[there])
        if self._hot is not None and self._from is None:
            hot = self.host.shape_of(self._hot[0])
            if hot is not None and self._hot[1] < len(hot.points()):
                at = QPointF(*view.to_widget(*hot.points()[self._hot[1]]))
                style.paint_handle(painter, at, "#ffffff", hot=True)
        if self._from is not None and self._held is None and self._moved:
            paint_band(painter, self._from.place, QPointF(*view.to_widget(*self._at)))
        self._snapper.paint(painter)


def _within(annotation_id: int, shape: Shape, region: Bounds) -> list[Vertex]:
    points: NDArray[np.float64] = shape.points()
    x1, y1, x2, y2 = region
    inside = ((points >= (x1, y1)) & (points <= (x2, y2))).all(axis=1) & _there(shape)
    return [(annotation_id, n) for n in np.flatnonzero(inside).tolist()]


def _there(shape: Shape) -> NDArray[np.bool_]:
    """Which of its points can be seen: not the keypoints that are not there."""
    if isinstance(shape, Skeleton):
        return np.array(shape.visibility) > 0
    return np.ones(len(shape.points()), dtype=bool)


def _without(shape: Shape, places: list[int]) -> Shape:
    """The shape without some vertices; those it cannot do without stay."""
    for n in reversed(places):
        shape = without_vertex(shape, n) or shape
    return shape
