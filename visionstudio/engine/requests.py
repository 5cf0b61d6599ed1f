"""What a host can be asked to do. Frozen, plain values that travel as msgpack."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from visionstudio.api.params import Value

Params = dict[str, Value]
BoxRow = tuple[int, float, float, float, float, float]
LiveBox = tuple[int, float, float, float, float]
SpanRow = tuple[int, int, float, float, float, float]


class FrameRef(msgspec.Struct, frozen=True):
    """A picture or one frame of a video; the host decodes it.

    `key` comes back with the result and means something to the caller only.
    `path` is absolute; `kind` is 'image', 'video' or 'frames'; `frame` counts from 0.
    """

    key: str
    path: str
    kind: str = "image"
    frame: int = 0


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What all requests share.

    `device` is 'auto' (CUDA before MPS before CPU), 'cpu', 'cuda:0', 'mps'…; one that
    is not there is a DeviceError, never silently another. `interactive` requests go
    before batches.
    """

    device: str = "auto"
    interactive: bool = False


class Predict(Request, frozen=True, kw_only=True):
    """Results of a classifier, detector or segmenter: one FrameResult or FrameFailed a frame.

    `weights` is the path of a weights file, None for the model's own default.
    `params` are loose values by name; defaults fill in what is not given.
    """

    model: str
    frames: tuple[FrameRef, ...]
    weights: str | None = None
    params: Params = msgspec.field(default_factory=dict)


class Prompted(Request, frozen=True, kw_only=True):
    """Masks of a prompt segmenter for points (x, y) with labels (1 object, 0 not) and/or a box.

    Without any, the model is only given the picture to prepare for, and there is no result.
    """

    model: str
    frame: FrameRef
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    weights: str | None = None
    params: Params = msgspec.field(default_factory=dict)


class Track(Request, frozen=True, kw_only=True):
    """Follow objects through a video or folder of frames: one FrameResult a frame.

    Frames run from `start` to `end`, both included, or down to it when `backwards`;
    None means the video's first and last frame, swapped when backwards. A tracker of one object
    gets `box` x1, y1, x2, y2 in frame `start`; its results are TrackStates. Or it follows
    several in one pass, each with a tracker of its own: `spans`, rows (first frame, last
    frame or -1, x1, y1, x2, y2); its results are tuples of (place in `spans`, TrackState), and
    an object that cannot be started is a FrameFailed. A tracker
    of many gets what `detector` sees in each frame or, without one, `detections`, rows
    (frame, x1, y1, x2, y2, score); its results are tuples of (track id, TrackState). The
    key of a result is the frame number as text. `kind` 'boxes' means that there are no
    pictures: frames are blank and as large as the detections need.
    """

    model: str
    path: str
    kind: str = "video"
    start: int | None = None
    end: int | None = None
    backwards: bool = False
    box: tuple[float, float, float, float] | None = None
    spans: tuple[SpanRow, ...] = ()
    detections: tuple[BoxRow, ...] = ()
    detector: str = ""
    detector_weights: str | None = None
    detector_params: Params = msgspec.field(default_factory=dict)
    weights: str | None = None
    params: Params = msgspec.field(default_factory=dict)


class LiveTrack(Request, frozen=True, kw_only=True):
    """The next frame of a live source for a tracker; one FrameResult with the key of the frame.

    Requests of one `stream` are shown to the same trackers: of one object each, for which
    `boxes`, rows (id, x1, y1, x2, y2), are begun in this frame and those of `forget` are
    ended first; or one of many objects, which gets what `detector` sees. The result is a tuple
    of (id, TrackState). Without a `frame` the stream ends and there is no result.
    """

    model: str
    stream: str
    frame: FrameRef | None = None
    boxes: tuple[LiveBox, ...] = ()
    forget: tuple[int, ...] = ()
    detector: str = ""
    detector_weights: str | None = None
    detector_params: Params = msgspec.field(default_factory=dict)
    weights: str | None = None
    params: Params = msgspec.field(default_factory=dict)


class Generate(Request, frozen=True, kw_only=True):
    """`count` GeneratedImages, keys '0', '1', …; `label` asks for one class."""

    model: str
    count: int
    seed: int = 0
    label: str | None = None
    weights: str | None = None
    params: Params = msgspec.field(default_factory=dict)


class EditImage(Request, frozen=True, kw_only=True):
    """One picture changed where `mask` (H, W) bool is set: one GeneratedImage, key of the frame."""

    model: str
    frame: FrameRef
    mask: np.ndarray[Any, Any]
    weights: str | None = None
    params: Params = msgspec.field(default_factory=dict)


class Examples(Request, frozen=True, kw_only=True):
    """`count` GeneratedImages that show training examples as a model would see them.

    `plan` is an encoded `engine.training.TrainPlan` whose training pictures are shown, as its
    parameters vary them; another `seed` gives other examples.
    """

    plan: bytes
    count: int
    seed: int = 0


class Devices(Request, frozen=True, kw_only=True):
    """Which devices there are; Finished.summary['devices'] lists id, name and memory in bytes."""


class Unload(Request, frozen=True, kw_only=True):
    """Forget a loaded model, or all of them, and give their memory back."""

    model: str | None = None


AnyRequest = (
    Predict | Prompted | Track | LiveTrack | Generate | EditImage | Examples | Devices | Unload
)
