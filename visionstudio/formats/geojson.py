"""GeoJSON as QuPath writes it: a file of features for each picture, in pixels.

A file belongs to the picture of its name. Features carry their class in
`properties.classification`; other properties are kept and written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
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
    pictures_only,
)
from visionstudio.formats.files import PICTURE_SUFFIXES, PictureRoot, walk_files
from visionstudio.formats.output import write_bytes
from visionstudio.formats.rows import (
    Row,
    RowFault,
    as_list,
    as_object,
    plain,
    printable,
    read_json,
    text,
)
from visionstudio.formats.taking import checked_polygon, points_of
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import (
    Points,
    Polygon,
    Polyline,
    Shape,
    Skeleton,
    Tag,
)

SUFFIXES = (".geojson", ".json")
USUAL = "object"


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a file, or a folder of `*.geojson`. Pictures lie beside or in `images/`."""
    if src.is_file():
        files = [src]
    elif src.is_dir():
        files = [p for p in walk_files(src) if p.suffix.lower() == SUFFIXES[0]]
    else:
        raise FormatError("there is no such file or folder", where=str(src))
    folder = src if src.is_dir() else src.parent
    root = PictureRoot(images or folder, ("images",), search=images is not None)
    collector = Collector(root)
    for file in files:
        with collector.row(file, "file"):
            _read_file(file, folder, collector)
    return collector.result(src, what="GeoJSON file")


def _read_file(file: Path, folder: Path, collector: Collector) -> None:
    try:
        data = read_json(file, ("features", ""), nested=True)
    except FormatError as error:
        raise RowFault(str(error)) from None
    rows = data.lists.get("features", data.lists.get("", []))
    if not rows and data.fields.get("type") == "Feature":
        rows = [Row("feature", data.fields)]
    elif not rows and data.fields.get("type") != "FeatureCollection" and not data.lists:
        raise RowFault("this is no GeoJSON: it has no features")
    draft = _picture(file, folder, collector)
    for row in rows:
        with collector.row(file, row.where):
            if row.fault:
                raise RowFault(row.fault)
            _feature(as_object(row.value, "the feature"), row.where, draft, collector)


def _picture(file: Path, folder: Path, collector: Collector) -> Draft:
    stem = file.relative_to(folder).with_suffix("").as_posix()
    names = [stem, *(f"{stem}{suffix}" for suffix in sorted(PICTURE_SUFFIXES))]
    found = next((n for n in names if collector.pictures.find(n)), None)
    missing = stem if PurePosixPath(stem).suffix.lower() in PICTURE_SUFFIXES else f"{stem}.tif"
    return collector.picture(found or missing, file)


def _feature(fields: dict[str, Any], where: str, draft: Draft, collector: Collector) -> None:
    found = fields.get("properties")
    properties = dict(as_object(found if found is not None else {}, "the properties"))
    label = collector.label(_label(properties))
    shape = _shape(as_object(fields.get("geometry"), "the geometry"))
    kept = {k: v for k, v in properties.items() if k != "classification"}
    colour = properties.get("classification")
    if isinstance(colour, dict) and "color" in colour:
        kept["color"] = colour["color"]
    if isinstance(fields.get("id"), str):
        kept["id"] = fields["id"]
    extra = {"geojson": plain(kept, "the properties")} if kept else {}
    draft.add(label, shape, where, extra=extra)


def _label(properties: dict[str, Any]) -> str:
    """The class: QuPath's classification, its short form, or a usual name."""
    found = properties.get("classification")
    if isinstance(found, dict):
        names = found.get("names")
        found = found.get("name") or (": ".join(map(str, names)) if names else None)
    for value in (found, *(properties.get(k) for k in ("class", "label", "name"))):
        if isinstance(value, str) and value.strip():
            return text(value, "the class")
    return USUAL


def _shape(geometry: dict[str, Any]) -> Shape:
    kind, places = geometry.get("type"), geometry.get("coordinates")
    match kind:
        case "Polygon":
            return _polygon([as_list(places, "the coordinates")])
        case "MultiPolygon":
            return _polygon([as_list(p, "a polygon") for p in as_list(places, "the coordinates")])
        case "Point":
            return Points(points_of([places], "the point", 1))
        case "MultiPoint":
            return Points(points_of(places, "the points", 1))
        case "LineString":
            return Polyline(points_of(places, "the line", 2))
    raise RowFault(f"geometries of type {printable(kind)} are not taken")


def _polygon(polygons: list[list[Any]]) -> Polygon:
    """Outer rings, each before its holes."""
    rings, holes = [], []
    for polygon in polygons:
        for place, ring in enumerate(polygon):
            rings.append(points_of(ring, "the outline", 3))
            holes.append(place > 0)
    return checked_polygon(rings, holes)


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `NAME.geojson` for each picture; copied pictures lie beside."""
    losses = Losses()
    files: list[Path] = []
    count = 0
    for item in pictures_only(dataset.items, losses):
        if not item.annotations and not item.verified:
            continue
        features = [f for a in item.annotations if (f := _feature_of(a, losses)) is not None]
        # With its ending: a.jpg and a.png are two pictures, and both readings are tried.
        files.append(out / f"{item.path}.geojson")
        collection = {"type": "FeatureCollection", "features": features}
        write_bytes(files[-1], msgspec.json.encode(collection))
        count += len(features)
        if options.copy_media:
            files += copied(item, out / item.path, losses)
    return Written(tuple(files), count, losses.all())


def _feature_of(annotation: DatasetAnnotation, losses: Losses) -> dict[str, Any] | None:
    geometry = _geometry(annotation.shape, losses)
    if geometry is None:
        return None
    count_unsaid(annotation, losses)
    kept = annotation.extra.get("geojson", {})
    kept = dict(kept) if isinstance(kept, Mapping) else {}
    classification: dict[str, Any] = {"name": annotation.label}
    if "color" in kept:
        classification["color"] = kept.pop("color")
    feature: dict[str, Any] = {"type": "Feature"}
    if "id" in kept:
        feature["id"] = kept.pop("id")
    properties = {"objectType": "annotation", **kept, "classification": classification}
    return {**feature, "geometry": geometry, "properties": properties}


def _geometry(shape: Shape, losses: Losses) -> dict[str, Any] | None:
    match shape:
        case Points(xy):
            if len(xy) == 1:
                return {"type": "Point", "coordinates": xy[0].tolist()}
            return {"type": "MultiPoint", "coordinates": xy.tolist()}
        case Polyline(line):
            return {"type": "LineString", "coordinates": line.tolist()}
        case Tag() | Skeleton():
            left_out(shape, losses)
            return None
    polygon = as_polygon(shape, losses, boxes=True)
    if polygon is None:
        return None
    parts: list[list[Any]] = []
    for ring, hole in zip(polygon.rings, polygon.holes, strict=True):
        closed = np.concatenate([ring, ring[:1]]).tolist()
        if hole:
            parts[-1].append(closed)
        else:
            parts.append([closed])
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}
