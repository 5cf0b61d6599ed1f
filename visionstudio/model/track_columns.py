"""The annotations of a video as columns: what a timeline of a thousand tracks is drawn from.

No shapes are kept, so that a million rows take 40 MB and are looked through by numpy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STRIDE = 1 << 32
"""From one track to the next in `Lanes.place`; no video has as many frames."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackColumns:
    """One entry per annotation that is not rejected, by track, frame and id.

    `track` int64 (n,) is the track's id; annotations of no track have minus the id of
    their class. `frame`, `label` (class id) and `id` int64; `flags` int16 as in `Flags`;
    `score` float32, NaN for none; `proposed` and `manual` (drawn by a person) bool.
    """

    track: Ints
    frame: Ints
    label: Ints
    id: Ints
    flags: NDArray[np.int16]
    score: NDArray[np.float32]
    proposed: Bools
    manual: Bools

    @classmethod
    def of(cls, annotations: Iterable[Annotation]) -> TrackColumns:
        """The columns of annotations in any order."""
        rows = [a for a in annotations if a.state is not State.REJECTED]
        score = [np.nan if a.score is None else a.score for a in rows]
        return cls(
            np.array([track_key(a) for a in rows], np.int64),
            np.array([a.frame for a in rows], np.int64),
            np.array([a.class_id for a in rows], np.int64),
            np.array([a.id for a in rows], np.int64),
            np.array([int(a.flags) for a in rows], np.int16),
            np.array(score, np.float32),
            np.array([a.state is State.PROPOSED for a in rows], np.bool_),
            np.array([a.source == "manual" for a in rows], np.bool_),
        ).ordered()

    def __len__(self) -> int:
        return len(self.id)

    def ordered(self) -> TrackColumns:
        """The same by track, frame and id."""
        return self.taken(np.lexsort((self.id, self.frame, self.track)))

    def taken(self, chosen: Ints | Bools) -> TrackColumns:
        """Some of the entries."""
        return TrackColumns(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def changed(self, changes: Iterable[Change]) -> TrackColumns:
        """After changes of annotations. Making the same ones again alters nothing."""
        gone: set[int] = set()
        left: dict[int, Annotation] = {}
        for change in changes:
            if not isinstance(change.row, Annotation):
                continue
            gone.add(change.row.id)
            left.pop(change.row.id, None)
            if isinstance(change.after, Annotation):
                left[change.row.id] = change.after
        if not gone:
            return self
        kept = self.taken(~np.isin(self.id, np.fromiter(gone, np.int64, len(gone))))
        new = TrackColumns.of(left.values())
        if not len(new):
            return kept
        both = TrackColumns(
            *(np.concatenate([getattr(kept, f.name), getattr(new, f.name)]) for f in fields(self))
        )
        return both.ordered()


def track_key(annotation: Annotation) -> int:
    """What an annotation's row in the timeline goes by: its track, or minus its class."""
    if annotation.track_id is None:
        return -annotation.class_id
    return annotation.track_id


class Lanes:
    """Tracks as lanes of a timeline, with the sums that answer any zoom at once.

    Per lane, in the order of the columns: `track`, `label` (class id), `first`, `last`,
    `keys` (how many) and `start` int64 (lanes + 1,), where its entries begin. Per entry:
    `place` is lane · STRIDE + frame, rising; `key` says whether it is shown as a key frame.
    """

    def __init__(self, columns: TrackColumns) -> None:
        self.columns = columns
        count = len(columns)
        new = np.ones(count, np.bool_)
        new[1:] = columns.track[1:] != columns.track[:-1]
        begins = np.flatnonzero(new)
        self.start: Ints = np.append(begins, count)
        self.track: Ints = columns.track[begins]
        ends = self.start[1:] - 1
        self.label: Ints = columns.label[ends]
        self.first: Ints = columns.frame[begins]
        self.last: Ints = columns.frame[ends]
        lane = np.cumsum(new) - 1
        self.place: Ints = lane * STRIDE + columns.frame
        outside = (columns.flags & Flags.OUTSIDE) != 0
        label = ~columns.proposed
        marked = (columns.flags & Flags.KEYFRAME) != 0
        self.outside: Bools = outside
        self.key: Bools = marked | (columns.manual & label)
        self.joined: Bools = np.zeros(count, np.bool_)
        is_key = marked & label & (columns.track > 0)
        self.joined[:-1] = is_key[:-1] & is_key[1:] & ~new[1:] & ~outside[:-1]
        scored = ~np.isnan(columns.score)
        self.sums: dict[str, NDArray[Any]] = {
            "label": _sum(label & ~outside),
            "proposed": _sum(columns.proposed & ~outside),
            "outside": _sum(outside),
            "occluded": _sum((columns.flags & Flags.OCCLUDED) != 0),
            "key": _sum(self.key),
            "scored": _sum(scored),
            "score": _sum(np.where(scored, columns.score, 0).astype(np.float64)),
        }
        self.keys: Ints = self.sums["key"][self.start[1:]] - self.sums["key"][self.start[:-1]]
        self._lane_of = {int(track): n for n, track in enumerate(self.track)}

    def __len__(self) -> int:
        return len(self.track)

    def lane_of(self, track: int) -> int | None:
        """Which lane a track has."""
        return self._lane_of.get(track)

    def mean_score(self, lane: int) -> float | None:
        """The mean score of a lane's entries; None where none has one."""
        a, b = self.start[lane], self.start[lane + 1]
        scored = self.sums["scored"][b] - self.sums["scored"][a]
        return float((self.sums["score"][b] - self.sums["score"][a]) / scored) if scored else None

    def key_near(self, lane: int, first: int, last: int) -> int | None:
        """The key frame of a lane in frames `first` to `last` that lies nearest their middle."""
        a, b = np.searchsorted(self.place, (lane * STRIDE + first, lane * STRIDE + last + 1))
        frames = self.columns.frame[a:b][self.key[a:b]]
        if not len(frames):
            return None
        return int(frames[np.abs(frames - (first + last) / 2).argmin()])

    def keys_around(self, lane: int, frame: int) -> tuple[int, int]:
        """The frames between which a key frame may be moved: next to those beside it."""
        a, b = self.start[lane], self.start[lane + 1]
        keys = self.columns.frame[a:b][self.key[a:b]]
        before, after = keys[keys < frame], keys[keys > frame]
        low = int(before[-1]) + 1 if len(before) else 0
        return low, int(after[0]) - 1 if len(after) else STRIDE - 1


def _sum(values: NDArray[Any]) -> NDArray[Any]:
    kind = np.float64 if values.dtype == np.float64 else np.int64
    total: NDArray[Any] = np.zeros(len(values) + 1, kind)
    np.cumsum(values, out=total[1:])
    return total
