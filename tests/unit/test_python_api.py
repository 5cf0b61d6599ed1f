"""The Python API: the example of the design, and what surrounds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import visionstudio as vs
from visionstudio.app.cli import run
from visionstudio.model.errors import InvalidValue, MediaError, ProjectBusy


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    (folder / "inner").mkdir(parents=True)
    Image.new("RGB", (60, 40), (200, 0, 0)).save(folder / "b.png")
    Image.new("L", (30, 20), 7).save(folder / "inner" / "c.jpg")
    (folder / "a.jpg").write_text("no picture at all")
    return folder


def test_the_example_of_the_design(pictures: Path) -> None:
    with vs.open(pictures) as project:
        assert [Path(m.path).name for m in project.media] == ["a.jpg", "b.png", "c.jpg"]
        item = project.media[1]
        assert (item.width, item.height, item.frames) == (60, 40, 1)
        assert item.path == str(pictures / "b.png")
        with project.edit("a box"):
            project.add(item.id, vs.Box(10, 20, 50, 60), "RBC")
        (found,) = project.annotations(item.id, frame=0)
        assert isinstance(found.shape, vs.Box)
        np.testing.assert_array_equal(
            found.shape.points(), [[10, 20], [50, 20], [50, 60], [10, 60]]
        )
        assert project.class_name(found) == "RBC"
        assert (found.state, found.score, found.source) == (vs.State.EDITED, None, "manual")
        project.undo()
        assert project.annotations(item.id) == []
        assert project.classes == []  # the class came with the step
        project.redo()
        assert project.annotations(item.id) == [found]
    assert (pictures / ".visionstudio" / "project.db").is_file()


def test_undo_goes_on_after_reopening(pictures: Path) -> None:
    with vs.open(pictures) as project:
        item = project.media[1]
        first = project.add(item.id, vs.Box(0, 0, 5, 5), "RBC")
        project.update(first, shape=vs.Box(0, 0, 9, 9))
    with vs.open(pictures) as project:
        assert project.annotations(item.id)[0].shape == vs.Box(0, 0, 9, 9)
        assert project.undo() == "Change annotation"
        assert project.annotations(item.id)[0].shape == vs.Box(0, 0, 5, 5)
        assert project.undo() == "Add box"
        assert project.annotations(item.id) == []
        assert project.undo() is None


def test_an_exception_inside_a_block_undoes_it(pictures: Path) -> None:
    with vs.open(pictures) as project:
        item = project.media[1]

        def fail_halfway() -> None:
            with project.edit("half"):
                project.add(item.id, vs.Box(1, 1, 2, 2), "RBC")
                raise RuntimeError("changed my mind")

        with pytest.raises(RuntimeError, match="changed my mind"):
            fail_halfway()
        assert project.annotations(item.id) == []
        assert project.classes == []
        assert project.undo() is None
        project.add(item.id, vs.Tag(), "good")  # the block is closed
        assert project.counts().annotations == 1


def test_a_block_sees_its_own_changes_and_is_one_step(pictures: Path) -> None:
    with vs.open(pictures) as project:
        item = project.media[1]
        with project.edit("many"):
            one = project.add(item.id, vs.Box(1, 1, 2, 2), "RBC")
            two = project.add(
                item.id,
                vs.Polygon(([(0, 0), (9, 0), (9, 9)],)),
                "WBC",
            )
            project.update(one, shape=vs.Box(1, 1, 4, 4))
            project.remove(two)
            project.set_verified(item.id)
            assert [a.shape for a in project.annotations(item.id)] == [vs.Box(1, 1, 4, 4)]
            assert [c.name for c in project.classes] == ["RBC", "WBC"]
        assert [a.shape for a in project.annotations(item.id)] == [vs.Box(1, 1, 4, 4)]
        assert project.item(item.id).verified
        assert project.undo() == "many"
        assert project.annotations(item.id) == []
        assert not project.item(item.id).verified


def test_create_names_media_relative_to_their_folder(tmp_path: Path, pictures: Path) -> None:
    with vs.create(tmp_path / "project", media=[pictures]) as project:
        assert [m.path for m in project.store.media()] == ["a.jpg", "b.png", "inner/c.jpg"]
        broken = project.media[0]
        assert (broken.status, bool(broken.reason)) == (vs.MediaStatus.ERROR, True)
        with pytest.raises(ProjectBusy):
            vs.open(tmp_path / "project")
        with vs.open(tmp_path / "project", read_only=True) as reader:
            assert len(reader.media) == 3
    with pytest.raises(InvalidValue, match="already"):
        vs.create(tmp_path / "project", media=[pictures])


def test_wrong_paths_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        vs.create(tmp_path / "project", media=[tmp_path / "nowhere"])
    assert not (tmp_path / "project").exists()
    with pytest.raises(MediaError):
        vs.open(tmp_path / "nowhere" / "deep")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("media_id", [0, 99])
def test_unknown_media_and_frames_are_refused(pictures: Path, media_id: int) -> None:
    with vs.open(pictures) as project:
        with pytest.raises(InvalidValue, match="no media item"):
            project.add(media_id, vs.Box(0, 0, 1, 1), "RBC")
        with pytest.raises(InvalidValue, match="frame 0"):
            project.add(project.media[0].id, vs.Box(0, 0, 1, 1), "RBC", frame=3)


def test_importing_loads_neither_qt_nor_torch() -> None:
    code = (
        "import sys, visionstudio as vs\n"
        "vs.Box(0, 0, 1, 1); vs.open; vs.create\n"
        "bad = {'torch', 'PySide6', 'torchvision'} & set(sys.modules)\n"
        "sys.exit(f'loaded {bad}' if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_added_after_an_import_has_ids_of_its_own(tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 50, "height": 40}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {
                "id": n,
                "image_id": 1,
                "category_id": 1,
                "bbox": [n, 1, 5, 5],
                "area": 25,
                "iscrowd": 0,
            }
            for n in range(1, 8)
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(coco))
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")
    folder = tmp_path / "p"
    assert run(["import", str(folder), "coco", str(tmp_path / "c.json")]) == 0
    with vs.open(folder) as project:
        added = project.add(project.media[0].id, vs.Box(20, 20, 30, 30), "cell")
        assert added.id == 8
        assert len(project.annotations(project.media[0].id)) == 8


def test_steps_of_scripts_and_commands_have_a_name(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "Ann")
    with vs.open(pictures) as project:
        project.add(project.media[1].id, vs.Box(1, 2, 30, 40), "cell")
    capsys.readouterr()
    assert run(["--json", "statistics", str(pictures)]) == 0
    people = json.loads(capsys.readouterr().out)["people"]
    assert [one["name"] for one in people] == ["Ann"]
