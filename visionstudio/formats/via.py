"""VGG Image Annotator (VIA 1 and 2): JSON of pictures with regions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    Imported,
    Losses,
    ReadOptions,
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
from visionstudio.formats.files import PictureRoot, the_file
from visionstudio.formats.output import write_bytes
from visionstudio.formats.rows import (
    RowFault,
    as_list,
    as_object,
    number,
    numbers,
    plain,
    printable,
    read_json,
    text,
)
from visionstudio.formats.taking import checked_box, checked_polygon, points_of_flat
from visionstudio.model.errors import FormatError
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

LABEL_KEYS = ("label", "class", "name", "type", "category", "object")
TABLE = "_via_img_metadata"


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a VIA project, or its exported annotations; pictures lie beside the file."""
    file = the_file(src, ".json")
    data = read_json(file, (TABLE, ""), nested=True)
    table = data.fields.get(TABLE, data.fields)
    collector = Collector(
        PictureRoot(images or file.parent, ("images",), search=images is not None)
    )
    for fault in data.faults:
        collector.skip(file, fault.where, fault.fault)
    if TABLE in data.fields:
        try:
            table = as_object(table, TABLE)
        except RowFault as fault:
            raise FormatError(str(fault), where=str(file)) from None
    rows = [(r.where, r.value) for r in data.lists.get("", [])] or list(table.items())
    for key, value in rows:
        with collector.row(file, printable(key, quoted=False)):
            _picture(as_object(value, "the picture"), file, collector)
    return collector.result(src, what="VIA annotation")


def _picture(fields: dict[str, Any], file: Path, collector: Collector) -> None:
    name = text(fields.get("filename"), "the filename")
    draft = collector.picture(name, file)
    kept = {k: fields[k] for k in ("file_attributes", "size") if fields.get(k)}
    draft.extra |= {"via": plain(kept, "a field")} if kept else {}
    regions = fields.get("regions")
    if isinstance(regions, dict):  # VIA 1 numbers them
        regions = list(regions.values())
    for index, region in enumerate(as_list(regions, "the regions")):
        where = f"{name}, region {index}"
        with collector.row(file, where):
            _region(draft, where, as_object(region, "the region"), collector)


def _region(draft: Draft, where: str, region: dict[str, Any], collector: Collector) -> None:
    answers = region.get("region_attributes")
    attributes = as_object(answers if answers is not None else {}, "the region_attributes")
    key, name = _label(attributes)
    shape = _shape(as_object(region.get("shape_attributes"), "the shape_attributes"))
    rest = {k: v for k, v in attributes.items() if k != key}
    draft.add(
        collector.label(name),
        shape,
        where,
        attributes=plain(rest, "the attributes"),
        extra={"via": {"label_key": key}} if key != LABEL_KEYS[0] else {},
    )


def _label(attributes: dict[str, Any]) -> tuple[str, str]:
    """The attribute that says what the region is: one of the usual names, else the first text."""
    usual = {k.lower(): k for k in attributes}
    keys = [usual[k] for k in LABEL_KEYS if k in usual] + list(attributes)
    for key in keys:
        value = attributes[key]
        if isinstance(value, dict):  # a checkbox: the ticked ones
            value = next((k for k, on in value.items() if on is True), "")
        if isinstance(value, str) and value.strip():
            return text(key, "an attribute"), value
    if attributes:
        raise RowFault(f"no attribute says what the region is: {printable(list(attributes))}")
    return LABEL_KEYS[0], "object"


