"""YOLO text files, writing: labels/SPLIT/*.txt with data.yaml and classes.txt.

Classes are known by their place in the list. One that is there already is
never reordered: what it names keeps its number, new classes follow.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from visionstudio.formats.collecting import listed_names
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import (
    FloatArray,
    as_box,
    as_polygon,
    as_rotated_box,
    copied,
    count_unsaid,
    one_ring,
    pictures_only,
)
from visionstudio.formats.output import write_bytes
from visionstudio.formats.rows import RowFault
from visionstudio.formats.yaml_file import read_yaml
from visionstudio.model.shapes import Box, Shape, Skeleton

VARIANTS = ("", "detect", "segment", "obb", "pose")
"""'' takes the simplest that can hold what is there."""


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write the Ultralytics layout; copied pictures go into `images/SPLIT/`.

    A picture that is verified and holds nothing gets an empty file, one that
    nobody has labelled gets none.
    """
    losses = Losses()
    names = class_order(out, [c.name for c in dataset.classes])
    task = options.variant or task_of(dataset)
    points = max((len(c.skeleton.names) for c in dataset.classes if c.skeleton), default=0)
    points = points_of(dataset, points)
    if task == "pose" and not points:
        task = "detect"  # no skeleton, no keypoints
    rows = Rows(task, names, points, losses)
    files: list[Path] = []
    count = 0
    splits: dict[str, None] = {}
    taken: set[str] = set()
    for item in pictures_only(dataset.items, losses):
        if not item.annotations and not item.verified:
            continue
        split = options.split_of(item) or "train"
        splits[split] = None
        name = _free(item.path, split, taken, losses)
        lines = rows.of(item)
        target = out / "labels" / split / PurePosixPath(name).with_suffix(".txt")
        write_bytes(target, "".join(f"{line}\n" for line in lines).encode("ascii"))
        files.append(target)
        count += len(lines)
        if options.copy_media:
            files += copied(item, out / "images" / split / name, losses)
    write_bytes(out / "classes.txt", "".join(f"{n}\n" for n in names).encode("utf-8"))
    write_bytes(out / "data.yaml", _settings(splits, names, task, rows.points))
    return Written((*files, out / "classes.txt", out / "data.yaml"), count, losses.all())


def class_order(out: Path, names: list[str]) -> list[str]:
    """The classes in the order that files in `out` give them already, then the others."""
    listed = listed_names(out / "classes.txt")
    if not listed and (out / "data.yaml").is_file():
        try:
            found = read_yaml(out / "data.yaml").get("names")
        except RowFault:
            found = None
        if isinstance(found, dict) and all(isinstance(k, int) and k >= 0 for k in found):
            listed = [str(found.get(i, "")) for i in range(max(found, default=-1) + 1)]
        elif isinstance(found, list):
            listed = [str(n) for n in found]
    return listed + [_one_line(n) for n in names if _one_line(n) not in listed]


def _one_line(name: str) -> str:
    return " ".join(name.split())


def task_of(dataset: Dataset) -> str:
    """The simplest task whose rows can hold the data set's shapes."""
    kinds = {a.shape.kind for item in dataset.items for a in item.annotations}
    if "skeleton" in kinds:
        return "pose"
    if "rotated_box" in kinds:
        return "obb"
    return "segment" if kinds & {"polygon", "mask", "ellipse"} else "detect"


def points_of(dataset: Dataset, least: int) -> int:
    """How many keypoints a row needs: those of the largest skeleton."""
    sizes = [
        len(a.shape.xy)
        for item in dataset.items
        for a in item.annotations
        if isinstance(a.shape, Skeleton)
    ]
    return max(sizes, default=least)


