"""Messages between window and host: nothing is lost on the way, nonsense is refused."""

from __future__ import annotations

import io
import struct
from typing import Any

import msgspec
import numpy as np
import pytest

from visionstudio.api.results import (
    Classification,
    Detections,
    GeneratedImage,
    Masks,
    SemanticMap,
    TrackState,
)
from visionstudio.engine import wire
from visionstudio.engine.events import (
    Event,
    Failed,
    Finished,
    FrameFailed,
    FrameResult,
    Preview,
    Progress,
    Queued,
    Stopped,
)
from visionstudio.engine.requests import (
    Devices,
    EditImage,
    FrameRef,
    Generate,
    Predict,
    Prompted,
    Track,
    Unload,
)
from visionstudio.engine.sharing import PackedArray, Sender, unpack
from visionstudio.model.errors import DeviceError, InvalidValue, PluginError

RNG = np.random.default_rng(0)
RESULTS = [
    Classification(("a", "b"), np.array([0.25, 0.75], np.float32)),
    Detections(np.array([[1, 2, 3, 4.5]]), np.ones(1, np.float32), np.zeros(1, np.int64), ("x",)),
    Detections(np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0, np.int64), ()),
    Masks(RNG.random((3, 200, 300)) > 0.5, np.ones(3, np.float32), np.arange(3), ("a", "b", "c")),
    SemanticMap(RNG.integers(0, 3, (400, 300), dtype=np.uint8), ("a", "b", "c"), 0),
    SemanticMap(
        RNG.integers(0, 3, (4, 3), dtype=np.uint16), ("a", "b", "c"), None, np.ones((4, 3))
    ),
    TrackState((1.0, 2.0, 3.0, 4.0), 0.5),
    TrackState(None, 0.0, lost=True),
    GeneratedImage(RNG.integers(0, 255, (300, 200, 3), dtype=np.uint8), 7, "a", {"steps": 3}),
    ((1, TrackState((1.0, 2.0, 3.0, 4.0), 0.5)), (2, TrackState(None, 0.0, lost=True))),
]
EVENTS: list[Event] = [
    Queued(),
    Progress(0.5, "half", {"loss": 0.25}, 3),
    FrameFailed("7", "cannot be read"),
    Preview("batch", "preview.png"),
    Finished(1.5, "cpu", {"results": 3, "devices": [{"id": "cpu", "memory": 7}]}),
    Failed("what", "where", "next", "DeviceError"),
    Stopped(),
]


def same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if type(first) is not type(second):
        return False
    if hasattr(first, "__dataclass_fields__"):
        return all(same(getattr(first, n), getattr(second, n)) for n in first.__dataclass_fields__)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


@pytest.fixture
def sender() -> Any:
    sender = Sender()
    yield sender
    sender.close()


@pytest.mark.parametrize("event", [*EVENTS, *(FrameResult("k", r) for r in RESULTS)])
def test_every_event_arrives_as_it_was(event: Event, sender: Sender) -> None:
    job, arrived, segments = wire.decode_event(wire.encode_event("job-1", event, sender))
    assert job == "job-1"
    assert same(arrived, event)
    for name in segments:
        sender.released(name)


def test_segments_are_used_again(sender: Sender) -> None:
    big = np.arange(100_000)
    names = []
    for _ in range(3):
        packed = sender.pack(big)
        assert np.array_equal(unpack(packed), big)
        names.append(packed.segment)
        sender.released(packed.segment)
    assert names == [names[0]] * 3
    assert names[0]


@pytest.mark.parametrize(
    "packed",
    [
        PackedArray("float64", (3,), b"1234"),
        PackedArray("object", (1,), bytes(8)),
        PackedArray("uint8", (-1,), b""),
        PackedArray("uint8", (10**9,), segment="does-not-exist"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(packed: PackedArray) -> None:
    with pytest.raises(InvalidValue):
        unpack(packed)


def test_a_segment_that_is_too_small_is_refused(sender: Sender) -> None:
    packed = sender.pack(np.zeros(100_000))
    wrong = msgspec.structs.replace(packed, shape=(10**7,))
    with pytest.raises(InvalidValue, match="cannot hold"):
        unpack(wrong)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"job": "1", "event": {"kind": "Popen", "fields": {}}},
        {"job": "1", "event": {"kind": "Progress", "fields": {"nonsense": 1}}},
        {"job": "1", "event": 7},
        {"job": "1", "event": {"kind": "TrackState", "fields": {"box": [1, 2, 3, 4], "score": 1}}},
        {
            "job": "1",
            "event": {
                "kind": "FrameResult",
                "fields": {
                    "key": "k",
                    "result": {
                        "kind": "Detections",
                        "fields": {"boxes": [[5, 5, 1, 1]], "scores": [1]},
                    },
                },
            },
        },
    ],
)
def test_nonsense_from_a_host_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="vision host sent"):
        wire.decode_event(msgspec.msgpack.encode(told))


def test_every_request_arrives_as_it_was() -> None:
    frame = FrameRef("k", "/a/b.png", "image", 0)
    requests = [
        Predict(model="detector/a", frames=(frame,), params={"t": 0.5, "n": None}, device="mps"),
        Prompted(model="segmenter/a", frame=frame, points=((1.0, 2.0),), labels=(1,)),
        Track(model="tracker/a", path="/v.mp4", box=(1, 2, 3, 4), detections=((0, 1, 2, 3, 4, 1),)),
        Generate(model="generator/a", count=3, seed=5, label="7"),
        Devices(),
        Unload(model="detector/a"),
    ]
    for request in requests:
        message = wire.Submit("job-1", request)
        assert wire.decode_message(wire.encode_message(message)) == message
    mask = RNG.random((40, 50)) > 0.5
    edit = EditImage(model="generator/a", frame=frame, mask=mask)
    arrived = wire.decode_message(wire.encode_message(wire.Submit("job-1", edit)))
    assert isinstance(arrived, wire.Submit)
    assert isinstance(arrived.request, EditImage)
    assert np.array_equal(arrived.request.mask, mask)


def test_frames_on_a_stream() -> None:
    stream = io.BytesIO()
    wire.write_frame(stream, b"one")
    wire.write_frame(stream, b"")
    whole = stream.getvalue()
    reader = io.BytesIO(whole)
    assert [wire.read_frame(reader) for _ in range(3)] == [b"one", b"", None]
    assert wire.read_frame(io.BytesIO(whole[:5])) is None
    with pytest.raises(PluginError, match="too long"):
        wire.read_frame(io.BytesIO(struct.pack("<I", wire.MAX_MESSAGE + 1)))


def test_a_failure_is_an_exception_of_its_class() -> None:
    error = Failed("there is no device 'cuda:7'", "devices here: cpu", "choose one", "DeviceError")
    assert isinstance(error.error(), DeviceError)
    assert Failed.of(error.error()) == error
    assert type(Failed("x", kind="SystemExit").error()) is PluginError
