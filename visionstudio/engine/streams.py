"""Requests whose results come one after another from a model with state: tracking, generating."""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from visionstudio.api.params import build
from visionstudio.api.results import Detections, GeneratedImage, TrackState
from visionstudio.api.tasks import Frame, GenerateRequest
from visionstudio.engine.checking import check_count, check_result, check_track
from visionstudio.engine.events import FrameFailed, FrameResult
from visionstudio.engine.frames import BlankVideo, VideoAhead
from visionstudio.engine.implementations import find_spec, implementation, is_out_of_memory
from visionstudio.engine.loaded import Loaded
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.requests import Examples, Generate, LiveTrack, Track
from visionstudio.engine.several import Several
from visionstudio.engine.tracking import frame_order, naming_frame
from visionstudio.engine.tracking import track as follow
from visionstudio.engine.work import Steps, Tools, no_room, plugin_fault
from visionstudio.model.errors import (
    Cancelled,
    InvalidValue,
    MediaError,
    PluginError,
    VisionStudioError,
    one_line,
)

log = logging.getLogger(__name__)


def track(request: Track, tools: Tools) -> Steps:
    """Follow one object or many; one result a frame, told as soon as it is there."""
    info = tools.info(request.model, ("tracker",))
    many = info.output == "tracks"
    if not many and request.spans:
        return (yield from _several(request, info, tools))
    if not many and request.box is None:
        raise InvalidValue("tracking needs the object's box", next_step="draw it, or give --roi")
    video = _video(request, tools)
    tools.ctx.report(0.0, "loading the model")
    loaded = tools.models.take(info, request.params, request.weights, tools.ctx)
    frames = lost = 0
    try:
        results = (_many if many else _one)(request, loaded, video, tools)
        while (result := _next(results, info)) is not None:
            tools.emit(result)
            frames += 1
            lost += _is_lost(result)
            yield
    finally:
        video.close()
        if many and not hasattr(loaded.model, "begin"):
            loaded.model.unload()  # it cannot forget the objects of this video otherwise
        else:
            tools.models.put_back(loaded, request.params, request.weights)
    return {"frames": frames, "lost": lost}


def _several(request: Track, info: ModelInfo, tools: Tools) -> Steps:
    """Several objects in one pass through the video, each with a tracker of its own."""
    video = _video(request, tools)
    tools.ctx.report(0.0, "loading the model")
    trackers = Several(
        lambda: tools.models.take(info, request.params, request.weights, tools.ctx),
        lambda loaded: tools.models.put_back(loaded, request.params, request.weights),
    )
    counted = [0, 0]
    try:
        results = _spans(request, trackers, video, tools)
        while (result := _next(results, info)) is not None:
            tools.emit(result)
            if isinstance(result, FrameResult):
                counted[0] += 1
                counted[1] += _is_lost(result)
            yield
    finally:
        video.close()
        trackers.close()
    return {"frames": counted[0], "lost": counted[1]}


def _spans(
    request: Track, trackers: Several, video: VideoAhead | BlankVideo, tools: Tools
) -> Iterator[FrameResult | FrameFailed]:
    farthest = 0 if request.backwards else video.frames - 1
    spans = [(start, farthest if end < 0 else end) for start, end, *_ in request.spans]
    for start, end in spans:
        frame_order(video.frames, start, end, request.backwards)
    pick, other = (max, min) if request.backwards else (min, max)
    begin, stop = pick(s for s, _ in spans), other(e for _, e in spans)
    order = frame_order(video.frames, begin, stop, request.backwards)
    video.follow(order)
    failed: list[VisionStudioError] = []
    for done, number in enumerate(order):
        states: list[tuple[int, TrackState]] = []
        picture: Frame | MediaError
        try:
            picture = video.read(number)
        except MediaError as error:
            picture = error
        with naming_frame(number):
            states += trackers.update(picture, tools.ctx)
        for place, (start, _) in enumerate(spans):
            if start != number:
                continue
            try:
                states.append(trackers.start(place, picture, request.spans[place][2:], tools.ctx))
            except (InvalidValue, MediaError) as error:
                failed.append(
                    type(error)(error.what, where=f"frame {number}", next_step=error.next_step)
                )
                yield FrameFailed(f"{number}:{place}", one_line(failed[-1]))
        if len(failed) == len(spans):
            raise failed[0]
        for place, (_, end) in enumerate(spans):
            if end == number:
                trackers.stop(place)
        shape = video.shape
        yield FrameResult(str(number), tuple((n, check_track(s, *shape)) for n, s in states))
        tools.ctx.report((done + 1) / len(order), f"frame {number}")


def _video(request: Track, tools: Tools) -> VideoAhead | BlankVideo:
    if request.kind != "boxes":
        return VideoAhead(tools.reader, request.path, request.kind)
    if not request.detections or request.detector:
        raise InvalidValue(
            "there are no pictures to look at", next_step="give a video, or a file of detections"
        )
    rows = np.array(request.detections, dtype=np.float64)
    return BlankVideo(int(rows[:, 0].max()) + 1, *(int(rows[:, i].max()) + 1 for i in (4, 3)))


def _is_lost(event: FrameResult | FrameFailed) -> bool:
    if isinstance(event, FrameFailed):
        return True
    states = event.result if isinstance(event.result, tuple) else ((0, event.result),)
    return all(getattr(state, "lost", False) for _, state in states)


def _next(results: Iterator[Any], info: ModelInfo) -> Any:
    """The next value or None; what the plugin raises names it."""
    with blaming(info):
        return next(results, None)


