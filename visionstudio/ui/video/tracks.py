"""What the timeline shows of a video's annotations: one row per track."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.interpolation import joined
from visionstudio.model.labels import LabelClass

_NO_CLASS_COLOUR = "#b0b0b0"


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `first` to `last`, both included, all proposed or none."""

    first: int
    last: int
    proposed: bool = False


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One row of the timeline.

    `track_id` is None for the annotations of a class that belong to no track.
    `keys` are frames that a person placed or that a format marks as key frames.
    """

    track_id: int | None
    name: str
    colour: str
    spans: tuple[Span, ...]
    keys: tuple[int, ...]

    @property
    def first(self) -> int:
        """The first frame of the row."""
        return self.spans[0].first if self.spans else 0


def track_rows(annotations: Iterable[Annotation], classes: Iterable[LabelClass]) -> list[TrackRow]:
    """Rows for the annotations of all frames of one video, by first frame.

    Rejected annotations do not count; frames in which an object is marked as
    outside the picture interrupt its span.
    """
    known = {c.id: c for c in classes}
    groups: dict[tuple[int, int], list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        if annotation.state is State.REJECTED:
            continue
        if annotation.track_id is not None:
            groups[1, annotation.track_id].append(annotation)
        else:
            groups[0, annotation.class_id].append(annotation)
    rows = [_row(group, tracked == 1, known) for (tracked, _), group in groups.items()]
    return sorted(rows, key=lambda r: (r.track_id is None, r.first, r.track_id or 0, r.name))


def _row(group: list[Annotation], tracked: bool, known: dict[int, LabelClass]) -> TrackRow:
    label = known.get(group[-1].class_id)
    name = label.name if label else "?"
    track_id = group[0].track_id if tracked else None
    keys = {
        a.frame
        for a in group
        if a.flags & Flags.KEYFRAME or (a.source == "manual" and a.state.is_label)
    }
    return TrackRow(
        track_id,
        f"{name} #{track_id}" if tracked else name,
        label.colour if label else _NO_CLASS_COLOUR,
        _spans(group),
        tuple(sorted(keys)),
    )


def _spans(group: list[Annotation]) -> tuple[Span, ...]:
    """Runs of frames in a row, split where proposals begin and end.

    Frames between two joined key frames belong to the run.
    """
    proposed: dict[int, bool] = {}
    bridged: dict[int, int] = {}  # frame → the frame before it that it is joined to
    for a in group:
        if not a.flags & Flags.OUTSIDE:
            proposed[a.frame] = proposed.get(a.frame, True) and a.state is State.PROPOSED
    if group[0].track_id is not None:
        rows = sorted(group, key=lambda a: (a.frame, a.id))
        for before, after in pairwise(rows):
            if joined(before, after):
                outside = bool(after.flags & Flags.OUTSIDE)
                bridged[after.frame - outside] = before.frame
                proposed.setdefault(after.frame - outside, False)
    spans: list[Span] = []
    for frame in sorted(proposed):
        last = spans[-1] if spans else None
        follows = last and (frame == last.last + 1 or bridged.get(frame) == last.last)
        if last and follows and last.proposed == proposed[frame]:
            spans[-1] = Span(last.first, frame, last.proposed)
        else:
            spans.append(Span(frame, frame, proposed[frame]))
    return tuple(spans)
