"""Plans from projects, runs in this process and in a child, stop, kill, resume, faults."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from visionstudio.engine.discovery import discover
from visionstudio.engine.evaluation import load_evaluation
from visionstudio.engine.events import (
    FINAL,
    Event,
    Failed,
    Finished,
    Preview,
    Progress,
    Stopped,
)
from visionstudio.engine.training import (
    Control,
    TrainPlan,
    build_plan,
    list_runs,
    load_plan,
    load_run,
    read_events,
    run_training,
    start_training,
)
from visionstudio.engine.training.data import PlanData
from visionstudio.engine.weights import read_header
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import add
from visionstudio.model.errors import InvalidValue, TrainingError
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box, Polygon, Tag
from visionstudio.storage.store import ProjectStore

CLASSES = [
    LabelClass(id=5, name="cell", colour="#e69f00", order=0),
    LabelClass(id=9, name="unused", colour="#56b4e9", order=1),
    LabelClass(id=7, name="dirt", colour="#009e73", order=2),
]


@pytest.fixture
def store(tmp_path: Path, blob_plugin: Path) -> ProjectStore:
    """Twenty pictures: 10 with boxes, 3 verified and empty, 3 tagged, 2 proposed, 2 bare."""
    media, rows = [], []
    for i in range(20):
        path = tmp_path / "pictures" / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((40, 60, 3), 10 * i, np.uint8))
        verified = 10 <= i < 13
        media.append(
            MediaItem(id=i + 1, path=path.name, width=60, height=40, verified=verified, size=i)
        )
        box = Box(5, 5, 20 + i, 50)  # beyond the lower edge
        if i < 10:
            rows.append(annotation(len(rows) + 1, i + 1, 5 if i % 2 else 7, box))
        elif 13 <= i < 16:
            rows.append(annotation(len(rows) + 1, i + 1, 9, Tag()))
        elif 16 <= i < 18:
            rows.append(annotation(len(rows) + 1, i + 1, 5, box, State.PROPOSED))
    ring = np.array([[0, 0], [10, 0], [10, 10], [0, 10]])
    crowd = annotation(len(rows) + 1, 1, 5, Polygon((ring,)), flags=Flags.CROWD)
    store = ProjectStore.create(tmp_path / "project", media_root=tmp_path / "pictures")
    store.apply(add("test", [*CLASSES, *media, *rows, crowd]))
    return store


def annotation(
    id: int,
    media_id: int,
    class_id: int,
    shape: object,
    state: State = State.EDITED,
    flags: Flags = Flags.NONE,
) -> Annotation:
    return Annotation(
        id=id, media_id=media_id, class_id=class_id, shape=shape, state=state, flags=flags
    )


def plan_of(store: ProjectStore, mode: str = "fine", **more: object) -> TrainPlan:
    model = discover().model("detector/learn")
    return build_plan(store, model, {"mode": mode, "epochs": 3}, **more)


def test_a_plan_takes_labelled_and_empty_verified_pictures(store: ProjectStore) -> None:
    plan = plan_of(store, seed=3)
    assert [(c.id, c.name) for c in plan.classes] == [(5, "cell"), (7, "dirt")]
    assert sorted(p.media_id for p in plan.pictures) == list(range(1, 14))
    assert len(plan.of("val")) == 3
    assert plan.params == {"mode": "fine", "epochs": 3}
    assert plan_of(store, seed=3) == plan
    assert {p.media_id for p in plan_of(store, seed=4).of("val")} != {
        p.media_id for p in plan.of("val")
    }


def test_a_limit_leaves_the_held_out_pictures_alone(store: ProjectStore) -> None:
    whole, few = plan_of(store), plan_of(store, limit=4)
    assert [p.media_id for p in few.of("val")] == [p.media_id for p in whole.of("val")]
    assert len(few.of("train")) == 4
    assert few.data_hash != whole.data_hash


def test_targets_are_clipped_boxes_with_crowds_ignored(store: ProjectStore) -> None:
    data = PlanData(plan_of(store, holdout=0))
    assert data.val is data.train
    assert data.classes == ("cell", "dirt")
    assert data.class_ids == (5, 7)
    first = data.train[0]
    assert first.name == "00.png"
    assert first.image.shape == (40, 60, 3)
    assert first.target.boxes.tolist() == [[5, 5, 20, 40], [0, 0, 10, 10]]
    assert first.target.indices.tolist() == [1, 0]
    assert first.target.ignore.tolist() == [False, True]
    assert len(data.train[12].target.boxes) == 0


def test_semantic_maps_and_masks(store: ProjectStore) -> None:
    from visionstudio.engine.training.data import make_target

    targets = plan_of(store, holdout=0).pictures[0].targets
    labels = make_target(targets, "segmenter", "semantic", 40, 60).semantic
    assert labels is not None
    assert labels[30, 10] == 2
    assert labels[2, 2] == 255
    assert labels[0, 30] == 0
    masks = make_target(targets, "segmenter", "masks", 40, 60).masks
    assert [int(m.sum()) for m in masks] == [15 * 35, 100]


def test_classifiers_learn_from_tags_only(store: ProjectStore) -> None:
    from dataclasses import replace

    model = replace(discover().model("detector/learn"), task="classifier", output="classes")
    with pytest.raises(TrainingError, match="one class, 'unused'"):
        build_plan(store, model, {})
    store.apply(add("tag", [annotation(99, 20, 5, Tag())]))
    plan = build_plan(store, model, {}, holdout=0.3)
    assert [c.name for c in plan.classes] == ["cell", "unused"]
    assert [p.media_id for p in plan.pictures] == [14, 15, 16, 20]
    labels = [s.target.label for s in PlanData(build_plan(store, model, {}, holdout=0)).train]
    assert labels == [1, 1, 1, 0]


def test_generators_take_every_picture_when_nothing_is_tagged(
    store: ProjectStore, tmp_path: Path
) -> None:
    from dataclasses import replace

    model = replace(discover().model("detector/learn"), task="generator", output="images")
    assert len(build_plan(store, model, {}).pictures) == 3
    bare = ProjectStore.create(tmp_path / "bare", media_root=tmp_path / "pictures")
    bare.apply(add("media", store.media()))
    assert len(build_plan(bare, model, {}).pictures) == 20


def test_what_cannot_be_planned(store: ProjectStore, tmp_path: Path) -> None:
    registry = discover()
    with pytest.raises(TrainingError, match="cannot be trained"):
        build_plan(store, registry.model("detector/blob"), {})
    with pytest.raises(InvalidValue, match="epoch"):
        build_plan(store, registry.model("detector/learn"), {"epoch": 3})
    empty = ProjectStore.create(tmp_path / "empty")
    with pytest.raises(TrainingError, match="no picture has labels"):
        build_plan(empty, registry.model("detector/learn"), {})


def test_a_run_in_this_process(store: ProjectStore, tmp_path: Path) -> None:
    events: list[Event] = []
    folder = tmp_path / "run"
    final = run_training(plan_of(store, seed=1), folder, events.append)
    assert isinstance(final, Finished)
    assert events[-1] == final
    assert final.summary["epochs"] == 3
    assert final.summary["metrics"] == {"AP50": 0.5}
    losses = [e.metrics["loss"] for e in events if isinstance(e, Progress) and e.metrics]
    assert losses == [1, 1 / 2, 1 / 3]
    previews = [e for e in events if isinstance(e, Preview)]
    assert cv2.imread(previews[0].path).shape == (40, 60, 3)
    run = load_run(folder)
    assert run.state == "finished"
    assert run.weights == folder / "best.safetensors"
    assert run.classes == ("cell", "dirt")
    assert len(run.of("train")) == 10
    assert len(run.of("val")) == 3
    assert run.file.versions["torch"]
    header = read_header(folder / "best.safetensors")
    assert header.model == "detector/learn"
    assert header.data_hash == load_plan(folder).data_hash
    assert read_events(folder)[-1]["event"] == "Finished"
    assert "AP50" in (folder / "report.html").read_text(encoding="utf-8")
    assert [r.folder for r in list_runs(tmp_path)] == [folder]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("raise", "plug_blob' failed while training: RuntimeError: deliberate"),
        ("memory", "smaller batch"),
        ("disk", "disk is full"),
        ("nan_loss", "lower learning rate"),
        ("nan", "no numbers"),
        ("no_weights", "missing"),
    ],
)
def test_what_goes_wrong_in_a_run_is_told_with_advice(
    store: ProjectStore, tmp_path: Path, mode: str, words: str
) -> None:
    final = run_training(plan_of(store, mode), tmp_path / "run", lambda _: None)
    assert isinstance(final, Failed)
    assert words in str(final.error())
    run = load_run(tmp_path / "run")
    assert run.state == "failed"
    assert words in run.file.error


def test_unreadable_pictures_are_left_out_and_listed(store: ProjectStore, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "03.png").write_bytes(b"broken")
    (tmp_path / "pictures" / "04.png").unlink()
    events: list[Event] = []
    assert isinstance(run_training(plan_of(store), tmp_path / "run", events.append), Finished)
    told = " ".join(e.message for e in events if isinstance(e, Progress))
    assert "03.png" in told
    assert "04.png" in told


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.trained = threading.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Progress) and event.metrics:
            self.trained.set()

    @property
    def final(self) -> Event:
        assert [isinstance(e, FINAL) for e in self.events].count(True) == 1
        return self.events[-1]


def test_a_run_in_a_child_process(store: ProjectStore, tmp_path: Path) -> None:
    listener = Listener()
    run = start_training(plan_of(store), tmp_path / "run", listener)
    assert run.wait(60) is listener.final
    assert isinstance(listener.final, Finished)
    assert run.pid not in (None, os.getpid())
    assert [e for e in listener.events if isinstance(e, Preview)]
    assert load_run(tmp_path / "run").state == "finished"


def test_stopping_keeps_the_best(store: ProjectStore, tmp_path: Path) -> None:
    listener = Listener()
    model = discover().model("detector/learn")
    plan = build_plan(store, model, {"mode": "slow", "epochs": 10_000})
    run = start_training(plan, tmp_path / "run", listener)
    assert listener.trained.wait(30)
    run.stop()
    run.wait(30)
    final = listener.final
    assert isinstance(final, Finished)
    assert final.summary["stopped"] is True
    assert read_header(Path(final.summary["weights"])).classes == ("cell", "dirt")
    assert load_run(tmp_path / "run").state == "stopped"


def test_killing_and_resuming(store: ProjectStore, tmp_path: Path) -> None:
    listener = Listener()
    model = discover().model("detector/learn")
    plan = build_plan(store, model, {"mode": "slow", "epochs": 40})
    run = start_training(plan, tmp_path / "run", listener)
    assert listener.trained.wait(30)
    run.kill()
    run.wait(10)
    assert isinstance(listener.final, Stopped)
    again = Listener()
    run = start_training(load_plan(tmp_path / "run"), tmp_path / "run", again, resume=True)
    run.wait(60)
    assert isinstance(again.final, Finished)
    steps = [e.step for e in again.events if isinstance(e, Progress) and e.metrics]
    assert steps[0] is not None
    assert steps[0] > 0
    assert steps[-1] == 39


def test_a_run_can_be_held_and_goes_on(store: ProjectStore, tmp_path: Path) -> None:
    listener = Listener()
    model = discover().model("detector/learn")
    plan = build_plan(store, model, {"mode": "slow", "epochs": 60})
    run = start_training(plan, tmp_path / "run", listener)
    assert listener.trained.wait(30)
    run.pause()
    held = threading.Event()

    def is_held() -> bool:
        return any(isinstance(e, Progress) and e.message == "paused" for e in listener.events)

    deadline = time.monotonic() + 20
    while not is_held() and time.monotonic() < deadline:
        held.wait(0.02)
    assert is_held()
    count = len(listener.events)
    assert run.wait(0.5) is None
    assert len(listener.events) == count
    run.go_on()
    run.wait(60)
    assert isinstance(listener.final, Finished)
    steps = [e.step for e in listener.events if isinstance(e, Progress) and e.metrics]
    assert steps == list(range(60))


def test_a_held_run_can_be_stopped(store: ProjectStore, tmp_path: Path) -> None:
    control, events = Control(), []
    plan = build_plan(store, discover().model("detector/learn"), {"epochs": 1000})

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress) and event.metrics:
            control.pause()
        if isinstance(event, Progress) and event.message == "paused":
            control.stop.set()

    final = run_training(plan, tmp_path / "run", listen, control=control)
    assert isinstance(final, Finished)
    assert final.summary["stopped"] is True


def test_a_finished_run_is_measured_on_its_held_out_pictures(
    store: ProjectStore, tmp_path: Path
) -> None:
    plan = plan_of(store, seed=1)
    run_training(plan, tmp_path / "run", lambda _: None)
    found = load_evaluation(tmp_path / "run")
    assert found is not None
    assert found.task == "detect"
    held = {p.media_id for p in plan.of("val")}
    assert {p.media_id for p in found.pictures} == held
    assert sum(c.truths for c in found.classes) == sum(
        not t.ignore for p in plan.of("val") for t in p.targets
    )
    assert "Confusion" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_looking_for_a_learning_rate_keeps_nothing(store: ProjectStore, tmp_path: Path) -> None:
    model = discover().model("detector/learn")
    plan = build_plan(store, model, {"mode": "fine", "epochs": 2}, find_lr=True)
    final = run_training(plan, tmp_path / "run", lambda _: None)
    assert isinstance(final, Failed)
    assert "cannot look for a learning rate" in final.what


def test_a_child_that_dies_is_told_and_can_be_resumed(store: ProjectStore, tmp_path: Path) -> None:
    listener = Listener()
    start_training(plan_of(store, "kill"), tmp_path / "run", listener).wait(60)
    final = listener.final
    assert isinstance(final, Failed)
    assert final.kind == "TrainingError"
    assert "killed" in final.what
    assert "resume" in final.next_step
    assert load_run(tmp_path / "run").state == "failed"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"


def test_no_process_is_left_when_the_parent_dies(
    store: ProjectStore, tmp_path: Path, blob_plugin: Path
) -> None:
    from visionstudio.engine.training import save_plan

    model = discover().model("detector/learn")
    folder = tmp_path / "run"
    save_plan(build_plan(store, model, {"mode": "child", "epochs": 10_000_000}), folder)
    code = f"""
import sys
sys.path.insert(0, {str(blob_plugin)!r})
from pathlib import Path
from visionstudio.engine.training import load_plan, start_training
folder = Path({str(folder)!r})
run = start_training(load_plan(folder), folder, lambda e: None)
while not (folder / "child.pid").exists() or not (folder / "child.pid").read_text():
    run.wait(0.05)
print(run.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    grandchild = int((folder / "child.pid").read_text())
    assert alive(pid)
    assert alive(grandchild)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while (alive(pid) or alive(grandchild)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)
    assert not alive(grandchild)
    assert read_header(folder / "best.safetensors").model == "detector/learn"
