"""labelme JSON and its X-AnyLabeling dialect: a file beside each picture.

Both are read. Written is strict labelme, which refuses a whole file for one
shape that it does not know, or with the variant 'xanylabeling' that dialect.
Unknown keys of a file and of a shape are kept and written again.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.collecting import Collector, Draft, listed_names
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.files import PictureRoot, last_part, walk_files
from visionstudio.formats.labelme_write import GEOMETRY, TOP, write
from visionstudio.formats.pngs import decode_png
from visionstudio.formats.rows import (
    Row,
    RowFault,
    plain,
    printable,
    read_json,
    score,
    text,
)
from visionstudio.formats.taking import (
    as_side,
    box_of_corners,
    checked_box,
    checked_polygon,
    points_of,
)
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polyline,
    Shape,
    Tag,
)

__all__ = ["read", "write"]

FLOATS = NDArray[np.float64]
_KNOWN = frozenset(
    ["label", "points", "group_id", "shape_type", "flags", "mask", "score", "difficult"]
    + ["attributes"]
)


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a labelme file or a folder of them; a file that is none is one skipped row."""
    if src.is_file():
        files = [src]
    elif src.is_dir():
        files = [p for p in walk_files(src) if p.suffix.lower() == ".json"]
    else:
        raise FormatError("there is no such file or folder", where=str(src))
    folder = src if src.is_dir() else src.parent
    collector = Collector(PictureRoot(images or folder, search=images is not None))
    for name in ("labels.txt", "classes.txt"):
        for line in listed_names(folder / name):
            if line and not line.startswith("_"):  # __ignore__ and _background_ are no classes
                with collector.row(folder / name, line):
                    collector.label(line)
    for file in files:
        with collector.row(file, "file"):
            _read_file(file, folder, collector)
    return collector.result(src, what="labelme file")


def is_labelme(fields: Mapping[str, Any], lists: Mapping[str, list[Row]]) -> bool:
    """Whether a JSON file is of labelme or X-AnyLabeling."""
    return "shapes" in lists and "imagePath" in fields


def _read_file(file: Path, folder: Path, collector: Collector) -> None:
    try:
        data = read_json(file, ("shapes",))
    except FormatError as error:
        raise RowFault(str(error)) from None
    if not is_labelme(data.fields, data.lists):
        raise RowFault("this is no labelme file: it has no 'shapes' or no 'imagePath'")
    draft = _picture(file, folder, data.fields, collector)
    for row in data.lists["shapes"]:
        with collector.row(file, row.where):
            if row.fault:
                raise RowFault(row.fault)
            _shape_row(row, draft, collector)
    with collector.row(file, "flags"):
        _flags(data.fields.get("flags"), draft, collector)
    verified = data.fields.get("checked")
    draft.verified = verified if isinstance(verified, bool) else True
    kept = {}
    for key, value in data.fields.items():
        if key not in TOP:
            with collector.row(file, f"key {printable(key)}"):
                kept[text(key, "a key")] = plain(value, "a field")
    if kept:
        draft.extra["labelme"] = kept


def _picture(file: Path, folder: Path, fields: Mapping[str, Any], collector: Collector) -> Draft:
    """The picture that a file names, else the one that lies beside it under its name."""
    named = text(fields.get("imagePath"), "imagePath")
    inner = file.parent.relative_to(folder).as_posix()
    beside = last_part(named) if inner == "." else f"{inner}/{last_part(named)}"
    joined = named if inner == "." else f"{inner}/{named}"
    pictures = collector.pictures
    name = next((n for n in (joined, beside, named) if pictures.find(n)), beside)
    # labelme's own '../images/a.jpg' leads out of the folder of labels in an honest way
    draft = collector.picture(name, file)
    if draft.rows:
        raise RowFault(f"a second file for the picture {printable(named)}")
    draft.width, draft.height = (as_side(fields.get(f"image{k}", 0)) for k in ("Width", "Height"))
    draft.source = str(file)
    return draft


def _flags(flags: Any, draft: Draft, collector: Collector) -> None:
    """labelme's flags of a file are classes of the whole picture."""
    if isinstance(flags, dict):
        for name, value in flags.items():
            if value is True:
                extra = {"labelme": {"flag": True}}
                draft.add(collector.label(name), Tag(), "flags", extra=extra)


