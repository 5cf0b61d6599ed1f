"""Pictures of class numbers: a PNG beside each picture, with a map of what numbers mean.

Read are palette, grey, 16-bit and coloured masks. One number is one mask of
its class (semantic), or, with a picture of instance numbers at the same place
in `instances/`, one mask each. Written are palette PNGs in Pascal VOC's
colours with `labelmap.txt`; the variant 'instances' adds those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.files import PICTURE_SUFFIXES, PictureRoot, is_picture, walk_files
from visionstudio.formats.label_map import VOC_COLOURS, LabelMap, find_map
from visionstudio.formats.masks_write import write
from visionstudio.formats.pngs import decode_png
from visionstudio.formats.rows import RowFault
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Mask

__all__ = ["read", "write"]

CLASS_FOLDERS = frozenset(
    ("masks", "mask", "segmentationclass", "segmentationclasspng", "labels", "label", "semantic")
    + ("gt", "annotations", "annot", "trainannot", "valannot", "testannot")
)
INSTANCE_FOLDERS = frozenset(
    ("instances", "instance", "segmentationobject", "segmentationobjectpng")
)
_PICTURE_FOLDERS = frozenset(["images", "jpegimages", "img", "image", "train", "val", "test"])
_FOLDERS = CLASS_FOLDERS | INSTANCE_FOLDERS | _PICTURE_FOLDERS
_NUMBERS = frozenset((".png", ".tif", ".tiff", ".bmp", ".gif"))
IGNORED = 255  # the number that many give to borders and what is not known
_AFFIXES = re.compile(r"^(gt_|mask_|image_|img_)|(_mask|_label|_gt|_seg|_labels)$")
_SUBSETS = {"train": "train", "val": "val", "test": "test"}
Key = tuple[str, ...]
Numbers = NDArray[np.int64]


@dataclass(slots=True)
class _Places:
    """Class masks, instance masks and pictures, by what their places have in common."""

    classes: dict[Key, Path] = field(default_factory=dict)
    instances: dict[Key, Path] = field(default_factory=dict)
    pictures: dict[Key, Path] = field(default_factory=dict)


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a folder with pictures of masks, or one such picture."""
    if not src.exists():
        raise FormatError("there is no such file or folder", where=str(src))
    src = src.resolve()
    folder = src if src.is_dir() else src.parent
    places = _places(src, folder)
    root = folder
    if images is not None:
        root = images.resolve()
        places.pictures = {_key(p, root): p for p in walk_files(root) if is_picture(p.name)}
    elif not places.pictures and (folder.parent / "images").is_dir():
        root = folder.parent
    collector = Collector(PictureRoot(root, search=images is not None))
    masks = [*places.classes.values(), *places.instances.values()]
    beside = [f for p in masks[:1] for f in (p.parent, p.parent.parent)]
    labels = find_map(folder, folder.parent, *beside)
    for number, name in sorted(labels.names.items()):
        if not labels.is_background(number):
            with collector.row(labels.file or src, name):
                collector.label(name)
    by_stem = {_plain(p.stem): p for p in places.pictures.values()}
    for key in dict.fromkeys([*places.classes, *places.instances]):
        file = places.classes.get(key) or places.instances[key]
        with collector.row(file, "file"):
            kind = _numbers(places.classes.get(key), labels)
            each = _numbers(places.instances.get(key), LabelMap())
            picture = places.pictures.get(key) or by_stem.get(key[-1])
            draft = _draft(key, file, folder, picture, collector)
            take(draft, file, kind, each, labels, collector)
    return collector.result(src, what="mask")


def _places(src: Path, folder: Path) -> _Places:
    found = _Places()
    if src.is_file():
        found.classes[_key(src, folder)] = src
        return found
    for path in walk_files(folder):
        if not is_picture(path.name):
            continue
        within = {p.lower() for p in path.relative_to(folder).parts[:-1]} or {folder.name.lower()}
        kind = found.pictures
        if path.suffix.lower() in _NUMBERS and within & INSTANCE_FOLDERS:
            kind = found.instances
        elif path.suffix.lower() in _NUMBERS and within & CLASS_FOLDERS:
            kind = found.classes
        kind.setdefault(_key(path, folder), path)
    if not found.classes and not found.instances:
        raise FormatError(
            "no masks are there",
            where=str(folder),
            next_step="masks belong into a folder masks, labels, SegmentationClass or instances",
        )
    return found


