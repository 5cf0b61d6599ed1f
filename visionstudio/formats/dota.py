"""DOTA text files: rotated boxes as four corners, a class and a mark for difficult ones."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from visionstudio.formats.collecting import Collector, Draft, read_text
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    Imported,
    Losses,
    ReadOptions,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import as_rotated_box, copied, count_unsaid, pictures_only
from visionstudio.formats.files import PICTURE_SUFFIXES, PictureRoot, walk_files
from visionstudio.formats.output import write_bytes
from visionstudio.formats.rows import RowFault
from visionstudio.formats.taking import as_number, box_of_corners
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Box, Polygon

_HEADS = ("imagesource", "gsd")
_OTHERS = frozenset(["classes.txt", "labels.txt"])


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a label file or a folder of them; pictures lie in `images` beside `labelTxt`."""
    if src.is_file():
        files, folder = [src], src.parent
        if folder.name.lower().startswith("labeltxt"):
            folder = folder.parent
    elif src.is_dir():
        files = [p for p in walk_files(src) if p.suffix == ".txt" and p.name not in _OTHERS]
        files = [p for p in files if not p.name.lower().startswith("readme")]
        folder = src.parent if src.name.lower().startswith("labeltxt") else src
    else:
        raise FormatError("there is no such file or folder", where=str(src))
    collector = Collector(PictureRoot(images or folder, search=images is not None))
    for file in files:
        with collector.row(file, "file"):
            _read_file(file, folder, read_text(file), collector)
    return collector.result(src, what="DOTA label file")


def _read_file(file: Path, folder: Path, content: str, collector: Collector) -> None:
    draft = _picture(file, folder, collector)
    for index, line in enumerate(content.splitlines(), start=1):
        head, _, value = line.strip().partition(":")
        if head in _HEADS:
            draft.extra.setdefault("dota", {})[head] = value
        elif line.strip():
            with collector.row(file, f"line {index}"):
                _row(draft, f"line {index}", line, collector)


def _picture(file: Path, folder: Path, collector: Collector) -> Draft:
    parts = file.resolve().relative_to(folder.resolve()).with_suffix("").parts
    beside = "/".join("images" if p.lower().startswith("labeltxt") else p for p in parts)
    plain = "/".join(p for p in parts if not p.lower().startswith("labeltxt"))
    stems = dict.fromkeys([beside, f"images/{plain}", plain, parts[-1]])
    names = (f"{stem}{suffix}" for stem in stems for suffix in sorted(PICTURE_SUFFIXES))
    found = next((n for n in names if collector.pictures.find(n)), f"{plain}.png")
    draft = collector.picture(found, file)
    draft.split = next((p for p in parts if p in ("train", "val", "test")), "")
    return draft


def _row(draft: Draft, where: str, line: str, collector: Collector) -> None:
    parts = line.split()
    if len(parts) < 9:
        raise RowFault(f"the row has {len(parts)} columns, 9 are the least")
    corners = np.array([as_number(v, "a corner") for v in parts[:8]]).reshape(4, 2)
    # A class of several words: the mark is the last column, if it is one.
    marked = len(parts) > 9 and parts[-1] in ("0", "1", "2")
    label = collector.label(" ".join(parts[8 : -1 if marked else None]))
    flags = Flags.DIFFICULT if marked and parts[-1] != "0" else Flags.NONE
    draft.add(label, box_of_corners(corners), where, flags=flags)


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `[SPLIT/]labelTxt/NAME.txt`; copied pictures go into `[SPLIT/]images/`."""
    losses = Losses()
    files: list[Path] = []
    count = 0
    taken: set[str] = set()
    for item in pictures_only(dataset.items, losses):
        if not item.annotations and not item.verified:
            continue
        split = options.split_of(item)
        folder = out / split if split else out
        pure = PurePosixPath(item.path)
        name, n = pure, 2
        while f"{split}/{name.with_suffix('')}" in taken:
            name, n = pure.with_stem(f"{pure.stem}_{n}"), n + 1
        taken.add(f"{split}/{name.with_suffix('')}")
        if name != pure:
            losses.add("pictures whose names differ in their endings only were renamed")
        heads = [f"{k}:{v}" for k, v in item.extra.get("dota", {}).items() if k in _HEADS]
        rows = [r for a in item.annotations if (r := _text(a, losses)) is not None]
        text = "".join(f"{line}\n" for line in heads + rows)
        files.append(folder / "labelTxt" / name.with_suffix(".txt"))
        write_bytes(files[-1], text.encode("utf-8"))
        count += len(rows)
        if options.copy_media:
            files += copied(item, folder / "images" / name, losses)
    return Written(tuple(files), count, losses.all())


def _text(annotation: DatasetAnnotation, losses: Losses) -> str | None:
    shape = annotation.shape
    quad = isinstance(shape, Polygon) and len(shape.rings) == 1 and len(shape.rings[0]) == 4
    box = shape if quad else as_rotated_box(shape, losses)
    if box is None:
        return None
    corners = box.points()
    if isinstance(shape, Box):
        losses.add("upright boxes are read back as rotated ones")
    label = "_".join(annotation.label.split())
    losses.add("class names with spaces got underscores", int(label != annotation.label))
    count_unsaid(annotation, losses, flags=Flags.DIFFICULT)
    values = [f"{v:.4f}".rstrip("0").rstrip(".") for v in corners.reshape(-1)]
    difficult = str(int(bool(annotation.flags & Flags.DIFFICULT)))
    return " ".join([*values, label, difficult])
