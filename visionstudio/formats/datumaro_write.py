"""Datumaro's own JSON, writing: a file for each subset."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from visionstudio.formats import coco_rle
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import copied, count_unsaid, left_out, one_ring, pictures_only
from visionstudio.formats.output import write_bytes
from visionstudio.model.annotations import Flags
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)

Fields = dict[str, Any]


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `annotations/SUBSET.json`; copied pictures go into `images/SUBSET/`."""
    losses = Losses()
    labels = {c.name: n for n, c in enumerate(dataset.classes)}
    files: list[Path] = []
    count = 0
    subsets: dict[str, list[Fields]] = {}
    for item in pictures_only(dataset.items, losses):
        subset = options.split_of(item) or "default"
        rows: list[Fields] = []
        for annotation in item.annotations:
            row = _annotation(annotation, item, labels, losses)
            if row is not None:
                rows.append({"id": len(rows), **row})
        kept = dict(item.extra.get("datumaro", {}))
        image: Fields = {"path": item.path}
        if item.width and item.height:
            image["size"] = [item.height, item.width]
        entry = {"id": str(PurePosixPath(item.path).with_suffix("")), "annotations": rows}
        subsets.setdefault(subset, []).append({**entry, "image": image, **kept})
        count += len(rows)
        if options.copy_media:
            files += copied(item, out / "images" / subset / item.path, losses)
    for subset, items in (subsets or {"default": []}).items():
        content = {"info": {}, "categories": _categories(dataset), "items": items}
        files.append(out / "annotations" / f"{subset}.json")
        write_bytes(files[-1], msgspec.json.encode(content))
    return Written(tuple(files), count, losses.all())


def _categories(dataset: Dataset) -> Fields:
    labels, skeletons = [], []
    for number, one in enumerate(dataset.classes):
        kept = dict(one.extra.get("datumaro", {}))
        labels.append({"parent": "", "attributes": [], **kept, "name": one.name})
        if one.skeleton is not None:
            joints = [[a + 1, b + 1] for a, b in one.skeleton.edges]
            names = list(one.skeleton.names)
            skeletons.append({"label_id": number, "labels": names, "joints": joints})
    found: Fields = {"label": {"labels": labels, "attributes": []}}
    if skeletons:
        found["points"] = {"attributes": [], "items": skeletons}
    return found


def _annotation(
    annotation: DatasetAnnotation, item: DatasetItem, labels: dict[str, int], losses: Losses
) -> Fields | None:
    geometry = _geometry(annotation.shape, item, losses)
    if geometry is None:
        return None
    attributes: Fields = dict(annotation.attributes)
    if annotation.score is not None:
        attributes["score"] = float(annotation.score)
    if annotation.track is not None:
        attributes["track_id"] = annotation.track
    marks = {"occluded": Flags.OCCLUDED, "truncated": Flags.TRUNCATED}
    marks |= {"difficult": Flags.DIFFICULT, "is_crowd": Flags.CROWD}
    attributes |= {name: True for name, flag in marks.items() if annotation.flags & flag}
    said = Flags.OCCLUDED | Flags.TRUNCATED | Flags.DIFFICULT | Flags.CROWD
    count_unsaid(
        annotation, losses, score=True, group=True, track=True, attributes=True, flags=said
    )
    return {
        **annotation.extra.get("datumaro", {}),
        **geometry,
        "attributes": attributes,
        "group": annotation.group or 0,
        "label_id": labels[annotation.label],
        "z_order": annotation.z,
    }


def _geometry(shape: Shape, item: DatasetItem, losses: Losses) -> Fields | None:
    match shape:
        case Tag():
            return {"type": "label"}
        case Box(x1, y1) if shape.area() > 0:
            return {"type": "bbox", "bbox": [x1, y1, shape.width, shape.height]}
        case RotatedBox(cx, cy, w, h, angle):
            return {"type": "rotated_bbox", "bbox": [cx, cy, w, h, math.degrees(angle)]}
        case Polygon():
            return _flat("polygon", one_ring(shape, losses))
        case Polyline(line):
            return _flat("polyline", line)
        case Points(xy):
            return _flat("points", xy) | {"visibility": [2] * len(xy)}
        case Skeleton(xy, seen):
            return _flat("points", xy) | {"visibility": list(seen)}
        case Ellipse(cx, cy, rx, ry, angle) if rx > 0 and ry > 0:
            if angle:
                losses.add("turned ellipses became polygons")
                return _flat("polygon", shape.outline())
            return {"type": "ellipse", "points": [cx - rx, cy - ry, cx + rx, cy + ry]}
        case Mask() if shape.width and item.width and item.height:
            full = shape.full(item.height, item.width)
            if full.any():
                return {"type": "mask", "rle": coco_rle.encode(full)}
    left_out(shape, losses)
    return None


def _flat(kind: str, points: np.ndarray) -> Fields:
    return {"type": kind, "points": points.reshape(-1).tolist()}
