"""Hostile COCO files: bad rows are told with their place, the rest is imported, none is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from visionstudio.formats import coco
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.rows import read_json
from visionstudio.model.errors import FormatError

GOOD = '{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}'


def file_of(*annotations: str, images: str = "", categories: str = "") -> str:
    images = images or '{"id": 1, "file_name": "a.png", "width": 40, "height": 30}'
    categories = categories or '{"id": 1, "name": "cell"}'
    return (
        f'{{"images": [{images}], "categories": [{categories}],'
        f' "annotations": [{", ".join(annotations)}]}}'
    )


def read(tmp_path: Path, text: str) -> Imported:
    path = tmp_path / "in.json"
    path.write_text(text, encoding="utf-8")
    return coco.read(path, None, ReadOptions())


def row(**fields: Any) -> str:
    base = {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    return json.dumps(base | fields)


RLE = {"size": [30, 40], "counts": [100, 20, 1080]}
BAD_ROWS = [
    ('{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, NaN, 4]}', "NaN is no JSON number"),
    ('{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, -Infinity, 3, 4]}', "-Infinity"),
    ('{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 1e999, 4]}', "not finite"),
    (f'{{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, {"9" * 5000}, 4]}}', "too many"),
    (f'{{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, {"9" * 400}, 4]}}', "not finite"),
    ('{"id": 2, "bbox": [1, 2, 3, 4], "image_id": 1, "category_id": 1, "id": 3}', "there twice"),
    (f'{{"id": 2, "image_id": 1, "category_id": 1, "x": {"[" * 9999}{"]" * 9999}}}', "too deeply"),
    (row(deep=json.loads("[" * 100 + "]" * 100)), "too deeply"),
    (row(note="\ud800"), "half a character"),
    (row(big=2**70), "too many digits"),
    (row(bbox=[1, 2, 0, 4]), "the box is empty"),
    (row(bbox=[1, 2, -3, 4]), "negative size"),
    (row(bbox=[1, 2, 3]), "3 numbers instead of 4"),
    (row(bbox="1,2,3,4"), "no list"),
    (row(bbox=[1, "2", 3, 4]), "no number"),
    (row(bbox=[1, True, 3, 4]), "no number"),
    (row(bbox=[1, None, 3, 4]), "no number"),
    (row(bbox=[100, 2, 3, 4]), "outside the picture"),
    (row(bbox=[]), "are empty"),
    (row(image_id=99), "no picture has the id 99"),
    (row(image_id=None), "image_id is missing"),
    (row(image_id=[1]), "image_id is [1]"),
    (row(image_id=True), "image_id is True"),
    (row(category_id=7), "no category has the id 7"),
    (row(iscrowd=3), "iscrowd"),
    (row(score=1.5), "outside [0, 1]"),
    (row(score="high"), "no number"),
    (row(attributes=[1]), "no object"),
    (row(segmentation=[[1, 2, 3, 4]]), "three x y pairs"),
    (row(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "three x y pairs"),
    (row(segmentation=[[1, 1, 2, 2, 3, 3]]), "the polygon is empty"),
    (row(segmentation=[[0.5] * 300_000]), "150000 points"),
    (row(segmentation="poly"), "the segmentation is"),
    (row(segmentation=[5]), "no list"),
    (row(segmentation=RLE | {"counts": [100, 20, 1]}), "sum to 121"),
    (row(segmentation=RLE | {"counts": [100, -20, 1120]}), "a run of the RLE is -20"),
    (row(segmentation=RLE | {"counts": [100, 2.5, 1]}), "a run of the RLE is 2.5"),
    (row(segmentation=RLE | {"counts": "~~~"}), "compressed runs"),
    (row(segmentation=RLE | {"counts": "oooo"}), "cut off"),
    (row(segmentation=RLE | {"counts": None}), "counts of the RLE"),
    (row(segmentation=RLE | {"size": [40, 30]}), "the RLE is for 30x40"),
    (row(segmentation=RLE | {"size": [10**9, 10**9]}), "the RLE is for"),
    (row(segmentation=RLE | {"size": "big"}), "the size of the RLE"),
    (row(segmentation=RLE | {"counts": [1200]}), "the mask is empty"),
    (row(keypoints=[1, 2]), "triples"),
    (row(keypoints=[1, 2, 7]), "visibility"),
    ("null", "it is no object"),
    ('"text"', "it is no object"),
    ("[]", "it is no object"),
    ("1e999", "it is no object"),
    ("NaN", "NaN is no JSON number"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS)
def test_a_bad_row_is_told_and_the_rest_imported(tmp_path: Path, bad: str, reason: str) -> None:
    imported = read(tmp_path, file_of(GOOD, bad, GOOD))
    assert imported.dataset.annotation_count == 2
    (skipped,) = imported.skipped
    assert skipped.where == "annotations[1]"
    assert skipped.file.endswith("in.json")
    assert reason in skipped.reason
    skipped.reason.encode("utf-8")
    assert len(skipped.reason) < 300


def test_all_at_once_reconcile(tmp_path: Path) -> None:
    rows = [bad for bad, _ in BAD_ROWS]
    imported = read(tmp_path, file_of(GOOD, *rows, GOOD))
    assert imported.dataset.annotation_count + len(imported.skipped) == len(rows) + 2
    assert imported.dataset.annotation_count == 2


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ('{"id": 2, "file_name": 7}', "file_name is no text"),
        ('{"id": 2}', "file_name is no text"),
        ('{"id": 2, "file_name": "b.png", "width": -4}', "width"),
        ('{"id": 2, "file_name": "b.png", "width": "wide"}', "no number"),
        ('{"id": 2, "file_name": "b\\u0000.png"}', "NUL"),
        ('{"id": 2, "file_name": "\\udfff.png"}', "half a character"),
    ],
)
def test_rows_of_a_bad_picture_are_told_one_by_one(tmp_path: Path, image: str, reason: str) -> None:
    good = '{"id": 1, "file_name": "a.png"}'
    text = file_of(GOOD, row(image_id=2), row(image_id=2), images=f"{good}, {image}")
    imported = read(tmp_path, text)
    assert imported.dataset.annotation_count == 1
    assert [s.where for s in imported.skipped] == ["annotations[1]", "annotations[2]"]
    assert all(reason in s.reason for s in imported.skipped)
    alone = read(tmp_path, file_of(GOOD, images=f"{good}, {image}"))
    assert len(alone.skipped) == 1
    assert reason in alone.skipped[0].reason


def test_ids_that_are_there_twice(tmp_path: Path) -> None:
    image = '{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}'
    imported = read(tmp_path, file_of(GOOD, images=image))
    assert imported.dataset.annotation_count == 1
    assert [(s.where, "twice" in s.reason) for s in imported.skipped] == [("images[1]", True)]
    category = '{"id": 1, "name": "a"}, {"id": 2, "name": "a"}, {"id": 3, "name": " "}'
    imported = read(
        tmp_path, file_of(GOOD, row(category_id=2), row(category_id=3), categories=category)
    )
    assert [c.name for c in imported.dataset.classes] == ["a"]
    assert imported.dataset.annotation_count == 2
    assert "its category was not taken" in imported.skipped[0].reason


def test_a_list_that_is_there_twice(tmp_path: Path) -> None:
    text = file_of(GOOD).removesuffix("}") + f', "annotations": [{GOOD}, {GOOD}]}}'
    imported = read(tmp_path, text)
    assert imported.dataset.annotation_count == 1
    assert [s.where for s in imported.skipped] == ["annotations[1]", "annotations[2]"]


@pytest.mark.parametrize(
    "name", ["../../secret.png", "/etc/passwd", "C:\\x.png", "sub/../../x.png"]
)
def test_a_picture_outside_is_kept_by_name_only(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "data" / "set"
    folder.mkdir(parents=True)
    image = json.dumps({"id": 1, "file_name": name})
    imported = read(folder, file_of(GOOD, images=image))
    (item,) = imported.dataset.items
    assert item.file is None
    assert item.outside == name
    assert "/" not in item.path
    assert "\\" not in item.path


def test_deep_nesting_anywhere_does_not_end_the_program(tmp_path: Path) -> None:
    deep = "[" * 200_000
    closed = deep + "]" * 200_000
    imported = read(tmp_path, file_of(GOOD).replace('{"images"', f'{{"info": {closed}, "images"'))
    assert imported.dataset.annotation_count == 1
    for text in (deep, f'{{"images": {deep}', f'{{"x": {deep}', f'{{"x": {closed}, '):
        with pytest.raises(FormatError, match=r"cut off|no list"):
            read(tmp_path, text)


def test_a_million_short_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("[" + ",".join(["1"] * 200_000) + "]")
    assert len(read_json(path, ()).lists[""]) == 200_000


def test_line_and_column_of_a_syntax_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{\n "images": [\n  {"id": 1},\n  {"id" 2}\n ]\n}')
    with pytest.raises(FormatError, match="line 4 column 9"):
        read_json(path, ("images",))
