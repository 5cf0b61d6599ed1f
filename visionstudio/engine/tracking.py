"""Following one object through a video: the frame loop and ground truth.

`track` streams one `Tracked` per frame; `read_ground_truth` reads what OTB and VOT have.
What a track is worth against it is said by `engine.evaluation.sot`.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, Frame, TrackState
from visionstudio.api.tasks import SingleObjectTracker
from visionstudio.model.errors import FormatError, InvalidValue, MediaError

BoxTuple = tuple[float, float, float, float]

_SEPARATORS = re.compile(r"[,\s]+")


class FrameReader(Protocol):
    """Frames by number, as `visionstudio.media.open_video` gives them."""

    @property
    def frames(self) -> int: ...

    def read(self, n: int, /) -> Frame: ...


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where the object is in frame `frame` (0-based)."""

    frame: int
    state: TrackState


def parse_roi(text: str) -> BoxTuple:
    """x1, y1, x2, y2 of ``X,Y,W,H`` (0-based pixels, fractions allowed). Raises InvalidValue."""
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidValue(
            f"a region is X,Y,W,H, got '{text}'", next_step="for example --roi 205,151,17,50"
        ) from None
    if not all(math.isfinite(v) for v in (x, y, w, h)) or w <= 0 or h <= 0:
        raise InvalidValue(
            f"region '{text}' is empty or not finite", next_step="give a width and height above 0"
        )
    return x, y, x + w, y + h


def frame_order(
    frames: int, start: int | None = None, end: int | None = None, backwards: bool = False
) -> range:
    """The frames to visit. `start` holds the drawn box; `end` is the last one, included.

    Forwards the defaults are the first and the last frame, backwards the
    last and the first. Raises InvalidValue for frames that are not there.
    """
    last = frames - 1
    first = (last if backwards else 0) if start is None else start
    final = (0 if backwards else last) if end is None else end
    for name, value in (("start", first), ("end", final)):
        if not 0 <= value <= last:
            raise InvalidValue(f"{name} frame {value} is not in the video", where=f"0…{last}")
    if (final > first) if backwards else (final < first):
        way = "backwards" if backwards else "forwards"
        raise InvalidValue(f"tracking {way} cannot go from frame {first} to frame {final}")
    return range(first, final - 1, -1) if backwards else range(first, final + 1)


def track(
    reader: FrameReader,
    model: SingleObjectTracker,
    box: BoxTuple,
    *,
    ctx: Context,
    start: int | None = None,
    end: int | None = None,
    backwards: bool = False,
) -> Iterator[Tracked]:
    """Follow `box` (x1, y1, x2, y2 in frame `start`) with a loaded tracker, frame by frame.

    The first value is the box as drawn, with score 1. A frame that cannot be
    decoded counts as lost and tracking goes on behind it. Frame order is as
    `frame_order` says. Raises InvalidValue for an impossible box, MediaError
    when the first frame cannot be read, Cancelled when the user stops.
    """
    order = frame_order(reader.frames, start, end, backwards)
    for done, number in enumerate(order):
        with naming_frame(number):
            if done == 0:
                model.start(reader.read(number), box, ctx)
                state = TrackState(box, 1.0)
            else:
                state = _next(reader, model, number, ctx)
        yield Tracked(number, state)
        ctx.report((done + 1) / len(order), f"frame {number}")


@contextlib.contextmanager
def naming_frame(number: int) -> Iterator[None]:
    """What a tracker finds wrong with a frame or region names the frame."""
    try:
        yield
    except InvalidValue as error:
        if error.where or not error.next_step:  # not about the frame: the tracker's own fault
            raise
        where = f"frame {number}"
        raise InvalidValue(error.what, where=where, next_step=error.next_step) from None


def _next(reader: FrameReader, model: SingleObjectTracker, number: int, ctx: Context) -> TrackState:
    try:
        frame = reader.read(number)
    except MediaError:
        return TrackState(None, 0.0, lost=True)
    return model.update(frame, ctx)


def read_ground_truth(path: Path) -> NDArray[np.float64]:
    """(n, 4) boxes x1, y1, x2, y2, line i for frame i; NaN where the object is not there.

    A line has x, y, w, h or the x, y of four corners (their upright box),
    separated by commas, tabs or spaces. Raises FormatError with the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FormatError(
            f"the ground truth cannot be read: {error.strerror}",
            where=str(path),
            next_step="give a text file with a box per frame: x,y,w,h",
        ) from error
    except UnicodeDecodeError as error:
        raise FormatError(
            "the ground truth is no text",
            where=str(path),
            next_step="give a text file with a box per frame: x,y,w,h",
        ) from error
    lines = text.rstrip().splitlines()
    boxes = [_truth_line(line, f"{path}:{i}") for i, line in enumerate(lines, start=1)]
    if not boxes:
        raise FormatError("ground truth is empty", where=str(path))
    return np.array(boxes, dtype=np.float64)


def _truth_line(line: str, where: str) -> BoxTuple:
    try:
        values = [float(v) for v in _SEPARATORS.split(line.strip(", \t\r")) if v]
    except ValueError:
        raise FormatError("ground truth holds something that is no number", where=where) from None
    if len(values) == 4:
        x, y, w, h = values
        present = all(math.isfinite(v) for v in values) and w > 0 and h > 0
        return (x, y, x + w, y + h) if present else (math.nan,) * 4
    if len(values) == 8:
        if not all(math.isfinite(v) for v in values):
            return (math.nan,) * 4
        return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    raise FormatError(
        f"a ground truth line has 4 or 8 numbers, this one {len(values)}", where=where
    )
