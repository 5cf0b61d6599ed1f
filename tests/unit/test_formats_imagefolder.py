"""Folders of pictures by class, and the rules for file names that all formats share."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from visionstudio.formats import imagefolder
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    ReadOptions,
    WriteOptions,
)
from visionstudio.formats.files import PictureRoot, safe_name, safe_parts
from visionstudio.formats.output import replacing
from visionstudio.formats.registry import FORMATS, get_format
from visionstudio.model.errors import FormatError, StorageFull
from visionstudio.model.shapes import Box, Tag


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)
    return path


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "pictures", "classes"), [("cifar10", 3000, 10), ("clothing", 240, 10)]
)
def test_real_sets_with_subsets(shared_data: Path, name: str, pictures: int, classes: int) -> None:
    imported = imagefolder.read(shared_data / name, None, ReadOptions())
    assert len(imported.dataset.items) == imported.dataset.annotation_count == pictures
    assert len(imported.dataset.classes) == classes
    assert not {c.name for c in imported.dataset.classes} & {"train", "test", "validation"}
    for item in imported.dataset.items:
        folder = item.path.split("/")[0]
        assert item.split == {"validation": "val"}.get(folder, folder)


def test_loose_pictures_are_skipped_and_other_files_ignored(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    picture(tmp_path / "dog" / "deep" / "b.png")
    picture(tmp_path / "loose.png")
    (tmp_path / "cat" / "notes.txt").write_text("x")
    imported = imagefolder.read(tmp_path, None, ReadOptions())
    labels = {i.path: i.annotations[0].label for i in imported.dataset.items}
    assert labels == {"cat/a.png": "cat", "dog/deep/b.png": "dog"}
    assert [s.reason for s in imported.skipped] == ["it lies in no class folder"]


def test_there_must_be_class_folders(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no class folder"):
        imagefolder.read(tmp_path, None, ReadOptions())
    with pytest.raises(FormatError, match="no such folder"):
        imagefolder.read(tmp_path / "none", None, ReadOptions())


def test_writing_copies_by_class_and_counts_the_rest(tmp_path: Path) -> None:
    source = picture(tmp_path / "in" / "a.png")
    cat = DatasetAnnotation(label="cat", shape=Tag())
    odd = DatasetAnnotation(label="a/b: c?", shape=Tag())
    box = DatasetAnnotation(label="cat", shape=Box(0, 0, 3, 3))
    items = (
        DatasetItem(path="x/a.png", file=source, annotations=(cat, box)),
        DatasetItem(path="y/a.png", file=source, annotations=(cat, odd)),
        DatasetItem(path="c.png", file=source, annotations=(odd,)),
        DatasetItem(path="d.png", file=source, annotations=(box,)),
        DatasetItem(path="e.png", file=None, annotations=(cat,)),
    )
    dataset = Dataset((DatasetClass(name="cat"), DatasetClass(name="a/b: c?")), items)
    report = imagefolder.write(dataset, tmp_path / "out", WriteOptions(split="train"))
    names = [f.relative_to(tmp_path / "out").as_posix() for f in report.files]
    assert names == ["train/cat/a.png", "train/cat/a_2.png", "train/a_b_ c_/c.png"]
    assert {x.what: x.count for x in report.losses} == {
        "class names that no folder can have were changed": 1,
        "annotations that are no tags are left out": 2,
        "further tags of a picture are left out": 1,
        "pictures without a tag are left out": 1,
        "pictures were not there to be copied": 1,
    }
    back = imagefolder.read(tmp_path / "out", None, ReadOptions())
    assert [i.annotations[0].label for i in back.dataset.items] == ["a_b_ c_", "cat", "cat"]
    assert {i.split for i in back.dataset.items} == {"train"}


def test_subsets_of_pictures_come_back(tmp_path: Path) -> None:
    source = picture(tmp_path / "in" / "a.png")
    cat = (DatasetAnnotation(label="cat", shape=Tag()),)
    items = tuple(
        DatasetItem(path=f"{n}.png", file=source, annotations=cat, split=split)
        for n, split in enumerate(("train", "val", ""))
    )
    dataset = Dataset((DatasetClass(name="cat"),), items)
    imagefolder.write(dataset, tmp_path / "out", WriteOptions())
    back = imagefolder.read(tmp_path / "out", None, ReadOptions())
    found = {i.path: i.split for i in back.dataset.items}
    assert found == {"train/cat/0.png": "train", "val/cat/1.png": "val", "cat/2.png": ""}


@pytest.mark.parametrize(
    "name",
    [
        "../a.png",
        "a/../../b.png",
        "/etc/passwd",
        "\\\\server\\share\\a.png",
        "C:\\a.png",
        "C:a.png",
        "NUL",
        "sub/con.png",
        "COM1.txt",
        "a.png:stream",
        "a\x00.png",
        "",
        "..",
        "\ud800.png",
    ],
)
def test_names_that_lead_elsewhere_are_never_followed(name: str, tmp_path: Path) -> None:
    assert safe_parts(name) is None
    assert safe_parts(safe_name(name)) is not None
    picture(tmp_path / "secret" / "a.png")
    picture(tmp_path / "b.png")
    root = tmp_path / "root"
    root.mkdir()
    assert PictureRoot(root, search=True).find(name) is None


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside" / "a.png")
    root = tmp_path / "root"
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "link.png").symlink_to(outside)
    (root / "inside").symlink_to(tmp_path / "outside")
    picture(root / "cat" / "b.png")
    assert PictureRoot(root).find("cat/link.png") is None
    assert PictureRoot(root).find("inside/a.png") is None
    imported = imagefolder.read(root, None, ReadOptions())
    assert [i.path for i in imported.dataset.items] == ["cat/b.png"]
    assert "link out of the folder" in imported.skipped[0].reason


def test_names_of_other_machines_are_found_by_their_longest_tail(tmp_path: Path) -> None:
    picture(tmp_path / "x" / "a.png")
    picture(tmp_path / "y" / "a.png")
    picture(tmp_path / "y" / "b.png")
    root = PictureRoot(tmp_path, search=True)
    assert root.find("/home/bob/x/a.png") == tmp_path / "x" / "a.png"
    assert root.find("D:\\work\\b.png") == tmp_path / "y" / "b.png"
    assert root.find("a.png") is None  # two have that name


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail() -> None:
        with replacing(target) as handle:
            handle.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageFull, match="No space left"):
        fail()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFull), replacing(tmp_path / "file" / "b.json") as handle:
        handle.write(b"x")


def test_every_format_is_one_module_in_the_registry() -> None:
    assert set(FORMATS) >= {"coco", "voc", "imagefolder"}
    for name, one in FORMATS.items():
        assert one.name == name
        assert one.read.__module__.startswith("visionstudio.formats.")
    with pytest.raises(FormatError, match="known are: coco, yolo, voc"):
        get_format("yolo9000")
