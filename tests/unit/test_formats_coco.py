"""COCO in and out: real files, both run-length dialects, holes, crowds, keypoints, ids."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pycocotools import mask as oracle
from pycocotools.coco import COCO

from visionstudio.formats import coco, coco_rle
from visionstudio.formats.coco_write import to_coco
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    Loss,
    ReadOptions,
    WriteOptions,
)
from visionstudio.formats.rows import RowFault
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)


def read(path: Path, images: Path | None = None) -> Imported:
    return coco.read(path, images, ReadOptions())


def loaded(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def dataset_of(*shapes: Shape, flags: Flags = Flags.NONE) -> Dataset:
    rows = tuple(DatasetAnnotation(label="cell", shape=s, flags=flags) for s in shapes)
    item = DatasetItem(path="a.png", annotations=rows, width=40, height=30)
    return Dataset((DatasetClass(name="cell"),), (item,))


def written(tmp_path: Path, dataset: Dataset) -> tuple[dict[str, Any], tuple[Loss, ...]]:
    report = coco.write(dataset, tmp_path / "out.json", WriteOptions())
    return json.loads((tmp_path / "out.json").read_text()), report.losses


@settings(max_examples=150, deadline=None)
@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)))
def test_run_lengths_equal_pycocotools(mask: np.ndarray[Any, Any]) -> None:
    expected = oracle.encode(np.asfortranarray(mask.astype(np.uint8)))
    ours = coco_rle.encode(mask)
    assert ours["counts"] == expected["counts"].decode()
    assert coco_rle.compress(coco_rle.decompress(ours["counts"])) == ours["counts"]
    if mask.any():
        height, width = mask.shape
        assert np.array_equal(coco_rle.decode(ours, height, width).full(height, width), mask)
        dialect = {"size": [height, width], "counts": coco_rle.decompress(ours["counts"]).tolist()}
        assert coco_rle.decode(dialect, 0, 0) == coco_rle.decode(ours, 0, 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 40) | st.integers(0, 2**28), max_size=12))
def test_runs_of_any_length_equal_pycocotools(counts: list[int]) -> None:
    whole = {"size": [1, sum(counts)], "counts": counts}
    expected = oracle.frPyObjects(whole, 1, sum(counts))["counts"].decode()
    assert coco_rle.compress(counts) == expected
    assert coco_rle.decompress(expected).tolist() == counts


@pytest.mark.parametrize("text", ["o", "oooooooooooooooo0", "é", "~", " ", "\ud800", "0\x00"])
def test_no_run_lengths(text: str) -> None:
    with pytest.raises(RowFault, match="compressed runs"):
        coco_rle.decompress(text)


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_a_part_is_encoded_as_in_the_whole_picture(
    part: np.ndarray[Any, Any], x: int, y: int
) -> None:
    whole = np.zeros((part.shape[0] + y + 1, part.shape[1] + x + 2), bool)
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part
    assert coco_rle.encode_part(part, x, y, *whole.shape) == coco_rle.encode(whole)


@pytest.mark.shared_data
def test_the_cocoapi_sample_comes_back_as_it_was(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "crosscheck/faster_coco_eval/dataset/cocoapi/instances_val2014_100.json"
    imported = read(source)
    assert (len(imported.dataset.items), imported.dataset.annotation_count) == (100, 839)
    assert imported.skipped == ()
    report = coco.write(imported.dataset, tmp_path / "out.json", WriteOptions())
    assert (report.annotations, report.losses) == (839, ())
    ours, theirs = loaded(tmp_path / "out.json"), loaded(source)
    assert ours.getCatIds() == theirs.getCatIds()  # sparse: 1 to 90 for 80 classes
    assert max(ours.getCatIds()) == 90
    for image_id in theirs.getImgIds():
        pairs = zip(
            ours.loadAnns(ours.getAnnIds(image_id)),
            theirs.loadAnns(theirs.getAnnIds(image_id)),
            strict=True,
        )
        for mine, other in pairs:
            assert mine["category_id"] == other["category_id"]
            assert mine["iscrowd"] == other["iscrowd"]
            masks = [ours.annToRLE(mine)], [theirs.annToRLE(other)]
            assert oracle.iou(*masks, [0])[0][0] == 1.0


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("coco_instances", "annotations/instances_val.json"),
        ("coco_labels", "annotations/labels_val.json"),
        ("mmdet_coco", "annotations/instances_val.json"),
        ("coco_roboflow", "val/_annotations.coco.json"),
    ],
)
def test_pictures_are_found_in_every_usual_layout(
    shared_data: Path, folder: str, file: str
) -> None:
    source = shared_data / "crosscheck/datumaro_assets/coco_dataset" / folder / file
    imported = read(source)
    assert imported.dataset.annotation_count == 2
    assert all(item.file is not None and item.file.is_file() for item in imported.dataset.items)


@pytest.mark.shared_data
def test_keypoints_survive_with_their_boxes_and_masks(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "crosscheck/datumaro_assets/coco_dataset/coco_person_keypoints"
    source = folder / "annotations/person_keypoints_val.json"
    dataset = read(source).dataset
    kinds = {a.shape.kind for item in dataset.items for a in item.annotations}
    assert "skeleton" in kinds
    coco.write(dataset, tmp_path / "out.json", WriteOptions())
    before = {r["id"]: r for r in json.loads(source.read_text())["annotations"]}
    after = json.loads((tmp_path / "out.json").read_text())["annotations"]
    for row, old in zip(after, before.values(), strict=True):
        for key in ("keypoints", "num_keypoints", "bbox"):
            assert row.get(key) == old.get(key)


def test_holes_become_run_lengths_without_crowd(tmp_path: Path) -> None:
    outer = np.array([[2.0, 2], [20, 2], [20, 20], [2, 20]])
    inner = np.array([[6.0, 6], [12, 6], [12, 12], [6, 12]])
    content, losses = written(tmp_path, dataset_of(Polygon((outer, inner))))
    (row,) = content["annotations"]
    assert row["iscrowd"] == 0
    assert row["segmentation"]["size"] == [30, 40]
    assert row["area"] == 18 * 18 - 36
    assert [x.what for x in losses] == ["polygons with holes, or of crowds, became masks"]
    mask = loaded(tmp_path / "out.json").annToMask(row)
    assert mask.sum() == row["area"]
    assert not mask[6:12, 6:12].any()


def test_ids_count_from_one_and_zero_is_never_written(tmp_path: Path) -> None:
    dataset = dataset_of(Box(1, 1, 5, 5), Box(2, 2, 6, 6))
    zero = Dataset((DatasetClass(name="cell", id=0),), dataset.items)
    content, _ = written(tmp_path, zero)
    assert [r["id"] for r in content["annotations"]] == [1, 2]
    assert content["images"][0]["id"] == 1
    assert content["categories"][0]["id"] == 1
    assert {r["category_id"] for r in content["annotations"]} == {1}


def test_a_crowd_stays_a_crowd_and_an_rle_is_none(tmp_path: Path) -> None:
    bitmap = np.zeros((30, 40), bool)
    bitmap[3:9, 4:14] = True
    for flags, crowd in ((Flags.NONE, 0), (Flags.CROWD, 1)):
        dataset = dataset_of(Mask.from_array(bitmap), flags=flags)
        content, _ = written(tmp_path, dataset)
        assert content["annotations"][0]["iscrowd"] == crowd
        assert content["annotations"][0]["area"] == 60
        assert content["annotations"][0]["bbox"] == [4, 3, 10, 6]
        (back,) = read(tmp_path / "out.json").dataset.items[0].annotations
        assert back.shape == Mask.from_array(bitmap)
        assert back.flags == flags


def test_what_cannot_be_said_is_counted(tmp_path: Path) -> None:
    shapes = (
        Ellipse(10, 10, 4, 3),
        RotatedBox(20, 15, 6, 4, 0.3),
        RotatedBox(22, 15, 6, 4, 0.3),
        Polyline(np.array([[1.0, 1], [5, 5]])),
        Tag(),
    )
    content, losses = written(tmp_path, dataset_of(*shapes))
    assert len(content["annotations"]) == 3
    assert {loss.what: loss.count for loss in losses} == {
        "ellipses became polygons": 1,
        "rotated boxes became polygons": 2,
        "polylines are left out": 1,
        "tags are left out": 1,
    }


def test_unknown_fields_attributes_and_scores_come_back(tmp_path: Path) -> None:
    row = {
        "id": 9,
        "image_id": 5,
        "category_id": 3,
        "bbox": [1, 2, 3.5, 4],
        "score": 0.25,
        "attributes": {"occluded": True},
        "reviewer": {"name": "Zoë", "rounds": [1, 2]},
    }
    source = {
        "images": [{"id": 5, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": [{"id": 3, "name": "cell", "supercategory": "blood"}],
        "annotations": [row],
    }
    (tmp_path / "in.json").write_text(json.dumps(source))
    dataset = read(tmp_path / "in.json").dataset
    content, _ = written(tmp_path, dataset)
    back = content["annotations"][0]
    for key in ("image_id", "category_id", "bbox", "score", "attributes", "reviewer"):
        assert back[key] == row[key]
    assert content["categories"][0]["supercategory"] == "blood"


def test_a_skeleton_keeps_names_and_edges(tmp_path: Path) -> None:
    points = Skeleton(np.array([[1.0, 2], [3, 4], [0, 0]]), (2, 1, 0))
    source = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": [
            {"id": 1, "name": "hand", "keypoints": ["a", "b", "c"], "skeleton": [[1, 2], [2, 3]]}
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0],
                "num_keypoints": 2,
                "bbox": [1, 2, 2, 2],
            }
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps(source))
    dataset = read(tmp_path / "in.json").dataset
    assert dataset.items[0].annotations[0].shape == points
    assert dataset.classes[0].skeleton is not None
    assert dataset.classes[0].skeleton.edges == ((0, 1), (1, 2))
    content = to_coco(dataset)
    assert content["categories"][0]["skeleton"] == [[1, 2], [2, 3]]
    assert content["annotations"][0]["num_keypoints"] == 2


def test_copied_pictures_are_found_again(tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "in" / "sub" / "a.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(picture)
    item = DatasetItem(path="sub/a.png", width=40, height=30, file=picture)
    report = coco.write(Dataset((), (item,)), tmp_path / "out", WriteOptions(copy_media=True))
    assert [p.relative_to(tmp_path / "out").as_posix() for p in report.files] == [
        "annotations.json",
        "images/sub/a.png",
    ]
    back = read(tmp_path / "out").dataset.items[0]
    assert back.file == tmp_path / "out" / "images" / "sub" / "a.png"
    assert back.path == "sub/a.png"


def test_a_split_names_the_file(tmp_path: Path) -> None:
    report = coco.write(dataset_of(), tmp_path / "out", WriteOptions(split="val"))
    assert report.files == (tmp_path / "out" / "instances_val.json",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        ("{", "the file is cut off"),
        ('{"images": [{"id": 1, ', "the file is cut off"),
        ('{"images": []', "the file is cut off"),
        ("nonsense", "neither a JSON object nor a list"),
        ('{"images": [], "annotations": []} x', "behind the end"),
        ('{"images": []}', "no list 'annotations'"),
        ("[]", "a list of results"),
    ],
)
def test_a_file_that_is_no_coco_file_is_one_error(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(FormatError, match=reason) as caught:
        read(tmp_path / "a.json")
    assert "a.json" in str(caught.value)


def test_a_missing_file_and_a_folder_of_many_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        read(tmp_path / "none.json")
    with pytest.raises(FormatError, match="holds 0 JSON files"):
        read(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(FormatError, match="not UTF-8"):
        read(tmp_path / "b.json")
