"""labelme JSON, writing: strict labelme, or X-AnyLabeling's dialect."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import (
    copied,
    count_unsaid,
    left_out,
    one_ring,
    pictures_only,
)
from visionstudio.formats.output import write_bytes
from visionstudio.formats.pngs import encode_png
from visionstudio.model.annotations import Flags
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Tag,
)

VARIANTS = ("", "xanylabeling")
TOP = frozenset(
    ["version", "flags", "imagePath", "imageData", "imageHeight", "imageWidth", "checked"]
)
GEOMETRY = "shape_type"
_VERSION = "5.7.0"
Fields = dict[str, Any]


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write a JSON file for each picture; copied pictures lie beside their files."""
    losses = Losses()
    files: list[Path] = []
    count = 0
    taken: set[str] = set()
    for item in pictures_only(dataset.items, losses):
        if not item.annotations and not item.verified:
            continue
        name = json_name(item.path, taken)
        content, written = file_of(item, losses, options.variant)
        write_bytes(out / name, encode(content))
        files.append(out / name)
        count += written
        if options.copy_media:
            files += copied(item, out / item.path, losses)
    return Written(tuple(files), count, losses.all())


def json_name(path: str, taken: set[str]) -> str:
    """A picture's label file; a.jpg and a.png would share a.json."""
    pure = PurePosixPath(path)
    name = str(pure.with_suffix(".json"))
    if name in taken:
        name = f"{path}.json"
    taken.add(name)
    return name


def encode(content: Fields) -> bytes:
    """A file as labelme lays it out, so that a change of one shape is a change of few lines."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def file_of(item: DatasetItem, losses: Losses, variant: str = "") -> tuple[Fields, int]:
    """A picture's file and how many annotations it holds."""
    loose = variant == "xanylabeling"
    shapes: list[Fields] = []
    flags: dict[str, bool] = {}
    for annotation in item.annotations:
        if isinstance(annotation.shape, Tag):
            if annotation.label in flags:
                losses.add("tags of a class that is there already are left out")
            flags[annotation.label] = True
            count_unsaid(annotation, losses)
            continue
        fields = _shape_fields(annotation, losses, loose)
        if fields is not None:
            shapes.append(fields)
    kept = dict(item.extra.get("labelme", {}))
    content: Fields = {
        "version": _VERSION,
        "flags": flags,
        "shapes": shapes,
        "imagePath": PurePosixPath(item.path).name,
        "imageData": None,
        "imageHeight": item.height,
        "imageWidth": item.width,
    }
    if loose:
        content["checked"] = item.verified
    return content | {k: v for k, v in kept.items() if k not in content}, len(shapes) + len(flags)


def _shape_fields(annotation: DatasetAnnotation, losses: Losses, loose: bool) -> Fields | None:
    kept = annotation.extra.get("labelme", {})
    kept = dict(kept) if isinstance(kept, Mapping) else {}
    geometry = _geometry(annotation, kept.pop(GEOMETRY, None), losses, loose)
    if geometry is None:
        return None
    count_unsaid(
        annotation,
        losses,
        group=True,
        score=loose,
        attributes=loose,
        flags=Flags.DIFFICULT if loose else Flags.NONE,
    )
    fields: Fields = {
        "label": annotation.label,
        "points": [],
        "group_id": annotation.group,
        "description": kept.pop("description", ""),
        "shape_type": "",
        "flags": kept.pop("flags", {}),
        "mask": None,
    }
    fields |= geometry
    if loose:
        difficult = bool(annotation.flags & Flags.DIFFICULT)
        fields |= {"difficult": difficult, "attributes": dict(annotation.attributes)}
        fields["score"] = annotation.score
    return fields | {k: v for k, v in kept.items() if k not in fields}


def _geometry(
    annotation: DatasetAnnotation, kind: str | None, losses: Losses, loose: bool
) -> Fields | None:
    shape = annotation.shape
    match shape:
        case Box(x1, y1, x2, y2):
            points = shape.points() if loose else np.array([[x1, y1], [x2, y2]])
            return _typed("rectangle", points)
        case RotatedBox():
            return _typed("rotation" if loose else "oriented_rectangle", shape.points())
        case Polygon():
            return _typed(_quadrilateral(shape, kind, loose), one_ring(shape, losses))
        case Mask(x, y) if shape.width:
            png = base64.b64encode(encode_png(shape.array())).decode("ascii")
            points = np.array([[x, y], [x + shape.width - 1, y + shape.height - 1]])
            return _typed("mask", points) | {"mask": png}
        case Ellipse(cx, cy, rx, ry) if rx == ry and rx > 0:
            return _typed("circle", np.array([[cx, cy], [cx + rx, cy]]))
        case Ellipse() if shape.area() > 0:
            losses.add("ellipses became polygons")
            return _typed("polygon", shape.outline())
        case Polyline() if kind == "cuboid" and loose and len(shape.line) >= 8:
            return _typed("cuboid", shape.line)
        case Polyline():
            return _typed("line" if len(shape.line) == 2 else "linestrip", shape.line)
        case Points() if len(shape.xy) == 1:
            return _typed("point", shape.xy)
        case Points():
            losses.add("sets of points became lines")
            return _typed("linestrip", shape.xy)
    left_out(shape, losses)
    return None


def _quadrilateral(shape: Polygon, kind: str | None, loose: bool) -> str:
    four = len(shape.rings) == 1 and len(shape.rings[0]) == 4
    return "quadrilateral" if loose and four and kind == "quadrilateral" else "polygon"


def _typed(kind: str, points: Any) -> Fields:
    return {"points": points.tolist(), "shape_type": kind}
