"""The shape of a COCO row: its keypoints, its segmentation or its box."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionstudio.formats import coco_rle
from visionstudio.formats.rows import RowFault, numbers, printable, text
from visionstudio.formats.taking import MAX_POINTS, Size, checked_box
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Box, Polygon, Shape, Skeleton, Tag


def skeleton_spec(row: dict[str, Any]) -> SkeletonSpec | None:
    names = row.get("keypoints")
    if not names:
        return None
    if not isinstance(names, list):
        raise RowFault(f"the keypoints are no list: {printable(names)}")
    edges = row.get("skeleton") or []
    pairs = [numbers(edge, "an edge of the skeleton", 2) for edge in edges]
    if any(not 1 <= n <= len(names) or n != int(n) for pair in pairs for n in pair):
        raise RowFault(f"the skeleton names a point that is none of the {len(names)}")
    return SkeletonSpec(
        tuple(text(name, "a keypoint") for name in names),
        tuple((int(a) - 1, int(b) - 1) for a, b in pairs),
    )


def shape_of(row: dict[str, Any], size: Size) -> tuple[Shape, dict[str, Any]]:
    """The row's shape, and the fields that it does not cover but that are worth keeping."""
    box = _box(row, size)
    segmentation = row.get("segmentation")
    outline = _outline(segmentation, size) if segmentation else None
    skeleton = _skeleton(row)
    if skeleton is not None:
        kept = ("bbox", "segmentation", "area")
        return skeleton, {k: row[k] for k in kept if row.get(k)}
    kept_points = {"keypoints": row["keypoints"]} if row.get("keypoints") else {}
    if outline is not None:
        return outline, kept_points
    if box is not None:
        return box, kept_points
    if any(row.get(k) is not None for k in ("bbox", "segmentation", "keypoints")):
        raise RowFault("box, segmentation and keypoints are empty")
    return Tag(), {}


def _box(row: dict[str, Any], size: Size) -> Box | None:
    if row.get("bbox") in (None, []):
        return None
    x, y, w, h = numbers(row["bbox"], "the bbox", 4)
    return checked_box(x, y, x + w, y + h, size)


def _outline(segmentation: Any, size: Size) -> Shape:
    if isinstance(segmentation, dict):
        return coco_rle.decode(segmentation, size[1], size[0])
    if not isinstance(segmentation, list):
        raise RowFault(f"the segmentation is {printable(segmentation)}")
    count = sum(len(ring) for ring in segmentation if isinstance(ring, list)) // 2
    if count > MAX_POINTS:
        raise RowFault(f"the polygon has {count} points, at most {MAX_POINTS} are taken")
    rings = []
    for ring in segmentation:
        values = numbers(ring, "a polygon")
        if len(values) % 2 or len(values) < 6:
            raise RowFault(f"a polygon has {len(values)} numbers, three x y pairs are the least")
        rings.append(np.array(values).reshape(-1, 2))
    polygon = Polygon(tuple(rings), (False,) * len(rings))
    if polygon.area() == 0:
        raise RowFault("the polygon is empty")
    return polygon


def _skeleton(row: dict[str, Any]) -> Skeleton | None:
    if not row.get("keypoints"):
        return None
    values = numbers(row["keypoints"], "the keypoints")
    if len(values) % 3:
        raise RowFault(f"the keypoints are {len(values)} numbers, not triples of x y v")
    if len(values) // 3 > MAX_POINTS:
        raise RowFault(f"{len(values) // 3} keypoints, at most {MAX_POINTS} are taken")
    triples = np.array(values).reshape(-1, 3)
    if not np.isin(triples[:, 2], (0, 1, 2)).all():
        raise RowFault("a keypoint's visibility is not 0, 1 or 2")
    if not triples[:, 2].any():
        return None
    return Skeleton(triples[:, :2], tuple(int(v) for v in triples[:, 2]))
