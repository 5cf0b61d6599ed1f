"""One bad number in one row of a file of any format: that row is told, the others are imported."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    ReadOptions,
    WriteOptions,
)
from visionstudio.formats.registry import get_format
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import Box, Polygon, RotatedBox, Shape

BOXES = ("coco", "yolo", "voc", "labelme", "cvat", "mot", "via", "csv", "labelstudio", "datumaro")
FORMATS = (*BOXES, "dota", "geojson", "cityscapes")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def shape(name: str, x: float) -> Shape:
    if name in ("geojson", "cityscapes"):
        return Polygon((np.array([[x, 5], [x + 8, 6], [x + 4, 15]]),))
    return RotatedBox(x + 6, 12, 10, 8, 0.3) if name == "dota" else Box(x, 5, x + 8, 14)


def written(name: str, folder: Path, second: float) -> list[Path]:
    """Three rows, the second one at `second`."""
    one = get_format(name)
    is_mot = name == "mot"
    rows = tuple(
        DatasetAnnotation(label="cell", shape=shape(name, x), track=n if is_mot else None, frame=0)
        for n, x in enumerate((4.0, second, 31.0))
    )
    item = DatasetItem(
        path="a.png",
        annotations=rows,
        width=64,
        height=48,
        kind=MediaKind.VIDEO if is_mot else MediaKind.IMAGE,
        file=folder / "a.png",
    )
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(folder / "a.png")
    dataset = Dataset((DatasetClass(name="cell"),), (item,))
    return list(one.write(dataset, target(name, folder), WriteOptions()).files)


def target(name: str, folder: Path) -> Path:
    one = get_format(name)
    return folder / (f"x{one.suffixes[0]}" if one.single_file else "out")


def read(name: str, folder: Path) -> Imported:
    options = ReadOptions(size_of=lambda _: (64, 48))
    source = target(name, folder)
    return get_format(name).read(source if source.exists() else folder, folder, options)


@pytest.mark.parametrize("bad", ["NaN", "1e999", "-1e999", '"wat"', "9" * 400, "null", ""])
@pytest.mark.parametrize("name", FORMATS)
def test_the_row_is_told_and_the_others_are_imported(name: str, bad: str, tmp_path: Path) -> None:
    files = written(name, tmp_path / "a", 17.0)
    others = written(name, tmp_path / "b", 19.0)
    pair = next(
        (f, o) for f, o in zip(files, others, strict=True) if f.read_bytes() != o.read_bytes()
    )
    here, there = (list(NUMBER.finditer(f.read_bytes())) for f in pair)
    place = next(a for a, b in zip(here, there, strict=True) if a[0] != b[0])
    text = pair[0].read_bytes()
    if pair[0].suffix not in (".json", ".geojson"):
        bad = bad.strip('"')
    elif not bad:
        bad = "[]"
    pair[0].write_bytes(text[: place.start()] + bad.encode() + text[place.end() :])
    found = read(name, tmp_path / "a")
    rows = [row for item in found.dataset.items for row in item.annotations]
    lefts = sorted(round(row.shape.bounds()[0]) for row in rows)
    expected = sorted(round(shape(name, x).bounds()[0]) for x in (4.0, 31.0))
    assert lefts == expected
    assert len(found.skipped) == 1
    (skipped,) = found.skipped
    assert Path(skipped.file).name == pair[0].name
    assert skipped.where
    assert skipped.reason
