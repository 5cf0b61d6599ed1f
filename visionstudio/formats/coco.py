"""COCO JSON, reading: instances and keypoints (cocodataset.org, format-data).

One annotation is one shape: its keypoints if any is labelled, else its
segmentation, else its box. What is left of the row is kept in `extra["coco"]`,
so that writing gives it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visionstudio.formats import coco_rle
from visionstudio.formats.coco_write import write
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    ReadOptions,
    Skipped,
)
from visionstudio.formats.files import PictureRoot, safe_name, safe_parts
from visionstudio.formats.rows import (
    Row,
    RowFault,
    number,
    numbers,
    plain,
    printable,
    read_json,
    score,
    text,
)
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError, InvalidValue
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Box, Polygon, Shape, Skeleton, Tag

__all__ = ["read", "write"]

MAX_POINTS = 100_000  # of one polygon; more is a bitmap in disguise and stalls whoever draws it

_KNOWN = frozenset(
    ["id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd"]
    + ["keypoints", "num_keypoints", "score", "attributes"]
)
Key = int | str


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a COCO file, or a folder that holds just one.

    Pictures are looked up beneath `images`; without it beside the file, in
    `images/` and in the folder of the file's subset.
    """
    file = _the_file(src)
    data = read_json(file, ("images", "annotations", "categories"))
    if "" in data.lists:
        raise FormatError(
            "this is a list of results, not an annotation file",
            where=str(file),
            next_step="measure it with: visionstudio evaluate DIR --predictions FILE",
        )
    if "images" not in data.lists or "annotations" not in data.lists:
        missing = "images" if "images" not in data.lists else "annotations"
        raise FormatError(f"this is no COCO file: it has no list '{missing}'", where=str(file))
    reader = _Reader(file, _pictures(file, images))
    reader.take("categories", data.lists.get("categories", []), reader.category)
    reader.take("images", data.lists["images"], reader.image)
    reader.take("annotations", data.lists["annotations"], reader.annotation)
    return reader.result()


def _the_file(src: Path) -> Path:
    if not src.is_dir():
        return src
    found = sorted(p for f in (src, src / "annotations") for p in f.glob("*.json"))
    if len(found) != 1:
        raise FormatError(
            f"the folder holds {len(found)} JSON files, and one is needed",
            where=str(src),
            next_step="name the file",
        )
    return found[0]


def _pictures(file: Path, images: Path | None) -> PictureRoot:
    subset = file.stem.split("_", 1)[-1]
    also = ("images", f"images/{subset}", subset, f"{subset}/images")
    if images is not None:
        return PictureRoot(images, (subset,), search=True)
    folder = file.parent
    return PictureRoot(folder.parent if folder.name == "annotations" else folder, also)


@dataclass(slots=True)
class _Image:
    path: str
    file: Path | None
    width: int
    height: int
    number: int | None
    outside: str
    rows: list[DatasetAnnotation] = field(default_factory=list)


