"""Labels that are read while they are written: the files are those of small projects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.formats.dataset import DatasetAnnotation, WriteOptions
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Box, Polygon, Polyline, Shape, Skeleton, Tag
from visionstudio.session import exporting, verifying
from visionstudio.session.exporting import Selection, export_project
from visionstudio.storage import ProjectStore

SHAPES: tuple[Shape, ...] = (
    Box(1, 2, 30.25, 20),
    Polygon((np.array([[1, 1], [20, 1], [20, 30.5]]),)),
    Skeleton(np.array([[1, 2], [3, 4.5]]), (2, 1)),
    Polyline(np.array([[1, 2], [3, 4.5]])),
    Tag(),
)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """Pictures with labels of all kinds between boxes, one without, and proposals."""
    with ProjectStore.create(tmp_path / "project") as made:
        made.add_media(MediaItem(id=n, path=f"{n}.png", width=64, height=48) for n in range(1, 8))
        classes = [
            LabelClass(id=n, name=name, colour=colour_for(n), order=n)
            for n, name in ((3, "cat"), (5, "dog"))
        ]
        rows = []
        for n in range(200):
            shape = SHAPES[n // 6 % len(SHAPES)] if n % 6 == 0 else Box(n / 7, 3, n / 7 + 9, 9.3)
            rows.append(
                Annotation(
                    id=n + 1,
                    media_id=1 + n % 6,
                    class_id=3 if n % 4 else 5,
                    shape=shape,
                    z=-n if n % 30 == 0 else n,
                    score=n / 200 if n % 5 == 0 else None,
                    flags=Flags.CROWD if n % 50 == 1 else Flags.NONE,
                    attributes={"wet": True} if n % 40 == 2 else {},
                    extra={"coco": {"mine": n}} if n % 40 == 3 else {},
                    state=State.PROPOSED if n % 17 == 0 else State.VERIFIED,
                )
            )
        made.apply(Edit("all", tuple(Change(None, row) for row in (*classes, *rows))))
        yield made


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize("name", ["coco", "yolo", "voc", "labelme", "cvat", "csv", "datumaro"])
@pytest.mark.parametrize("classes", [None, frozenset(["dog"])])
def test_files_are_those_of_small_projects(
    store: ProjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    classes: frozenset[str] | None,
) -> None:
    found = []
    for limit in (1000, 0):
        monkeypatch.setattr(exporting, "LARGE", limit)
        monkeypatch.setattr("visionstudio.session.stored_labels._AT_ONCE", 40)
        monkeypatch.setattr("visionstudio.formats.coco.LARGE", limit)
        out = tmp_path / f"out{limit}"
        target = out / "a.json" if name == "coco" else out
        done = export_project(
            store, name, target, WriteOptions(), selection=Selection(classes), verify=True
        )
        assert done.check is not None
        # rows of YOLO are parts of a size that only the picture tells, and there is none here
        assert done.check.ok or name == "yolo", done.check.missing
        files = files_of(out)
        if name == "coco":
            content = json.loads(files.pop("a.json"))
            assert len(content["annotations"]) == done.written.annotations
            files["parsed"] = json.dumps(content, sort_keys=True).encode()
        written = done.written
        found.append((files, written.annotations, sorted(map(str, written.losses)), done.check))
    assert found[0] == found[1]


def test_an_export_is_of_the_moment_at_which_it_began(
    store: ProjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "LARGE", 0)
    monkeypatch.setattr("visionstudio.formats.coco.LARGE", 0)
    expected = export_project(store, "coco", tmp_path / "before.json").written.annotations
    removed = False

    def progress(_fraction: float | None, _message: str) -> None:
        nonlocal removed
        if not removed:
            removed = True
            gone = store.annotations(2)
            store.apply(Edit("gone", tuple(Change(row, None) for row in gone)))

    done = export_project(store, "coco", tmp_path / "a.json", verify=True, progress=progress)
    assert removed
    assert done.written.annotations == expected
    assert done.check is not None
    assert done.check.ok


@pytest.mark.parametrize(
    "change",
    [
        {"bbox": [40.0, 30.0, 5.0, 5.0]},
        {"category_id": 4},
        {"image_id": 7},
        {"iscrowd": 1},
        {"score": 0.77},
        {"twice": True},
    ],
)
def test_what_is_not_as_it_was_meant_is_found(
    store: ProjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """A file that was damaged on its way to the disk, in one of its boxes."""
    monkeypatch.setattr(exporting, "LARGE", 0)
    monkeypatch.setattr("visionstudio.formats.coco.LARGE", 0)
    check = exporting.check_export

    def damaged(*args: Any) -> verifying.Check:
        content = json.loads(file.read_text())
        content["categories"].append({"id": 4, "name": "cow"})
        plain = [r for r in content["annotations"] if "score" in r and not r["segmentation"]]
        if change == {"twice": True}:  # in the place of another one
            plain[4].update({k: v for k, v in plain[3].items() if k != "id"})
        else:
            plain[3].update(change)
        file.write_text(json.dumps(content))
        return check(*args)

    monkeypatch.setattr(exporting, "check_export", damaged)
    file = tmp_path / "a.json"
    done = export_project(store, "coco", file, verify=True)
    assert done.check is not None
    assert done.check.wrong == 1, done.check.missing


def test_videos_beside_pictures_are_written_too(
    store: ProjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_media(
        [MediaItem(id=9, path="v.mp4", kind=MediaKind.VIDEO, width=64, height=48, frames=9)]
    )
    keys = [
        Annotation(
            id=500 + f,
            media_id=9,
            class_id=3,
            shape=Box(f, 0, f + 9, 9),
            frame=f,
            track_id=1,
            state=State.VERIFIED,
        )
        for f in (0, 4)
    ]
    store.apply(Edit("track", tuple(Change(None, a) for a in keys)))
    found = []
    for limit in (1000, 0):
        monkeypatch.setattr(exporting, "LARGE", limit)
        export_project(store, "coco", tmp_path / "a.json")
        found.append(json.loads((tmp_path / "a.json").read_text()))
    assert found[0] == found[1]
    assert [i["frame_id"] for i in found[0]["images"] if "frame_id" in i] == [0, 4]


def test_annotations_are_a_sequence(store: ProjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from visionstudio.session.stored_labels import LazyRows, StoredLabels
    from visionstudio.storage.snapshot import Snapshot

    with Snapshot.of(store) as source:
        names = {c.id: c.name for c in source.classes()}
        labels = StoredLabels(source, names, source.label_counts())
        rows = LazyRows(labels, 2)
        whole: list[DatasetAnnotation] = list(rows)
        assert len(rows) == len(whole) > 20
        assert rows[0] == whole[0]
        assert rows[1:3] == tuple(whole[1:3])
        assert rows[-1] in rows
        assert not LazyRows(labels, 7)
