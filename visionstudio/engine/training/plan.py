"""The frozen manifest of a training run: all that the child needs, without the project."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from visionstudio.api.manifest import Task
from visionstudio.engine.requests import Params
from visionstudio.model.errors import TrainingError

PLAN_FILE = "plan.json"
Split = Literal["train", "val"]


class PlanClass(msgspec.Struct, frozen=True):
    """A class of the run: its index is its place in the plan, `id` the project's."""

    id: int
    name: str


class PlanTarget(msgspec.Struct, frozen=True):
    """One labelled thing: class index, shape as `visionstudio.model.shape_codec.encode` makes it.

    `track` is the project's id of the track that it is in, -1 for none.
    """

    index: int
    kind: str
    shape: bytes
    ignore: bool = False
    track: int = -1


class PlanPicture(msgspec.Struct, frozen=True):
    """A picture or video frame with its targets. `path` is absolute; `name` is for messages."""

    media_id: int
    path: str
    kind: str
    frame: int
    width: int
    height: int
    split: Split
    name: str
    targets: tuple[PlanTarget, ...] = ()


class PlanDrawn(msgspec.Struct, frozen=True, kw_only=True):
    """A generator whose pictures are added to the training pictures, `count` of each class.

    `digest` is the SHA-256 of its weights.
    """

    model: str
    plugin: str
    factory: str
    manifest: str
    weights: str
    count: int
    digest: str


class TrainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a training run depends on. Written to the run folder as plan.json.

    `minutes` is the time budget, None for none. `threads` is how many CPU threads
    the run may use, 0 for all cores. `data_hash` covers pictures and labels. With `find_lr`
    the run only looks for a learning rate and keeps no weights.
    """

    model: str
    plugin: str
    task: Task
    output: str
    factory: str
    manifest: str
    params: Params
    classes: tuple[PlanClass, ...]
    pictures: tuple[PlanPicture, ...]
    data_hash: str
    holdout: float = 0.2
    seed: int = 0
    device: str = "auto"
    minutes: float | None = None
    threads: int = 0
    find_lr: bool = False
    drawn: PlanDrawn | None = None

    def of(self, split: Split) -> tuple[PlanPicture, ...]:
        """The pictures of one side of the split."""
        return tuple(p for p in self.pictures if p.split == split)


def save_plan(plan: TrainPlan, folder: Path) -> Path:
    """Write plan.json, replacing an earlier one in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PLAN_FILE
    part = path.with_suffix(".part")
    part.write_bytes(encode_plan(plan))
    part.replace(path)
    return path


def encode_plan(plan: TrainPlan) -> bytes:
    """The plan as it travels to another process."""
    return msgspec.json.encode(plan)


def decode_plan(data: bytes) -> TrainPlan:
    """The plan again. TrainingError when it is damaged."""
    try:
        return msgspec.json.decode(data, type=TrainPlan)
    except msgspec.MsgspecError as error:
        raise TrainingError(f"the plan cannot be read: {error}") from None


def load_plan(folder: Path) -> TrainPlan:
    """The plan of a run folder. TrainingError when there is none or it is damaged."""
    path = folder / PLAN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrainPlan)
    except FileNotFoundError:
        raise TrainingError(
            "no training run is there", where=str(folder), next_step="give the folder of a run"
        ) from None
    except (msgspec.MsgspecError, OSError) as error:
        raise TrainingError(f"the plan cannot be read: {error}", where=str(path)) from None
