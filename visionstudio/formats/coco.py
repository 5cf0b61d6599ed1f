"""COCO JSON, reading: instances and keypoints (cocodataset.org, format-data).

One annotation is one shape: its keypoints if any is labelled, else its
segmentation, else its box. What is left of the row is kept in `extra["coco"]`,
so that writing gives it back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from visionstudio.formats import coco_files
from visionstudio.formats.coco_reader import CocoReader, pictures_of
from visionstudio.formats.coco_stream import CocoRows, Numbers
from visionstudio.formats.coco_write import write
from visionstudio.formats.dataset import (
    DatasetAnnotation,
    Imported,
    ReadOptions,
)
from visionstudio.formats.json_blocks import JsonBlocks, parsed
from visionstudio.formats.rows import (
    Row,
    RowFault,
    printable,
    read_json,
)
from visionstudio.model.errors import FormatError, InvalidValue

__all__ = ["read", "write"]

LARGE = 4 << 20  # bytes of a file whose rows may stay in it


def read(src: Path, images: Path | None, options: ReadOptions) -> Imported:
    """Read a COCO file, or a folder of them: one for each subset, of one kind.

    Pictures are looked up beneath `images`; without it beside the file, in
    `images/` and in the folder of the file's subset.
    """
    files = coco_files.found(src)
    if options.stream and len(files) == 1 and _is_large(files[0][0]):
        streamed = _stream(files[0][0], images, files[0][1])
        if streamed is not None:
            return streamed
    parts = [(split, _read_file(file, images, split)) for file, split in files]
    return parts[0][1] if len(parts) == 1 else coco_files.merged(src, parts)


def _read_file(file: Path, images: Path | None, split: str) -> Imported:
    data = read_json(file, ("images", "annotations", "categories", "videos"))
    if "" in data.lists:
        raise FormatError(
            "this is a list of results, not an annotation file",
            where=str(file),
            next_step="measure it with: visionstudio evaluate DIR --predictions FILE",
        )
    if "images" not in data.lists or "annotations" not in data.lists:
        missing = "images" if "images" not in data.lists else "annotations"
        raise FormatError(f"this is no COCO file: it has no list '{missing}'", where=str(file))
    reader = CocoReader(file, pictures_of(file, images), split)
    reader.take("categories", data.lists.get("categories", []), reader.category)
    reader.take("videos", data.lists.get("videos", []), reader.video)
    reader.take("images", data.lists["images"], reader.image)
    reader.take("annotations", data.lists["annotations"], reader.annotation)
    return reader.result()


def _is_large(file: Path) -> bool:
    try:
        return file.stat().st_size > LARGE
    except OSError:
        return False  # said by who reads it


def _stream(file: Path, images: Path | None, split: str) -> Imported | None:
    """Everything but the annotations, which stay in the file; None where rows need one another."""
    census: Counter[Any] = Counter()
    counter = msgspec.json.Decoder(list[_Brief])

    def counted(block: bytes) -> int:
        rows = counter.decode(block)
        census.update(map(_CLASS_OF, rows))
        return len(rows)

    raw = parsed(msgspec.Raw)
    with JsonBlocks(file) as blocks:
        layout = blocks.layout(
            {"images": raw, "categories": raw, "videos": raw, "annotations": counted}
        )
        spans = layout.spans
        lists = "images" in spans and "annotations" in spans and not layout.twice
        if not lists or spans.get("videos") or blocks.data.find(b'"segments_info"') >= 0:
            return None
        reader = CocoReader(file, pictures_of(file, images), split)
        reader.take(
            "categories",
            list(blocks.rows("categories", spans.get("categories", []))),
            reader.category,
        )
        reader.take("images", list(blocks.rows("images", spans["images"])), reader.image)
        for span in spans["annotations"]:
            if not span.good:
                rows = [row.value for row in blocks.slow_rows("annotations", span)]
                census.update(
                    k
                    for row in rows
                    if isinstance(row, dict) and isinstance(k := row.get("category_id"), int | str)
                )
    places = {key: place for place, key in enumerate(reader.images)}
    imported = reader.result()
    numbers = {one.name: place for place, one in enumerate(imported.dataset.classes)}

    def take(row: Row) -> tuple[int, DatasetAnnotation] | str:
        reason = row.fault
        if not reason and not isinstance(row.value, dict):
            reason = f"it is no object: {printable(row.value)}"
        if reason:
            return reason
        try:
            reader.annotation(row.value, row.where)
        except (RowFault, InvalidValue) as fault:
            return str(fault)
        key = row.value["image_id"]
        return places[key], reader.images[key].rows.pop()

    stream = CocoRows(
        path=file,
        stamp=blocks.stamp,
        spans=spans["annotations"],
        images=Numbers({k: place for k, place in places.items() if isinstance(k, int)}),
        labels=Numbers(
            {k: numbers[c.name] for k, c in reader.classes.items() if isinstance(k, int)}
        ),
        sizes=np.array([i.size for i in reader.images.values()], dtype=np.float64).reshape(-1, 2),
        take=take,
        census=Counter({c.name: census[k] for k, c in reader.classes.items()}),
    )
    return replace(imported, stream=stream)


class _Brief(msgspec.Struct, gc=False):
    """A row of which only the class is read."""

    category_id: Any = None


_CLASS_OF = attrgetter("category_id")
