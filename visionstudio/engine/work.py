"""What lanes do for each kind of request, as generators that stop between chunks.

A step ends at each `yield`: there the lane may run something more urgent, and
there jobs end when they are cancelled. The generator's return value is the
summary of the job.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from visionstudio.api.tasks import Frame, Prompt
from visionstudio.engine.checking import check_count, check_result
from visionstudio.engine.context import JobContext
from visionstudio.engine.events import AnyResult, Event, FrameFailed, FrameResult, Progress
from visionstudio.engine.frames import FrameReader, frames_ahead
from visionstudio.engine.implementations import is_out_of_memory
from visionstudio.engine.loaded import Loaded, LoadedModels
from visionstudio.engine.registry import ModelInfo, Registry
from visionstudio.engine.requests import EditImage, FrameRef, Predict, Prompted
from visionstudio.model.errors import (
    Cancelled,
    InvalidValue,
    MediaError,
    OutOfMemory,
    PluginError,
    VisionStudioError,
    one_line,
)

log = logging.getLogger(__name__)

R = TypeVar("R")
Summary = dict[str, Any]
Steps = Generator[None, None, Summary]

QUICK_SECONDS = 0.12  # a chunk that takes less may double, one that takes
SLOW_SECONDS = 0.4  # more is halved: between chunks jobs can be cancelled
GIVE_UP_AFTER = 3  # so many failed frames and none that worked: the plugin is at fault


@dataclass(slots=True)
class Tools:
    """What a lane lends to its jobs."""

    registry: Registry
    models: LoadedModels
    reader: FrameReader
    ctx: JobContext
    emit: Callable[[Event], None]

    def info(self, model: str, tasks: Sequence[str]) -> ModelInfo:
        """The model, if it is of one of these tasks."""
        info = self.registry.model(model)
        if info.task not in tasks:
            raise InvalidValue(
                f"'{model}' is a {info.task}", next_step=f"choose a {' or '.join(tasks)}"
            )
        return info


def plugin_fault(info: ModelInfo, error: BaseException) -> VisionStudioError:
    """What a plugin raised, as an error that names it.

    A named error is for the user (weights, a picture, a parameter) and stays what it is. An
    InvalidValue that gives no next step is what results raise that hold nonsense: the
    plugin's own fault.
    """
    if isinstance(error, InvalidValue):
        ours = bool(error.where or error.next_step)
    else:
        ours = isinstance(error, VisionStudioError) and not isinstance(error, PluginError)
    if ours and isinstance(error, VisionStudioError):
        return type(error)(error.what, where=error.where or info.id, next_step=error.next_step)
    text = error.what if isinstance(error, VisionStudioError) else one_line(error)
    return PluginError(
        f"plugin '{info.plugin}' failed: {text}",
        where=info.id,
        next_step="try another model or other parameters; details are in the log",
    )


def no_room(info: ModelInfo) -> OutOfMemory:
    return OutOfMemory(
        "not enough memory, even for one frame at a time",
        where=info.id,
        next_step="use a smaller model or image size, another device, or close other programs",
    )


def predict(request: Predict, tools: Tools) -> Steps:
    """Chunks of frames through `predict`; a frame that fails is told and the rest goes on."""
    info = tools.info(request.model, ("classifier", "detector", "segmenter"))
    tools.ctx.report(0.0, "loading the model")
    job = _Prediction(request, info, tools)
    try:
        while job.next_chunk():
            yield
    finally:
        job.close()
    return job.summary()


class _Prediction:
    """The state of one Predict request between its chunks."""

    def __init__(self, request: Predict, info: ModelInfo, tools: Tools) -> None:
        self.request, self.info, self.tools = request, info, tools
        self.loaded = self._load()
        self.ahead = frames_ahead(tools.reader, request.frames) if len(request.frames) > 1 else None
        self.done = self.good = 0
        self.faults: list[VisionStudioError] = []

    def _load(self) -> Loaded:
        request, tools = self.request, self.tools
        return _with_room(
            self.info,
            tools.models,
            lambda: tools.models.get(self.info, request.params, request.weights, tools.ctx),
        )

    def close(self) -> None:
        if self.ahead is not None:
            self.ahead.close()

    def next_chunk(self) -> bool:
        """Predict one chunk; False when no frames are left."""
        total = len(self.request.frames)
        if self.done >= total:
            return False
        self.loaded = self._load()  # another job may have had it unloaded meanwhile
        count = min(self.loaded.chunk, total - self.done)
        frames = self._frames(count)
        begun = time.perf_counter()
        self._predict(frames)
        self._adapt(len(frames), time.perf_counter() - begun)
        self.done += count
        self.tools.ctx.report(self.done / total, f"{self.done} of {total}")
        return self.done < total

    def _frames(self, count: int) -> list[tuple[FrameRef, Frame]]:
        frames: list[tuple[FrameRef, Frame]] = []
        for ref in self.request.frames[self.done : self.done + count]:
            try:
                frames.append((ref, self._frame(ref)))
            except VisionStudioError as error:
                self.tools.emit(FrameFailed(ref.key, one_line(error)))
        return frames

    def _frame(self, ref: FrameRef) -> Frame:
        taken = self.ahead.take() if self.ahead is not None else None
        if taken is None:
            return self.tools.reader.read(ref)
        if isinstance(taken[1], VisionStudioError):
            raise taken[1]
        return taken[1]

    def _predict(self, frames: list[tuple[FrameRef, Frame]]) -> None:
        """Predict frames together; halved when memory is short, one by one to find a bad one."""
        if not frames:
            return
        try:
            results = self._call([frame for _, frame in frames])
        except Cancelled:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                self._halve(len(frames))
            elif len(frames) == 1:
                self._failed(frames[0][0], error)
                return
            size = self.loaded.chunk if is_out_of_memory(error) else 1
            for start in range(0, len(frames), size):
                self._predict(frames[start : start + size])
            return
        for (ref, frame), result in zip(frames, results, strict=True):
            try:
                checked = check_result(result, frame, self.info.output)
            except VisionStudioError as error:
                self._failed(ref, error)
            else:
                self.good += 1
                self.tools.emit(FrameResult(ref.key, checked))

    def _call(self, frames: list[Frame]) -> Sequence[Any]:
        results = self.loaded.model.predict(frames, self.loaded.params, self.tools.ctx)
        return check_count(results, len(frames))

    def _halve(self, count: int) -> None:
        self.tools.models.free_all(but=self.loaded)
        if count <= 1:
            raise no_room(self.info)
        self.loaded.chunk = self.loaded.most = max(1, count // 2)
        log.warning("%s: out of memory, %d frames at once now", self.info.id, self.loaded.chunk)

    def _failed(self, ref: FrameRef, error: BaseException) -> None:
        log.error("%s on %s", self.info.id, ref.path, exc_info=error)
        fault = plugin_fault(self.info, error)
        self.faults.append(fault)
        if not self.good and (len(self.faults) >= GIVE_UP_AFTER or len(self.request.frames) == 1):
            raise fault
        self.tools.emit(FrameFailed(ref.key, one_line(fault)))

    def _adapt(self, count: int, seconds: float) -> None:
        if count < self.loaded.chunk:
            return
        if seconds < QUICK_SECONDS:
            self.loaded.chunk = min(self.loaded.most, 2 * self.loaded.chunk)
        elif seconds > SLOW_SECONDS:
            self.loaded.chunk = max(1, self.loaded.chunk // 2)

    def summary(self) -> Summary:
        if self.faults and not self.good:
            raise self.faults[0]
        return {"results": self.good, "failed": len(self.request.frames) - self.good}


def _with_room(info: ModelInfo, models: LoadedModels, load: Callable[[], Loaded]) -> Loaded:
    """Load, once more with everything else unloaded when memory is short."""
    try:
        return load()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        models.free_all()
    try:
        return load()
    except Exception as error:
        if is_out_of_memory(error):
            raise no_room(info) from error
        raise


def one_call(
    info: ModelInfo, tools: Tools, load: Callable[[], Loaded], call: Callable[[Loaded], R]
) -> R:
    """Load and call once; errors name the plugin, short memory is retried with the rest freed."""
    tools.ctx.report(0.0, "loading the model")
    loaded = _with_room(info, tools.models, load)
    try:
        try:
            return call(loaded)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            tools.models.free_all(but=loaded)
            return call(loaded)
    except (Cancelled, MediaError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise no_room(info) from error
        log.error("%s", info.id, exc_info=error)
        raise plugin_fault(info, error) from error


def prompted(request: Prompted, tools: Tools) -> Steps:
    """Show the picture, unless it is the one shown last, then prompt."""
    info = tools.info(request.model, ("segmenter",))
    if len(request.points) != len(request.labels):
        count, given = len(request.points), len(request.labels)
        raise InvalidValue(f"{count} points need as many labels, got {given}")

    def load() -> Loaded:
        return tools.models.get(info, request.params, request.weights, tools.ctx)

    if not request.points and request.box is None:
        one_call(info, tools, load, lambda loaded: _prepare(request.frame, loaded, tools))
        yield
        return {"results": 0}
    points = np.array(request.points, dtype=np.float64).reshape(-1, 2)
    prompt = Prompt(points, np.array(request.labels, dtype=np.int64), request.box)

    def call(loaded: Loaded) -> AnyResult:
        if not hasattr(loaded.model, "prompt"):
            raise InvalidValue(f"'{info.id}' takes no points and boxes")
        frame = _show(request.frame, loaded, tools)
        return check_result(loaded.model.prompt(prompt, loaded.params, tools.ctx), frame, "masks")

    tools.emit(FrameResult(request.frame.key, one_call(info, tools, load, call)))
    yield
    return {"results": 1}


def _show(ref: FrameRef, loaded: Loaded, tools: Tools) -> Frame:
    """Give a prompt segmenter its picture unless it has it; something of the picture's shape."""
    shown = _stamp(ref)
    if loaded.image != shown:
        loaded.image = ""
        frame = tools.reader.read(ref)
        loaded.model.set_image(frame, loaded.params, tools.ctx)
        loaded.image, loaded.extra["shape"] = shown, frame.shape
    return np.broadcast_to(np.zeros((), np.uint8), loaded.extra["shape"])


