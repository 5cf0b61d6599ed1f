"""Data sets into projects and back: one undoable edit, idempotent, never a silent overwrite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visionstudio.api import SemanticMap
from visionstudio.engine.evaluation import analyse, analyse_file
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    ReadOptions,
    WriteOptions,
)
from visionstudio.formats.registry import get_format
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import add
from visionstudio.model.edits import replace as replaced
from visionstudio.model.media import MediaKind, MediaStatus
from visionstudio.model.shapes import Box, Mask, Polygon, Tag
from visionstudio.session.evaluating import truth_of
from visionstudio.session.exporting import export_project, project_dataset
from visionstudio.session.importing import import_dataset, plan_import
from visionstudio.storage.store import ProjectStore


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), "white").save(path)
    return tmp_path / "pictures"


@pytest.fixture
def store(tmp_path: Path, pictures: Path) -> Iterator[ProjectStore]:
    with ProjectStore.create(tmp_path / "project", media_root=pictures) as store:
        yield store


def row(x: float = 1, label: str = "cell", **fields: Any) -> DatasetAnnotation:
    return DatasetAnnotation(label=label, shape=Box(x, 2, x + 5, 9), where=f"row {x:g}", **fields)


def imported(pictures: Path, *rows: DatasetAnnotation, path: str = "a.png") -> Imported:
    item = DatasetItem(path=path, annotations=rows, file=pictures / path, source="in.json")
    names = dict.fromkeys(r.label for r in rows)
    return Imported(Dataset(tuple(DatasetClass(name=n) for n in names), (item,)))


def labels(store: ProjectStore) -> list[Annotation]:
    return [a for m in store.media() for a in store.annotations(m.id) if a.state.is_label]


def test_an_import_is_one_step_to_undo(store: ProjectStore, pictures: Path) -> None:
    report = import_dataset(store, imported(pictures, row(1), row(9, "wbc")), "coco")
    assert (report.media, report.added_media, report.annotations) == (1, 1, 2)
    assert store.undo_title == "Import 2 annotations"
    (item,) = store.media()
    assert (item.path, item.width, item.height) == ("a.png", 40, 30)
    assert (item.status, item.verified) == (MediaStatus.OK, True)
    assert {a.state for a in labels(store)} == {State.VERIFIED}
    assert {a.source for a in labels(store)} == {"import:coco"}
    assert [c.name for c in store.classes()] == ["cell", "wbc"]
    store.undo()
    assert store.media() == store.classes() == labels(store) == []
    store.redo()
    assert len(labels(store)) == 2


def test_the_same_file_again_adds_nothing(store: ProjectStore, pictures: Path) -> None:
    data = imported(pictures, row(1), row(1), row(9))  # two equal rows are two things
    assert import_dataset(store, data, "coco").annotations == 3
    again = import_dataset(store, data, "coco")
    assert (again.annotations, again.added_media, again.media) == (0, 0, 1)
    assert [s.reason for s in again.skipped] == ["it is in the project already"] * 3
    assert store.undo_title == "Import 3 annotations"


def test_a_row_that_a_person_corrected_is_not_imported_again(
    store: ProjectStore, pictures: Path
) -> None:
    data = imported(pictures, row(1), row(9))
    import_dataset(store, data, "coco")
    before = labels(store)[0]
    store.apply(replaced("Move", [(before, replace(before, shape=Box(2, 3, 9, 9)))]))
    assert import_dataset(store, data, "coco").annotations == 0
    assert labels(store)[0].shape == Box(2, 3, 9, 9)
    more = imported(pictures, row(1), row(9), row(20))
    assert import_dataset(store, more, "coco").annotations == 1


def test_planning_changes_nothing(store: ProjectStore, pictures: Path) -> None:
    plan = plan_import(store, imported(pictures, row(1)), "coco")
    assert plan.report.annotations == 1
    assert store.media() == []


def test_a_backup_is_made_where_there_is_work_to_lose(store: ProjectStore, pictures: Path) -> None:
    import_dataset(store, imported(pictures, row(1)), "coco")
    assert not list((store.folder / "backups").glob("*"))
    import_dataset(store, imported(pictures, row(9)), "coco")
    assert len(list((store.folder / "backups").glob("*"))) == 1


def test_pictures_that_are_not_there_are_matched_by_name_or_listed(
    store: ProjectStore, pictures: Path
) -> None:
    import_dataset(store, imported(pictures, row(1), path="sub/c.png"), "coco")
    items = (
        DatasetItem(path="elsewhere/sub/c.png", annotations=(row(20),), source="in.json"),
        DatasetItem(path="gone.png", annotations=(row(3),), source="in.json"),
        DatasetItem(path="c.png", annotations=(row(4),), outside="../../c.png", source="in.json"),
        DatasetItem(path="x.png", annotations=(row(5),), outside="/etc/x.png", source="in.json"),
    )
    data = Imported(Dataset((DatasetClass(name="cell"),), items))
    report = import_dataset(store, data, "coco", base=pictures)
    assert report.annotations == 3
    assert [s.where for s in report.skipped] == ["row 5"]
    assert "is not read" in report.skipped[0].reason
    assert [s.where for s in report.unresolved] == ["gone.png", "x.png"]
    assert {m.path: m.status for m in store.media()} == {
        "gone.png": MediaStatus.MISSING,
        "sub/c.png": MediaStatus.OK,
    }


def test_a_wrong_size_is_told(store: ProjectStore, pictures: Path) -> None:
    item = DatasetItem(path="a.png", width=999, height=999, file=pictures / "a.png")
    report = import_dataset(store, Imported(Dataset((), (item,))), "coco")
    assert "another size" in report.notes[0]


def test_tracks_and_groups_get_numbers_of_the_project(store: ProjectStore, pictures: Path) -> None:
    import_dataset(store, imported(pictures, row(1, track=7), row(9, track=7, group=3)), "coco")
    import_dataset(store, imported(pictures, row(20, track=7), path="b.png"), "coco")
    found = labels(store)
    assert found[0].track_id == found[1].track_id
    assert found[2].track_id not in (None, found[0].track_id)
    assert found[1].group_id is not None


def test_only_labels_are_exported(store: ProjectStore, pictures: Path, tmp_path: Path) -> None:
    import_dataset(store, imported(pictures, row(1)), "coco")
    (item,) = store.media()
    (label,) = labels(store)
    first = store.reserve_ids("annotation", 2)
    store.apply(
        add(
            "Propose",
            [
                replace(label, id=first, state=State.PROPOSED, score=0.5),
                replace(label, id=first + 1, state=State.REJECTED),
            ],
        )
    )
    written = export_project(store, "coco", tmp_path / "out.json").written
    assert (written.annotations, written.losses) == (1, ())
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["images"] == [{"id": item.id, "file_name": "a.png", "width": 40, "height": 30}]
    assert content["annotations"][0]["category_id"] == label.class_id
    assert "imported" not in content["annotations"][0]


def test_pictures_nobody_looked_at_are_left_out_and_counted(
    store: ProjectStore, pictures: Path, tmp_path: Path
) -> None:
    import_dataset(store, imported(pictures, row(1)), "coco")
    from visionstudio.session.library import add_media

    add_media(store, [pictures])
    written = export_project(store, "voc", tmp_path / "out").written
    assert {x.what: x.count for x in written.losses} == {
        "pictures that are neither labelled nor verified are left out": 2
    }


@pytest.mark.parametrize("name", ["coco", "voc", "imagefolder"])
def test_out_and_in_again_is_the_same_project(
    store: ProjectStore, pictures: Path, tmp_path: Path, name: str
) -> None:
    bitmap = np.zeros((8, 8), bool)
    bitmap[2:6, 1:7] = True
    shapes = {
        "coco": [Box(1, 2, 7.25, 9), Mask.from_array(bitmap), Polygon((np.eye(3, 2) * 9 + 1,))],
        "voc": [Box(1, 2, 7.5, 9), Box(0, 0, 40, 30)],
        "imagefolder": [Tag()],
    }[name]
    rows = tuple(DatasetAnnotation(label="cell", shape=s) for s in shapes)
    import_dataset(store, imported(pictures, *rows, path="sub/c.png"), name)
    before = [(a.class_id, a.shape) for a in labels(store)]
    written = export_project(store, name, tmp_path / "out", WriteOptions(copy_media=True)).written
    assert written.losses == ()
    back = get_format(name).read(tmp_path / "out", None, ReadOptions())
    assert back.skipped == ()
    with ProjectStore.create(tmp_path / "second") as second:
        report = import_dataset(second, back, name)
        assert report.annotations == len(rows)
        assert [(a.class_id, a.shape) for a in labels(second)] == before
    media = {i.id: i for i in project_dataset(store).items}
    assert {i.path for i in media.values()} == {"sub/c.png"}


def test_files_elsewhere_are_named_by_their_common_folder(tmp_path: Path, pictures: Path) -> None:
    with ProjectStore.create(tmp_path / "far" / "project") as store:
        for name in ("a.png", "sub/c.png"):
            import_dataset(store, imported(pictures, row(1), path=name), "coco")
        assert all(Path(m.path).is_absolute() for m in store.media())
        assert [i.path for i in project_dataset(store).items] == ["a.png", "sub/c.png"]


def test_video_frames_are_counted_as_lost_by_picture_formats(
    store: ProjectStore, pictures: Path, tmp_path: Path
) -> None:
    item = DatasetItem(
        path="sub", annotations=(row(1),), file=pictures / "sub", kind=MediaKind.FRAMES
    )
    import_dataset(store, Imported(Dataset((DatasetClass(name="cell"),), (item,))), "coco")
    for name in ("yolo", "voc", "imagefolder"):
        written = export_project(store, name, tmp_path / name).written
        assert written.annotations == 0
        assert written.losses[0].what == "annotations in video frames are left out"


def test_labelled_frames_of_a_video_are_measured_one_by_one(
    store: ProjectStore, pictures: Path, tmp_path: Path
) -> None:
    for n in range(3):
        Image.new("RGB", (40, 30)).save(pictures / "sub" / f"{n}.png")
    rows = (row(1, frame=0), row(2, frame=2), row(3, frame=1, flags=Flags.OUTSIDE))
    clip = DatasetItem(
        path="sub", annotations=rows, file=pictures / "sub", kind=MediaKind.FRAMES, frames=4
    )
    still = imported(pictures, row(4)).dataset.items[0]
    data = Imported(Dataset((DatasetClass(name="cell"),), (clip, still)))
    import_dataset(store, data, "coco")
    media = {m.path: m.id for m in store.media()}
    truth = truth_of(store)
    keys = sorted(truth.keys.values())
    assert keys == sorted([(media["sub"], 0), (media["sub"], 2), (media["a.png"], 0)])
    only = truth_of(store, [(media["sub"], 2)])
    assert list(only.keys.values()) == [(media["sub"], 2)]
    results = [
        {
            "image_id": media["sub"],
            "frame": frame,
            "category_id": store.classes()[0].id,
            "bbox": [x, 2, 5, 7],
            "score": 0.9,
        }
        for frame, x in ((0, 1), (2, 2))
    ]
    (tmp_path / "r.json").write_text(json.dumps(results))
    found = analyse_file(only, tmp_path / "r.json")
    assert (found.task, found.metrics["AP"]) == ("detect", pytest.approx(1.0))
    whole = analyse_file(truth, tmp_path / "r.json")
    assert whole.metrics["AR100"] == pytest.approx(2 / 3)
    assert [(p.media_id, p.frame) for p in whole.pictures[-2:]] == [
        (media["sub"], 0),
        (media["sub"], 2),
    ]


def test_pixel_maps_are_compared_with_shapes(store: ProjectStore, pictures: Path) -> None:
    left = np.zeros((30, 40), bool)
    left[:, :20] = True
    shapes = (DatasetAnnotation(label="cell", shape=Mask.from_array(left)),)
    import_dataset(store, imported(pictures, *shapes), "coco")
    truth = truth_of(store)
    (item_id,) = truth.keys
    labels = left.astype(np.uint8)
    labels[:15, :20] = 0
    guess = SemanticMap(labels, ("background", "cell"))
    evaluation = analyse(truth, {item_id: guess}, "semantic")
    found = evaluation.metrics
    assert evaluation.task == "semantic"
    assert found["IoU cell"] == pytest.approx(0.5)
    assert found["IoU background"] == pytest.approx(600 / 900)
    assert found["mIoU"] == pytest.approx((0.5 + 2 / 3) / 2)


def test_mots_counts_instances_within_their_class(tmp_path: Path) -> None:
    """Car 3 and pedestrian 3 are two tracks, and each class has a thousand."""
    folder = tmp_path / "kitti" / "instances"
    folder.mkdir(parents=True)
    (folder / "labels.txt").write_text("car\npedestrian\n")
    for frame in range(2):
        pixels = np.zeros((20, 30), dtype=np.uint16)
        pixels[2:6, 2:8], pixels[10:16, 4:9] = 1003, 2003
        Image.fromarray(pixels).save(folder / f"{frame}.png")
    found = get_format("mots").read(tmp_path / "kitti", None, ReadOptions()).dataset
    rows = [row for item in found.items for row in item.annotations]
    assert len({row.track for row in rows}) == 2
    assert len({(row.track, row.label) for row in rows}) == 2
    written = get_format("mots").write(found, tmp_path / "out", WriteOptions())
    assert not [loss for loss in written.losses if "left out" in loss.what]
    for frame in range(2):
        with Image.open(tmp_path / "out" / "instances" / f"{frame}.png") as picture:
            assert set(np.unique(np.array(picture)).tolist()) == {0, 1003, 2003}
