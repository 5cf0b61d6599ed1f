"""Shards of a prediction on a Ray cluster, or on this machine as a cluster of one.

Ray Data hands the shards to workers, each of which loads the model once; they write their
files where `visionstudio.session.shards` looks for them. The extra `cluster` installs Ray.
Pictures, weights and OUT must have the same path on every machine.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from typing import Any

import msgspec

from visionstudio.engine.devices import cores
from visionstudio.formats.progress import Progress
from visionstudio.model.errors import (
    DeviceError,
    InvalidValue,
    ModelError,
    VisionStudioError,
    one_line,
)
from visionstudio.session.shards import Shard, ShardJob, ShardWorker

HERE = "local"
"""The address that means: a cluster of this machine alone, for as long as the work takes."""

SECONDS = 5.0
"""How long an address has to answer."""


class _Worker:
    """A worker of the cluster: keeps the model from shard to shard."""

    def __init__(self, job: bytes) -> None:
        self._worker = ShardWorker(msgspec.json.decode(job, type=ShardJob)).__enter__()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        shard = msgspec.json.decode(row["shard"], type=Shard)
        error = ["", "", ""]
        try:
            self._worker.do(shard)
        except VisionStudioError as fault:  # words survive the way back; tracebacks help nobody
            error = [fault.what, fault.where, fault.next_step]
        return {"number": shard.number, "error": error}


def predict_on_cluster(
    address: str, job: ShardJob, shards: Sequence[Shard], progress: Progress | None = None
) -> None:
    """Do shards on the cluster at `address`: HERE, "auto" for this machine's, host:port. Blocks.

    Raises InvalidValue when Ray is not installed, DeviceError when there is no such cluster,
    ModelError with the words of the first worker that failed.
    """
    try:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its core is talkative
        import ray
        import ray.data
    except ImportError as error:
        raise InvalidValue(
            "Ray is not installed",
            where="--cluster",
            next_step="install it with: pip install 'visionstudio[cluster]'",
        ) from error
    started = not ray.is_initialized()
    _connect(ray, address)
    try:
        data: Any = ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = [{"shard": msgspec.json.encode(shard)} for shard in shards]
        done = data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_args=(msgspec.json.encode(job),),
            **_workers(ray, job.device, len(shards)),
        )
        for count, row in enumerate(done.iter_rows(), start=1):
            what, where, next_step = row["error"]
            if what:
                raise ModelError(what, where=where, next_step=next_step)
            if progress is not None:
                progress(count / len(shards), f"shard {count} of {len(shards)}")
    finally:
        if started:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    if ray.is_initialized():
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == HERE:
            ray.init(address=HERE, num_cpus=cores(), include_dashboard=False, **quiet)
            return
        host, colon, port = address.rpartition(":")
        if colon and port.isdigit():  # Ray itself would ask such an address for minutes
            socket.create_connection((host, int(port)), timeout=SECONDS).close()
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise DeviceError(
            f"there is no Ray cluster: {one_line(error)}",
            where=address,
            next_step=f"start one with: ray start --head, or give --cluster {HERE}",
        ) from error


def _workers(ray: Any, device: str, most: int) -> dict[str, Any]:
    """A worker for every GPU where there are some and one may be used, else for every machine."""
    pool = ray.data.ActorPoolStrategy
    machines = [n["Resources"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")]
    gpus = int(sum(m.get("GPU", 0) for m in machines))
    if device.startswith("cuda") or (device == "auto" and gpus):
        if not gpus:
            raise DeviceError(
                "no machine of the cluster has a GPU", where=device, next_step="use --device cpu"
            )
        return {"compute": pool(size=min(gpus, most)), "num_gpus": 1, "num_cpus": 1}
    # Work on the CPU takes all cores but one; a worker that claims them is alone on its machine.
    each = max(1, int(min(m["CPU"] for m in machines)) - 1)
    return {"compute": pool(size=min(len(machines), most)), "num_cpus": each}
