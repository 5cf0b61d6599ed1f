"""Pascal VOC in and out: real files, both counting dialects, labels that boxes cannot hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from visionstudio.formats import voc
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    ReadOptions,
    WriteOptions,
)
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Box, Mask, Polygon, Tag

OBJECT = (
    "<object><name>{name}</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin>"
    "<xmax>{2}</xmax><ymax>{3}</ymax></bndbox>{more}</object>"
)


def xml(*objects: str, filename: str = "a.jpg", size: tuple[int, int] = (100, 80)) -> str:
    return (
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>{''.join(objects)}</annotation>"
    )


def box(*corners: float | str, name: str = "cell", more: str = "") -> str:
    return OBJECT.format(*corners, name=name, more=more)


def read(path: Path, *, one_based: bool = False, images: Path | None = None) -> Imported:
    return voc.read(path, images, ReadOptions(one_based=one_based))


def one(tmp_path: Path, text: str, **options: bool) -> Imported:
    (tmp_path / "a.xml").write_text(text)
    return read(tmp_path, **options)


@pytest.mark.shared_data
def test_bccd_has_292_pictures_and_two_empty_boxes(shared_data: Path) -> None:
    imported = read(shared_data / "bccd")
    assert len(imported.dataset.items) == 292
    assert all(item.file is not None for item in imported.dataset.items)
    assert imported.dataset.annotation_count == 3941
    found = {(Path(s.file).name, s.where, s.reason) for s in imported.skipped}
    assert found == {
        ("BloodImage_00338.xml", "object 13", "the box is empty, 0 x 0"),
        ("BloodImage_00343.xml", "object 4", "the box is empty, 0 x 0"),
    }
    assert [c.name for c in imported.dataset.classes] == ["Platelets", "RBC", "WBC"]


@pytest.mark.shared_data
def test_bccd_comes_back_as_it_was(shared_data: Path, tmp_path: Path) -> None:
    before = read(shared_data / "bccd").dataset
    report = voc.write(before, tmp_path, WriteOptions())
    assert (report.annotations, report.losses) == (3941, ())
    after = read(tmp_path, images=shared_data / "bccd").dataset
    assert [i.path for i in after.items] == [f"JPEGImages/{i.path}" for i in before.items]
    for mine, other in zip(after.items, before.items, strict=True):
        assert mine.file == other.file
        for a, b in zip(mine.annotations, other.annotations, strict=True):
            assert (a.label, a.shape, a.flags, a.extra) == (b.label, b.shape, b.flags, b.extra)


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "count"), [("voc_dataset1", 3), ("voc_dataset2", 4)])
def test_official_layouts_are_read(shared_data: Path, name: str, count: int) -> None:
    imported = read(shared_data / "crosscheck/datumaro_assets/voc_dataset" / name)
    assert imported.dataset.annotation_count == count
    assert imported.skipped == ()


def test_coordinates_are_taken_as_they_are_or_from_one(tmp_path: Path) -> None:
    text = xml(box(1, 1, 20, 10), box("3.5", "4.25", 8, 9))
    as_is = one(tmp_path, text).dataset.items[0].annotations
    assert [a.shape for a in as_is] == [Box(1, 1, 20, 10), Box(3.5, 4.25, 8, 9)]
    from_one = one(tmp_path, text, one_based=True).dataset.items[0].annotations
    assert [a.shape for a in from_one] == [Box(0, 0, 20, 10), Box(2.5, 3.25, 8, 9)]


def test_a_single_pixel_counts_from_one_only(tmp_path: Path) -> None:
    text = xml(box(5, 5, 5, 5))
    assert one(tmp_path, text).skipped[0].reason == "the box is empty, 0 x 0"
    from_one = one(tmp_path, text, one_based=True)
    assert from_one.dataset.items[0].annotations[0].shape == Box(4, 4, 5, 5)


def test_marks_attributes_and_other_fields_are_kept(tmp_path: Path) -> None:
    more = (
        "<pose>Left</pose><difficult>1</difficult><truncated>1</truncated><occluded>1</occluded>"
        "<attributes><attribute><name>age</name><value>3</value></attribute></attributes>"
        "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    )
    imported = one(tmp_path, xml(box(1, 1, 20, 10, more=more)))
    (annotation,) = imported.dataset.items[0].annotations
    assert annotation.flags == Flags.DIFFICULT | Flags.TRUNCATED | Flags.OCCLUDED
    assert annotation.attributes == {"age": "3"}
    assert annotation.extra["voc"]["pose"] == "Left"
    voc.write(imported.dataset, tmp_path / "out", WriteOptions())
    (tmp_path / "a.xml").unlink()
    (back,) = read(tmp_path / "out").dataset.items[0].annotations
    assert (back.flags, back.attributes, back.extra) == (
        annotation.flags,
        annotation.attributes,
        annotation.extra,
    )


def test_numbers_are_written_whole_or_with_one_decimal(tmp_path: Path) -> None:
    row = DatasetAnnotation(label="cell", shape=Box(10, 20.26, 30.5, 40))
    item = DatasetItem(path="a.jpg", annotations=(row,), width=100, height=80)
    voc.write(Dataset((DatasetClass(name="cell"),), (item,)), tmp_path, WriteOptions())
    tree = ElementTree.parse(tmp_path / "Annotations" / "a.xml")
    corners = [tree.findtext(f"object/bndbox/{k}") for k in ("xmin", "ymin", "xmax", "ymax")]
    assert corners == ["10", "20.3", "30.5", "40"]
    assert tree.findtext("size/width") == "100"


def test_shapes_become_boxes_and_are_counted(tmp_path: Path) -> None:
    bitmap = np.zeros((10, 10), bool)
    bitmap[2:5, 3:7] = True
    shapes = (
        Polygon((np.array([[1.0, 1], [9, 1], [5, 7]]),)),
        Mask.from_array(bitmap),
        Mask.from_array(bitmap, 5, 5),
        Tag(),
    )
    rows = tuple(DatasetAnnotation(label="cell", shape=s, score=None) for s in shapes)
    item = DatasetItem(path="sub/a.jpg", annotations=rows, width=100, height=80)
    dataset = Dataset((DatasetClass(name="cell"),), (item,))
    report = voc.write(dataset, tmp_path, WriteOptions(split="train"))
    assert report.annotations == 3
    assert {x.what: x.count for x in report.losses} == {
        "polygons became boxes": 1,
        "masks became boxes": 2,
        "tags are left out": 1,
    }
    assert (tmp_path / "ImageSets/Main/train.txt").read_text() == "sub/a\n"
    back = read(tmp_path).dataset.items[0]
    assert back.path == "sub/a.jpg"
    assert [a.shape for a in back.annotations] == [
        Box(1, 1, 9, 7),
        Box(3, 2, 7, 5),
        Box(8, 7, 12, 10),
    ]


def test_pictures_of_one_stem_do_not_overwrite_each_other(tmp_path: Path) -> None:
    items = tuple(DatasetItem(path=p, width=9, height=9) for p in ("a.jpg", "a.png"))
    report = voc.write(Dataset((), items), tmp_path, WriteOptions())
    names = [f.name for f in report.files]
    assert names == ["a.xml", "a.png.xml", "labels.txt"]


def test_empty_pictures_keep_their_file_and_class_order_is_kept(tmp_path: Path) -> None:
    classes = (DatasetClass(name="zebra"), DatasetClass(name="ant"))
    item = DatasetItem(path="a.jpg", width=9, height=9)
    voc.write(Dataset(classes, (item,)), tmp_path, WriteOptions())
    back = read(tmp_path).dataset
    assert [c.name for c in back.classes] == ["zebra", "ant"]
    assert back.items[0].annotations == ()
    assert back.items[0].verified


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no XML files"):
        read(tmp_path)
    with pytest.raises(FormatError, match="no such file"):
        read(tmp_path / "none")
    (tmp_path / "a.xml").write_text("<html/>")
    with pytest.raises(FormatError, match="begins with <html>"):
        read(tmp_path)
