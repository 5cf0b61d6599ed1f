"""Dialects that real files have, by hand: as their own tools write them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from visionstudio.formats.dataset import DatasetAnnotation, Imported, ReadOptions
from visionstudio.formats.registry import get_format
from visionstudio.model.shapes import Box, Polygon, RotatedBox


def read(name: str, src: Path, images: Path | None = None) -> Imported:
    return get_format(name).read(src, images, ReadOptions(size_of=lambda _: (40, 20)))


def rows(found: Imported) -> list[DatasetAnnotation]:
    return [row for item in found.dataset.items for row in item.annotations]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 20)).save(path)


def test_yolo_of_darknet_has_its_classes_beside_the_labels(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    picture(tmp_path / "c.png")
    (tmp_path / "classes.txt").write_text("zebra\ncat\n")
    (tmp_path / "a.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    (tmp_path / "b.txt").write_text("")
    found = read("yolo", tmp_path, tmp_path)
    (row,) = rows(found)
    assert (row.label, row.shape) == ("cat", Box(15, 5, 25, 15))
    assert [c.name for c in found.dataset.classes] == ["zebra", "cat"]
    verified = {item.path: item.verified for item in found.dataset.items}
    assert (verified["a.png"], verified["b.png"]) == (True, True)
    assert not verified.get("c.png", False)


def test_yolo_of_ultralytics_has_its_splits_in_data_yaml(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / f"{split}.png")
        labels = tmp_path / "labels" / split
        labels.mkdir(parents=True)
        (labels / f"{split}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.9\n")
    (tmp_path / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: leaf\n"
    )
    found = read("yolo", tmp_path)
    assert sorted(item.split for item in found.dataset.items) == ["train", "val"]
    for row in rows(found):
        assert row.label == "leaf"
        assert isinstance(row.shape, Polygon)
        np.testing.assert_allclose(row.shape.rings[0], [[4, 2], [20, 2], [20, 18]])


def test_x_anylabeling_has_types_of_its_own(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    corners = [[4, 4], [20, 4], [20, 12], [4, 12]]
    skewed = [[4, 4], [20, 6], [24, 12], [4, 14]]
    front, back = [[4, 4], [10, 4], [10, 10], [4, 10]], [[6, 2], [12, 2], [12, 8], [6, 8]]
    kinds = (
        ("rectangle", corners),
        ("rotation", corners),
        ("quadrilateral", skewed),
        ("cuboid", front + back),
        ("oriented_rectangle", corners),
    )
    shapes = [
        {
            "label": kind,
            "points": points,
            "shape_type": kind,
            "score": 0.5,
            "difficult": True,
            "attributes": {},
            "kie_linking": [],
            "group_id": None,
            "description": "",
            "flags": {},
        }
        for kind, points in kinds
    ]
    content = {"version": "3.0.0", "flags": {}, "checked": True, "shapes": shapes}
    content |= {"imagePath": "a.png", "imageData": None, "imageHeight": 20, "imageWidth": 40}
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = read("labelme", tmp_path)
    shape_of = {row.label: row.shape for row in rows(found)}
    assert shape_of["rectangle"] == Box(4, 4, 20, 12)
    for name in ("rotation", "oriented_rectangle"):
        turned = shape_of[name]
        assert isinstance(turned, RotatedBox)
        np.testing.assert_allclose(turned.bounds(), (4, 4, 20, 12))
    outline = shape_of["quadrilateral"]
    assert isinstance(outline, Polygon)
    np.testing.assert_allclose(outline.rings[0], skewed)
    assert len(rows(found)) + len(found.skipped) == len(kinds)
    assert all(row.score == 0.5 for row in rows(found))


def test_voc_has_masks_of_classes_and_objects(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.png")
    pixels = np.zeros((2, 20, 40), dtype=np.uint8)
    pixels[:, 2:8, 3:9] = [[[1]], [[1]]]
    pixels[:, 2:8, 20:30] = [[[1]], [[2]]]
    for name, values in zip(("SegmentationClass", "SegmentationObject"), pixels, strict=True):
        (tmp_path / name).mkdir()
        Image.fromarray(values).save(tmp_path / name / "a.png")
    (tmp_path / "Annotations").mkdir()
    boxes = "".join(
        f"<object><name>aeroplane</name><bndbox><xmin>{a}</xmin><ymin>2</ymin><xmax>{b}</xmax>"
        "<ymax>8</ymax></bndbox></object>"
        for a, b in ((3, 9), (20, 30))
    )
    (tmp_path / "Annotations" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>40</width><height>20</height>"
        f"<depth>3</depth></size><segmented>1</segmented>{boxes}</annotation>"
    )
    found = read("voc", tmp_path)
    assert not found.skipped
    masks = [row for row in rows(found) if row.shape.kind == "mask"]
    assert sorted(m.shape.bounds() for m in masks) == [(3, 2, 9, 8), (20, 2, 30, 8)]
    assert {m.label for m in masks} == {"aeroplane"}
