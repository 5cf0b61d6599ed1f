"""Devices and processes: Lightning Fabric set up as the context and torchrun say."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from visionstudio.api import InvalidValue, OutOfMemory


def launch(device: str, precision: str = "fp32") -> Any:
    """A launched Fabric for a torch device string such as 'cpu', 'cuda:0' or 'mps'.

    `precision` is fp32, or bf16 or fp16 for mixed precision, or auto: bf16 on GPUs that have
    it. Raises InvalidValue for one that the device lacks.

    Under torchrun (`WORLD_SIZE` > 1 in the environment) all its processes take part and
    each uses the GPU of its local rank; otherwise it is this process on that device.
    """
    kind, _, index = device.partition(":")
    mixed: Any = _precision(kind, precision)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
        fabric = Fabric(
            accelerator=kind,
            devices=local,
            num_nodes=max(1, world // local),
            strategy=DDPStrategy(process_group_backend="nccl" if kind == "cuda" else "gloo"),
            precision=mixed,
        )
    else:
        devices: Any = [int(index or 0)] if kind == "cuda" else 1
        fabric = Fabric(accelerator=kind, devices=devices, precision=mixed)
    if kind == "cuda":
        torch.set_float32_matmul_precision("high")
    fabric.launch()
    return fabric


def _precision(kind: str, wanted: str) -> str:
    """Fabric's name of a precision."""
    if wanted == "auto":
        has = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if has else "32-true"
    if wanted == "fp16" and kind != "cuda":
        raise InvalidValue(
            f"precision fp16 needs an NVIDIA GPU, not '{kind}'",
            next_step="use bf16 or fp32, or train on a GPU",
        )
    names = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    if wanted not in names:
        raise InvalidValue(
            f"there is no precision '{wanted}'", next_step="use auto, fp32, bf16 or fp16"
        )
    return names[wanted]


@contextlib.contextmanager
def repeatable(wanted: bool) -> Iterator[None]:
    """Prefer operations that always round the same way; one that has no such form warns."""
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch's error, on any device, says that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("can't allocate memory", "out of memory")
    return isinstance(error, RuntimeError) and any(w in str(error) for w in words)


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
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        where = "device's memory" if isinstance(error, torch.OutOfMemoryError) else "memory"
        raise OutOfMemory(f"the {where} is full", next_step=advice) from error


def seed_torch(seed: int) -> None:
    """Seed torch on all devices, for the initial weights; call before building a model."""
    torch.manual_seed(seed % (1 << 63))
