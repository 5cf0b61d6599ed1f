"""Label Studio JSON, writing: tasks that its import takes, results in per cent."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import (
    as_polygon,
    copied,
    count_unsaid,
    left_out,
    one_ring,
    pictures_only,
)
from visionstudio.formats.output import write_bytes
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Tag,
)

Fields = dict[str, Any]


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write one file of tasks; copied pictures go into `images/` beside it."""
    losses = Losses()
    file = out if out.suffix.lower() == ".json" else out / "tasks.json"
    files = [file]
    tasks = []
    count = 0
    for index, item in enumerate(pictures_only(dataset.items, losses), start=1):
        results = [r for a in item.annotations if (r := _result(a, item, losses)) is not None]
        kept = item.extra.get("labelstudio", {})
        task: Fields = {"id": kept.get("id", index), "data": {"image": item.path}}
        task["data"] |= kept.get("data", {})
        task["annotations"] = [{"result": results}] if results or item.verified else []
        tasks.append(task | ({"meta": kept["meta"]} if "meta" in kept else {}))
        count += len(results)
        if options.copy_media:
            files += copied(item, file.parent / "images" / item.path, losses)
    write_bytes(file, msgspec.json.encode(tasks))
    return Written(tuple(files), count, losses.all())


def _result(annotation: DatasetAnnotation, item: DatasetItem, losses: Losses) -> Fields | None:
    if not isinstance(annotation.shape, Tag) and not (item.width and item.height):
        losses.add("annotations of pictures of unknown size are left out")
        return None
    made = _value(annotation.shape, item, losses)
    if made is None:
        return None
    count_unsaid(annotation, losses, score=True)
    base, value = made
    kind = base if base == "choices" else f"{base}labels"
    kept = annotation.extra.get("labelstudio", {})
    result: Fields = {
        "from_name": kept.get("from_name", "label"),
        "to_name": kept.get("to_name", "image"),
        "type": kind,
        "original_width": item.width,
        "original_height": item.height,
        "value": {**value, kind: [annotation.label]},
    }
    if "id" in kept:
        result["id"] = kept["id"]
    if annotation.score is not None:
        result["score"] = annotation.score
    return result


def _value(shape: Shape, item: DatasetItem, losses: Losses) -> tuple[str, Fields] | None:
    across, down = 100 / (item.width or 1), 100 / (item.height or 1)
    match shape:
        case Tag():
            return "choices", {}
        case Box(x1, y1) if shape.area() > 0:
            sides = {"width": shape.width * across, "height": shape.height * down}
            return "rectangle", {"x": x1 * across, "y": y1 * down, **sides, "rotation": 0}
        case RotatedBox(_, _, w, h, angle) if w > 0 and h > 0:
            x, y = shape.points()[0].tolist()
            sides = {"width": w * across, "height": h * down}
            turned = math.degrees(angle) % 360
            return "rectangle", {"x": x * across, "y": y * down, **sides, "rotation": turned}
        case Ellipse(cx, cy, rx, ry, angle) if rx > 0 and ry > 0:
            radii = {"radiusX": rx * across, "radiusY": ry * down}
            turned = math.degrees(angle) % 360
            return "ellipse", {"x": cx * across, "y": cy * down, **radii, "rotation": turned}
        case Points(xy) if len(xy) == 1:
            x, y = xy[0].tolist()
            return "keypoint", {"x": x * across, "y": y * down, "width": 0.5}
        case Polyline(line):
            points = (line * (across, down)).tolist()
            return "vector", {"points": points, "closed": False}
        case Polygon() | Mask():
            polygon = as_polygon(shape, losses)
            if polygon is None:
                return None
            points = (one_ring(polygon, losses) * (across, down)).tolist()
            return "polygon", {"points": points, "closed": True}
    left_out(shape, losses)
    return None
