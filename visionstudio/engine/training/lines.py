"""Events of a run as lines of JSON: in events.jsonl and between child and window."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import msgspec

from visionstudio.engine import events

_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        events.Queued,
        events.Progress,
        events.Preview,
        events.Finished,
        events.Failed,
        events.Stopped,
    )
}


def encode_line(event: events.Event) -> bytes:
    """One line with the event's name, the time in seconds since 1970, and its fields."""
    fields = {f.name: _plain(getattr(event, f.name)) for f in dataclasses.fields(event)}
    line = {"event": type(event).__name__, "time": round(time.time(), 3), **fields}
    return msgspec.json.encode(line, enc_hook=str) + b"\n"


def _plain(value: Any) -> Any:
    """JSON has no NaN: such figures become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def decode_line(line: bytes) -> events.Event | None:
    """The event of a line, None for anything else that ended up there."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        kind = _KINDS[fields.pop("event")]
        fields.pop("time", None)
        return kind(**fields)  # type: ignore[no-any-return]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return None
