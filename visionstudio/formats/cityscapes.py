"""Cityscapes: polygons as JSON, and pictures of instance numbers (gtFine, gtCoarse)."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.dataset import (
    Dataset,
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
    one_ring,
    pictures_only,
)
from visionstudio.formats.files import PictureRoot, walk_files
from visionstudio.formats.output import write_bytes
from visionstudio.formats.pngs import decode_png
from visionstudio.formats.rows import (
    RowFault,
    as_list,
    as_object,
    plain,
    read_json,
    text,
)
from visionstudio.formats.taking import as_side, checked_polygon, points_of
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Mask

# The benchmark's own numbers of its classes; -1, the licence plate, has none in these pictures.
CLASSES = (
    *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic"),
    *("ground", "road", "sidewalk", "parking", "rail track", "building", "wall", "fence"),
    *("guard rail", "bridge", "tunnel", "pole", "polegroup", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "caravan"),
    *("trailer", "train", "motorcycle", "bicycle"),
)
_UNLABELED = frozenset(range(4))
_NAME = re.compile(r"^(?P<base>.+?)_(?P<kind>gtFine|gtCoarse)_(?P<what>polygons|instanceIds)$")
_PICTURE = "_leftImg8bit"
PER_CLASS = 1000


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a folder with `*_polygons.json`, else with `*_instanceIds.png`, or one such file."""
    if not src.exists():
        raise FormatError("there is no such file or folder", where=str(src))
    paths = [src] if src.is_file() else list(walk_files(src))
    folder = src if src.is_dir() else src.parent
    root = PictureRoot(images or folder, search=images is not None)
    collector = Collector(root)
    for what, use in (("polygons", _polygons), ("instanceIds", _instances)):
        for file in paths:
            name = _NAME.match(file.stem)
            if name is None or name["what"] != what:
                continue
            with collector.row(file, "file"):
                draft = _picture(file, folder, name["base"], collector)
                if what == "polygons" or not draft.rows:
                    use(file, draft, collector)
    return collector.result(src, what="Cityscapes annotation")


def _picture(file: Path, folder: Path, base: str, collector: Collector) -> Draft:
    """gtFine/SPLIT/CITY/x_gtFine_polygons.json is of leftImg8bit/SPLIT/CITY/x_leftImg8bit.png."""
    parts = file.resolve().relative_to(folder.resolve()).parts[:-1]
    inner = "/".join(p for p in parts if p not in ("gtFine", "gtCoarse"))
    place = f"{inner}/" if inner else ""
    stems = [f"leftImg8bit/{place}{base}{_PICTURE}", f"{place}{base}{_PICTURE}", f"{place}{base}"]
    names = [f"{stem}{suffix}" for stem in stems for suffix in (".png", ".jpg", ".jpeg")]
    found = next((n for n in names if collector.pictures.find(n)), names[3])
    draft = collector.picture(found, file)
    draft.split = next((p for p in parts if p in ("train", "val", "test")), "")
    return draft


def _polygons(file: Path, draft: Draft, collector: Collector) -> None:
    try:
        data = read_json(file, ("objects",), nested=True)
    except FormatError as error:
        raise RowFault(str(error)) from None
    draft.width = as_side(data.fields.get("imgWidth", 0))
    draft.height = as_side(data.fields.get("imgHeight", 0))
    for row in data.lists.get("objects", []):
        with collector.row(file, row.where):
            if row.fault:
                raise RowFault(row.fault)
            fields = as_object(row.value, "the object")
            if fields.get("deleted"):
                raise RowFault("it is marked as deleted")
            name = text(fields.get("label"), "the label")
            points = points_of(as_list(fields.get("polygon"), "the polygon"), "the polygon", 3)
            own = ("label", "polygon", "deleted")
            kept = {k: plain(v, k) for k, v in fields.items() if k not in own}
            label, crowd = _crowd(name)
            draft.add(
                collector.label(label),
                checked_polygon([points]),
                row.where,
                flags=Flags.CROWD if crowd else Flags.NONE,
                extra={"cityscapes": kept} if kept else {},
            )


def _crowd(name: str) -> tuple[str, bool]:
    """'cargroup' is many cars that nobody could tell apart; 'polegroup' is a class."""
    base = name.removesuffix("group")
    known = base != name and base in CLASSES and name not in CLASSES
    return (base, True) if known else (name, False)


def _instances(file: Path, draft: Draft, collector: Collector) -> None:
    """Numbers below 1000 are classes without instances, else class · 1000 + instance."""
    pixels = decode_png(file, "the mask")
    if pixels.ndim != 2 or not np.issubdtype(pixels.dtype, np.integer):
        raise RowFault("the mask's pixels are no whole numbers")
    draft.height, draft.width = pixels.shape
    for number in np.unique(pixels).tolist():
        kind = number // PER_CLASS if number >= PER_CLASS else number
        if kind in _UNLABELED or number == 65535:
            continue
        with collector.row(file, f"number {number}"):
            if not 0 <= kind < len(CLASSES):
                raise RowFault(f"no class has the number {kind}")
            mask = Mask.from_array(pixels == number)
            draft.add(collector.label(CLASSES[kind]), mask, f"number {number}")


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `gtFine/SPLIT/NAME_gtFine_polygons.json`; pictures go into `leftImg8bit/SPLIT/`."""
    losses = Losses()
    files: list[Path] = []
    count = 0
    taken: set[str] = set()
    for item in pictures_only(dataset.items, losses):
        split = options.split_of(item) or "train"
        pure = PurePosixPath(item.path.removeprefix(f"leftImg8bit/{split}/"))
        base = str(pure.with_suffix("")).removesuffix(_PICTURE)
        if f"{split}/{base}" in taken:
            base = f"{base}_{len(taken)}"
            losses.add("pictures whose names differ in their endings only were renamed")
        taken.add(f"{split}/{base}")
        objects: list[dict[str, Any]] = []
        for annotation in sorted(item.annotations, key=lambda a: a.z):
            polygon = as_polygon(annotation.shape, losses, boxes=True)
            if polygon is None:
                continue
            crowd = bool(annotation.flags & Flags.CROWD) and annotation.label in CLASSES
            count_unsaid(annotation, losses, flags=Flags.CROWD if crowd else Flags.NONE)
            name = f"{annotation.label}group" if crowd else annotation.label
            points = one_ring(polygon, losses).tolist()
            kept = dict(annotation.extra.get("cityscapes", {}))
            objects.append({"label": name, "polygon": points, **kept})
        content = {"imgHeight": item.height, "imgWidth": item.width, "objects": objects}
        files.append(out / "gtFine" / split / f"{base}_gtFine_polygons.json")
        write_bytes(files[-1], msgspec.json.encode(content))
        count += len(objects)
        if options.copy_media:
            target = out / "leftImg8bit" / split / f"{base}{_PICTURE}{pure.suffix}"
            files += copied(item, target, losses)
    return Written(tuple(files), count, losses.all())
