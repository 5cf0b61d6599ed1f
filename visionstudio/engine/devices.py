"""Which devices there are, found without importing torch where that cannot help."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import dataclass

from visionstudio.model.errors import DeviceError


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device by torch's name ('cpu', 'cuda:0', 'mps'); `memory` in bytes, 0 when unknown."""

    id: str
    name: str
    memory: int = 0


def cpu_threads() -> int:
    """CPU threads for prediction: one core stays free for the window."""
    return max(1, cores() - 1)


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def system_memory() -> int:
    """Bytes of main memory, 0 when unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def list_devices() -> list[DeviceInfo]:
    """CPU first, then CUDA GPUs, then MPS. Imports torch only where a GPU may be."""
    found = [DeviceInfo("cpu", platform.processor() or platform.machine(), system_memory())]
    if _cuda_driver():
        import torch

        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found.append(DeviceInfo(f"cuda:{index}", properties.name, properties.total_memory))
    if sys.platform == "darwin":
        import torch

        if torch.backends.mps.is_available():
            found.append(DeviceInfo("mps", "Apple GPU", system_memory()))
    return found


def resolve_device(wanted: str) -> str:
    """The torch device for a wish: 'auto' takes CUDA before MPS before CPU.

    Raises DeviceError for a device that is not there; nothing falls back silently.
    """
    if wanted == "cpu":
        return "cpu"
    devices = [d.id for d in list_devices()]
    if wanted == "auto":
        return next((d for kind in ("cuda", "mps") for d in devices if d.startswith(kind)), "cpu")
    exact = "cuda:0" if wanted == "cuda" else wanted
    if exact in devices:
        return exact
    raise DeviceError(
        f"there is no device '{wanted}'",
        where=f"devices here: {', '.join(devices)}",
        next_step="choose one of them, or 'auto'",
    )


def _cuda_driver() -> bool:
    """Whether NVIDIA's driver library can be loaded: without it torch finds no GPU either."""
    if sys.platform == "darwin":
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