def _key(path: Path, root: Path) -> Key:
    parts = path.relative_to(root).parts
    folders = (p for p in parts[:-1] if p.lower() not in _FOLDERS)
    return (*folders, _plain(PurePosixPath(parts[-1]).stem))


def _plain(stem: str) -> str:
    """A name without what tools put before and behind those of masks."""
    return _AFFIXES.sub("", stem) or stem


def _draft(key: Key, file: Path, folder: Path, picture: Path | None, collector: Collector) -> Draft:
    if picture is not None:
        draft = collector.found_picture(picture, file)
    else:
        names = [
            f"{d}{'/'.join(key)}{s}" for d in ("images/", "") for s in sorted(PICTURE_SUFFIXES)
        ]
        found = next((n for n in names if collector.pictures.find(n)), f"{'/'.join(key)}.png")
        draft = collector.picture(found, file)
    places = [p.lower() for p in file.relative_to(folder).parts]
    draft.split = next((s for p in places for s in _SUBSETS if p in (s, f"{s}annot")), "")
    return draft


def _numbers(file: Path | None, labels: LabelMap) -> Numbers | None:
    return None if file is None else decode_numbers(file, labels)


def decode_numbers(file: Path, labels: LabelMap) -> Numbers:
    """A mask's numbers; colours become numbers by the map, those that it lacks -1."""
    pixels = decode_png(file, "the mask")
    if pixels.ndim == 2:
        if not np.issubdtype(pixels.dtype, np.integer) and pixels.dtype != bool:
            raise RowFault("the mask's pixels are no whole numbers")
        return pixels.astype(np.int64)
    packed = pixels[..., :3].astype(np.int64) @ np.array([65536, 256, 1])
    found = np.full(packed.shape, -1, dtype=np.int64)
    known = labels.colours or VOC_COLOURS
    for code in np.unique(packed).tolist():
        number = known.get((code >> 16, code >> 8 & 255, code & 255))
        if number is not None:
            found[packed == code] = number
    if not labels.colours and (found == -1).any():
        # No map: what is not in VOC's palette either is told apart by its colour.
        found = np.where(found == -1, packed + 1000, found)
    return found


def take(
    draft: Draft,
    file: Path,
    kind: Numbers | None,
    each: Numbers | None,
    labels: LabelMap,
    collector: Collector,
) -> None:
    """Put in the masks of a picture's class numbers `kind` and instance numbers `each`."""
    shown = kind if kind is not None else each
    if shown is None:
        return
    draft.height, draft.width = shown.shape
    if kind is not None and each is not None and kind.shape != each.shape:
        raise RowFault(f"the masks of classes and instances differ in size, {kind.shape[::-1]}")
    if each is None:
        for number in np.unique(shown).tolist():
            with collector.row(file, f"number {number}"):
                _add(draft, shown == number, number, labels, collector)
        return
    for number in np.unique(each).tolist():
        if number == 0 or (number == IGNORED and each.dtype == np.uint8):
            continue
        with collector.row(file, f"instance {number}"):
            part = each == number
            inside = kind[part] if kind is not None else np.zeros(1, dtype=np.int64)
            most = int(np.bincount(inside[inside >= 0]).argmax()) if (inside >= 0).any() else -1
            _add(draft, part, most, labels, collector, alone=kind is None)


def _add(
    draft: Draft,
    part: NDArray[np.bool_],
    number: int,
    labels: LabelMap,
    collector: Collector,
    *,
    alone: bool = False,
) -> None:
    if alone:
        name = next(
            iter(n for k, n in labels.names.items() if not labels.is_background(k)), "object"
        )
    elif number == -1:
        raise RowFault("its colour is not in the label map")
    elif number in labels.names:
        if labels.is_background(number):
            return
        name = labels.names[number]
    elif number == 0 or (number == IGNORED and labels.names):
        return
    elif labels.names:
        raise RowFault(f"no class has the number {number}")
    else:
        name = "foreground" if number == IGNORED else f"class_{number}"
    label = collector.label(name)
    draft.add(label, Mask.from_array(part), f"number {number}")
