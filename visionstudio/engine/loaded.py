"""Loaded models of a lane: made from factories, kept by least recent use within a budget."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.api.params import Value, build, validate
from visionstudio.engine.context import JobContext
from visionstudio.engine.devices import list_devices, system_memory
from visionstudio.engine.implementations import find_spec, implementation, is_out_of_memory
from visionstudio.engine.model_store import published_weights
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.weights import usable_weights
from visionstudio.model.errors import PluginError, VisionStudioError, one_line

log = logging.getLogger(__name__)
MAX_LOADED = 16


@dataclass(slots=True)
class Loaded:
    """A model instance that has been loaded, its parameters, and how many bytes it took."""

    info: ModelInfo
    model: Any
    params: Any
    bytes: int
    chunk: int = 1  # how many frames it gets at once: grows while quick, shrinks when out of memory
    most: int = 64
    image: str = ""  # what a prompt segmenter has been shown
    extra: dict[str, Any] = field(default_factory=dict)


class LoadedModels:
    """The loaded models of one device. Used from its lane's thread only."""

    def __init__(self, device: str, budget: int | None = None) -> None:
        self.device = device
        self._budget = default_budget(device) if budget is None else budget
        self._kept: OrderedDict[tuple[Any, ...], Loaded] = OrderedDict()

    def get(
        self, info: ModelInfo, values: dict[str, Value], weights: str | None, ctx: JobContext
    ) -> Loaded:
        """The model, loaded if need be, with parameters built from loose values.

        Raises InvalidValue, WeightsError, OutOfMemory or PluginError.
        """
        full = validate(info.params, values)
        key = self._key(info, full, weights)
        spec = find_spec(info.manifest, info.id, info.plugin)
        params: Any = build(spec.params, full)
        if key in self._kept:
            self._kept.move_to_end(key)
            self._kept[key].params = params
            return self._kept[key]
        loaded = self._load(info, params, weights, ctx)
        self._kept[key] = loaded
        self._make_room(keep=key)
        return loaded

    def take(
        self, info: ModelInfo, values: dict[str, Value], weights: str | None, ctx: JobContext
    ) -> Loaded:
        """As `get`, but for the caller alone until `put_back`: models with state need that."""
        loaded = self.get(info, values, weights, ctx)
        self._kept = OrderedDict((k, v) for k, v in self._kept.items() if v is not loaded)
        return loaded

    def put_back(self, loaded: Loaded, values: dict[str, Value], weights: str | None) -> None:
        """Keep a model again that was taken; a twin loaded meanwhile stays, this one goes."""
        key = self._key(loaded.info, validate(loaded.info.params, values), weights)
        if key in self._kept:
            self._drop(loaded)
        else:
            self._kept[key] = loaded
            self._make_room(keep=key)

    def ledger(self) -> list[dict[str, Any]]:
        """What is loaded and how many bytes it took, the latest used last. From any thread."""
        return [
            {"model": v.info.id, "title": v.info.title, "device": self.device, "bytes": v.bytes}
            for v in list(self._kept.values())
        ]

    def free_all(self, but: Loaded | None = None) -> None:
        """Unload everything, except one, and give device memory back."""
        for key in [k for k, v in self._kept.items() if v is not but]:
            self._drop(self._kept.pop(key))
        give_back_memory()

    def forget(self, model: str | None) -> None:
        """Unload one model in all its variants, or all models."""
        for key in [k for k, v in self._kept.items() if model in (None, v.info.id)]:
            self._drop(self._kept.pop(key))
        give_back_memory()

    def _key(
        self, info: ModelInfo, values: dict[str, Value], weights: str | None
    ) -> tuple[Any, ...]:
        free = {s.name for s in info.params if s.impact == "display"}
        fixed = tuple((k, v) for k, v in sorted(values.items()) if k not in free)
        stamp: tuple[int, int] | None = None
        if weights is not None:
            with contextlib.suppress(OSError):
                stat = Path(weights).stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
        return (info.id, info.factory, weights, stamp, fixed)

    def _load(self, info: ModelInfo, params: Any, weights: str | None, ctx: JobContext) -> Loaded:
        path = None if weights is None else Path(weights)
        if path is None and not info.ready:
            path = published_weights(info.weights)
        if path is not None:
            path = usable_weights(path, info.id)
        before = memory_used(self.device)
        try:
            model = implementation(info.factory)()
            model.load(params, path, ctx)
        except (VisionStudioError, MemoryError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            log.exception("loading %s", info.id)
            raise PluginError(
                f"plugin '{info.plugin}' could not load the model: {one_line(error)}",
                where=info.id,
                next_step="check its weights and parameters, or use another model",
            ) from error
        return Loaded(info, model, params, max(0, memory_used(self.device) - before))

    def _make_room(self, keep: tuple[Any, ...]) -> None:
        def too_much() -> bool:
            total = sum(v.bytes for v in self._kept.values())
            return total > self._budget or len(self._kept) > MAX_LOADED

        for key in list(self._kept):
            if key != keep and too_much():
                self._drop(self._kept.pop(key))
                give_back_memory()

    def _drop(self, loaded: Loaded) -> None:
        try:
            loaded.model.unload()
        except Exception:
            log.exception("unloading %s", loaded.info.id)


def give_back_memory() -> None:
    """Return what is free to the device, if torch is loaded at all."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif sys.platform == "darwin" and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def memory_used(device: str) -> int:
    """Bytes in use: of torch on a GPU, of this process on the CPU; 0 when unknown."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda"):
        return int(torch.cuda.memory_allocated(device)) if torch is not None else 0
    if device == "mps":
        return int(torch.mps.current_allocated_memory()) if torch is not None else 0
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def default_budget(device: str) -> int:
    """How much loaded models may take: a third of main memory, or 70 % of a GPU's."""
    if device == "cpu":
        return (system_memory() or 8 * 2**30) // 3
    total = next((d.memory for d in list_devices() if d.id == device), 0)
    return int(total * 0.7) or 4 * 2**30
