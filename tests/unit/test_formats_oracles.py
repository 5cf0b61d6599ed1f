"""Other people's files: read with the counts that the files hold, counted here by other means."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from visionstudio.formats import coco
from visionstudio.formats.dataset import Imported, ReadOptions, WriteOptions
from visionstudio.formats.detection import detect
from visionstudio.formats.registry import FORMATS
from visionstudio.session.importing import measured, read_source

pytestmark = pytest.mark.shared_data
ASSETS = "crosscheck/datumaro_assets"
Count = Callable[[Path], int]


def of_json(names: str, key: str = "annotations", inner: str = "") -> Count:
    """Elements of a list in all files of these names, or of a list inside each."""

    def count(src: Path) -> int:
        rows = [r for f in src.glob(names) for r in json.loads(f.read_text())[key]]
        return sum(len(r[inner]) for r in rows) if inner else len(rows)

    return count


def of_lines(names: str, *, head: int = 0, beside: str = r"^(imagesource|gsd):") -> Count:
    """Lines that hold something in all files of these names, less `head` of each."""

    def count(src: Path) -> int:
        files = [src] if src.is_file() else list(src.glob(names))
        kept = [
            [ln for ln in f.read_text().splitlines() if ln.strip() and not re.match(beside, ln)]
            for f in files
        ]
        return sum(len(lines) - head for lines in kept)

    return count


def of_text(pattern: str) -> Count:
    """How often a pattern stands in a file, or in all XML files of a folder."""

    def count(src: Path) -> int:
        files = [src] if src.is_file() else list(src.rglob("*.xml"))
        return sum(len(re.findall(pattern, f.read_text())) for f in files)

    return count


def of_numbers(names: str, *ignored: int) -> Count:
    """Different values, or colours, of the pixels in all pictures of these names."""

    def values(file: Path) -> set[Any]:
        pixels = np.asarray(Image.open(file))
        if pixels.ndim == 2:
            return set(np.unique(pixels).tolist())
        colours = {tuple(c) for c in pixels.reshape(-1, pixels.shape[2]).tolist()}
        return colours - {(0, 0, 0)}

    def count(src: Path) -> int:
        return sum(len(values(f) - {0, *ignored}) for f in src.glob(names))

    return count


def of_pictures(src: Path) -> int:
    """Pictures in folders."""
    return sum(p.suffix in (".jpg", ".png") and p.parent != src for p in src.rglob("*"))


CVAT = r"<(?:box|polygon|polyline|points|tag|mask|ellipse|cuboid|skeleton)\b"
KEYS = rf'{CVAT}[^>]*keyframe="1"'
SAMPLES: list[tuple[str, str, Count]] = [
    ("coco", "coco_dataset/coco", of_json("annotations/instances_*.json")),
    ("coco", "coco_dataset/coco_instances", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_labels", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_captions", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_stuff", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_image_info", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_person_keypoints", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_panoptic", of_json("annotations/*.json", inner="segments_info")),
    ("coco", "coco_dataset/mmdet_coco", of_json("annotations/*.json")),
    ("coco", "coco_dataset/coco_roboflow", of_json("*/_annotations.coco.json")),
    ("coco", "roboflow_dataset/coco", of_json("*/_annotations.coco.json")),
    ("coco", "kaggle_dataset/relaxed_coco", of_json("*.json")),
    ("yolo", "yolo_dataset/labels", of_lines("labels/*/*.txt")),
    ("yolo", "yolo_dataset/annotations", of_lines("Annotations/*.txt")),
    ("yolo", "yolo_dataset/strict", of_lines("obj_train_data/*.txt")),
    ("yolo", "roboflow_dataset/yolo", of_lines("*/labels/*.txt")),
    ("yolo", "kaggle_dataset/relaxed_yolo", of_lines("*.txt")),
    ("dota", "roboflow_dataset/yolo_obb", of_lines("*/labelTxt/*.txt")),
    ("dota", "dota_dataset", of_lines("*/labelTxt/*.txt")),
    ("voc", "voc_dataset/voc_dataset2", of_text("<object>")),
    ("voc", "roboflow_dataset/voc", of_text("<object>")),
    ("voc", "kaggle_dataset/relaxed_voc1", of_text("<object>")),
    ("voc", "kaggle_dataset/relaxed_voc2", of_text("<object>")),
    ("cvat", "cvat_dataset/for_images/export_project/annotations.xml", of_text(CVAT)),
    ("cvat", "cvat_dataset/for_images/export_task/train.xml", of_text(CVAT)),
    ("cvat", "cvat_dataset/for_video/annotations.xml", of_text(KEYS)),
    ("mot", "mot_dataset/mot_seq", of_lines("gt/gt.txt")),
    ("mot", "mot_dataset/mot_seq_with_seqinfo", of_lines("gt/gt.txt")),
    ("mots", "mots_dataset", of_numbers("*/instances/*.png", 10000)),
    ("datumaro", "datumaro_dataset/legacy", of_json("annotations/*.json", "items", "annotations")),
    (
        "cityscapes",
        "cityscapes_dataset/dataset",
        of_numbers("**/*_instanceIds.png", 1, 2, 3),
    ),
    ("masks", "camvid_dataset", of_numbers("*annot/*.png")),
    ("masks", "kaggle_dataset/image_mask", of_numbers("masks/*.png")),
    ("csv", "kaggle_dataset/image_csv/ann.csv", of_lines("", head=1)),
    ("csv", "kaggle_dataset/image_csv_det/ann.csv", of_lines("", head=1)),
    ("csv", "kaggle_dataset/image_txt_det/ann.txt", of_lines("")),
    ("csv", "kaggle_dataset/image_txt_det/ann_single_obj.txt", of_lines("")),
    ("csv", "kaggle_dataset/image_txt/ann.txt", of_lines("")),
    ("imagefolder", "imagenet_dataset", of_pictures),
    ("imagefolder", "imagenet_subsets_dataset", of_pictures),
]


@pytest.mark.parametrize(("name", "path", "count"), SAMPLES, ids=[p for _, p, _ in SAMPLES])
def test_a_sample_is_read_with_the_count_that_it_holds(
    name: str, path: str, count: Count, shared_data: Path
) -> None:
    src = shared_data / ASSETS / path
    assert src.exists()
    assert detect(src) == name
    found = read_source(FORMATS[name], src)
    skipped = [s for s in found.skipped if "it lies in no class folder" not in s.reason]
    assert found.dataset.annotation_count + len(skipped) == count(src)
    if "captions" not in path and "image_info" not in path:
        assert found.dataset.annotation_count > 0


EXAMPLES = ["bbox_detection", "instance_segmentation", "semantic_segmentation"]
EXAMPLES += ["video_annotation", "classification"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_labelme_examples(name: str, shared_data: Path) -> None:
    folder = shared_data / "crosscheck/labelme_examples" / name / "data_annotated"
    files = {p: json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))}
    found = read_source(FORMATS["labelme"], folder)
    assert not found.skipped
    items = {item.path.rsplit(".", 1)[0]: item for item in found.dataset.items}
    for file, content in files.items():
        item = items[file.stem]
        tags = [k for k, v in content["flags"].items() if v]
        shapes = content["shapes"]
        labels = Counter(s["label"] for s in shapes) + Counter(tags)
        assert Counter(a.label for a in item.annotations) == labels
        outlines = [a for a in item.annotations if a.shape.kind == "polygon"]
        wanted = [s["points"] for s in shapes if s["shape_type"] == "polygon"]
        for one, points in zip(outlines, wanted, strict=True):
            np.testing.assert_array_equal(one.shape.points(), np.array(points))


GROUND_TRUTH = [
    "crosscheck/faster_coco_eval/dataset/gt_dataset.json",
    "crosscheck/faster_coco_eval/dataset/gt_ignore_test.json",
    "crosscheck/faster_coco_eval/keypoints_dataset/gt_dataset.json",
    "crosscheck/faster_coco_eval/dataset/cocoapi/instances_val2014_100.json",
    "crosscheck/labelme_examples/instance_segmentation/data_dataset_coco/annotations.json",
    "isat_examples/convert/coco_tiny/coco_tiny.json",
]


def by_place(data: COCO) -> dict[str, list[dict[str, Any]]]:
    """Rows by the file name of their picture, in the file's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in data.dataset["annotations"]:
        name = data.imgs[row["image_id"]]["file_name"]
        found.setdefault(name, []).append(row)
    return found


