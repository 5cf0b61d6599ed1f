"""Run folders: run.json tells what was trained, on what, and how it ended."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import msgspec

from visionstudio.api.manifest import Task
from visionstudio.engine.requests import Params
from visionstudio.engine.training.plan import PlanPicture, TrainPlan
from visionstudio.model.errors import TrainingError

RUN_FILE = "run.json"
EVENTS_FILE = "events.jsonl"
BEST = "best.safetensors"
LAST = "last.ckpt"
LOG_FILE = "train.log"
REPORT = "report.html"

State = Literal["running", "finished", "stopped", "failed"]


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """The content of run.json. The split lists (media id, frame) of each side."""

    model: str
    plugin: str
    task: Task
    output: str
    params: Params
    seed: int
    holdout: float
    device: str
    minutes: float | None
    classes: tuple[str, ...]
    class_ids: tuple[int, ...]
    split: dict[str, list[tuple[int, int]]]
    data_hash: str
    versions: dict[str, str]
    started: str
    state: State = "running"
    seconds: float = 0.0
    epochs: int = 0
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run folder as others see it: run.json and where the weights are."""

    folder: Path
    file: RunFile

    @property
    def model(self) -> str:
        return self.file.model

    @property
    def classes(self) -> tuple[str, ...]:
        return self.file.classes

    @property
    def metrics(self) -> dict[str, float]:
        return self.file.metrics

    @property
    def started(self) -> datetime:
        return datetime.fromisoformat(self.file.started)

    @property
    def state(self) -> State:
        return self.file.state

    @property
    def title(self) -> str:
        """Model and local time of start, for lists."""
        return f"{self.model.split('/')[-1]} {self.started.astimezone():%Y-%m-%d %H:%M}"

    @property
    def weights(self) -> Path | None:
        """best.safetensors, None as long as there is none."""
        path = self.folder / BEST
        return path if path.is_file() else None

    def of(self, side: str) -> list[tuple[int, int]]:
        """(media id, frame) of 'train', 'val' or 'all'. InvalidValue-free: unknown is empty."""
        if side == "all":
            return [key for keys in self.file.split.values() for key in keys]
        return self.file.split.get(side, [])


def new_run_file(plan: TrainPlan, device: str) -> RunFile:
    """What is known when a run starts."""

    def keys(pictures: tuple[PlanPicture, ...]) -> list[tuple[int, int]]:
        return [(p.media_id, p.frame) for p in pictures]

    return RunFile(
        model=plan.model,
        plugin=plan.plugin,
        task=plan.task,
        output=plan.output,
        params=plan.params,
        seed=plan.seed,
        holdout=plan.holdout,
        device=device,
        minutes=plan.minutes,
        classes=tuple(c.name for c in plan.classes),
        class_ids=tuple(c.id for c in plan.classes),
        split={"train": keys(plan.of("train")), "val": keys(plan.of("val"))},
        data_hash=plan.data_hash,
        versions=_versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("visionstudio", "torch", "torchvision", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def save_run(folder: Path, content: RunFile) -> None:
    """Write run.json in one step."""
    part = folder / f"{RUN_FILE}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
    part.replace(folder / RUN_FILE)


def load_run(folder: Path) -> RunInfo:
    """The run in a folder. TrainingError when there is none or run.json is damaged."""
    path = folder / RUN_FILE
    try:
        return RunInfo(folder, msgspec.json.decode(path.read_bytes(), type=RunFile))
    except FileNotFoundError:
        raise TrainingError(
            "no training run is there", where=str(folder), next_step="give the folder of a run"
        ) from None
    except (msgspec.MsgspecError, OSError) as error:
        raise TrainingError(f"run.json cannot be read: {error}", where=str(path)) from None


def list_runs(runs_folder: Path) -> list[RunInfo]:
    """The readable runs beneath a folder, newest first."""
    found = []
    for path in runs_folder.glob(f"*/{RUN_FILE}"):
        try:
            found.append(load_run(path.parent))
        except TrainingError:
            continue
    return sorted(found, key=lambda run: (run.file.started, run.folder.name), reverse=True)


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The lines of events.jsonl as written; a torn last line is left out."""
    try:
        lines = (folder / EVENTS_FILE).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.MsgspecError:
            continue
    return found