def _prepare(ref: FrameRef, loaded: Loaded, tools: Tools) -> None:
    """Let a model do ahead what takes long; one that is idle is shown the picture."""
    if hasattr(loaded.model, "prepare") and loaded.image:
        if loaded.image != _stamp(ref):
            loaded.model.prepare(tools.reader.read(ref), loaded.params, tools.ctx)
    elif not loaded.image and hasattr(loaded.model, "set_image"):
        _show(ref, loaded, tools)


def _stamp(ref: FrameRef) -> str:
    """What tells a picture from others, and from itself after a change of its file."""
    changed = 0
    with contextlib.suppress(OSError):
        changed = Path(ref.path).stat().st_mtime_ns
    return f"{ref.path}#{ref.frame}#{changed}"


def edit(request: EditImage, tools: Tools) -> Steps:
    """One picture through an editor."""
    info = tools.info(request.model, ("generator",))
    frame = tools.reader.read(request.frame)
    mask = np.asarray(request.mask, dtype=bool)
    if mask.shape != frame.shape[:2]:
        raise InvalidValue(f"the mask is {mask.shape}, the picture {frame.shape[:2]}")

    def load() -> Loaded:
        return tools.models.get(info, request.params, request.weights, tools.ctx)

    def call(loaded: Loaded) -> AnyResult:
        if not hasattr(loaded.model, "edit"):
            raise InvalidValue(f"'{info.id}' makes new pictures and does not edit")
        return check_result(loaded.model.edit(frame, mask, loaded.params, tools.ctx), frame, "edit")

    tools.emit(FrameResult(request.frame.key, one_call(info, tools, load, call)))
    yield
    return {"results": 1}


def started() -> Progress:
    """The event that a job's first step has begun."""
    return Progress(0.0, "started")