@contextlib.contextmanager
def blaming(info: ModelInfo) -> Iterator[None]:
    """What the plugin raises inside names it; what was wrong with the request stays as it is."""
    try:
        yield
    except (Cancelled, MediaError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise no_room(info) from error
        log.error("%s", info.id, exc_info=error)
        raise plugin_fault(info, error) from error


def _one(
    request: Track, loaded: Loaded, video: VideoAhead | BlankVideo, tools: Tools
) -> Iterator[FrameResult]:
    box = request.box
    if box is None:
        raise InvalidValue("tracking needs the object's box", next_step="draw it, or give --roi")
    video.follow(frame_order(video.frames, request.start, request.end, request.backwards))
    steps = follow(
        video,
        loaded.model,
        box,
        ctx=tools.ctx,
        start=request.start,
        end=request.end,
        backwards=request.backwards,
    )
    for tracked in steps:
        yield FrameResult(str(tracked.frame), check_track(tracked.state, *video.shape))


def _many(
    request: Track, loaded: Loaded, video: VideoAhead | BlankVideo, tools: Tools
) -> Iterator[FrameResult | FrameFailed]:
    """A tracker of many objects sees each frame with the detections that belong to it."""
    detect = detecting(request, tools) if request.detector else _given(request)
    order = frame_order(video.frames, request.start, request.end, request.backwards)
    video.follow(order)
    if hasattr(loaded.model, "begin"):
        loaded.model.begin(tools.ctx)
    for done, number in enumerate(order):
        try:
            picture = video.read(number)
        except MediaError as error:
            yield FrameFailed(str(number), one_line(error))
            continue
        with naming_frame(number):
            states = loaded.model.update(picture, detect(number, picture), tools.ctx)
        checked = tuple(
            (int(track_id), check_track(state, *video.shape)) for track_id, state in states
        )
        yield FrameResult(str(number), checked)
        tools.ctx.report((done + 1) / len(order), f"frame {number}")


def _given(request: Track) -> Callable[[int, Frame], Detections]:
    """The detections that came with the request, by frame."""
    rows = defaultdict(list)
    for frame, *row in request.detections:
        rows[frame].append(row)

    def detect(number: int, _picture: Frame) -> Detections:
        given = np.array(rows[number], dtype=np.float64).reshape(-1, 5)
        scores = np.clip(given[:, 4], 0, 1).astype(np.float32)
        return Detections(given[:, :4], scores, np.zeros(len(given), np.int64), ("object",))

    return detect


def detecting(request: Track | LiveTrack, tools: Tools) -> Callable[[int, Frame], Detections]:
    """What a detector sees in a frame."""
    info = tools.info(request.detector, ("detector",))

    def detect(_number: int, picture: Frame) -> Detections:
        model = tools.models.get(info, request.detector_params, request.detector_weights, tools.ctx)
        try:
            results = check_count(model.model.predict([picture], model.params, tools.ctx), 1)
        except (Cancelled, VisionStudioError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise no_room(info) from error
            log.error("%s", info.id, exc_info=error)
            raise plugin_fault(info, error) from error
        found = check_result(results[0], picture, info.output)
        if not isinstance(found, Detections):
            raise InvalidValue(f"'{info.id}' gives no boxes", next_step="choose a detector")
        return found

    return detect


def generate(request: Generate, tools: Tools) -> Steps:
    """New pictures, told one by one."""
    info = tools.info(request.model, ("generator",))
    if request.count < 1:
        raise InvalidValue(f"at least one picture can be made, got {request.count}")
    tools.ctx.report(0.0, "loading the model")
    loaded = tools.models.get(info, request.params, request.weights, tools.ctx)
    wanted = GenerateRequest(request.count, request.seed, request.label)
    pictures = _pictures(loaded, wanted, tools)
    made = 0
    while (picture := _next(pictures, info)) is not None:
        tools.emit(FrameResult(str(made), picture))
        made += 1
        tools.ctx.report(made / request.count, f"{made} of {request.count}")
        yield
    if made < request.count:
        raise plugin_fault(info, PluginError(f"made {made} pictures of {request.count}"))
    return {"results": made}


def examples(request: Examples, tools: Tools) -> Steps:
    """Training examples as a model's trainer makes them, told one by one."""
    from visionstudio.engine.training.data import PlanData
    from visionstudio.engine.training.plan import decode_plan

    plan = decode_plan(request.plan)
    info = tools.registry.model(plan.model)
    spec = find_spec(plan.manifest, plan.model, plan.plugin)
    trainer: Any = implementation(plan.factory)()
    if spec.train_params is None or not hasattr(trainer, "examples"):
        raise InvalidValue("this model does not show its training examples", where=plan.model)
    params: Any = build(spec.train_params, plan.params)
    pictures = iter(trainer.examples(PlanData(plan), params, tools.ctx))
    made = 0
    while made < request.count and (picture := _next(pictures, info)) is not None:
        tools.emit(FrameResult(str(made), GeneratedImage(picture, request.seed)))
        made += 1
        tools.ctx.report(made / request.count, f"{made} of {request.count}")
        yield
    return {"results": made}


def _pictures(loaded: Loaded, wanted: GenerateRequest, tools: Tools) -> Iterator[GeneratedImage]:
    for count, picture in enumerate(loaded.model.generate(wanted, loaded.params, tools.ctx)):
        if count == wanted.count:
            return
        if not isinstance(picture, GeneratedImage):
            raise PluginError(f"returned {type(picture).__name__} where GeneratedImage is expected")
        yield picture