class _Reader:
    """Collects what the rows of one file say."""

    def __init__(self, file: Path, pictures: PictureRoot) -> None:
        self.file = str(file)
        self.pictures = pictures
        self.classes: dict[Key, DatasetClass] = {}
        self.images: dict[Key, _Image] = {}
        self.bad: dict[str, dict[Key, str]] = {"images": {}, "categories": {}}
        self.faults: dict[str, list[Skipped]] = {"images": [], "categories": [], "annotations": []}
        self.blamed: Counter[Key] = Counter()

    def take(self, name: str, rows: list[Row], use: Callable[[dict[str, Any], str], None]) -> None:
        """Give every row to `use`, and remember those that it or the parser refused."""
        for row in rows:
            reason = row.fault
            if not reason and not isinstance(row.value, dict):
                reason = f"it is no object: {printable(row.value)}"
            if not reason:
                try:
                    use(row.value, row.where)
                    continue
                except (RowFault, InvalidValue) as fault:
                    reason = str(fault)
                if name != "annotations":
                    self._remember_bad(name, row, reason)
                    continue
            self.faults[name].append(Skipped(self.file, row.where, reason))

    def _remember_bad(self, name: str, row: Row, reason: str) -> None:
        key = row.value.get("id")
        known: Mapping[Key, Any] = self.images if name == "images" else self.classes
        if isinstance(key, int | str) and key not in known and key not in self.bad[name]:
            # Its annotations are reported instead, one entry each.
            self.bad[name][key] = f"{row.where}: {reason}"
            return
        self.faults[name].append(Skipped(self.file, row.where, reason))

    def category(self, row: dict[str, Any], where: str) -> None:
        key = _key(row.get("id"), "the id")
        if key in self.classes:
            raise RowFault(f"the id {printable(key)} is there twice")
        name = text(row.get("name"), "the name")
        if not name.strip():
            raise RowFault("the name is empty")
        known = ("id", "name", "keypoints", "skeleton")
        extra = {text(k, "a field"): plain(v, k) for k, v in row.items() if k not in known}
        self.classes[key] = DatasetClass(
            name=name,
            id=key if isinstance(key, int) else None,
            skeleton=_skeleton_spec(row),
            extra={"coco": extra} if extra else {},
        )

    def image(self, row: dict[str, Any], where: str) -> None:
        key = _key(row.get("id"), "the id")
        if key in self.images:
            raise RowFault(f"the id {printable(key)} is there twice")
        name = text(row.get("file_name"), "the file_name")
        width, height = _side(row.get("width", 0), "width"), _side(row.get("height", 0), "height")
        file = self.pictures.find(name)
        parts = safe_parts(name)
        path = self.pictures.relative(file) if file else "/".join(parts or (safe_name(name),))
        number = key if isinstance(key, int) else None
        outside = name if parts is None and file is None else ""
        self.images[key] = _Image(path, file, width, height, number, outside)

    def annotation(self, row: dict[str, Any], where: str) -> None:
        image_id = _key(row.get("image_id"), "the image_id")
        if image_id in self.bad["images"] and image_id not in self.images:
            self.blamed[image_id] += 1
            raise RowFault(f"its picture was not taken: {self.bad['images'][image_id]}")
        if image_id not in self.images:
            raise RowFault(f"no picture has the id {printable(image_id)}")
        class_id = _key(row.get("category_id"), "the category_id")
        if class_id not in self.classes:
            why = self.bad["categories"].get(class_id)
            raise RowFault(
                f"its category was not taken: {why}"
                if why
                else f"no category has the id {printable(class_id)}"
            )
        image = self.images[image_id]
        crowd = row.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise RowFault(f"iscrowd is 0 or 1, not {printable(crowd)}")
        shape, kept = _shape(row, image)
        kept |= {k: v for k, v in row.items() if k not in _KNOWN}
        attributes = row.get("attributes")
        if attributes is not None and not isinstance(attributes, dict):
            raise RowFault(f"the attributes are no object: {printable(attributes)}")
        extra = {text(k, "a field"): plain(v, k) for k, v in kept.items()}
        image.rows.append(
            DatasetAnnotation(
                label=self.classes[class_id].name,
                shape=shape,
                score=score(row.get("score")),
                z=len(image.rows),
                flags=Flags.CROWD if crowd else Flags.NONE,
                attributes=plain(attributes or {}, "the attributes"),
                extra={"coco": extra} if extra else {},
                where=where,
            )
        )

    def result(self) -> Imported:
        items = tuple(
            DatasetItem(
                path=image.path,
                annotations=tuple(image.rows),
                id=image.number,
                width=image.width,
                height=image.height,
                file=image.file,
                source=self.file,
                outside=image.outside,
            )
            for image in self.images.values()
        )
        silent = [
            Skipped(self.file, "images", reason)
            for key, reason in self.bad["images"].items()
            if not self.blamed[key]
        ]
        skipped = [s for faults in self.faults.values() for s in faults] + silent
        origin = {"file": str(Path(self.file).absolute())}
        return Imported(Dataset(_once(self.classes), items), tuple(skipped), origin)


def _once(classes: dict[Key, DatasetClass]) -> tuple[DatasetClass, ...]:
    """Categories of one name are one class, the first."""
    by_name: dict[str, DatasetClass] = {}
    for one in classes.values():
        by_name.setdefault(one.name, one)
    return tuple(by_name.values())


def _key(value: Any, what: str) -> Key:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise RowFault(f"{what} is missing" if value is None else f"{what} is {printable(value)}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise RowFault(f"{what} has too many digits")
    return value


def _side(value: Any, what: str) -> int:
    if value is None:
        return 0
    side = number(value, f"the {what}")
    if side < 0 or side != int(side) or side >= 2**31:
        raise RowFault(f"the {what} of the picture is {printable(value)}")
    return int(side)


def _skeleton_spec(row: dict[str, Any]) -> SkeletonSpec | None:
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


def _shape(row: dict[str, Any], image: _Image) -> tuple[Shape, dict[str, Any]]:
    """The row's shape, and the fields that it does not cover but that are worth keeping."""
    box = _box(row, image)
    segmentation = row.get("segmentation")
    outline = _outline(segmentation, image) if segmentation else None
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


def _box(row: dict[str, Any], image: _Image) -> Box | None:
    if row.get("bbox") in (None, []):
        return None
    x, y, w, h = numbers(row["bbox"], "the bbox", 4)
    if w < 0 or h < 0:
        raise RowFault(f"the box has a negative size, {w:g} x {h:g}")
    if w == 0 or h == 0:
        raise RowFault(f"the box is empty, {w:g} x {h:g}")
    if image.width and image.height and (x + w <= 0 or x >= image.width):
        raise RowFault(f"the box lies outside the picture, x {x:g}…{x + w:g}")
    if image.width and image.height and (y + h <= 0 or y >= image.height):
        raise RowFault(f"the box lies outside the picture, y {y:g}…{y + h:g}")
    return Box(x, y, x + w, y + h)


def _outline(segmentation: Any, image: _Image) -> Shape:
    if isinstance(segmentation, dict):
        return coco_rle.decode(segmentation, image.height, image.width)
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
