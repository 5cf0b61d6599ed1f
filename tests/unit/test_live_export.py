"""An export that is kept up to date: whatever is saved is there soon, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import visionstudio as vs
from tests.unit.session_tools import Pump
from visionstudio.app.cli import run
from visionstudio.model import edits
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box
from visionstudio.session.library import add_media
from visionstudio.session.live_export import LiveExport, LiveTarget, live_target
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore


@pytest.fixture
def pump() -> Pump:
    return Pump()


@pytest.fixture
def session(tmp_path: Path, pump: Pump) -> Iterator[ProjectSession]:
    for name in ("a.png", "b.png"):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("RGB", (64, 48)).save(tmp_path / "in" / name)
    store = ProjectStore.create(tmp_path / "project", media_root=tmp_path / "in")
    add_media(store, [tmp_path / "in"])
    store.apply(edits.add("class", [LabelClass(id=1, name="cell", colour="#56b4e9")]))
    session = ProjectSession(store, pump.post)
    yield session
    session.close()


def shapes(file: Path) -> list[list[list[float]]]:
    """The points of a labelme file, none where there is no file."""
    if not file.exists():
        return []
    return [s["points"] for s in json.loads(file.read_text())["shapes"]]


def test_what_is_saved_is_there(session: ProjectSession, pump: Pump, tmp_path: Path) -> None:
    live = LiveExport(session)
    failures: list[object] = []
    session.failed.connect(failures.append)
    out = tmp_path / "in"
    live.set(LiveTarget("labelme", str(out)))
    pump.until(lambda: live.target is not None and not live.busy)
    assert live_target(session.store) == LiveTarget("labelme", str(out))
    first, second = session.media
    session.open_media(first.id)
    made = session.new_annotation(Box(1, 2, 30, 40), class_id=1)
    pump.until(lambda: shapes(out / "a.json"))
    assert shapes(out / "a.json") == [[[1, 2], [30, 40]]]
    assert not (out / "b.json").exists()
    session.open_media(second.id)
    session.new_annotation(Box(5, 5, 9, 9), class_id=1)
    pump.until(lambda: shapes(out / "b.json"))
    before = (out / "b.json").stat().st_mtime_ns, (out / "a.json").stat().st_ino
    session.open_media(first.id)
    pump.until(lambda: session.annotations)
    session.reshape(made.id, Box(1, 2, 20, 40))
    pump.until(lambda: shapes(out / "a.json") == [[[1, 2], [20, 40]]])
    session.undo()
    pump.until(lambda: shapes(out / "a.json") == [[[1, 2], [30, 40]]])
    session.undo()
    session.undo()
    pump.until(lambda: not shapes(out / "b.json"))
    assert (out / "a.json").stat().st_ino != before[1]
    session.undo()
    pump.until(lambda: not shapes(out / "a.json"))
    live.set(None)
    pump.until(lambda: live.target is None)
    session.redo()
    pump.until(lambda: session.saved and session.redo_title is not None)
    assert not shapes(out / "a.json")
    assert not failures
    live.close()


def test_one_file_is_written_whole_and_what_is_left_at_the_end(
    session: ProjectSession, pump: Pump, tmp_path: Path
) -> None:
    live = LiveExport(session)
    file = tmp_path / "out.json"
    live.set(LiveTarget("coco", str(file)))
    pump.until(file.exists)
    pump.until(lambda: not live.busy)
    same = file.stat().st_mtime_ns
    live.set(LiveTarget("coco", str(file)))
    pump.until(lambda: not live.busy and not live._pending)
    assert file.stat().st_mtime_ns == same  # a file that would be the same is left alone
    session.open_media(session.media[0].id)
    for n in range(5):
        session.new_annotation(Box(n, 2, 30, 40), class_id=1)
    live.close()
    session.close()
    assert len(json.loads(file.read_text())["annotations"]) == 5


def test_a_folder_that_cannot_be_written_is_told(
    session: ProjectSession, pump: Pump, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    live = LiveExport(session)
    failures: list[Exception] = []
    session.failed.connect(failures.append)
    live.set(LiveTarget("coco", str(tmp_path / "file" / "out.json")))
    pump.until(lambda: failures)
    assert "out.json" in str(failures[0])
    live.close()


def test_scripts_and_commands_keep_it_up_to_date(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    pictures.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 48)).save(pictures / name)
    with vs.open(pictures) as project:
        first, second = project.media
        project.keep_export("labelme", out)
        assert not shapes(out / "a.json")
        box = project.add(first.id, vs.Box(1, 2, 30, 40), "cell")
    assert shapes(out / "a.json") == [[[1, 2], [30, 40]]]
    untouched = (out / "a.json").stat().st_mtime_ns
    with vs.open(pictures) as project:
        assert len(project.annotations(first.id)) == 1
    assert (out / "a.json").stat().st_mtime_ns == untouched

    coco = {
        "images": [{"id": 1, "file_name": "b.png", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 6, 7, 8]}],
    }
    (tmp_path / "more.json").write_text(json.dumps(coco))
    assert run(["import", str(pictures), "coco", str(tmp_path / "more.json")]) == 0
    assert shapes(out / "b.json") == [[[5, 6], [12, 14]]]

    with vs.open(pictures) as project:
        project.remove(box)
        project.close()
    assert shapes(out / "a.json") == []
    with vs.open(pictures) as project:
        project.keep_export(None)
        project.add(second.id, vs.Box(1, 2, 30, 40), "cell")
    assert shapes(out / "b.json") == [[[5, 6], [12, 14]]]
