"""Trackers on a live source: between two frames their state stays in the lane."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from visionstudio.api.results import Detections, TrackState
from visionstudio.api.tasks import Frame
from visionstudio.engine.checking import check_track
from visionstudio.engine.events import FrameResult
from visionstudio.engine.loaded import Loaded
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.requests import LiveTrack
from visionstudio.engine.several import Several
from visionstudio.engine.streams import blaming, detecting
from visionstudio.engine.work import Steps, Tools
from visionstudio.model.errors import InvalidValue

MOST_STREAMS = 4  # of one lane; a window that was left has forgotten to end its own

States = list[tuple[int, TrackState]]


class Streams:
    """The live streams of a lane by name. Used from its thread only."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Stream] = OrderedDict()

    def get(self, request: LiveTrack, info: ModelInfo, tools: Tools) -> _Stream:
        """The stream of a request, begun if it is new."""
        if request.stream not in self._open:
            while len(self._open) >= MOST_STREAMS:
                self._open.popitem(last=False)[1].close()
            self._open[request.stream] = _Stream(request, info, tools)
        self._open.move_to_end(request.stream)
        stream = self._open[request.stream]
        stream.tools = tools
        return stream

    def end(self, name: str) -> None:
        """Give back what a stream holds; one that is not there is no error."""
        stream = self._open.pop(name, None)
        if stream is not None:
            stream.close()


class _Stream:
    def __init__(self, request: LiveTrack, info: ModelInfo, tools: Tools) -> None:
        self.tools = tools  # of the request that is being answered
        self._info, self._params, self._weights = info, request.params, request.weights
        self.several = Several(self._take, self._give_back)
        self.many: Loaded | None = None
        if info.output == "tracks":
            self.many = self._take()
            if hasattr(self.many.model, "begin"):
                self.many.model.begin(tools.ctx)
        else:
            self.several.prepare()

    def _take(self) -> Loaded:
        tools = self.tools
        return tools.models.take(self._info, self._params, self._weights, tools.ctx)

    def _give_back(self, loaded: Loaded) -> None:
        self.tools.models.put_back(loaded, self._params, self._weights)

    def close(self) -> None:
        self.several.close()
        if self.many is not None:
            if hasattr(self.many.model, "begin"):
                self._give_back(self.many)
            else:
                self.many.model.unload()  # it cannot forget its objects otherwise
            self.many = None


def track_live(request: LiveTrack, tools: Tools, streams: Streams) -> Steps:
    """Show a stream's trackers one frame and tell where their objects are."""
    info = tools.info(request.model, ("tracker",))
    if request.frame is None:
        streams.end(request.stream)
        return {"results": 0}
    frame = tools.reader.read(request.frame)
    detect: Callable[[int, Frame], Detections] | None = None
    if info.output == "tracks":
        if not request.detector:
            raise InvalidValue(
                "tracking all objects needs a detector", next_step="choose one in the Model panel"
            )
        detect = detecting(request, tools)
    try:
        states, problem = _step(request, info, tools, streams, frame, detect)
    except BaseException:
        streams.end(request.stream)  # what it remembers cannot be relied on
        raise
    height, width = frame.shape[:2]
    checked = tuple((int(n), check_track(s, height, width)) for n, s in states)
    tools.emit(FrameResult(request.frame.key, checked))
    yield
    if problem is not None:
        raise problem
    return {"results": 1}


def _step(
    request: LiveTrack,
    info: ModelInfo,
    tools: Tools,
    streams: Streams,
    frame: Frame,
    detect: Callable[[int, Frame], Detections] | None,
) -> tuple[States, InvalidValue | None]:
    """The states, and why an object could not be begun: the others go on."""
    problem: InvalidValue | None = None
    with blaming(info):
        stream = streams.get(request, info, tools)
        if stream.many is not None and detect is not None:
            return list(stream.many.model.update(frame, detect(0, frame), tools.ctx)), None
        for number in request.forget:
            stream.several.stop(number)
        states = stream.several.update(frame, tools.ctx)
        for number, *box in request.boxes:
            try:
                states.append(stream.several.start(number, frame, box, tools.ctx))
            except InvalidValue as error:
                problem = error
        return states, problem
