"""What a tracker is trained on: tracks through clips, boxes, and pictures without labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from visionstudio.engine.discovery import discover
from visionstudio.engine.training import TrainPlan, build_plan
from visionstudio.engine.training import clips as clips_module
from visionstudio.engine.training.data import PlanData
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import add
from visionstudio.model.errors import TrainingError
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Box
from visionstudio.storage.store import ProjectStore

THING = LabelClass(id=3, name="thing", colour="#e69f00", order=0)


def row(id: int, media: int, frame: int, box: Box, track: int | None, **more: object) -> Annotation:
    values = {"flags": Flags.KEYFRAME, "state": State.EDITED, **more}
    return Annotation(
        id=id, media_id=media, class_id=3, shape=box, frame=frame, track_id=track, **values
    )


def clip(folder: Path, frames: int) -> None:
    folder.mkdir(parents=True)
    for i in range(frames):
        cv2.imwrite(str(folder / f"{i:03}.png"), np.full((60, 80, 3), 5 * i, np.uint8))


@pytest.fixture
def store(tmp_path: Path) -> ProjectStore:
    """A clip with a track in key frames, one without labels, a labelled and a bare picture."""
    root = tmp_path / "media"
    clip(root / "a", 12)
    clip(root / "b", 30)
    media = [
        MediaItem(id=1, path="a", kind=MediaKind.FRAMES, frames=12, width=80, height=60),
        MediaItem(id=2, path="b", kind=MediaKind.FRAMES, frames=30, width=80, height=60),
    ]
    for i in (3, 4):
        cv2.imwrite(str(root / f"{i}.png"), np.full((60, 80, 3), 40 * i, np.uint8))
        media.append(MediaItem(id=i, path=f"{i}.png", width=80, height=60))
    rows = [
        row(1, 1, 2, Box(10, 10, 20, 30), 7),
        row(2, 1, 8, Box(22, 10, 32, 30), 7),
        row(3, 1, 9, Box(23, 10, 33, 30), 7, flags=Flags.OUTSIDE | Flags.KEYFRAME),
        row(4, 1, 4, Box(50, 30, 70, 50), None, flags=Flags.NONE),
        row(5, 1, 5, Box(0, 0, 9, 9), 8, flags=Flags.NONE, state=State.PROPOSED),
        row(6, 3, 0, Box(5, 5, 40, 40), None, flags=Flags.NONE),
    ]
    store = ProjectStore.create(tmp_path / "project", media_root=root)
    store.apply(add("test", [THING, *media, *rows]))
    return store


def plan_of(store: ProjectStore, **more: object) -> TrainPlan:
    return build_plan(store, discover().model("tracker/siamfc"), {}, **more)


def test_tracks_are_there_between_their_key_frames(store: ProjectStore) -> None:
    data = PlanData(plan_of(store, holdout=0))
    a = [s for s in data.train if s.clip.endswith("a")]
    assert [s.frame for s in a] == list(range(2, 9))
    assert [s.target.tracks.tolist() for s in a] == [[7], [7], [7, -1], *[[7]] * 4]
    np.testing.assert_allclose(a[3].target.boxes[0], [16, 10, 26, 30])
    assert a[3].image[0, 0, 0] == 25
    picture = next(s for s in data.train if s.name == "3.png")
    assert (picture.clip, picture.target.tracks.tolist()) == ("", [-1])


def test_a_few_frames_and_pictures_without_labels_are_taken_too(
    store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(store, holdout=0)
    bare = [p for p in plan.pictures if not p.targets]
    frames = [p.frame for p in bare if p.kind == "frames"]
    assert (len(frames), frames[0], frames[-1]) == (clips_module.FEW_FRAMES, 0, 29)
    assert [p.name for p in bare if p.kind == "image"] == ["4.png"]
    monkeypatch.setattr(clips_module, "MOST_PLAIN", 3)
    monkeypatch.setattr(clips_module, "MOST_FRAMES", 4)
    few = plan_of(store, holdout=0)
    assert sum(not p.targets for p in few.pictures) == 3
    assert sum(p.path.endswith("a") for p in few.pictures) == 4


def test_whole_clips_are_held_out_or_the_end_of_the_only_one(
    store: ProjectStore, tmp_path: Path
) -> None:
    for seed in range(4):
        plan = plan_of(store, holdout=0.4, seed=seed)
        held, train = plan.of("val"), plan.of("train")
        assert held
        assert not {p.path for p in held} & {p.path for p in train}
    alone = ProjectStore.create(tmp_path / "alone", media_root=tmp_path / "media")
    item = MediaItem(id=1, path="a", kind=MediaKind.FRAMES, frames=12, width=80, height=60)
    rows = [row(1, 1, 0, Box(1, 1, 20, 20), 1), row(2, 1, 9, Box(1, 1, 20, 20), 1)]
    alone.apply(add("test", [THING, item, *rows]))
    plan = plan_of(alone, holdout=0.3)
    assert [p.frame for p in plan.of("val")] == [7, 8, 9]
    assert len(plan_of(alone, holdout=0.3, limit=2).of("train")) == 2


def test_an_empty_project_has_nothing_to_follow(tmp_path: Path) -> None:
    store = ProjectStore.create(tmp_path / "project", media_root=tmp_path)
    with pytest.raises(TrainingError, match="no picture has labels"):
        plan_of(store)