def _shape(fields: dict[str, Any]) -> Shape:
    kind = fields.get("name")

    def at(key: str) -> float:
        if fields.get(key) is None:
            raise RowFault(f"{key} is missing")
        return number(fields[key], key)

    match kind:
        case "rect":
            x, y = at("x"), at("y")
            return checked_box(x, y, x + at("width"), y + at("height"))
        case "circle":
            radius = _radius(at("r"))
            return Ellipse(at("cx"), at("cy"), radius, radius)
        case "ellipse":
            turned = number(fields.get("theta") or 0, "theta")  # VIA's radians, clockwise too
            return Ellipse(at("cx"), at("cy"), _radius(at("rx")), _radius(at("ry")), turned)
        case "point":
            return Points(np.array([[at("cx"), at("cy")]]))
        case "polygon" | "polyline":
            xs = numbers(fields.get("all_points_x"), "all_points_x")
            ys = numbers(fields.get("all_points_y"), "all_points_y", len(xs))
            flat = [v for pair in zip(xs, ys, strict=True) for v in pair]
            least = 3 if kind == "polygon" else 2
            points = points_of_flat(flat, f"the {kind}", least)
            return checked_polygon([points]) if kind == "polygon" else Polyline(points)
    raise RowFault(f"there is no shape {printable(kind)}")


def _radius(value: float) -> float:
    if value <= 0:
        raise RowFault(f"a radius is {value:g}")
    return value


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write a VIA 2 project file; copied pictures go beside it."""
    losses = Losses()
    file = out if out.suffix.lower() == ".json" else out / "via.json"
    files = [file]
    table: dict[str, Any] = {}
    count = 0
    for item in pictures_only(dataset.items, losses):
        regions = [r for a in item.annotations if (r := _region_of(a, losses)) is not None]
        kept = dict(item.extra.get("via", {}))
        size = kept.get("size") or (_bytes(item.file) if item.file else -1)
        table[f"{item.path}{size}"] = {
            "filename": item.path,
            "size": size,
            "regions": regions,
            "file_attributes": kept.get("file_attributes", {}),
        }
        count += len(regions)
        if options.copy_media:
            files += copied(item, file.parent / item.path, losses)
    options_of_label = {c.name: "" for c in dataset.classes}
    label = {"type": "dropdown", "description": "", "options": options_of_label}
    project = {
        "_via_settings": {"project": {"name": file.stem}},
        TABLE: table,
        "_via_attributes": {"region": {LABEL_KEYS[0]: label}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(table),
    }
    write_bytes(file, msgspec.json.encode(project))
    return Written(tuple(files), count, losses.all())


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _region_of(annotation: DatasetAnnotation, losses: Losses) -> dict[str, Any] | None:
    fields = _fields(annotation.shape, losses)
    if fields is None:
        return None
    count_unsaid(annotation, losses, attributes=True)
    kept = annotation.extra.get("via", {})
    key = kept.get("label_key", LABEL_KEYS[0]) if isinstance(kept, Mapping) else LABEL_KEYS[0]
    return {
        "shape_attributes": fields,
        "region_attributes": {key: annotation.label, **annotation.attributes},
    }


def _fields(shape: Shape, losses: Losses) -> dict[str, Any] | None:
    match shape:
        case Box(x1, y1) if shape.area() > 0:
            size = {"width": shape.width, "height": shape.height}
            return {"name": "rect", "x": x1, "y": y1, **size}
        case Ellipse(cx, cy, rx, ry, angle) if rx > 0 and ry > 0:
            if rx == ry:
                return {"name": "circle", "cx": cx, "cy": cy, "r": rx}
            return {"name": "ellipse", "cx": cx, "cy": cy, "rx": rx, "ry": ry, "theta": angle}
        case Points(xy):
            if len(xy) > 1:
                losses.add("sets of points became lines")
                return _all_points("polyline", xy)
            return {"name": "point", "cx": float(xy[0, 0]), "cy": float(xy[0, 1])}
        case Polyline(line):
            return _all_points("polyline", line)
        case Polygon() | Mask() | RotatedBox():
            polygon = as_polygon(shape, losses)
            return None if polygon is None else _all_points("polygon", one_ring(polygon, losses))
        case Skeleton() | Tag() | Box() | Ellipse():
            left_out(shape, losses)
    return None


def _all_points(kind: str, points: np.ndarray) -> dict[str, Any]:
    xs, ys = points[:, 0].tolist(), points[:, 1].tolist()
    return {"name": kind, "all_points_x": xs, "all_points_y": ys}
