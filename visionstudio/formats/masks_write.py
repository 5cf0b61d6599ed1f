"""Pictures of class numbers, writing: palette PNGs in Pascal VOC's colours."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import copied, count_unsaid, left_out, pictures_only
from visionstudio.formats.label_map import voc_colour
from visionstudio.formats.output import write_bytes
from visionstudio.formats.pngs import encode_png
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox

MERGED = "instances of one class became one mask"
VARIANTS = ("", "instances")
MAX_INSTANCES = 65_535


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `masks/NAME.png` with `labelmap.txt`, for instances `instances/NAME.png` too.

    Number 0 is the background. Of shapes that overlap, the upper one counts.
    Copied pictures go into `images/`.
    """
    losses = Losses()
    names = [c.name for c in dataset.classes]
    numbers = {name: number for number, name in enumerate(names, start=1)}
    files: list[Path] = []
    count = 0
    taken: set[str] = set()
    for item in pictures_only(dataset.items, losses):
        if not (item.width and item.height):
            losses.add(
                "annotations of pictures of unknown size are left out", len(item.annotations)
            )
            continue
        stem = _free(item.path, taken)
        kinds, each, drawn = drawn_masks(item, numbers, losses, bool(options.variant))
        palette = [voc_colour(n) for n in range(256)] if len(names) < 256 else None
        pixels = kinds.astype(np.uint8) if palette else kinds
        files.append(out / "masks" / f"{stem}.png")
        write_bytes(files[-1], encode_png(pixels, palette))
        if options.variant:
            files.append(out / "instances" / f"{stem}.png")
            write_bytes(files[-1], encode_png(each))
        count += drawn
        if options.copy_media:
            files += copied(item, out / "images" / item.path, losses)
    files.append(out / "labelmap.txt")
    write_bytes(files[-1], _label_map(["background", *names]).encode("utf-8"))
    return Written(tuple(files), count, losses.all())


def _label_map(names: list[str]) -> str:
    """Pascal VOC's lines of name:r,g,b:parts:actions; a line's place is the number."""
    lines = []
    for number, name in enumerate(names):
        r, g, b = voc_colour(number)
        lines.append(f"{' '.join(name.split())}:{r},{g},{b}::\n")
    return "".join(lines)


def _free(path: str, taken: set[str]) -> str:
    stem = str(PurePosixPath(path).with_suffix(""))
    found = stem if stem not in taken else path
    taken.add(found)
    return found


def drawn_masks(
    item: DatasetItem, numbers: dict[str, int], losses: Losses, instances: bool
) -> tuple[NDArray[np.uint16], NDArray[np.uint16], int]:
    """A picture's class numbers and instance numbers, and how many annotations can be seen."""
    kinds = np.zeros((item.height, item.width), dtype=np.uint16)
    each = np.zeros_like(kinds)
    sizes: list[int] = []
    drawn: list[DatasetAnnotation] = []
    for annotation in sorted(item.annotations, key=lambda a: a.z):
        shape = annotation.shape
        if not isinstance(shape, Polygon | Mask | Box | RotatedBox | Ellipse):
            left_out(shape, losses)
            continue
        if not isinstance(shape, Mask):
            losses.add("outlines became pixels")
        inside = to_mask(shape, item.height, item.width)
        sizes.append(int(inside.sum()))
        drawn.append(annotation)
        if len(drawn) > MAX_INSTANCES:
            losses.add(f"instances beyond the {MAX_INSTANCES}th of a picture are left out")
            break
        kinds[inside] = numbers[annotation.label]
        each[inside] = len(drawn)
    seen = np.bincount(each.reshape(-1), minlength=len(drawn) + 1)[1:]
    visible: set[str] = set()
    written = 0
    for annotation, size, left in zip(drawn, sizes, seen.tolist(), strict=True):
        if left == 0:
            losses.add("shapes that no pixel is left of, or that others cover, are left out")
            continue
        if left < size:
            losses.add("shapes that others cover in part")
        count_unsaid(annotation, losses)
        if annotation.label in visible and not instances:
            losses.add(MERGED)
            continue
        visible.add(annotation.label)
        written += 1
    return kinds, each, written
