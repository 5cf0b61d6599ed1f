"""Pascal VOC's pictures of segments: a class and an object number for each pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.dataset import DatasetItem, Skipped
from visionstudio.formats.files import PictureRoot
from visionstudio.formats.label_map import VOC_COLOURS, LabelMap, find_map
from visionstudio.formats.masks import decode_numbers, take

# The challenge's own classes, for folders that hold no list of theirs.
CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)
FOLDERS = ("SegmentationClass", "SegmentationObject")


def with_masks(root: Path, items: Iterable[DatasetItem]) -> tuple[list[DatasetItem], list[Skipped]]:
    """The pictures with a mask for every object that `SegmentationObject` numbers.

    Without that picture there is one mask for each class of `SegmentationClass`.
    """
    folders = [root / name for name in FOLDERS]
    if not any(folder.is_dir() for folder in folders):
        return list(items), []
    labels = find_map(root)
    if not labels.names:
        labels = LabelMap(dict(enumerate(CLASSES)), dict(VOC_COLOURS))
    collector = Collector(PictureRoot(root))
    found = []
    for item in items:
        stem = PurePosixPath(item.path).stem
        files = [folder / f"{stem}.png" for folder in folders]
        draft = Draft(item.path, item.source, rows=list(item.annotations))
        with collector.row(files[0], "file"):
            kind = decode_numbers(files[0], labels) if files[0].is_file() else None
            each = decode_numbers(files[1], LabelMap()) if files[1].is_file() else None
            take(draft, files[0], kind, each, labels, collector)
        found.append(replace(item, annotations=tuple(draft.rows)))
    return found, collector.skipped
