"""YOLO text files, reading: detection, segmentation, rotated boxes and pose (Ultralytics layout).

A label file belongs to the picture at the same place with `images` for
`labels`, or beside it. A missing file says that nobody has labelled the
picture, an empty one that there is nothing in it. Which of the four tasks the
rows are for says `data.yaml` (`kpt_shape`, `task`), else their lengths do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visionstudio.formats.collecting import Collector, Draft, listed_names, read_text
from visionstudio.formats.dataset import SUBSETS, Imported, ReadOptions
from visionstudio.formats.files import PictureRoot, is_picture, safe_parts, walk_files
from visionstudio.formats.rows import RowFault, printable
from visionstudio.formats.taking import (
    as_number,
    as_whole,
    box_of_corners,
    checked_box,
    checked_polygon,
    points_of_flat,
)
from visionstudio.formats.yaml_file import plain_field, read_yaml
from visionstudio.formats.yolo_write import write
from visionstudio.model.errors import FormatError
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Shape, Skeleton

__all__ = ["read", "write"]

NAME_FILES = ("classes.txt", "obj.names", "labels.txt", "predefined_classes.txt")
_KINDS_OF_FOLDER = frozenset(
    ["images", "labels", "labeltxt", "annotations", "jpegimages", "obj_train_data"]
)
_MAX_CLASS = 100_000
_FAR = 2.0  # a coordinate is a part of the picture's size; labels may reach a little outside
Key = tuple[str, ...]


def read(src: Path, images: Path | None, options: ReadOptions) -> Imported:
    """Read `data.yaml`, a folder with one, or a folder of label files.

    Pictures without a label file are in the result too, as not verified.
    """
    folder, settings_file = _place(src)
    collector = Collector(PictureRoot(images or folder, search=images is not None))
    settings: dict[str, Any] = {}
    if settings_file is not None:
        with collector.row(settings_file, "file"):
            settings = read_yaml(settings_file)
    reader = _Reader(collector, options, settings)
    reader.name_classes(folder)
    labels, pictures = _files(folder, images)
    if not labels and settings_file is None:
        raise FormatError("the folder holds no label files (*.txt)", where=str(src))
    reader.take(labels, pictures)
    reader.split_by(folder, settings)
    kept = {k: settings[k] for k in ("kpt_shape", "flip_idx") if k in settings}
    return collector.result(src, what="YOLO labels", **{k: _kept(v) for k, v in kept.items()})


def _kept(value: Any) -> Any:
    try:
        return plain_field(value, "a setting")
    except RowFault:
        return None


def _place(src: Path) -> tuple[Path, Path | None]:
    """The data set's folder and its YAML file, if it has one."""
    if src.is_file():
        if src.suffix.lower() in (".yaml", ".yml"):
            return src.parent, src
        return src.parent, _settings_in(src.parent)
    if not src.is_dir():
        raise FormatError("there is no such file or folder", where=str(src))
    return src, _settings_in(src) or _settings_in(src.parent)


def _settings_in(folder: Path) -> Path | None:
    for name in ("data.yaml", "data.yml", "dataset.yaml"):
        if (folder / name).is_file():
            return folder / name
    others = [p for p in sorted(folder.glob("*.y*ml")) if _has_names(p)]
    return others[0] if len(others) == 1 else None


def _has_names(file: Path) -> bool:
    try:
        return "names" in read_yaml(file)
    except RowFault:
        return False


def _files(folder: Path, images: Path | None) -> tuple[dict[Key, Path], dict[Key, Path]]:
    """Label files and pictures by what their places have in common."""
    labels: dict[Key, Path] = {}
    pictures: dict[Key, Path] = {}
    for path in walk_files(folder.resolve()):
        if path.suffix.lower() == ".txt" and path.name.lower() not in NAME_FILES:
            if not _is_list(path):
                labels.setdefault(_key(path, folder.resolve()), path)
        elif is_picture(path.name) and images is None:
            pictures.setdefault(_key(path, folder.resolve()), path)
    if images is not None:
        for path in walk_files(images.resolve()):
            if is_picture(path.name):
                pictures.setdefault(_key(path, images.resolve()), path)
    return labels, pictures


def _key(path: Path, root: Path) -> Key:
    parts = path.relative_to(root).with_suffix("").parts
    return tuple(p for p in parts[:-1] if p.lower() not in _KINDS_OF_FOLDER) + parts[-1:]


