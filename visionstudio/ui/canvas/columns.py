"""The shown annotations as numpy columns, so that 100,000 of them stay fast.

One row per annotation: bounding box, class, state, score and where its segments
begin in the shared point columns. Rows are only appended; a changed annotation
keeps its row and, when its outline grew, gets a new place for its points. What
is no longer used is squeezed out when it is more than half.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Bounds, Box, Mask, Points, Polygon, Polyline, RotatedBox, Tag
from visionstudio.ui.canvas.outline import Outline, outline

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

_UNSEEN = Flags.HIDDEN | Flags.OUTSIDE
_EXACT = frozenset(
    {Polygon, Box, Polyline, RotatedBox, Points}
)  # bounds of outline and shape agree


class Columns:
    """Annotations by row; `shown` says which are to be seen at present."""

    def __init__(self) -> None:
        self.classes: dict[int, LabelClass] = {}
        self.threshold = 0.0
        self.hidden_classes: frozenset[int] = frozenset()
        self._lifted: frozenset[int] = frozenset()
        self.clear()

    def clear(self) -> None:
        """No rows."""
        self.count = 0
        self.point_count = 0
        self._wasted = 0
        self.annotations: list[Annotation | None] = []
        self.row_of: dict[int, int] = {}
        self.boxes = np.zeros((64, 4), np.float32, order="F")  # columns are compared, one by one
        self.class_ids = np.zeros(64, np.int64)
        self.groups = np.zeros(64, np.int64)  # 0: none
        self.scores = np.zeros(64, np.float32)
        self.proposed = np.zeros(64, bool)
        self.usable = np.zeros(64, bool)  # alive, and neither rejected nor hidden by itself
        self.shown = np.zeros(64, bool)
        self.marked = np.zeros(64, bool)  # selected among so many that tiles show it
        self.closed = np.zeros(64, bool)
        self.dots = np.zeros(64, bool)
        self.hollow = np.zeros(64, np.int64)  # how many of the last points are rings
        self.masks = np.zeros(64, bool)
        self.starts = np.zeros(64, np.int64)
        self.sizes = np.zeros(64, np.int64)
        self.points = np.zeros((512, 2), np.float64)
        self.following = np.zeros(512, np.int64)

    # -- filling

    def put(self, annotations: Iterable[Annotation]) -> Rows:
        """Add or replace annotations. Returns their rows."""
        batch = list(annotations)
        if not batch:
            return np.zeros(0, np.int64)
        rows = np.fromiter((self._row_for(a) for a in batch), np.int64, len(batch))
        skeletons = {i: c.skeleton for i, c in self.classes.items()}
        lines = [outline(a.shape, skeletons.get(a.class_id)) for a in batch]
        self._put_points(rows, lines)
        self._put_boxes(rows, batch, lines)
        self.class_ids[rows] = [a.class_id for a in batch]
        self.groups[rows] = [a.group_id or 0 for a in batch]
        self.proposed[rows] = [a.state is State.PROPOSED for a in batch]
        self.scores[rows] = [1.0 if a.score is None else a.score for a in batch]
        self.closed[rows] = [line.closed for line in lines]
        self.dots[rows] = [line.dots for line in lines]
        self.hollow[rows] = [line.hollow for line in lines]
        self.masks[rows] = [type(a.shape) is Mask for a in batch]
        self.usable[rows] = [_usable(a) for a in batch]
        self.shown[rows] = self._visible(rows)
        self._unlift(self.shown)
        return rows

    def use_classes(self, classes: Iterable[LabelClass]) -> None:
        """Other names, colours and skeletons for the same annotations."""
        before, self.classes = self.classes, {c.id: c for c in classes}
        changed = [
            i for i, c in self.classes.items() if i in before and before[i].skeleton != c.skeleton
        ]
        if changed:
            of_them = np.flatnonzero(np.isin(self.class_ids[: self.count], changed))
            self.put([a for row in of_them.tolist() if (a := self.annotations[row]) is not None])

    def remove(self, ids: Iterable[int]) -> Rows:
        """Forget annotations. Returns the rows that they had."""
        rows = []
        for annotation_id in ids:
            row = self.row_of.pop(annotation_id, None)
            if row is not None:
                rows.append(row)
                self.annotations[row] = None
                self._wasted += int(self.sizes[row])
        gone = np.array(rows, dtype=np.int64)
        self.usable[gone] = False
        self.groups[gone] = 0
        self.shown[gone] = False
        return gone

    def squeeze(self) -> bool:
        """Drop unused rows and points when they are more than half. Rows change when True."""
        dead = self.count - len(self.row_of)
        if self._wasted <= max(self.point_count // 2, 4096) and dead <= max(self.count // 2, 256):
            return False
        kept = [a for a in self.annotations if a is not None]
        lifted, marked = self._lifted, set(self.ids(np.flatnonzero(self.marked)))
        self.clear()
        self.put(kept)
        self.lift(lifted)
        self.mark(marked)
        return True

    def _row_for(self, annotation: Annotation) -> int:
        row = self.row_of.get(annotation.id)
        if row is None:
            row = self.count
            self._reserve_rows(row + 1)
            self.count += 1
            self.annotations.append(annotation)
            self.row_of[annotation.id] = row
            self.sizes[row] = 0
        else:
            self.annotations[row] = annotation
        return row

    def _put_points(self, rows: Rows, lines: list[Outline]) -> None:
        """Write the outlines where there is room for them, else at the end."""
        sizes = np.fromiter((len(line.points) for line in lines), np.int64, len(lines))
        grown = sizes > self.sizes[rows]
        self._wasted += int(self.sizes[rows][grown].sum())
        room = np.where(grown, sizes, 0)
        begin = self.point_count + np.cumsum(room) - room
        self.point_count += int(room.sum())
        self._reserve_points(self.point_count)
        starts = np.where(grown, begin, self.starts[rows])
        self.starts[rows], self.sizes[rows] = starts, sizes
        if len(lines) == 1:
            part = slice(int(starts[0]), int(starts[0] + sizes[0]))
            self.points[part] = lines[0].points
            np.add(lines[0].following, starts[0], out=self.following[part])
            return
        before = np.cumsum(sizes) - sizes
        index = np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes)
        if len(index):
            self.points[index] = np.concatenate([line.points for line in lines])
            following = np.concatenate([line.following for line in lines])
            self.following[index] = following + np.repeat(starts, sizes)

    def _put_boxes(self, rows: Rows, batch: list[Annotation], lines: list[Outline]) -> None:
        """Bounding boxes: of the points where the outline is exact, else by asking the shape."""
        exact = np.fromiter((type(a.shape) in _EXACT for a in batch), bool, len(batch))
        part = rows[exact]
        if len(part):
            found = [line.points for line, is_exact in zip(lines, exact, strict=True) if is_exact]
            points = np.concatenate(found) if len(found) > 1 else found[0]
            cuts = np.cumsum(self.sizes[part]) - self.sizes[part]
            self.boxes[part, :2] = np.minimum.reduceat(points, cuts, axis=0)
            self.boxes[part, 2:] = np.maximum.reduceat(points, cuts, axis=0)
        for n in np.flatnonzero(~exact).tolist():
            self.boxes[rows[n]] = batch[n].shape.bounds()

    def _reserve_rows(self, count: int) -> None:
        if count <= len(self.boxes):
            return
        size = max(count, 2 * len(self.boxes))
        for name in ("boxes", "class_ids", "groups", "scores", "proposed", "usable"):
            setattr(self, name, _grown(getattr(self, name), size))
        for name in ("shown", "marked", "closed", "dots", "hollow", "masks", "starts", "sizes"):
            setattr(self, name, _grown(getattr(self, name), size))

    def _reserve_points(self, count: int) -> None:
        if count > len(self.points):
            size = max(count, 2 * len(self.points))
            self.points = _grown(self.points, size)
            self.following = _grown(self.following, size)

    # -- what is seen

    def _visible(self, rows: Rows | slice) -> NDArray[np.bool_]:
        seen = self.usable[rows] & (~self.proposed[rows] | (self.scores[rows] >= self.threshold))
        if self.hidden_classes:
            seen &= ~np.isin(self.class_ids[rows], list(self.hidden_classes))
        return np.asarray(seen)

    def filter(
        self, threshold: float | None = None, hidden_classes: Collection[int] | None = None
    ) -> Rows:
        """Another threshold or choice of classes. Returns the rows that appear or disappear."""
        self.threshold = self.threshold if threshold is None else threshold
        if hidden_classes is not None:
            self.hidden_classes = frozenset(hidden_classes)
        every = slice(0, self.count)
        seen = self._visible(every)
        self._unlift(seen)
        changed = np.flatnonzero(seen != self.shown[every])
        self.shown[every] = seen
        return changed

    def lift(self, ids: Collection[int]) -> Rows:
        """Take annotations out of what is shown, to draw them live. Returns changed rows."""
        self._lifted = frozenset(ids)
        return self.filter()

    def mark(self, ids: Collection[int]) -> Rows:
        """Show these annotations as selected, and no others. Returns the rows that change."""
        rows = [self.row_of[i] for i in ids if i in self.row_of]
        marked = np.zeros(len(self.marked), bool)
        marked[np.array(rows, dtype=np.int64)] = True
        changed = np.flatnonzero(marked != self.marked)
        self.marked = marked
        return changed

    def _unlift(self, seen: NDArray[np.bool_]) -> None:
        for annotation_id in self._lifted:
            row = self.row_of.get(annotation_id)
            if row is not None:
                seen[row] = False

    # -- asking

    def get(self, annotation_id: int) -> Annotation | None:
        """An annotation by id."""
        row = self.row_of.get(annotation_id)
        return None if row is None else self.annotations[row]

    def ids(self, rows: Rows) -> Iterator[int]:
        """The ids in rows that are in use."""
        for row in rows.tolist():
            annotation = self.annotations[row]
            if annotation is not None:
                yield annotation.id

    def within(self, bounds: Bounds) -> Rows:
        """Rows shown whose bounding box meets `bounds`, in drawing order."""
        x1, y1, x2, y2 = bounds
        b = self.boxes[: self.count]
        meets = (b[:, 0] <= x2) & (b[:, 2] >= x1)
        meets &= (b[:, 1] <= y2) & (b[:, 3] >= y1)
        meets &= self.shown[: self.count]
        return np.flatnonzero(meets)

    def bounds_of(self, rows: Rows) -> FloatArray:
        """(n, 4) bounding boxes."""
        return self.boxes[rows].astype(np.float64)

    def segments(self, rows: Rows) -> tuple[FloatArray, Rows]:
        """The (m, 4) segments of rows as x1, y1, x2, y2, and the place in `rows` of each.

        Ends of lines are left out; a dot is in `marks`.
        """
        if len(rows) == 1:  # one shape may have as many points as all others together
            part = slice(int(self.starts[rows[0]]), int(self.starts[rows[0]] + self.sizes[rows[0]]))
            begin, following = self.points[part], self.following[part]
            runs = following != np.arange(part.start, part.stop)
            owner = np.zeros(len(begin), np.int64)
            if not runs.all():
                begin, following, owner = begin[runs], following[runs], owner[runs]
            return np.concatenate([begin, self.points[following]], axis=1), owner
        index, owner = self._point_index(rows)
        following = self.following[index]
        runs = following != index
        index, following = index[runs], following[runs]
        lines = np.concatenate([self.points[index], self.points[following]], axis=1)
        return lines, owner[runs]

    def marks(self, rows: Rows) -> tuple[FloatArray, Rows]:
        """The (m, 2) dots of point sets and skeletons, and the place in `rows` of each."""
        index, owner = self._point_index(rows)
        alone = (self.following[index] == index) & self.dots[rows][owner]
        return self.points[index[alone]], owner[alone]

    def rings(self, rows: Rows) -> tuple[FloatArray, Rows]:
        """The (m, 2) dots that are drawn as rings, and the place in `rows` of each."""
        count = self.hollow[rows]
        owner = np.repeat(np.arange(len(rows)), count)
        before = np.cumsum(count) - count
        first = self.starts[rows] + self.sizes[rows] - count
        index = np.arange(int(count.sum())) + np.repeat(first - before, count)
        return self.points[index], owner

    def vertices(self, rows: Rows) -> tuple[FloatArray, Rows]:
        """The (m, 2) points of the outlines of rows, and the place in `rows` of each."""
        index, owner = self._point_index(rows)
        return self.points[index], owner

    def places(self, rows: Rows) -> tuple[Rows, Rows]:
        """Where the points of rows lie in `points`, one row after the other.

        And for each row the number of points up to its end.
        """
        sizes = self.sizes[rows]
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        return np.arange(total) + np.repeat(self.starts[rows] - ends + sizes, sizes), ends

    def _point_index(self, rows: Rows) -> tuple[Rows, Rows]:
        index, _ = self.places(rows)
        return index, np.repeat(np.arange(len(rows)), self.sizes[rows])


def _usable(annotation: Annotation) -> bool:
    if annotation.state is State.REJECTED or type(annotation.shape) is Tag:
        return False
    return annotation.flags is Flags.NONE or not annotation.flags & _UNSEEN


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    order: Literal["C", "F"] = "F" if array.flags.f_contiguous else "C"
    grown = np.zeros((size, *array.shape[1:]), array.dtype, order=order)
    grown[: len(array)] = array
    return grown
