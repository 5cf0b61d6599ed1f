"""Datumaro's own JSON, reading: annotations/SUBSET.json with pictures in images/SUBSET/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visionstudio.formats import coco_rle
from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.datumaro_write import write
from visionstudio.formats.files import PICTURE_SUFFIXES, PictureRoot
from visionstudio.formats.rows import (
    RowFault,
    as_list,
    as_object,
    number,
    numbers,
    plain,
    printable,
    read_json,
    score,
    text,
)
from visionstudio.formats.taking import (
    as_side,
    as_whole,
    checked_box,
    checked_polygon,
    points_of_flat,
)
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import (
    Ellipse,
    Points,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)

__all__ = ["read", "write"]

_KNOWN = frozenset(
    ["id", "type", "attributes", "group", "label_id", "points", "bbox", "rle", "z_order"]
    + ["visibility", "object_id"]
)
_MARKS = {
    "occluded": Flags.OCCLUDED,
    "truncated": Flags.TRUNCATED,
    "difficult": Flags.DIFFICULT,
    "is_crowd": Flags.CROWD,
}


@dataclass(slots=True)
class _Labels:
    """The classes of a file by their numbers, and which of them are skeletons."""

    names: list[str]
    skeletons: dict[int, SkeletonSpec]


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a file, or a folder with `annotations/*.json`: one for each subset."""
    if src.is_dir():
        folder = src if src.name != "annotations" else src.parent
        files = sorted((folder / "annotations").glob("*.json"))
    elif src.is_file():
        files = [src]
        folder = src.parent.parent if src.parent.name == "annotations" else src.parent
    else:
        raise FormatError("there is no such file or folder", where=str(src))
    collector = Collector(PictureRoot(images or folder, search=images is not None))
    for file in files:
        with collector.row(file, "file"):
            _read_file(file, collector)
    return collector.result(src, what="Datumaro annotation")


def _read_file(file: Path, collector: Collector) -> None:
    try:
        data = read_json(file, ("items",), nested=True)
    except FormatError as error:
        raise RowFault(str(error)) from None
    if "items" not in data.lists or "categories" not in data.fields:
        raise RowFault("this is no Datumaro file: it has no 'items' or no 'categories'")
    labels = _labels(as_object(data.fields["categories"], "the categories"), file, collector)
    for row in data.lists["items"]:
        with collector.row(file, row.where):
            if row.fault:
                raise RowFault(row.fault)
            _item(as_object(row.value, "the item"), row.where, file, labels, collector)


def _labels(categories: dict[str, Any], file: Path, collector: Collector) -> _Labels:
    found = _Labels([], {})
    points = categories.get("points")
    items = points.get("items") if isinstance(points, dict) else None
    for one in items if isinstance(items, list) else []:
        with collector.row(file, "categories.points"):
            fields = as_object(one, "the skeleton")
            names = [text(n, "a point") for n in as_list(fields.get("labels"), "the points")]
            edges = [numbers(e, "a joint", 2) for e in as_list(fields.get("joints"), "the joints")]
            pairs = tuple((int(a) - 1, int(b) - 1) for a, b in edges)
            if names and all(0 <= n < len(names) for pair in pairs for n in pair):
                key = as_whole(fields.get("label_id"), "the label_id")
                found.skeletons[key] = SkeletonSpec(tuple(names), pairs)
    label = categories.get("label")
    entries = label.get("labels") if isinstance(label, dict) else None
    for index, one in enumerate(entries if isinstance(entries, list) else []):
        with collector.row(file, f"label {index}"):
            found.names.append("")
            fields = as_object(one, "the label")
            kept = {k: plain(v, k) for k, v in fields.items() if k != "name" and v}
            found.names[-1] = collector.label(
                fields.get("name"),
                skeleton=found.skeletons.get(index),
                extra={"datumaro": kept} if kept else {},
            )
    return found


