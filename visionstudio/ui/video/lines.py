"""The lines of a timeline: classes, and below each its tracks unless they are folded away."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from visionstudio.model.labels import LabelClass
from visionstudio.model.track_columns import Lanes, TrackColumns
from visionstudio.ui.i18n import tr

_NO_CLASS = LabelClass(id=0, name="?", colour="#b0b0b0")
HEADER = -1


class Lines:
    """What stands in which line. `lane` int64 (lines,): the lane, or HEADER of its `group`.

    `group` int64 (lines,) is the class id. A video with one track needs no headers.
    """

    def __init__(self, lanes: Lanes, classes: Iterable[LabelClass], folded: frozenset[int]) -> None:
        self.lanes = lanes
        self.folded = folded
        self._classes = {c.id: c for c in classes}
        place = {c.id: n for n, c in enumerate(self._classes.values())}
        groups = np.array([place.get(int(c), len(place)) for c in lanes.label], np.int64)
        loose = lanes.track < 0
        order = np.lexsort((lanes.track, lanes.first, loose, lanes.label, groups))
        members: dict[int, list[int]] = {}
        for n in order.tolist():
            members.setdefault(int(lanes.label[n]), []).append(n)
        self.members = {c: np.array(inside, np.int64) for c, inside in members.items()}
        lane: list[int] = []
        group: list[int] = []
        for class_id, inside in members.items():
            if len(lanes) > 1:
                lane.append(HEADER)
                group.append(class_id)
            if class_id not in folded:
                lane += inside
                group += [class_id] * len(inside)
        self.lane = np.array(lane, np.int64)
        self.group = np.array(group, np.int64)

    def __len__(self) -> int:
        return len(self.lane)

    def with_folded(self, folded: frozenset[int]) -> Lines:
        """The same tracks with these classes folded away."""
        return Lines(self.lanes, self._classes.values(), folded)

    def label(self, line: int) -> LabelClass:
        """The class of a line."""
        return self._classes.get(int(self.group[line]), _NO_CLASS)

    def name(self, line: int) -> str:
        """What the line is called."""
        label, lane = self.label(line), int(self.lane[line])
        if lane == HEADER:
            return f"{label.name} · {len(self.members[int(self.group[line])])}"
        track = int(self.lanes.track[lane])
        return label.name if track < 0 else f"{label.name} #{track}"

    def track(self, line: int) -> int | None:
        """The id of the line's track; None for headers and annotations of no track."""
        lane = int(self.lane[line])
        if lane == HEADER or self.lanes.track[lane] < 0:
            return None
        return int(self.lanes.track[lane])

    def line_of(self, track: int) -> int | None:
        """Where a track stands; None where it is folded away or not there."""
        lane = self.lanes.lane_of(track)
        if lane is None:
            return None
        found = np.flatnonzero(self.lane == lane)
        return int(found[0]) if len(found) else None

    def about(self, line: int) -> str:
        """A line in words."""
        lane = int(self.lane[line])
        if lane == HEADER:
            return tr("{name}: click to fold or unfold", name=self.name(line))
        lanes = self.lanes
        text = tr(
            "{name}: frames {first} to {last}, key frames: {keys}",
            name=self.name(line),
            first=int(lanes.first[lane]),
            last=int(lanes.last[lane]),
            keys=int(lanes.keys[lane]),
        )
        score = lanes.mean_score(lane)
        return (
            text if score is None else text + tr(", mean confidence {score}", score=f"{score:.2f}")
        )


def no_lines() -> Lines:
    """Of a video without annotations."""
    return Lines(Lanes(TrackColumns.of(())), (), frozenset())