def _shape_row(row: Row, draft: Draft, collector: Collector) -> None:
    if not isinstance(row.value, dict):
        raise RowFault(f"it is no object: {printable(row.value)}")
    value = row.value
    label = collector.label(value.get("label"))
    kind = value.get("shape_type") or "polygon"
    shape = _shape(kind, value, draft)
    group = value.get("group_id")
    if group is not None and (isinstance(group, bool) or not isinstance(group, int)):
        raise RowFault(f"the group_id is no whole number: {printable(group)}")
    flags = value.get("flags")
    marks = Flags.DIFFICULT if value.get("difficult") is True else Flags.NONE
    extra = {text(k, "a key"): plain(v, k) for k, v in value.items() if k not in _KNOWN}
    if isinstance(flags, dict) and flags:
        extra["flags"] = plain(flags, "the flags")
    extra[GEOMETRY] = _geometry_key(kind, shape)
    attributes = value.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise RowFault(f"the attributes are no object: {printable(attributes)}")
    draft.add(
        label,
        shape,
        row.where,
        group=plain(group, "the group_id"),
        score=score(value.get("score")),
        flags=marks,
        attributes=plain(attributes, "the attributes"),
        extra={"labelme": {k: v for k, v in extra.items() if v is not None}},
    )


def _geometry_key(kind: Any, shape: Shape) -> str | None:
    """The shape_type, where our shape alone does not tell it."""
    usual = {"circle": Ellipse, "line": Polyline, "quadrilateral": object, "cuboid": object}
    return kind if kind in usual and isinstance(shape, usual[kind]) else None


def _shape(kind: Any, value: dict[str, Any], draft: Draft) -> Shape:
    least = {"point": 1, "polygon": 3, "quadrilateral": 4, "oriented_rectangle": 4}
    least |= {"rotation": 4, "cuboid": 8, "points": 1}
    points = points_of(value.get("points"), "the shape", least.get(kind, 2))
    match kind:
        case "rectangle":
            return _rectangle(points, draft)
        case "mask":
            return _mask(points, value.get("mask"))
        case "circle":
            _exactly(points, 2, "a circle")
            radius = float(np.hypot(*(points[1] - points[0])))
            if radius == 0:
                raise RowFault("the circle is empty")
            return Ellipse(float(points[0, 0]), float(points[0, 1]), radius, radius)
        case "rotation" | "oriented_rectangle":
            _exactly(points, 4, "a rotated rectangle")
            return box_of_corners(points)
        case "polygon" | "quadrilateral":
            return checked_polygon([points])
        case "point" | "points":
            return Points(points)
        case "line" | "linestrip" | "cuboid":
            return Polyline(points)
    raise RowFault(f"there is no shape_type {printable(kind)}")


def _exactly(points: FLOATS, count: int, what: str) -> None:
    if len(points) != count:
        raise RowFault(f"{what} has {len(points)} points instead of {count}")


def _rectangle(points: FLOATS, draft: Draft) -> Box:
    """Two opposite corners in any order, or all four, as X-AnyLabeling has them."""
    if len(points) not in (2, 4):
        raise RowFault(f"a rectangle has {len(points)} points instead of 2 or 4")
    (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return checked_box(x1, y1, x2, y2, draft.size)


def _mask(points: FLOATS, data: Any) -> Mask:
    """A picture of the mask whose first pixel lies at the first point."""
    _exactly(points, 2, "a mask")
    if not isinstance(data, str):
        raise RowFault(f"the mask is no base64 text: {printable(data)}")
    try:
        png = base64.b64decode(data, validate=True)
    except ValueError:
        raise RowFault("the mask is no base64 text") from None
    pixels = decode_png(io.BytesIO(png), "the mask")
    if pixels.ndim != 2:
        raise RowFault("the mask is a coloured picture")
    left, top = (int(v) for v in np.floor(points.min(axis=0)))
    mask = Mask.from_array(pixels != 0, left, top)
    if mask.width == 0:
        raise RowFault("the mask is empty")
    return mask