def _item(
    fields: dict[str, Any], where: str, file: Path, labels: _Labels, collector: Collector
) -> None:
    name = text(fields.get("id"), "the id")
    image = fields.get("image") or fields.get("media") or {}
    image = as_object(image, "the image")
    draft = collector.picture(_picture(name, image, file.stem, collector), file)
    if draft.rows:
        raise RowFault(f"the item {printable(name)} is there twice")
    size = image.get("size")
    if isinstance(size, list) and len(size) == 2:
        draft.height, draft.width = (as_side(v) for v in size)
    draft.split = file.stem if file.stem not in ("default", "annotations") else ""
    kept = {k: plain(fields[k], k) for k in ("attr",) if fields.get(k)}
    draft.extra |= {"datumaro": kept} if kept else {}
    for index, one in enumerate(as_list(fields.get("annotations"), "the annotations")):
        place = f"{where}.annotations[{index}]"
        with collector.row(file, place):
            _annotation(as_object(one, "the annotation"), place, draft, labels)


def _picture(name: str, image: dict[str, Any], subset: str, collector: Collector) -> str:
    path = image.get("path")
    given = [path] if isinstance(path, str) and path else []
    plain_names = [f"{name}{suffix}" for suffix in sorted(PICTURE_SUFFIXES)]
    names = [*given, *plain_names]
    places = (f"images/{subset}/", "images/", f"{subset}/", "")
    tried = [f"{place}{n}" for place in places for n in names]
    return next((n for n in tried if collector.pictures.find(n)), given[0] if given else names[0])


def _annotation(fields: dict[str, Any], where: str, draft: Draft, labels: _Labels) -> None:
    kind = fields.get("type")
    number_of_label = fields.get("label_id")
    if number_of_label is None:
        raise RowFault(f"the {printable(kind)} has no label_id")
    index = as_whole(number_of_label, "the label_id")
    if not 0 <= index < len(labels.names) or not labels.names[index]:
        raise RowFault(f"no label has the number {index}")
    shape = _shape(kind, fields, draft, index in labels.skeletons)
    attributes = dict(as_object(fields.get("attributes") or {}, "the attributes"))
    flags = Flags.NONE
    for name, flag in _MARKS.items():
        if attributes.pop(name, False) is True:
            flags |= flag
    track = attributes.pop("track_id", None)
    guess = attributes.get("score")
    is_score = isinstance(guess, float) and 0 <= guess <= 1
    kept = {text(k, "a key"): plain(v, k) for k, v in fields.items() if k not in _KNOWN}
    group = as_whole(fields.get("group") or 0, "the group")
    draft.add(
        labels.names[index],
        shape,
        where,
        score=score(attributes.pop("score")) if is_score else None,
        group=group or None,
        track=as_whole(track, "the track_id") if track is not None else None,
        z=as_whole(fields.get("z_order") or 0, "the z_order"),
        flags=flags,
        attributes=plain(attributes, "the attributes"),
        extra={"datumaro": kept} if kept else {},
    )


def _shape(kind: Any, fields: dict[str, Any], draft: Draft, skeleton: bool) -> Shape:
    match kind:
        case "label":
            return Tag()
        case "bbox":
            x, y, w, h = numbers(fields.get("bbox"), "the bbox", 4)
            return checked_box(x, y, x + w, y + h, draft.size)
        case "rotated_bbox":
            cx, cy, w, h, r = numbers(fields.get("bbox"), "the bbox", 5)
            return RotatedBox(cx, cy, w, h, float(np.radians(r)))
        case "mask":
            rle = as_object(fields.get("rle"), "the rle")
            return coco_rle.decode(rle, draft.height, draft.width)
        case "ellipse":
            x1, y1, x2, y2 = numbers(fields.get("points"), "the points", 4)
            if x2 <= x1 or y2 <= y1:
                raise RowFault("the ellipse is empty")
            return Ellipse((x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2)
    least = {"polygon": 3, "polyline": 2, "points": 1}.get(str(kind))
    if least is None:
        raise RowFault(f"annotations of type {printable(kind)} are not taken")
    points = points_of_flat(numbers(fields.get("points"), "the points"), str(kind), least)
    if kind == "polygon":
        return checked_polygon([points])
    if kind == "polyline":
        return Polyline(points)
    seen = fields.get("visibility")
    if skeleton or (seen is not None and set(map(str, as_list(seen, "the visibility"))) != {"2"}):
        marks = [int(number(v, "a visibility")) for v in as_list(seen, "the visibility")]
        return Skeleton(points, tuple(marks or [2] * len(points)))
    return Points(points)
