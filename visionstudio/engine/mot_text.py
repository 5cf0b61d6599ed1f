"""MOT text as trackers write and read it: rows of boxes by frame; all count from 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from visionstudio.api import TrackState
from visionstudio.model.errors import FormatError


@dataclass(frozen=True, slots=True)
class MotRow:
    """A box x1, y1, x2, y2 of a frame, both from 0; `id` is -1 for a detection."""

    frame: int
    id: int
    box: tuple[float, float, float, float]
    score: float


def read_mot_rows(path: Path, *, ids: bool = False) -> Iterator[MotRow]:
    """The rows of gt.txt, det.txt or a tracker's result, in the file's order.

    With `ids` every row must have one, and none twice in a frame. Raises FormatError
    with the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise FormatError(f"cannot be read: {reason}", where=str(path)) from None
    taken: set[tuple[int, int]] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(line, f"{path}:{number}")
        if ids and row.id < 0:
            raise FormatError(
                "the row has no track id", where=f"{path}:{number}", next_step="give tracks"
            )
        if ids and (row.frame, row.id) in taken:
            raise FormatError(
                f"track {row.id} is twice in frame {row.frame + 1}", where=f"{path}:{number}"
            )
        taken.add((row.frame, row.id))
        yield row


def _row(line: str, where: str) -> MotRow:
    try:
        values = [float(v) for v in line.replace(",", " ").split()[:7]]
        frame, track, left, top, width, height, score = values
        if not all(map(math.isfinite, values)) or frame < 1 or width <= 0 or height <= 0:
            raise ValueError(line)
    except ValueError:
        raise FormatError(
            "a row is frame,id,left,top,width,height,confidence",
            where=where,
            next_step="correct the line",
        ) from None
    x, y = left - 1, top - 1
    return MotRow(int(frame) - 1, int(track), (x, y, x + width, y + height), score)


def mot_text(states: Mapping[int, Sequence[tuple[int, TrackState]]]) -> str:
    """Lines of the objects in each frame; lost ones are left out, -1 is what pictures lack."""
    lines = []
    for frame in sorted(states):
        for track_id, state in states[frame]:
            if state.lost or state.box is None:
                continue
            x1, y1, x2, y2 = state.box
            box = ",".join(f"{v:.10g}" for v in (x1 + 1, y1 + 1, x2 - x1, y2 - y1))
            lines.append(f"{frame + 1},{track_id},{box},{state.score:.6g},-1,-1,-1\n")
    return "".join(lines)
