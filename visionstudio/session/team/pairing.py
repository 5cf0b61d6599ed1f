"""What is the same in two projects: their pictures, and the objects in a picture."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from visionstudio.model.annotations import Annotation
from visionstudio.model.geometry import box_iou
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box, Shape, Tag
from visionstudio.session import booleans, pixels
from visionstudio.storage.reading import ProjectReader


class SameMedia:
    """Finds another project's media in this one: by file, by content, then by path and name."""

    def __init__(self, ours: ProjectReader) -> None:
        self._ours = ours
        self._by_file: dict[str, MediaItem] = {}
        self._by_content: dict[tuple[int, str], list[MediaItem]] = defaultdict(list)
        self._by_path: dict[str, MediaItem] = {}
        self._by_name: dict[str, list[MediaItem]] = defaultdict(list)
        for item in ours.media():
            self._by_file[os.path.realpath(ours.path_of(item))] = item
            self._by_path[item.path] = item
            self._by_name[item.name].append(item)
            if item.head_hash:
                self._by_content[item.size, item.head_hash].append(item)

    def find(self, theirs: ProjectReader, item: MediaItem) -> MediaItem | None:
        """Our item that is the same picture or video, None when we lack it.

        Another file of the same name is not taken for it where both contents are known.
        """
        found = self._by_file.get(os.path.realpath(theirs.path_of(item)))
        if found is not None:
            return found
        if item.head_hash:
            same = self._by_content.get((item.size, item.head_hash), [])
            named = [m for m in same if m.name == item.name]
            if len(named or same) == 1:
                return (named or same)[0]
        candidates = [m for m in (self._by_path.get(item.path),) if m is not None]
        candidates += self._by_name[item.name] if len(self._by_name[item.name]) == 1 else []
        for candidate in candidates:
            known = candidate.head_hash and item.head_hash
            if not known or (candidate.size, candidate.head_hash) == (item.size, item.head_hash):
                return candidate
        return None


def overlap(first: Shape, second: Shape, size: tuple[int, int]) -> float:
    """IoU in [0, 1] of two shapes in a picture of (width, height).

    Two tags overlap fully. Shapes without an inside (points, lines, skeletons) are
    compared by their distance: 1 where they coincide, 0 from a tenth of their size on.
    """
    if isinstance(first, Tag) or isinstance(second, Tag):
        return float(isinstance(first, Tag) and isinstance(second, Tag))
    if not (pixels.covers(first) and pixels.covers(second)):
        return _nearness(first, second)
    if isinstance(first, Box) and isinstance(second, Box):
        return float(box_iou([first.bounds()], [second.bounds()])[0, 0])
    common = booleans.intersected([first, second], size)
    inside = 0.0 if common is None else common.area()
    union = first.area() + second.area() - inside
    return min(inside / union, 1.0) if union > 0 else 0.0


def _nearness(first: Shape, second: Shape) -> float:
    if first.kind != second.kind:
        return 0.0
    a, b = first.points(), second.points()
    if len(a) != len(b):
        return 0.0
    x1, y1, x2, y2 = first.bounds()
    reach = 0.1 * max(x2 - x1, y2 - y1, 50.0)
    return max(0.0, 1.0 - float(np.linalg.norm(a - b, axis=1).mean()) / reach)


@dataclass(frozen=True, slots=True)
class Pair:
    """An object that is in both projects, and how much its two shapes overlap."""

    mine: Annotation
    theirs: Annotation
    overlap: float


@dataclass(frozen=True, slots=True)
class Paired:
    """The objects of a picture that are in both projects, and those that are in one only."""

    both: tuple[Pair, ...]
    mine: tuple[Annotation, ...]
    theirs: tuple[Annotation, ...]


def pair(
    mine: Iterable[Annotation],
    theirs: Iterable[Annotation],
    size: tuple[int, int],
    *,
    least: float = 0.5,
    by_id: bool = True,
) -> Paired:
    """Pair the objects of one picture or video, frame by frame.

    Class ids mean the same in both. With `by_id`, objects of one id that touch are the
    same: projects that were copied from one another keep their ids. Then those that
    overlap most, at least by `least`: first of the same class, then of any.
    """
    frames: dict[int, tuple[list[Annotation], list[Annotation]]] = defaultdict(lambda: ([], []))
    for side, found in enumerate((mine, theirs)):
        for one in found:
            frames[one.frame][side].append(one)
    both: list[Pair] = []
    alone: tuple[list[Annotation], list[Annotation]] = ([], [])
    for _, (ours, others) in sorted(frames.items()):
        pairs = list(_pairs(ours, others, size, least, by_id))
        both += pairs
        taken = {p.mine.id for p in pairs}, {p.theirs.id for p in pairs}
        for side, found in enumerate((ours, others)):
            alone[side].extend(a for a in found if a.id not in taken[side])
    return Paired(tuple(both), tuple(alone[0]), tuple(alone[1]))


def _pairs(
    mine: list[Annotation],
    theirs: list[Annotation],
    size: tuple[int, int],
    least: float,
    by_id: bool,
) -> Iterator[Pair]:
    left, right = dict(enumerate(mine)), dict(enumerate(theirs))
    if by_id:
        places = {a.id: n for n, a in right.items()}
        for n, one in list(left.items()):
            place = places.get(one.id)
            if place is not None:
                found = overlap(one.shape, right[place].shape, size)
                if found > 0:
                    yield Pair(one, right.pop(place), found)
                    del left[n]
    yield from _by_overlap(left, right, size, least)


def _by_overlap(
    left: dict[int, Annotation],
    right: dict[int, Annotation],
    size: tuple[int, int],
    least: float,
) -> Iterator[Pair]:
    near = _candidates(left, right, size, least)
    # The same class first, then the largest overlap.
    near.sort(key=lambda c: (left[c[1]].class_id != right[c[2]].class_id, -c[0]))
    free = set(left), set(right)
    for found, n, m in near:
        if n in free[0] and m in free[1]:
            free[0].discard(n)
            free[1].discard(m)
            yield Pair(left[n], right[m], found)


def _candidates(
    left: dict[int, Annotation],
    right: dict[int, Annotation],
    size: tuple[int, int],
    least: float,
) -> list[tuple[float, int, int]]:
    """(overlap, key in `left`, key in `right`) of all that overlap enough."""
    found: list[tuple[float, int, int]] = []
    tags = [[n for n, a in side.items() if isinstance(a.shape, Tag)] for side in (left, right)]
    for n in tags[0]:
        # Two tags of a picture are the same statement only when they say the same.
        same = [m for m in tags[1] if right[m].class_id == left[n].class_id]
        found += [(1.0, n, m) for m in same]
    rows = [n for n in left if n not in tags[0]]
    columns = [m for m in right if m not in tags[1]]
    if not rows or not columns:
        return found
    boxes = box_iou(
        [left[n].shape.bounds() for n in rows], [right[m].shape.bounds() for m in columns]
    )
    flat = [not pixels.covers(left[n].shape) for n in rows]
    for i, n in enumerate(rows):
        # Lines and points may have flat bounds: all of those are compared.
        for j in range(len(columns)) if flat[i] else np.flatnonzero(boxes[i] > 0).tolist():
            m = columns[j]
            value = overlap(left[n].shape, right[m].shape, size)
            if value >= least:
                found.append((value, n, m))
    return found
