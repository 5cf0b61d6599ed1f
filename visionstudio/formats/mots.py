"""MOTS Challenge PNGs: masks of tracked instances, class · 1000 + instance, 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visionstudio.formats.collecting import Collector, Draft, listed_names
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Imported,
    Losses,
    ReadOptions,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import copied, count_unsaid, left_out, pictures_only
from visionstudio.formats.files import PICTURE_SUFFIXES, PictureRoot, walk_files
from visionstudio.formats.output import write_bytes
from visionstudio.formats.pngs import decode_png, encode_png
from visionstudio.formats.rows import RowFault
from visionstudio.model.errors import FormatError
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox

PER_CLASS = 1000
IGNORED = 10_000
MAX_CLASSES = 65


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a folder with `instances/*.png`, in sub-folders of subsets or sequences too.

    Pictures lie in `images/` beside. Classes are the lines of `labels.txt`.
    """
    if not src.is_dir():
        raise FormatError("there is no such folder", where=str(src))
    files = [p for p in walk_files(src) if p.parent.name == "instances" and p.suffix == ".png"]
    collector = Collector(PictureRoot(images or src, search=images is not None))
    for file in files:
        names = listed_names(file.parent / "labels.txt")
        for name in names:
            with collector.row(file.parent / "labels.txt", name):
                collector.label(name)
        with collector.row(file, "file"):
            pixels = decode_png(file, "the mask")
            if pixels.ndim != 2 or not np.issubdtype(pixels.dtype, np.integer):
                raise RowFault("the mask's pixels are no whole numbers")
            draft = _picture(file, src, collector)
            draft.height, draft.width = pixels.shape
            for number in np.unique(pixels).tolist():
                if number not in (0, IGNORED):
                    with collector.row(file, f"number {number}"):
                        _instance(draft, pixels == number, number, names, collector)
    return collector.result(src, what="MOTS picture")


def _picture(file: Path, src: Path, collector: Collector) -> Draft:
    inner = file.parent.parent.relative_to(src).as_posix()
    place = "" if inner == "." else f"{inner}/"
    stems = [f"{place}{d}{file.stem}" for d in ("images/", "img1/", "")] + [file.stem]
    names = (f"{stem}{suffix}" for stem in stems for suffix in sorted(PICTURE_SUFFIXES))
    found = next((n for n in names if collector.pictures.find(n)), f"{place}{file.stem}.jpg")
    draft = collector.picture(found, file)
    draft.split = inner.split("/")[0] if inner.split("/")[0] in ("train", "val", "test") else ""
    return draft


def _instance(
    draft: Draft, part: np.ndarray, number: int, names: list[str], collector: Collector
) -> None:
    kind, track = divmod(number, PER_CLASS)
    if names and not 1 <= kind <= len(names):
        raise RowFault(f"no class has the number {kind}")
    label = collector.label(names[kind - 1] if names else f"class_{kind}")
    # Instances are counted within their class: car 3 and pedestrian 3 are two tracks.
    draft.add(label, Mask.from_array(part), f"number {number}", track=number if kind > 1 else track)


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `[SPLIT/]instances/NAME.png` with `labels.txt`; pictures go into `images/`."""
    losses = Losses()
    files: list[Path] = []
    count = 0
    labels = "".join(f"{' '.join(c.name.split())}\n" for c in dataset.classes)
    numbers = {c.name: n for n, c in enumerate(dataset.classes, start=1)}
    folders: dict[Path, None] = {}
    tracks: dict[tuple[int, int], int] = {}
    for item in pictures_only(dataset.items, losses):
        if not (item.width and item.height):
            what = "annotations of pictures of unknown size are left out"
            losses.add(what, len(item.annotations))
            continue
        split = options.split_of(item)
        folder = out / split if split else out
        folders[folder] = None
        pixels, drawn = _drawn(item, numbers, tracks, losses)
        files.append(folder / "instances" / f"{_flat(item.path)}.png")
        write_bytes(files[-1], encode_png(pixels))
        count += drawn
        if options.copy_media:
            suffix = Path(item.path).suffix
            files += copied(item, folder / "images" / f"{_flat(item.path)}{suffix}", losses)
    for folder in folders:
        files.append(folder / "instances" / "labels.txt")
        write_bytes(files[-1], labels.encode("utf-8"))
    return Written(tuple(files), count, losses.all())


def _flat(path: str) -> str:
    return str(Path(path).with_suffix("")).replace("/", "_")


def _drawn(
    item: DatasetItem, numbers: dict[str, int], tracks: dict[tuple[int, int], int], losses: Losses
) -> tuple[np.ndarray, int]:
    pixels = np.zeros((item.height, item.width), dtype=np.uint16)
    used: dict[int, DatasetAnnotation] = {}
    taken = {a.track for a in item.annotations if a.track is not None}
    for annotation in sorted(item.annotations, key=lambda a: a.z):
        shape = annotation.shape
        if not isinstance(shape, Polygon | Mask | Box | RotatedBox | Ellipse):
            left_out(shape, losses)
            continue
        kind = numbers[annotation.label]
        track = _number(annotation, kind, tracks, taken, losses)
        number = kind * PER_CLASS + track
        if kind > MAX_CLASSES or track >= PER_CLASS or number in used:
            losses.add("instances beyond what the numbers can hold are left out")
            continue
        if not isinstance(shape, Mask):
            losses.add("outlines became pixels")
        used[number] = annotation
        pixels[to_mask(shape, item.height, item.width)] = number
    seen = set(np.unique(pixels).tolist())
    hidden = [n for n in used if n not in seen]
    losses.add("shapes that no pixel is left of, or that others cover, are left out", len(hidden))
    for number, annotation in used.items():
        if number in seen:
            count_unsaid(annotation, losses, track=True)
    return pixels, len(used) - len(hidden)


def _number(
    annotation: DatasetAnnotation,
    kind: int,
    tracks: dict[tuple[int, int], int],
    taken: set[int],
    losses: Losses,
) -> int:
    """A track's number within its class, below 1000 and the same in every picture.

    A new one where there is none.
    """
    if annotation.track is None:
        losses.add("instances without a track got one of their own")
        key = -1 - len(tracks)
    else:
        key = annotation.track
    if (kind, key) not in tracks:
        used = {number for (one, _), number in tracks.items() if one == kind}
        wanted = key % PER_CLASS if key // PER_CLASS in (0, kind) else None
        if wanted is None or wanted in used:
            used |= taken
            wanted = next((n for n in range(PER_CLASS) if n not in used), PER_CLASS)
        tracks[kind, key] = wanted
    return tracks[kind, key]