@pytest.mark.parametrize("path", GROUND_TRUTH)
def test_coco_out_and_in_is_identical_up_to_order(
    path: str, shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / path
    found = coco.read(source, None, ReadOptions())
    theirs = COCO(str(source))
    assert found.dataset.annotation_count + len(found.skipped) == len(theirs.anns)
    coco.write(found.dataset, tmp_path / "out.json", WriteOptions())
    ours = COCO(str(tmp_path / "out.json"))
    refused = {s.where for s in found.skipped}
    kept = [
        r for i, r in enumerate(theirs.dataset["annotations"]) if f"annotations[{i}]" not in refused
    ]
    theirs.dataset["annotations"] = kept
    names = {c["id"]: c["name"] for c in theirs.dataset["categories"]}
    again = {c["id"]: c["name"] for c in ours.dataset["categories"]}
    mine, other = by_place(ours), by_place(theirs)
    assert mine.keys() == {Path(n).as_posix() for n in other}
    for name, rows in other.items():
        for a, b in zip(mine[name], rows, strict=True):
            assert again[a["category_id"]] == names[b["category_id"]]
            assert a["iscrowd"] == b.get("iscrowd", 0)
            np.testing.assert_allclose(a["bbox"], b["bbox"], atol=1.01)
            if isinstance(b.get("segmentation"), list) and b["segmentation"]:
                assert a["segmentation"] == b["segmentation"]
            if b.get("keypoints") and any(b["keypoints"][2::3]):
                assert a["keypoints"] == b["keypoints"]


def test_the_conversions_of_isat_agree(shared_data: Path) -> None:
    """One set of pictures as COCO, labelme and YOLO, by other people's converters."""
    folder = shared_data / "isat_examples/convert/coco_tiny"
    images = folder / "images"

    def taken(name: str, src: Path) -> Imported:
        found = read_source(FORMATS[name], src, images)
        assert not found.skipped
        return found

    whole = taken("coco", folder / "coco_tiny.json")
    crowds = sum(bool(a.flags) for i in whole.dataset.items for a in i.annotations)
    assert (whole.dataset.annotation_count, crowds) == (63, 2)
    yolo = measured(taken("yolo", folder / "yolo").dataset)
    numbers = {f"class_{n}": c.name for n, c in enumerate(whole.dataset.classes)}
    assert yolo.annotation_count == 63 - crowds
    for item in whole.dataset.items:
        plain = [a for a in item.annotations if not a.flags]
        same = next(i for i in yolo.items if Path(i.path).stem == Path(item.path).stem)
        labels = Counter(numbers.get(a.label, a.label) for a in same.annotations)
        assert labels == Counter(a.label for a in plain)
        theirs = sorted(tuple(np.round(a.shape.bounds())) for a in plain)
        ours = sorted(tuple(np.round(a.shape.bounds())) for a in same.annotations)
        np.testing.assert_allclose(ours, theirs, atol=1.01)
    labelme = taken("labelme", folder / "labelme")
    assert {Path(i.path).stem for i in labelme.dataset.items} == {
        Path(i.path).stem for i in whole.dataset.items
    }
    assert labelme.dataset.annotation_count == sum(
        len(json.loads(p.read_text())["shapes"]) for p in (folder / "labelme").glob("*.json")
    )
