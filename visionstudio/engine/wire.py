"""Messages between the window and a host: length-prefixed msgpack over pipes, no pickle."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec
import numpy as np

from visionstudio.api import results
from visionstudio.engine import events, sharing
from visionstudio.engine.requests import AnyRequest
from visionstudio.model.errors import InvalidValue, PluginError

MAX_MESSAGE = 64 * 2**20
_LENGTH = struct.Struct("<I")


class Hello(msgspec.Struct, frozen=True, tag=True):
    """First message to a host: the import path of its parent."""

    path: list[str]


class Submit(msgspec.Struct, frozen=True, tag=True):
    job: str
    request: AnyRequest


class Cancel(msgspec.Struct, frozen=True, tag=True):
    job: str


class Released(msgspec.Struct, frozen=True, tag=True):
    """Segments whose arrays have been copied out."""

    segments: tuple[str, ...]


Message = Hello | Submit | Cancel | Released


class Told(msgspec.Struct, frozen=True):
    """An event of a job on its way to the window."""

    job: str
    event: Any


def write_frame(stream: BinaryIO, data: bytes) -> None:
    """Write one message. OSError when the other side is gone."""
    if len(data) > MAX_MESSAGE:
        raise PluginError(f"a message of {len(data)} bytes is too long")
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message, None when the other side is gone. PluginError for nonsense."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_MESSAGE:
        raise PluginError(f"a message of {length} bytes is too long")
    data = stream.read(length)
    return data if len(data) == length else None


def _pack_inline(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return sharing.PackedArray(value.dtype.name, value.shape, value.tobytes())
    raise NotImplementedError(f"{type(value).__name__} cannot be sent")


def _unpack_inline(_kind: type, value: Any) -> Any:
    return sharing.unpack(msgspec.convert(value, sharing.PackedArray))


def encode_message(message: Message) -> bytes:
    """A message to the host; masks travel inside it."""
    return msgspec.msgpack.encode(message, enc_hook=_pack_inline)


def decode_message(data: bytes) -> Message:
    """Checked against the types of `Message`. Raises msgspec.ValidationError."""
    message: Message = msgspec.msgpack.decode(data, type=Message, dec_hook=_unpack_inline)
    return message


_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        events.Queued,
        events.Progress,
        events.FrameResult,
        events.FrameFailed,
        events.Preview,
        events.Finished,
        events.Failed,
        events.Stopped,
        results.Classification,
        results.Detections,
        results.Masks,
        results.SemanticMap,
        results.TrackState,
        results.GeneratedImage,
    )
}


def encode_event(job: str, event: events.Event, sender: sharing.Sender) -> bytes:
    """An event for the window; large arrays go through `sender`."""
    return msgspec.msgpack.encode(Told(job, _pack(event, sender)), enc_hook=_plain)


def _plain(value: Any) -> Any:
    """Numbers of numpy that plugins leave in details and figures."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _pack(value: Any, sender: sharing.Sender) -> Any:
    if isinstance(value, np.ndarray):
        return {"array": sender.pack(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _pack(getattr(value, f.name), sender) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, "fields": fields}
    if isinstance(value, tuple):
        return [_pack(item, sender) for item in value]
    if isinstance(value, Mapping):
        return {"map": dict(value)}
    return value


def decode_event(data: bytes) -> tuple[str, events.Event, tuple[str, ...]]:
    """Job, event, and the segments to release. PluginError when it is not a valid event."""
    segments: list[str] = []
    try:
        told = msgspec.msgpack.decode(data, type=Told)
        event = _unpack(told.event, segments)
    except (msgspec.MsgspecError, InvalidValue, TypeError, KeyError, ValueError) as error:
        raise PluginError(f"the vision host sent nonsense: {error}") from error
    if not isinstance(event, events.Event):
        raise PluginError(f"the vision host sent {type(event).__name__}, not an event")
    return told.job, event, tuple(segments)


def _unpack(value: Any, segments: list[str]) -> Any:
    if isinstance(value, list):
        return tuple(_unpack(item, segments) for item in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        packed = msgspec.convert(value["array"], sharing.PackedArray)
        if packed.segment:
            segments.append(packed.segment)
        return sharing.unpack(packed)
    if "map" in value:
        return value["map"]
    fields = {k: _unpack(v, segments) for k, v in value["fields"].items()}
    return _KINDS[value["kind"]](**fields)
