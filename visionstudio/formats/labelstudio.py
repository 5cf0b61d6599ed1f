"""Label Studio JSON, reading: tasks with results in per cent of the picture's size.

Results of a task's latest annotation are read; predictions too where nobody has
annotated, with their score. The short export (JSON-MIN) is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from visionstudio.formats.brush_rle import unpack
from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.files import PictureRoot, last_part, the_file
from visionstudio.formats.labelstudio_write import write
from visionstudio.formats.rows import (
    RowFault,
    as_list,
    as_object,
    number,
    plain,
    printable,
    read_json,
    score,
    text,
)
from visionstudio.formats.taking import as_side, checked_box, checked_polygon, points_of
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import (
    Ellipse,
    Mask,
    Points,
    Polyline,
    RotatedBox,
    Shape,
    Tag,
)

__all__ = ["read", "write"]

_PICTURE_KEYS = ("image", "img", "url", "picture", "photo")
_KINDS = ("rectangle", "ellipse", "polygon", "keypoint", "brush", "choices", "vector")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read an exported file of tasks, or a folder that holds just one; pictures lie beside it."""
    file = the_file(src, ".json")
    data = read_json(file, (), nested=True)
    if "" not in data.lists:
        raise FormatError("this is no Label Studio export: it is no list of tasks", where=str(file))
    root = PictureRoot(images or file.parent, ("images",), search=images is not None)
    collector = Collector(root)
    for row in data.lists[""]:
        with collector.row(file, f"task {row.where}"):
            if row.fault:
                raise RowFault(row.fault)
            _task(as_object(row.value, "the task"), row.where, file, collector)
    return collector.result(src, what="Label Studio task")


def _task(task: dict[str, Any], place: str, file: Path, collector: Collector) -> None:
    data = as_object(task.get("data", task), "the data")
    value = next((data[k] for k in _PICTURE_KEYS if isinstance(data.get(k), str)), None)
    if value is None:
        raise RowFault("the task has no picture")
    draft = collector.picture(_name(text(value, "the picture"), collector), file)
    kept = {k: plain(task[k], k) for k in ("id", "meta") if task.get(k) is not None}
    more = {k: plain(v, k) for k, v in data.items() if k not in _PICTURE_KEYS and "data" in task}
    kept |= {"data": more} if more else {}
    draft.extra |= {"labelstudio": kept} if kept else {}
    results, draft.verified = _results(task)
    chosen = _names_by_id(results)
    for index, result in enumerate(results):
        where = f"{place}, result {index}"
        with collector.row(file, where):
            _result(as_object(result, "the result"), chosen, draft, where, collector)


def _results(task: dict[str, Any]) -> tuple[list[Any], bool]:
    """The results that count, and whether a person made them."""
    done = [a for a in as_list(task.get("annotations"), "the annotations") if isinstance(a, dict)]
    done = [a for a in done if a.get("was_cancelled") is not True]
    if done:
        return as_list(done[-1].get("result"), "the result"), True
    if "data" not in task:  # JSON-MIN: results without their frame
        short = [v for k, v in task.items() if k not in _PICTURE_KEYS and isinstance(v, list)]
        return [{"value": value} for one in short for value in one], True
    guessed = [
        p for p in as_list(task.get("predictions"), "the predictions") if isinstance(p, dict)
    ]
    found = as_list(guessed[-1].get("result"), "the result") if guessed else []
    return found, False


def _name(value: str, collector: Collector) -> str:
    """The picture of an address: local files by '?d=', uploads with or without their prefix."""
    query = re.search(r"[?&]d=([^&]+)", value)
    path = unquote(query[1] if query else urlsplit(value).path or value)
    last = last_part(path)
    names = (path, last, _UPLOADED.sub("", last))
    return next((n for n in names if collector.pictures.find(n)), names[-1] or value)


def _names_by_id(results: list[Any]) -> dict[str, str]:
    """Names that a result of its own gives to a shape, by the shape's id."""
    found = {}
    for result in results:
        if isinstance(result, Mapping) and result.get("type") == "labels":
            value = result.get("value")
            names = value.get("labels") if isinstance(value, Mapping) else None
            if isinstance(names, list) and names and isinstance(names[0], str):
                found[str(result.get("id"))] = names[0]
    return found


def _result(
    result: dict[str, Any],
    chosen: dict[str, str],
    draft: Draft,
    where: str,
    collector: Collector,
) -> None:
    value = as_object(result.get("value"), "the value")
    kind = str(result.get("type") or "")
    if kind == "labels" and not any(k in value for k in ("x", "points", "rle")):
        return  # it names a shape that is a result of its own
    base = next((k for k in _KINDS if kind.startswith(k) or f"{k}labels" in value), None)
    if base is None and "choices" in value:
        base = "choices"
    if base is None:
        raise RowFault(f"results of type {printable(kind)} are not taken")
    width = as_side(result.get("original_width") or value.get("original_width") or 0)
    height = as_side(result.get("original_height") or value.get("original_height") or 0)
    if width and height:
        draft.width, draft.height = width, height
    names = value.get("choices" if base == "choices" else f"{base}labels")
    names = names if isinstance(names, list) and names else [chosen.get(str(result.get("id")))]
    shape = _shape(base, value, draft)
    kept = {k: plain(result[k], k) for k in ("id", "from_name", "to_name") if result.get(k)}
    for name in names if base == "choices" else names[:1]:
        draft.add(
            collector.label(name),
            shape,
            where,
            score=score(result.get("score")) if base != "choices" else None,
            extra={"labelstudio": kept} if kept else {},
        )


def _shape(base: str, value: dict[str, Any], draft: Draft) -> Shape:
    if base == "choices":
        return Tag()
    if base == "brush":
        return _brush(value, draft)
    width, height = draft.size
    if not (width and height):
        raise RowFault("original_width and original_height are missing")

    def at(key: str, side: int) -> float:
        return number(value.get(key), key) * side / 100

    turned = float(np.radians(number(value.get("rotation") or 0, "the rotation") % 360))
    match base:
        case "rectangle":
            x, y, w, h = at("x", width), at("y", height), at("width", width), at("height", height)
            box = checked_box(x, y, x + w, y + h, (0, 0) if turned else draft.size)
            if not turned:
                return box
            # The turn is about the top left corner.
            cos, sin = np.cos(turned), np.sin(turned)
            cx, cy = x + w / 2 * cos - h / 2 * sin, y + w / 2 * sin + h / 2 * cos
            return RotatedBox(float(cx), float(cy), w, h, turned)
        case "ellipse":
            rx, ry = at("radiusX", width), at("radiusY", height)
            if rx <= 0 or ry <= 0:
                raise RowFault(f"the ellipse is empty, {rx:g} x {ry:g}")
            return Ellipse(at("x", width), at("y", height), rx, ry, turned)
        case "keypoint":
            return Points(np.array([[at("x", width), at("y", height)]]))
    points = points_of(value.get("points"), "the outline", 2 if base == "vector" else 3)
    points = points * (width / 100, height / 100)
    return Polyline(points) if base == "vector" else checked_polygon([points])


def _brush(value: dict[str, Any], draft: Draft) -> Mask:
    width, height = draft.size
    runs = as_list(value.get("rle"), "the rle")
    pixels = unpack(runs, width * height * 4)
    mask = Mask.from_array(pixels.reshape(height, width, 4)[..., 3] > 0)
    if mask.width == 0:
        raise RowFault("the mask is empty")
    return mask
