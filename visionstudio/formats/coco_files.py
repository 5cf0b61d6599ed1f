"""Which files of a folder are one COCO data set: one for each subset, all of one kind."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from visionstudio.formats.dataset import (
    SUBSETS,
    Dataset,
    DatasetClass,
    DatasetItem,
    Imported,
    Skipped,
)
from visionstudio.model.errors import FormatError

# Of files that describe the same pictures in several ways the first kind is read.
_KINDS = ("instances", "person_keypoints", "panoptic", "stuff", "labels", "image_info", "captions")
ROBOFLOW = "_annotations.coco.json"


def found(src: Path) -> list[tuple[Path, str]]:
    """The files with their subsets, '' where there is just one. Raises FormatError."""
    if not src.is_dir():
        return [(src, "")]
    files = sorted(p for f in (src, src / "annotations") for p in f.glob("*.json"))
    files = files or sorted(src.glob(f"*/{ROBOFLOW}"))
    if len(files) == 1:
        return [(files[0], _subset(files[0]))]
    by_kind: dict[str, list[Path]] = {}
    for file in files:
        by_kind.setdefault(_kind(file), []).append(file)
    for kind in (*_KINDS, "roboflow"):
        if kind in by_kind and all(_subset(f) for f in by_kind[kind]):
            return [(f, _subset(f)) for f in by_kind[kind]]
    raise FormatError(
        f"the folder holds {len(files)} JSON files, and one is needed",
        where=str(src),
        next_step="name the file",
    )


def _kind(file: Path) -> str:
    if file.name == ROBOFLOW:
        return "roboflow"
    return next((kind for kind in _KINDS if file.stem.startswith(f"{kind}_")), "")


def _subset(file: Path) -> str:
    """The subset in a name such as instances_val2017, or of Roboflow's folder."""
    if file.name == ROBOFLOW:
        return file.parent.name
    name = file.stem.removeprefix(_kind(file)).strip("_")
    return name if name.lower().rstrip("0123456789_") in SUBSETS else ""


def merged(src: Path, parts: Iterable[tuple[str, Imported]]) -> Imported:
    """The data sets of several files as one; classes of one name are one."""
    classes: dict[str, DatasetClass] = {}
    items: list[DatasetItem] = []
    skipped: list[Skipped] = []
    for _, part in parts:
        for one in part.dataset.classes:
            classes.setdefault(one.name, one)
        items += part.dataset.items
        skipped += part.skipped
    dataset = Dataset(tuple(classes.values()), tuple(items))
    return Imported(dataset, tuple(skipped), {"file": str(src.absolute())})
