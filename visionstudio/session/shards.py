"""Predictions of any number of pictures in shards: what is done is kept, here or on a Ray cluster.

The targets are cut into runs of neighbours. Every shard leaves one file in the folder
``OUT.shards``, written in one step; when all are there they are joined into OUT, which is
then what one run without shards writes. A run that was stopped or killed goes on with the
shards that are missing, on this machine or on others, whichever did the first ones.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from visionstudio.engine.host import LocalHost
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.weights import file_hash
from visionstudio.formats.output import write_bytes
from visionstudio.formats.progress import Progress
from visionstudio.formats.results import Collected, ResultWriter, map_name, write_collected
from visionstudio.model.errors import InvalidValue, StorageFull
from visionstudio.model.media import MediaKind
from visionstudio.session.batch import Batch, Outcome, Target, none_worked

SHARD_SIZE = 256
"""Files of a shard where their number is not given."""

_PLAN = "plan.json"

TargetRow = tuple[int, str, str, str, int]


class ShardJob(msgspec.Struct, frozen=True, kw_only=True):
    """What every shard of a run has in common; plain data that goes to other machines."""

    info: ModelInfo
    weights: str | None
    params: dict[str, Any]
    device: str
    class_ids: dict[str, int]
    out: str


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the work. `taken` are names of maps that earlier shards give away."""

    number: int
    targets: list[TargetRow]
    taken: list[str] = []


class ShardDone(msgspec.Struct, kw_only=True):
    """A shard's file: its results, and what its part of the outcome is."""

    collected: Collected
    media: int
    results: int
    answered: int
    device: str
    failed: list[dict[str, str]]


Work = Callable[[ShardJob, Sequence[Shard], Progress | None], None]
"""Does shards, in any order, and leaves their files."""


def shards_folder(out: Path) -> Path:
    """Where the finished shards of a run lie until all are there."""
    return out.with_name(f"{out.name}.shards")


def shard_file(job: ShardJob, number: int) -> Path:
    """The file of one finished shard."""
    return shards_folder(Path(job.out)) / f"{number:06d}.json"


def predict_shards(
    job: ShardJob,
    targets: Sequence[Target],
    count: int | None,
    work: Work,
    progress: Progress | None = None,
) -> Outcome:
    """Do the shards that are missing by `work`, then join all into OUT. Blocks.

    `count` is the number of shards, by default one for every 256 files. Raises
    InvalidValue when the shards there are of another run, StorageFull, MediaError when no
    file at all could be predicted, and what `work` raises: what is done stays.
    """
    begun = time.monotonic()
    count = min(len(targets), count or math.ceil(len(targets) / SHARD_SIZE))
    _begin(job, targets, count)
    missing = [s for s in _cut(targets, count) if not shard_file(job, s.number).exists()]
    if missing:
        work(job, missing, progress)
    outcome = _joined(job, count)
    outcome.seconds = time.monotonic() - begun
    return outcome


def predict_here(job: ShardJob, shards: Sequence[Shard], progress: Progress | None = None) -> None:
    """Do shards one after the other, in this process."""
    with ShardWorker(job) as worker:
        for done, shard in enumerate(shards):

            def tell(fraction: float | None, message: str, done: int = done) -> None:
                if progress is not None:
                    progress((done + (fraction or 0)) / len(shards), message)

            tell(0, f"shard {done + 1} of {len(shards)}")
            worker.do(shard, tell)


@dataclass(slots=True)
class ShardWorker:
    """Does shards with a model that is loaded once."""

    job: ShardJob
    _host: LocalHost | None = None

    def __enter__(self) -> ShardWorker:
        self._host = LocalHost()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._host is not None:
            self._host.close()

    def do(self, shard: Shard, progress: Progress | None = None) -> None:
        """Predict and write the shard's file, in one step."""
        job = self.job
        weights = Path(job.weights) if job.weights else None
        batch = Batch(job.info, weights, job.params, job.device, progress, self._host)
        writer = ResultWriter(Path(job.out), job.class_ids, set(shard.taken))
        targets = [
            Target(id, Path(path), name, MediaKind(kind), frames)
            for id, path, name, kind, frames in shard.targets
        ]
        outcome = batch.collect(targets, writer)
        done = ShardDone(
            collected=writer.collected,
            media=outcome.media,
            results=outcome.results,
            answered=outcome.answered,
            device=outcome.device,
            failed=outcome.failed,
        )
        write_bytes(shard_file(job, shard.number), msgspec.json.encode(done))


def _begin(job: ShardJob, targets: Sequence[Target], count: int) -> None:
    """Note what the shards are of, or see that those there are of the same."""
    path = shards_folder(Path(job.out)) / _PLAN
    weights = file_hash(Path(job.weights)) if job.weights else None
    digest = hashlib.sha256()
    for target in targets:
        digest.update(json.dumps([target.id, target.name, str(target.path.absolute())]).encode())
    plan = {
        "model": job.info.id,
        "weights": weights,
        "params": {k: str(v) for k, v in sorted(job.params.items())},
        "classes": job.class_ids,
        "files": len(targets),
        "names": digest.hexdigest(),
        "shards": count,
    }
    with suppress(FileNotFoundError, msgspec.DecodeError):
        found = msgspec.json.decode(path.read_bytes())
        if found != plan:
            differs = [k for k in plan if found.get(k) != plan[k]]
            raise InvalidValue(
                f"there are shards of another run (not the same: {', '.join(differs)})",
                where=str(path.parent),
                next_step="repeat the command that they are of, remove them, or give another --out",
            )
        return
    write_bytes(path, msgspec.json.encode(plan))


def _cut(targets: Sequence[Target], count: int) -> Iterator[Shard]:
    """Runs of neighbours, as equal as can be. Numbers from 0."""
    first_of: dict[str, int] = {}  # the first target whose map has that name
    for index, target in enumerate(targets):
        first_of.setdefault(map_name(target.name), index)
    for number in range(count):
        begin, end = (len(targets) * n // count for n in (number, number + 1))
        part = targets[begin:end]
        names = {map_name(t.name) for t in part}
        yield Shard(
            number=number,
            targets=[
                (t.id, str(t.path.absolute()), t.name, str(t.kind.value), t.frames) for t in part
            ],
            taken=sorted(n for n in names if first_of[n] < begin),
        )


def _joined(job: ShardJob, count: int) -> Outcome:
    """All shards as one result in OUT; their folder goes."""
    outcome = Outcome()
    devices: list[str] = []

    def parts() -> Iterator[Collected]:
        for number in range(count):
            done = _read(shard_file(job, number))
            outcome.media += done.media
            outcome.results += done.results
            outcome.answered += done.answered
            outcome.failed += done.failed
            if done.device and done.device not in devices:
                devices.append(done.device)
            yield done.collected
        none_worked(outcome)

    folder = shards_folder(Path(job.out))
    try:
        written = write_collected(Path(job.out), parts(), job.info.output)
    finally:
        if outcome.failed and not outcome.answered:
            shutil.rmtree(folder, ignore_errors=True)  # nothing in them is worth keeping
    shutil.rmtree(folder, ignore_errors=True)
    outcome.device, outcome.done = ", ".join(devices), f"written to {written}"
    return outcome


def _read(path: Path) -> ShardDone:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ShardDone)
    except FileNotFoundError as error:
        raise StorageFull(
            "a shard that was done is not there",
            where=str(path),
            next_step="put OUT on storage that all machines share, under the same path",
        ) from error
    except msgspec.MsgspecError as error:
        raise InvalidValue(
            "the file of a shard is damaged",
            where=str(path),
            next_step="remove it and repeat the command",
        ) from error
