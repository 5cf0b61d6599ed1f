"""The project on disk: what goes in comes out, gestures can be taken back, ids are for ever."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.unit.session_tools import small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass, SkeletonSpec
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)
from visionstudio.storage import Counts, MediaSummary, ProjectStore, RunRecord

SHAPES: tuple[Shape, ...] = (
    Box(1.5, 2, 3, 4.25),
    RotatedBox(5, 5, 3, 2, 0.3),
    Polygon(([(0, 0), (9, 0), (9, 9)], [(5, 1), (6, 1), (6, 2)])),  # type: ignore[arg-type]
    Polyline(np.array([(0, 0), (1, 1 / 3)])),
    Points(np.array([(1e-9, 1e9)])),
    Skeleton(np.array([(1.0, 2.0), (3.0, 4.0)]), (2, 0)),
    Ellipse(1, 2, 3, 4, 0.5),
    Mask.from_array(np.eye(5)),
    Tag(),
)


@pytest.fixture
def store(tmp_path: Path) -> ProjectStore:
    return small_project(tmp_path / "p")


def box(store: ProjectStore, **values: object) -> Annotation:
    base: dict[str, object] = {"media_id": 1, "class_id": 1, "shape": Box(0, 0, 2, 2)}
    return Annotation(id=store.reserve_ids("annotation"), **{**base, **values})  # type: ignore[arg-type]


def test_everything_about_an_annotation_survives(store: ProjectStore) -> None:
    run = store.add_run(RunRecord(model="detector/x", params={"lr": 0.1}, inputs={"n": 2}))
    first = store.reserve_ids("annotation", len(SHAPES))
    made = [
        Annotation(
            id=first + i,
            media_id=2,
            class_id=1 + i % 2,
            shape=shape,
            frame=i % 3,
            pts=-(10**12),
            track_id=5,
            group_id=6,
            state=list(State)[i % 5],
            score=1 / 3,
            z=-i,
            flags=Flags.CROWD | Flags.KEYFRAME,
            attributes={"naïve": [1, None, {"a": 2.5}], "ok": True},
            source="model:detector/x",
            run_id=run.id,
            history=("shape", "accepted"),
            extra={"iscrowd": 1},
        )
        for i, shape in enumerate(SHAPES)
    ]
    store.apply(edits.add("all kinds", made))
    folder = store.folder
    store.close()
    with ProjectStore.open(folder) as again:
        assert sorted(again.annotations(2), key=lambda a: a.id) == made
        assert again.annotations(2, 1) == sorted(made[1::3], key=lambda a: a.z)
        assert list(again.iter_annotations([State.VERIFIED])) == [
            a for a in again.annotations(2) if a.state is State.VERIFIED
        ]
        assert again.runs() == [run]
        assert again.reserve_ids("track") == 6
        assert again.reserve_ids("group") == 7
        assert again.annotations_of_track(2, 5) == sorted(made, key=lambda a: (a.frame, a.id))


def test_everything_about_classes_and_media_survives(store: ProjectStore) -> None:
    label = LabelClass(
        id=store.reserve_ids("class"),
        name="hand ✋",
        colour="#012345",
        order=-1,
        attributes=(AttributeSpec("side", "choice", ("left", "right"), "left"),),
        skeleton=SkeletonSpec(("wrist", "tip"), ((0, 1),)),
    )
    item = MediaItem(
        id=store.reserve_ids("media"),
        path="a/odd name\udcff\\.mp4",
        kind=MediaKind.VIDEO,
        width=1,
        height=2,
        frames=3,
        size=10**15,
        head_hash="ab",
        status=MediaStatus.ERROR,
        reason="why",
        verified=True,
    )
    store.apply(edits.add("both", [label, item]))
    assert store.classes()[0] == label
    assert store.media_item(item.id) == item
    assert [m.path for m in store.media()][-1] == item.path
    assert store.media_item(77) is None


def test_ids_start_at_one_and_are_never_reused(store: ProjectStore) -> None:
    assert store.reserve_ids("annotation", 3) == 1
    kept = dataclasses.replace(box(store), id=2)
    store.apply(edits.add("add", [kept]))
    store.apply(edits.remove("remove", [kept]))
    store.undo()
    store.undo()
    folder = store.folder
    store.close()
    with ProjectStore.open(folder) as again:
        assert again.reserve_ids("annotation") == 3
        with pytest.raises(InvalidValue):
            again.reserve_ids("annotation", 0)


def test_undo_and_redo_give_what_they_changed(store: ProjectStore) -> None:
    a = box(store)
    b = dataclasses.replace(a, shape=Box(1, 1, 5, 5), state=State.VERIFIED)
    store.apply(edits.add("add", [a]))
    store.apply(edits.replace("grow", [(a, b)]))
    store.apply(edits.remove("drop", [b]))
    assert (store.undo_title, store.redo_title) == ("drop", None)
    assert store.undo() == edits.add("drop", [b])
    assert store.undo() == edits.replace("grow", [(b, a)])
    assert (store.undo_title, store.redo_title) == ("add", "grow")
    assert store.annotations(1) == [a]
    assert store.redo() == edits.replace("grow", [(a, b)])
    assert store.redo() == edits.remove("drop", [b])
    assert store.redo() is None
    assert store.annotations(1) == []


def test_a_new_gesture_forgets_what_could_be_redone(store: ProjectStore) -> None:
    a, b = box(store), box(store)
    store.apply(edits.add("one", [a]))
    store.undo()
    store.apply(edits.add("two", [b]))
    assert store.redo() is None
    assert store.annotations(1) == [b]
    store.undo()
    assert store.redo_title == "two"  # the younger branch, not the abandoned one


def test_several_changes_of_one_row_are_one_step(store: ProjectStore) -> None:
    a = box(store)
    b = dataclasses.replace(a, z=1)
    c = dataclasses.replace(b, z=2, media_id=2)
    store.apply(Edit("all", (Change(None, a), Change(a, b), Change(b, c))))
    assert store.annotations(2) == [c]
    store.undo()
    assert store.annotations(2) == []
    again = store.redo()
    assert again is not None
    assert [change.after for change in again] == [a, b, c]
    assert store.annotations(2) == [c]


def test_an_edit_that_does_not_fit_changes_nothing(store: ProjectStore) -> None:
    a = box(store)
    store.apply(edits.add("add", [a]))
    bad = [
        edits.add("twice", [a]),
        edits.add("no such class", [box(store), box(store, class_id=99)]),
        edits.add("no such picture", [box(store, media_id=99)]),
        edits.remove("not there", [box(store)]),
        edits.replace("not there", [(x := box(store), dataclasses.replace(x, z=5))]),
        edits.remove("class in use", [store.classes()[0]]),
        edits.remove("picture in use", [store.media()[0]]),
        edits.add("same name", [LabelClass(id=9, name="RBC", colour="#000000")]),
        edits.add("same path", [MediaItem(id=9, path="00000.png")]),
        edits.add("no JSON", [box(store, attributes={"a": float("nan")})]),
        edits.add("no text", [box(store, attributes={"a": "\ud800"})]),
        edits.add("too large", [box(store, pts=2**70)]),
    ]
    for edit in bad:
        with pytest.raises(InvalidValue):
            store.apply(edit)
        assert store.undo_title == "add"
        assert store.annotations(1) == [a]
        assert len(store.classes()) == 2


def test_two_classes_can_exchange_their_names(store: ProjectStore) -> None:
    one, two = store.classes()
    swap = [
        (one, dataclasses.replace(one, name=two.name)),
        (two, dataclasses.replace(two, name=one.name)),
    ]
    store.apply(edits.replace("swap", swap))
    assert [c.name for c in store.classes()] == ["WBC", "RBC"]
    store.undo()
    assert [c.name for c in store.classes()] == ["RBC", "WBC"]


def test_headers_read_meanwhile_are_not_undone(store: ProjectStore) -> None:
    item = store.media()[0]
    store.apply(edits.replace("verify", [(item, dataclasses.replace(item, verified=True))]))
    read = dataclasses.replace(item, width=640, size=5, verified=False)
    store.update_media([read, MediaItem(id=99, path="gone.png")])
    assert store.media_item(item.id) == dataclasses.replace(read, verified=True)
    assert store.media_item(99) is None
    store.undo()
    assert store.media_item(item.id) == read


def test_media_can_exchange_their_paths(store: ProjectStore) -> None:
    a, b, _ = store.media()
    swapped = dataclasses.replace(a, path=b.path), dataclasses.replace(b, path=a.path)
    store.update_media(swapped)
    assert store.media()[:2] == [swapped[1], swapped[0]]


def test_counts_and_summaries(store: ProjectStore) -> None:
    states = [State.PROPOSED, State.REJECTED, State.ACCEPTED, State.EDITED, State.VERIFIED]
    rows = [box(store, state=s, media_id=1 + i % 2) for i, s in enumerate(states)]
    item = store.media()[2]
    verified = Change(item, dataclasses.replace(item, verified=True))
    store.apply(Edit("mixed", (*edits.add("", rows), verified)))
    assert store.counts() == Counts(3, 3, 1, 1, {1: 3, 2: 0})
    assert store.summaries() == {1: MediaSummary(2, 1), 2: MediaSummary(1, 0)}
    assert store.media_with_class(1) == {1, 2}
    assert store.media_with_class(2) == frozenset()


def test_settings(store: ProjectStore) -> None:
    assert store.setting("threshold", 0.5) == 0.5
    store.set_setting("threshold", {"deep": [1, "ü"]})
    store.set_setting("threshold", {"deep": [2, "ü"]})
    assert store.setting("threshold") == {"deep": [2, "ü"]}
    with pytest.raises(InvalidValue):
        store.set_setting("bad", object())


def test_a_large_import_is_not_stored_twice(store: ProjectStore) -> None:
    def size() -> int:
        store._database._writer.wal_checkpoint()  # type: ignore[union-attr]
        return (store.folder / "project.db").stat().st_size

    first = store.reserve_ids("annotation", 20_000)
    rows = [
        Annotation(id=first + i, media_id=1 + i % 3, class_id=1, shape=Box(i, 0, i + 1, 2))
        for i in range(20_000)
    ]
    before = size()
    store.apply(edits.add("import", rows))
    with store._database.read() as connection:
        ((journal,),) = connection.execute("SELECT sum(length(operations)) FROM journal_part")
    assert size() - before > 20_000 * 60
    assert journal < 1000
    undone = store.undo()
    assert undone is not None
    assert undone.bulk  # too many to list
    assert store.counts().annotations == 0
    store.redo()
    assert sorted(store.iter_annotations(), key=lambda a: a.id) == rows


def test_threads_may_share_a_store(store: ProjectStore) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                store.apply(edits.add("add", [box(store)]))
                store.annotations(1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len({a.id for a in store.annotations(1)}) == 80
    for _ in range(80):  # each gesture knows the one before it
        assert store.undo_title == "add"
        store.undo()
    assert store.annotations(1) == []
    assert store.undo_title == "Add classes"


def test_media_paths_are_relative_to_the_root(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    folder = pictures / ".visionstudio"
    with ProjectStore.create(folder) as store:
        assert store.media_root == pictures
        assert store.media_path(pictures / "a" / "b.png") == "a/b.png"
        outside = (tmp_path / "other.png").as_posix()
        assert store.media_path(tmp_path / "other.png") == outside
        item = MediaItem(id=1, path="a/b.png")
        assert store.path_of(item) == pictures / "a" / "b.png"
        assert store.path_of(MediaItem(id=2, path=outside)) == tmp_path / "other.png"
    pictures.rename(tmp_path / "moved")
    with ProjectStore.open(tmp_path / "moved" / ".visionstudio") as store:
        assert store.path_of(item) == tmp_path / "moved" / "a" / "b.png"
    with ProjectStore.create(tmp_path / "p", media_root=Path("/far/away")) as store:
        assert store.media_root == Path("/far/away")


def test_ids_are_given_once_though_the_project_forgot_them(tmp_path: Path) -> None:
    with ProjectStore.create(tmp_path / "p") as store:
        store.add_media([MediaItem(id=1, path="a.png")])
        cell = LabelClass(id=1, name="cell", colour="#e69f00")
        rows = [Annotation(id=n, media_id=1, class_id=1, shape=Box(0, 0, 1, 1)) for n in (1, 2, 3)]
        store.apply(edits.add("all", [cell, *rows]))
    connection = apsw.Connection(str(tmp_path / "p" / "project.db"))
    connection.execute("DELETE FROM sequence")
    connection.close()
    with ProjectStore.open(tmp_path / "p") as store:
        assert [store.reserve_ids(t) for t in ("annotation", "media", "class", "run")] == [
            4,
            2,
            2,
            1,
        ]
        fresh = Annotation(id=4, media_id=1, class_id=1, shape=Box(0, 0, 2, 2))
        store.apply(edits.add("one", [fresh]))
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.reserve_ids("annotation") == 5
