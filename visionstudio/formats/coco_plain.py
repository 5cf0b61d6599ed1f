"""Boxes and outlines of one ring as rows of a COCO file, many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import DatasetItem, LabelBlock
from visionstudio.model.geometry import pixel_counts, ring_area

FloatArray = NDArray[np.float64]
_COUNTED_AT_ONCE = 500  # outlines, so that their crossings stay small
_LARGEST = 1 << 24  # side of a picture in `pixel_counts`


class PlainRow(msgspec.Struct, gc=False):
    """A row as it is written."""

    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    segmentation: list[list[float]]
    area: int | float
    iscrowd: int
    score: float | msgspec.UnsetType = msgspec.UNSET


def plain_rows(
    block: LabelBlock, items: list[DatasetItem], images: list[int], classes: list[int]
) -> Iterator[PlainRow]:
    """A block's boxes and outlines, with 0 as id. Of each row its item and the ids of both."""
    ends = np.cumsum(block.counts)
    starts = ends - block.counts
    corners = np.zeros((len(starts), 4))
    corners[block.is_box] = block.values[starts[block.is_box, None] + np.arange(4)]
    drawn = np.flatnonzero(~block.is_box).tolist()
    rings = [block.values[starts[place] : ends[place]].reshape(-1, 2) for place in drawn]
    segmentations: list[list[list[float]]] = [[] for _ in images]
    if drawn:
        counts = block.counts[drawn] // 2
        points = np.concatenate(rings)
        first = np.cumsum(counts) - counts
        corners[drawn, :2] = np.minimum.reduceat(points, first)
        corners[drawn, 2:] = np.maximum.reduceat(points, first)
    corners[:, 2:] -= corners[:, :2]
    areas: list[int | float] = corners[:, 2:].prod(axis=1).tolist()
    for place, ring, area in zip(drawn, rings, _areas(rings, items, drawn), strict=True):
        segmentations[place].append(ring.reshape(-1).tolist())
        areas[place] = area
    return map(
        PlainRow,
        repeat(0),
        images,
        classes,
        corners.tolist(),
        segmentations,
        areas,
        block.crowd.astype(np.int64).tolist(),
        [s if s == s else msgspec.UNSET for s in block.scores.tolist()],
    )


def _areas(
    rings: list[FloatArray], items: list[DatasetItem], places: list[int]
) -> Iterator[int | float]:
    """The pixels that outlines cover in their pictures; the area of those that cover none."""
    sides = np.array([(items[p].height, items[p].width) for p in places], dtype=np.int64)
    for start in range(0, len(rings), _COUNTED_AT_ONCE):
        some = rings[start : start + _COUNTED_AT_ONCE]
        sizes = sides[start : start + _COUNTED_AT_ONCE]
        # pictures of unknown size reach as far as the outline
        reach = np.array([np.ceil(ring.max(axis=0)[::-1]) for ring in some])
        sizes = np.where(sizes.all(axis=1, keepdims=True), sizes, np.clip(reach, 1, _LARGEST))
        sizes = np.minimum(sizes, _LARGEST - 1).astype(np.int64)
        for ring, count in zip(some, pixel_counts(some, sizes).tolist(), strict=True):
            yield count or ring_area(ring)