def _is_list(path: Path) -> bool:
    """Whether a text file lists pictures, or is a note, instead of holding labels."""
    if path.name.lower().startswith("readme"):
        return True
    try:
        with path.open("rb") as handle:
            first = handle.read(4096).decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return False
    return bool(first) and is_picture(first[0].strip()) and " " not in first[0].strip()


@dataclass(slots=True)
class _Reader:
    collector: Collector
    options: ReadOptions
    settings: dict[str, Any]
    names: dict[int, str] = field(default_factory=dict)
    task: str = ""
    points: int = 0
    per_point: int = 0

    # classes

    def name_classes(self, folder: Path) -> None:
        """The classes by number: of the YAML file, else of a list beside the labels."""
        numbered = self._numbered(self.settings.get("names"))
        if not numbered:
            for place in (folder, folder / "labels", folder.parent):
                for name in NAME_FILES:
                    listed = listed_names(place / name)
                    if listed and not numbered:
                        numbered = dict(enumerate(listed))
        shape = self.settings.get("kpt_shape")
        if isinstance(shape, list) and len(shape) == 2:
            with self.collector.row("data.yaml", "kpt_shape"):
                self._set_pose(as_whole(shape[0], "kpt_shape"), as_whole(shape[1], "kpt_shape"))
        elif str(self.settings.get("task", "")) in ("detect", "segment", "obb"):
            self.task = str(self.settings["task"])
        for index, name in sorted(numbered.items()):
            with self.collector.row("classes", f"class {index}"):
                self._name(index, name)

    def _numbered(self, names: Any) -> dict[int, Any]:
        if isinstance(names, list):
            return dict(enumerate(names))
        if not isinstance(names, dict):
            return {}
        numbered = {}
        for key, name in names.items():
            with self.collector.row("data.yaml", f"class {printable(key)}"):
                numbered[as_whole(key, "a class's number")] = name
        return numbered

    def _name(self, index: int, name: Any) -> None:
        skeleton = None
        if self.points:
            skeleton = SkeletonSpec(tuple(f"point {n + 1}" for n in range(self.points)))
        self.names[index] = self.collector.label(str(name), skeleton=skeleton)

    def _set_pose(self, points: int, per_point: int) -> None:
        if not 0 < points < 10_000 or per_point not in (2, 3):
            raise RowFault(f"kpt_shape is {points}, {per_point}")
        self.task, self.points, self.per_point = "pose", points, per_point

    def _label(self, value: str) -> str:
        index = as_whole(value, "the class")
        if index in self.names:
            return self.names[index]
        if not 0 <= index < _MAX_CLASS or self.names:
            raise RowFault(f"no class has the number {index}")
        return self.collector.label(f"class_{index}")

    # pictures

    def take(self, labels: dict[Key, Path], pictures: dict[Key, Path]) -> None:
        """Read every label file, and list the pictures that have none as unlabelled."""
        texts: dict[Key, list[list[str]]] = {}
        for key, file in labels.items():
            with self.collector.row(file, "file"):
                texts[key] = [line.split() for line in read_text(file).splitlines()]
        if not self.task:
            self._guess(row for rows in texts.values() for row in rows if row)
        by_stem = _unique_stems(pictures)
        used = set()
        for key, rows in texts.items():
            file = labels[key]
            picture = pictures.get(key) or by_stem.get(key[-1])
            if picture is None:
                draft = self.collector.picture("/".join(key) + ".jpg", file)
            else:
                draft = self._found(picture, file)
                used.add(picture)
            self._rows(draft, file, rows)
        for picture in pictures.values():
            if picture not in used:
                self._found(picture, picture).verified = False

    def _found(self, picture: Path, source: Path) -> Draft:
        name = picture.relative_to(self.collector.pictures.root).as_posix()
        if self.collector.pictures.find(name) is None:
            self.collector.skip(picture, "file", "it is a link out of the folder and is not read")
        draft = self.collector.found_picture(picture, source)
        if source != picture:
            draft.width, draft.height = self.options.size_of(picture)
        return draft

    def _guess(self, rows: Iterable[list[str]]) -> None:
        lengths: set[int] = set()
        marks = True
        for row in rows:
            lengths.add(len(row) - 1)
            marks = marks and all(v in ("0", "1", "2") or _is_mark(v) for v in row[7::3])
        only = next(iter(lengths)) if len(lengths) == 1 else 0
        if only == 8:
            self.task = "obb"
        elif only > 6 and only % 2 and (only - 4) % 3 == 0 and marks:
            self._set_pose((only - 4) // 3, 3)

    def _rows(self, draft: Draft, file: Path, rows: list[list[str]]) -> None:
        for index, row in enumerate(rows, start=1):
            if row:
                with self.collector.row(file, f"line {index}"):
                    self._row(draft, f"line {index}", row)

    def _row(self, draft: Draft, where: str, row: list[str]) -> None:
        if len(row) == 10 and not _is_number(row[8]):
            raise RowFault("this is a row of DOTA: import it as dota")
        label = self._label(row[0])
        values = [as_number(v, "a coordinate") for v in row[1:]]
        width, height = draft.size
        if not (width and height):
            raise RowFault("the size of its picture is not known, and coordinates are parts of it")
        fields: dict[str, Any] = {}
        shape: Shape
        if self.task == "pose" and len(values) == 4 + self.points * self.per_point:
            shape, fields["extra"] = self._pose(values, width, height)
        elif len(values) in (4, 5):
            fields |= _score(values[4:])
            box = _box(values[:4], width, height)
            shape = checked_box(*box, draft.size)
        else:
            odd = len(values) % 2
            fields |= _score(values[-1:] if odd else [])
            corners = points_of_flat(_near(values[:-1] if odd else values), "the outline", 3)
            corners = corners * (width, height)
            rotated = self.task == "obb" and len(corners) == 4
            shape = box_of_corners(corners) if rotated else checked_polygon([corners])
        draft.add(label, shape, where, **fields)

    def _pose(
        self, values: list[float], width: int, height: int
    ) -> tuple[Skeleton, dict[str, Any]]:
        points = np.array(values[4:]).reshape(self.points, self.per_point)
        _near(points[:, :2].reshape(-1).tolist())
        seen = np.full(self.points, 2) if self.per_point == 2 else points[:, 2].round().astype(int)
        if self.per_point == 2:
            seen[(points == 0).all(axis=1)] = 0
        if not np.isin(seen, (0, 1, 2)).all():
            raise RowFault("a keypoint's visibility is not 0, 1 or 2")
        x1, y1, x2, y2 = _box(values[:4], width, height)
        skeleton = Skeleton(points[:, :2] * (width, height), tuple(int(v) for v in seen))
        return skeleton, {"yolo": {"box": [x1, y1, x2, y2]}}

    # subsets

    def split_by(self, folder: Path, settings: dict[str, Any]) -> None:
        """The subset of every picture: by a list of pictures, else by a folder's name."""
        listed: dict[str, str] = {}
        for split in ("train", "val", "test"):
            for name in (settings.get(split), f"{split}.txt"):
                parts = safe_parts(name) if isinstance(name, str) else None
                if parts and parts[-1].endswith(".txt"):
                    for line in listed_names(folder.joinpath(*parts)):
                        listed.setdefault(line.replace("\\", "/").rsplit("/", 1)[-1], split)
        for draft in self.collector.drafts:
            folders = draft.path.lower().split("/")[:-1]
            found = next((SUBSETS[f] for f in folders if f in SUBSETS), "")
            draft.split = listed.get(draft.path.rsplit("/", 1)[-1], found)


def _unique_stems(pictures: dict[Key, Path]) -> dict[str, Path]:
    found: dict[str, list[Path]] = {}
    for path in pictures.values():
        found.setdefault(path.stem, []).append(path)
    return {stem: paths[0] for stem, paths in found.items() if len(paths) == 1}


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_mark(value: str) -> bool:
    return _is_number(value) and float(value) in (0, 1, 2)


def _score(values: list[float]) -> dict[str, float]:
    if values and not 0 <= values[0] <= 1:
        raise RowFault(f"the score is {values[0]:g}, outside [0, 1]")
    return {"score": values[0]} if values else {}


def _near(values: list[float]) -> list[float]:
    for value in values:
        if abs(value) > _FAR:
            raise RowFault(f"a coordinate is {value:g}; it is a part of the picture's size, 0 to 1")
    return values


def _box(values: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    cx, cy, w, h = _near(values)
    return (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height
