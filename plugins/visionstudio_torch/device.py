"""Devices and processes: Lightning Fabric set up as the context and torchrun say."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from visionstudio.api import OutOfMemory


def launch(device: str) -> Any:
    """A launched Fabric for a torch device string such as 'cpu', 'cuda:0' or 'mps'.

    Under torchrun (`WORLD_SIZE` > 1 in the environment) all its processes take part and
    each uses the GPU of its local rank; otherwise it is this process on that device.
    """
    kind, _, index = device.partition(":")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
        fabric = Fabric(
            accelerator=kind,
            devices=local,
            num_nodes=max(1, world // local),
            strategy=DDPStrategy(process_group_backend="nccl" if kind == "cuda" else "gloo"),
        )
    else:
        devices: Any = [int(index or 0)] if kind == "cuda" else 1
        fabric = Fabric(accelerator=kind, devices=devices)
    if kind == "cuda":
        torch.set_float32_matmul_precision("high")
    fabric.launch()
    return fabric


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Use so many CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def memory_guard(advice: str) -> Iterator[None]:
    """Turn torch's ways to run out of memory into OutOfMemory with advice."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the device's memory is full", next_step=advice) from error
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise OutOfMemory("the memory is full", next_step=advice) from error
        raise


def seed_torch(seed: int) -> None:
    """Seed torch on all devices, for the initial weights; call before building a model."""
    torch.manual_seed(seed % (1 << 63))
