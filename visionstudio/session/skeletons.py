"""Skeletons of classes: a draft to edit, the preset, and what a change does to objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit, Row
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass, SkeletonSpec
from visionstudio.model.shapes import Skeleton
from visionstudio.session.proposals import corrected

# The keypoints of COCO (Lin et al., 2014), in its order, with its edges counted from 0.
PERSON = SkeletonSpec(
    names=(
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
        *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
        *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    edges=(
        *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7)),
        *((6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
    ),
    flips=tuple((n, n + 1) for n in range(1, 17, 2)),
)


class Draft:
    """A skeleton being edited. Remembers for each point which one of the old skeleton it was."""

    def __init__(self, spec: SkeletonSpec | None = None) -> None:
        self.names: list[str] = list(spec.names) if spec else []
        self.origin: list[int | None] = list(range(len(self.names)))
        self.edges: set[frozenset[int]] = set()
        self.flips: set[frozenset[int]] = set()
        if spec is not None:
            self.edges, self.flips = self._pairs(spec.edges), self._pairs(spec.flips)

    def _pairs(self, pairs: Iterable[tuple[int, int]]) -> set[frozenset[int]]:
        count = len(self.names)
        return {frozenset(p) for p in pairs if p[0] != p[1] and all(0 <= n < count for n in p)}

    def use(self, spec: SkeletonSpec) -> None:
        """Take over another skeleton; points of the same name stay the same points."""
        before = dict(zip(self.names, self.origin, strict=True))
        self.names = list(spec.names)
        self.origin = [before.get(name) for name in spec.names]
        self.edges, self.flips = self._pairs(spec.edges), self._pairs(spec.flips)

    def add(self, name: str) -> int:
        """A new point at the end. Raises InvalidValue for a name that is taken or empty."""
        self.names.append(self._checked(name))
        self.origin.append(None)
        return len(self.names) - 1

    def rename(self, at: int, name: str) -> None:
        """Raises InvalidValue for a name that is taken or empty."""
        if name.strip() != self.names[at]:
            self.names[at] = self._checked(name)

    def _checked(self, name: str) -> str:
        name = name.strip()
        if not name or name in self.names:
            what = f"there is a point called '{name}' already" if name else "a point needs a name"
            raise InvalidValue(what, next_step="choose another name")
        return name

    def remove(self, at: int) -> None:
        """Take a point away, with the lines that lead to it."""
        self._reorder([n for n in range(len(self.names)) if n != at])

    def move(self, at: int, place: int) -> None:
        """Put a point at another place in the order."""
        order = [n for n in range(len(self.names)) if n != at]
        order.insert(min(max(place, 0), len(order)), at)
        self._reorder(order)

    def _reorder(self, order: list[int]) -> None:
        place = {old: new for new, old in enumerate(order)}
        self.names = [self.names[n] for n in order]
        self.origin = [self.origin[n] for n in order]
        for pairs in (self.edges, self.flips):
            kept = {frozenset(place[n] for n in p) for p in pairs if all(n in place for n in p)}
            pairs.clear()
            pairs.update(kept)

    def join(self, a: int, b: int) -> None:
        """Join two points by a line, or take the line away."""
        if a != b:
            self.edges ^= {frozenset((a, b))}

    def partner(self, at: int) -> int | None:
        """The point that is the mirror image of another."""
        pair = next((p for p in self.flips if at in p), None)
        return None if pair is None else next(n for n in pair if n != at)

    def mirror(self, a: int, b: int | None) -> None:
        """Say that two points change places in a mirror image; None: the point stays."""
        self.flips = {p for p in self.flips if a not in p and b not in p}
        if b is not None and a != b:
            self.flips.add(frozenset((a, b)))

    def mirror_by_name(self) -> None:
        """Pair points whose names differ in left and right only."""
        place = {name.lower(): n for n, name in enumerate(self.names)}
        for name, n in place.items():
            other = place.get(name.replace("left", "right"))
            if "left" in name and other is not None:
                self.mirror(n, other)

    def spec(self) -> SkeletonSpec | None:
        """The skeleton; None without points."""
        if not self.names:
            return None
        edges, flips = (
            tuple((min(p), max(p)) for p in sorted(pairs, key=sorted))
            for pairs in (self.edges, self.flips)
        )
        return SkeletonSpec(tuple(self.names), edges, flips)


def change_skeleton(
    before: LabelClass,
    spec: SkeletonSpec | None,
    origin: Sequence[int | None],
    annotations: Iterable[Annotation],
) -> Edit | None:
    """Give a class another skeleton, and its objects their points in the new order.

    `origin` says for every point which one of the old skeleton it was; new points
    are not labelled yet. Objects stay as they are when the skeleton goes.
    """
    changes: list[tuple[Row, Row]] = [(before, replace(before, skeleton=spec))]
    if spec is not None:
        for a in annotations:
            if isinstance(a.shape, Skeleton):
                shape = _reordered(a.shape, origin)
                if shape != a.shape:
                    changes.append((a, corrected(a, replace(a, shape=shape), "shape")))
    made = tuple(Change(old, new) for old, new in changes if old != new)
    return Edit(f"Change the skeleton of {before.name}", made) if made else None


def _reordered(shape: Skeleton, origin: Sequence[int | None]) -> Skeleton:
    x1, y1, x2, y2 = shape.bounds()
    xy = np.tile(np.array([(x1 + x2) / 2, (y1 + y2) / 2]), (len(origin), 1))
    marks = [0] * len(origin)
    for new, old in enumerate(origin):
        if old is not None and old < len(shape.xy):
            xy[new], marks[new] = shape.xy[old], shape.visibility[old]
    return Skeleton(xy, tuple(marks))


def sides_swapped(shape: Skeleton, spec: SkeletonSpec | None) -> Skeleton | None:
    """The skeleton with left and right points exchanged; None where no pairs are defined."""
    order = list(range(len(shape.xy)))
    for a, b in spec.flips if spec else ():
        if max(a, b) < len(order):
            order[a], order[b] = b, a
    if order == list(range(len(order))):
        return None
    return Skeleton(shape.xy[order], tuple(shape.visibility[n] for n in order))


def with_visibility(shape: Skeleton, at: int, visibility: int) -> Skeleton:
    """The skeleton with a point visible (2), hidden (1) or not there (0)."""
    marks = list(shape.visibility)
    marks[at] = visibility
    return Skeleton(shape.xy, tuple(marks))