class Rows:
    """Makes the rows of a task."""

    def __init__(self, task: str, names: list[str], points: int, losses: Losses) -> None:
        self.task = task
        self.points = points
        self._numbers = {name: number for number, name in reversed(list(enumerate(names)))}
        self._losses = losses

    def of(self, item: DatasetItem) -> list[str]:
        """The rows of a picture."""
        if item.annotations and not (item.width and item.height):
            self._losses.add(
                "annotations of pictures of unknown size are left out", len(item.annotations)
            )
            return []
        rows = []
        for annotation in item.annotations:
            values = self._values(annotation, np.array([item.width, item.height], dtype=float))
            if values is not None:
                count_unsaid(annotation, self._losses)
                number = self._numbers[_one_line(annotation.label)]
                rows.append(" ".join([str(number), *values]))
        return rows

    def _values(self, annotation: DatasetAnnotation, size: FloatArray) -> list[str] | None:
        shape = annotation.shape
        if self.task == "segment":
            polygon = as_polygon(shape, self._losses, boxes=True)
            return None if polygon is None else _parts(one_ring(polygon, self._losses) / size)
        if self.task == "obb":
            return self._turned(shape, size)
        if self.task == "pose" and isinstance(shape, Skeleton):
            return self._pose(annotation, shape, size)
        box = as_box(shape, self._losses)
        if box is None:
            return None
        values = _parts(_centred(box, size))
        if self.task == "pose":
            self._losses.add("boxes have keypoints that are not labelled")
            values += ["0"] * (3 * self.points)
        return values

    def _turned(self, shape: Shape, size: FloatArray) -> list[str] | None:
        box = as_rotated_box(shape, self._losses)
        if isinstance(box, Box):
            self._losses.add("upright boxes are read back as rotated ones")
        return None if box is None else _parts(box.points() / size)

    def _pose(self, annotation: DatasetAnnotation, shape: Skeleton, size: FloatArray) -> list[str]:
        values = _parts(_centred(_box_around(annotation, shape), size))
        for (x, y), seen in zip(shape.xy / size, shape.visibility, strict=True):
            values += [*_parts(np.array([x, y]) if seen else np.zeros(2)), str(seen)]
        missing = self.points - len(shape.xy)
        return values + ["0", "0", "0"] * missing


def _box_around(annotation: DatasetAnnotation, shape: Skeleton) -> Box:
    """The box that came with the keypoints, while it still holds them; else their bounds."""
    bounds = Box(*shape.bounds())
    kept = annotation.extra.get("yolo", {}).get("box")
    if kept is None:
        corner = annotation.extra.get("coco", {}).get("bbox")
        kept = [*corner[:2], corner[0] + corner[2], corner[1] + corner[3]] if corner else None
    if kept is None:
        return bounds
    box = Box(*kept)
    holds = box.x1 - 1 <= bounds.x1 and box.y1 - 1 <= bounds.y1
    return box if holds and bounds.x2 <= box.x2 + 1 and bounds.y2 <= box.y2 + 1 else bounds


def _centred(box: Box, size: FloatArray) -> FloatArray:
    x1, y1, x2, y2 = box.bounds()
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) / size
    return np.concatenate([centre, np.array([x2 - x1, y2 - y1]) / size])


def _parts(values: FloatArray) -> list[str]:
    return [f"{v:.6f}" for v in values.reshape(-1)]


def _free(path: str, split: str, taken: set[str], losses: Losses) -> str:
    """The path under which a picture and its labels go: a.jpg and a.png would share a.txt."""
    pure = PurePosixPath(path)
    found, n = pure, 2
    while f"{split}/{found.with_suffix('')}" in taken:
        found, n = pure.with_stem(f"{pure.stem}_{n}"), n + 1
    if found != pure:
        losses.add("pictures whose names differ in their endings only were renamed")
    taken.add(f"{split}/{found.with_suffix('')}")
    return str(found)


def _settings(splits: dict[str, None], names: list[str], task: str, points: int) -> bytes:
    train = "train" if "train" in splits or not splits else next(iter(splits))
    fields: dict[str, object] = {"path": ".", "train": f"images/{train}"}
    # Ultralytics refuses a file without `val`.
    fields["val"] = f"images/{'val' if 'val' in splits else train}"
    fields |= {s: f"images/{s}" for s in splits if s not in ("train", "val")}
    fields["task"] = task
    if task == "pose":
        fields |= {"kpt_shape": [points, 3], "flip_idx": list(range(points))}
    fields["names"] = dict(enumerate(names))
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).encode("utf-8")
