"""``import``, ``export`` and ``convert`` from the command line, on real and on broken files."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import visionstudio as vs
from visionstudio.app.cli import run
from visionstudio.storage.store import ProjectStore

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command that must succeed; its JSON document."""

    def invoke(*args: object) -> dict[str, Any]:
        code = run([*map(str, args), "--json"])
        shown = capsys.readouterr()
        assert code == 0, shown.err
        document: dict[str, Any] = json.loads(shown.out)
        return document

    return invoke


@pytest.mark.shared_data
def test_bccd_in_twice_and_out_to_what_pycocotools_loads(
    shared_data: Path, tmp_path: Path, call: Call
) -> None:
    project, source = tmp_path / "p", shared_data / "bccd"
    first = call("import", project, "voc", source)
    assert (first["media"], first["annotations"]) == (292, 3941)
    reasons = [(Path(s["file"]).name, s["where"], s["reason"]) for s in first["skipped"]]
    assert reasons == [
        ("BloodImage_00338.xml", "object 13", "the box is empty, 0 x 0"),
        ("BloodImage_00343.xml", "object 4", "the box is empty, 0 x 0"),
    ]
    info = call("info", project)
    assert (info["media"], info["annotations"], info["proposals"]) == (292, 3941, 0)
    counts = {c["name"]: c["count"] for c in info["classes"]}
    assert counts == {"Platelets": 292, "RBC": 3348, "WBC": 301}
    again = call("import", project, "voc", source)
    assert again["annotations"] + len(again["skipped"]) == 3943
    assert call("info", project) == info

    out = tmp_path / "out.json"
    exported = call("export", project, "coco", out)
    assert (exported["files"], exported["annotations"]) == (1, 3941)
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        loaded = COCO(str(out))
    assert len(loaded.getImgIds()) == 292
    assert len(loaded.getAnnIds()) == 3941
    assert {c["id"]: c["name"] for c in loaded.loadCats(loaded.getCatIds())} == {
        c["id"]: c["name"] for c in info["classes"]
    }
    with ProjectStore.open(project, read_only=True) as store:
        assert all(m.verified for m in store.media())
        assert [i["id"] for i in json.loads(out.read_text())["images"]] == [
            m.id for m in store.media()
        ]


@pytest.mark.shared_data
def test_coco_through_voc_keeps_every_box(shared_data: Path, tmp_path: Path, call: Call) -> None:
    source = shared_data / "crosscheck/faster_coco_eval/dataset/cocoapi/instances_val2014_100.json"
    report = call("convert", "coco", source, "voc", tmp_path / "voc")
    assert report["annotations"] == 839
    losses = {x["what"]: x["count"] for x in report["losses"]}
    crowds = losses.pop("crowd marks are left out")
    assert losses == {"polygons became boxes": 839 - crowds, "masks became boxes": crowds}
    back = call("convert", "voc", tmp_path / "voc", "coco", tmp_path / "back.json")
    assert back["annotations"] == 839
    before, after = boxes_by_picture(source), boxes_by_picture(tmp_path / "back.json")
    assert before.keys() == after.keys()
    for name, boxes in before.items():
        assert np.abs(np.array(boxes) - np.array(after[name])).max() <= 1


def boxes_by_picture(file: Path) -> dict[str, list[list[float]]]:
    content = json.loads(file.read_text())
    names = {i["id"]: i["file_name"] for i in content["images"]}
    found: dict[str, list[list[float]]] = {}
    for row in content["annotations"]:
        found.setdefault(names[row["image_id"]], []).append(row["bbox"])
    return found


@pytest.mark.shared_data
def test_class_folders_in_and_out(shared_data: Path, tmp_path: Path, call: Call) -> None:
    project = tmp_path / "p"
    document = call("import", project, "imagefolder", shared_data / "clothing")
    assert (document["media"], document["annotations"], document["skipped"]) == (240, 240, [])
    written = call("export", project, "imagefolder", tmp_path / "out", "--split", "all")
    assert (written["files"], written["annotations"], written["losses"]) == (240, 240, [])
    assert len(list((tmp_path / "out" / "all").glob("*/*.jpg"))) == 240


def test_pictures_are_looked_for_where_one_says(tmp_path: Path, call: Call) -> None:
    pictures = tmp_path / "pictures" / "deep"
    pictures.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(pictures / "a.png")
    file = tmp_path / "labels" / "in.json"
    file.parent.mkdir()
    content = {
        "images": [{"id": 1, "file_name": "C:\\data\\a.png", "width": 40, "height": 30}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
    }
    file.write_text(json.dumps(content))
    lost = call("import", tmp_path / "p", "coco", file)
    assert (lost["media"], lost["annotations"]) == (0, 0)
    assert lost["skipped"][0]["where"] == "annotations[0]"
    assert "is not read" in lost["unresolved"][0]["reason"]
    found = call("import", tmp_path / "p", "coco", file, "--images", tmp_path / "pictures")
    assert (found["media"], found["annotations"], found["unresolved"]) == (1, 1, [])


def test_one_based_is_remembered(tmp_path: Path, call: Call) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.png</filename><object><name>c</name><bndbox><xmin>1</xmin>"
        "<ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
    )
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    call("import", tmp_path / "p", "voc", tmp_path, "--one-based")
    with ProjectStore.open(tmp_path / "p") as store:
        (item,) = store.media()
        assert store.annotations(item.id)[0].shape.bounds() == (0, 0, 9, 9)
        assert store.setting("imports")[0]["one_based"] is True


def test_a_broken_annotation_file_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], call: Call
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    project = tmp_path / "p"
    call("init", project, "--media", tmp_path / "a.png")
    broken = {"cut.json": '{"images": [{"id": 1', "no.json": "hello", "cut.xml": "<annotation>"}
    for name, text in broken.items():
        (tmp_path / name).write_text(text)
        kind = "voc" if name.endswith("xml") else "coco"
        assert run(["import", str(project), kind, str(tmp_path / name)]) == 1
        line = capsys.readouterr().err
        assert line.startswith("error: ")
        assert name in line
        assert line.count("\n") == 1
    assert call("info", project)["media"] == 1
    with ProjectStore.open(project) as store:
        assert store.undo_title is None


def test_the_old_export_survives_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: Call
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    call("init", tmp_path / "p", "--media", tmp_path / "a.png")
    out = tmp_path / "out.json"
    call("export", tmp_path / "p", "coco", out)
    before = out.read_bytes()
    with vs.open(tmp_path / "p") as project:  # what is as it was is not written again
        project.add(project.media[0].id, vs.Box(1, 2, 30, 20), "cell")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("visionstudio.formats.output.os.fsync", full)
    assert run(["export", str(tmp_path / "p"), "coco", str(out)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "out.json", "p"]


def test_nothing_is_written_outside_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], call: Call
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    call("init", tmp_path / "p", "--media", tmp_path / "a.png")
    args = ["export", str(tmp_path / "p"), "voc", str(tmp_path / "out"), "--split", "../../evil"]
    assert run(args) == 2
    assert "can name no file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
