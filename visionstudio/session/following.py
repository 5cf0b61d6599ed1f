"""What trackers of one object say of several, collected while they work and stored as proposals.

Between two key frames an object is followed from both ends. Where the two runs agree their boxes
are blended, the nearer end counting more; where they do not, the nearer end's is taken and the
confidence says that they differ (after the forward-backward error of Kalal et al., 2010).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from visionstudio.api import TrackState
from visionstudio.engine.requests import SpanRow
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.geometry import box_iou
from visionstudio.model.interpolation import is_key
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.session import track_editing
from visionstudio.session.models import ModelChoice
from visionstudio.session.runs import record_run
from visionstudio.storage import ProjectStore

AGREE = 0.5  # IoU from which the two runs mean one place

States = Mapping[int, TrackState]


@dataclass(slots=True)
class Followed:
    """One object: where it begins, up to which frame (None: the video's end), as which track.

    `origin` is the annotation that it goes on from; `key` the annotation of its next key frame,
    up to which it is followed from both ends.
    """

    box: Box
    class_id: int
    start: int
    end: int | None = None
    origin: Annotation | None = None
    key: Annotation | None = None
    forwards: dict[int, TrackState] = field(default_factory=dict)
    backwards: dict[int, TrackState] = field(default_factory=dict)  # from `key`

    def states(self) -> dict[int, TrackState]:
        """By frame, of both runs."""
        if self.key is None:
            return self.forwards
        return blended(self.forwards, self.backwards, self.start, self.key.frame)


@dataclass(slots=True)
class Following:
    """One run of a tracker over several objects of a video: all of them have a next key frame, and
    are followed from both ends, or none has."""

    choice: ModelChoice
    item: MediaItem
    objects: Sequence[Followed]
    backwards: bool = False
    returning: bool = False  # on the way back from the key frames
    refused: list[str] = field(default_factory=list)  # why objects could not be begun

    def spans(self) -> tuple[SpanRow, ...]:
        """What is asked of the tracker on the way it goes now."""
        if not self.returning:
            return tuple(
                (o.start, -1 if o.end is None else o.end, *o.box.bounds()) for o in self.objects
            )
        return tuple(
            (o.key.frame, o.start + 1, *o.key.shape.bounds())
            for o in self.objects
            if o.key is not None
        )

    @property
    def both_ways(self) -> bool:
        """Whether there is a way back."""
        return all(o.key is not None for o in self.objects)

    def add(self, frame: int, states: tuple[tuple[int, TrackState], ...]) -> None:
        """What the tracker says of a frame, by place in `spans`."""
        for place, state in states:
            one = self.objects[place]
            if not self.returning:
                one.forwards[frame] = state
            elif one.key is not None and frame != one.key.frame:
                one.backwards[frame] = state

    def counts(self) -> tuple[int, int]:
        """Frames with an object, and those in which it is lost, of all objects."""
        states = [s for o in self.objects for s in o.states().values()]
        lost = sum(s.lost for s in states)
        return len(states) - lost, lost

    def edit(self, store: ProjectStore) -> Edit | None:
        """The tracks as one edit; None when nothing was found."""
        choice = self.choice
        seen = [
            {f: s for f, s in o.states().items() if not s.lost and s.box is not None}
            for o in self.objects
        ]
        if not any(seen):
            return None
        frames = sum(len(o.states()) for o in self.objects)
        inputs = {"media": self.item.id, "start": self.objects[0].start, "frames": frames}
        run = record_run(store, "track", choice.model, choice.weights, choice.params, inputs)
        found = Annotation(
            id=0,
            media_id=self.item.id,
            class_id=0,
            shape=Box(0, 0, 1, 1),
            state=State.PROPOSED,
            source=f"model:{choice.model.id}",
            run_id=run.id,
        )
        changes = [
            change
            for one, states in zip(self.objects, seen, strict=True)
            if states
            for change in _changes(store, one, states, found)
        ]
        return Edit(f"Track with {choice.model.title}", tuple(changes))


def blended(forwards: States, backwards: States, first: int, last: int) -> dict[int, TrackState]:
    """One state per frame of two runs, one begun in frame `first`, the other in `last`."""
    made = {}
    for frame in sorted({*forwards, *backwards}):
        near, far = forwards.get(frame), backwards.get(frame)
        weight = (frame - first) / (last - first)  # of `far`
        if weight > 0.5:
            near, far, weight = far, near, 1 - weight
        made[frame] = _one_state(near, far, weight)
    return made


def _one_state(near: TrackState | None, far: TrackState | None, weight: float) -> TrackState:
    """Of the run from the nearer end and the other one, which counts `weight`."""
    seen = [s for s in (near, far) if s is not None and not s.lost and s.box is not None]
    if len(seen) < 2:
        alone = seen[0] if seen else (near or far)
        return alone if alone is not None else TrackState(None, 0.0, lost=True)
    one, other = seen
    if one.box is None or other.box is None:
        return one
    overlap = float(box_iou([one.box], [other.box])[0, 0])
    if overlap < AGREE:
        return replace(one, score=one.score * overlap)
    x1, y1, x2, y2 = (
        (1 - weight) * a + weight * b for a, b in zip(one.box, other.box, strict=True)
    )
    score = ((1 - weight) * one.score + weight * other.score) * overlap
    return replace(one, box=(x1, y1, x2, y2), score=score)


def next_key(store: ProjectStore, one: Annotation) -> Annotation | None:
    """The next key frame of an object's track, if a frame lies between; None where none comes."""
    if one.track_id is None:
        return None
    rows = store.annotations_of_track(one.media_id, one.track_id)
    keys = [r for r in rows if r.frame > one.frame and is_key(r)]
    return keys[0] if keys and keys[0].frame > one.frame + 1 else None


def _changes(
    store: ProjectStore, one: Followed, seen: Mapping[int, TrackState], found: Annotation
) -> list[Change]:
    track, changes, taken = _begun(store, one)
    free = sorted(f for f in seen if f not in taken)
    first = store.reserve_ids("annotation", max(len(free), 1))
    for offset, frame in enumerate(free):
        state = seen[frame]
        row = replace(
            found,
            id=first + offset,
            class_id=one.class_id,
            shape=Box(*(state.box or (0, 0, 0, 0))),
            frame=frame,
            track_id=track,
            score=state.score,
        )
        if frame == one.start:  # drawn by hand
            row = replace(
                row,
                state=State.EDITED,
                score=None,
                flags=Flags.KEYFRAME,
                source="manual",
                run_id=None,
            )
        changes.append(Change(None, row))
    return changes


def _begun(store: ProjectStore, one: Followed) -> tuple[int, list[Change], set[int]]:
    """The track that goes on, what changes of it, and the frames that keep what they have."""
    origin = one.origin
    if origin is None:
        return store.reserve_ids("track"), [], set()
    if origin.track_id is None:
        track = store.reserve_ids("track")
        stored = store.annotations_by_id([origin.id])
        begun = [Change(a, track_editing.begin(a, track)) for a in stored]
        return track, list(begun), {one.start} if begun else set()
    rows = store.annotations_of_track(origin.media_id, origin.track_id)
    states = one.states()
    old = [r for r in rows if r.state is State.PROPOSED and r.frame in states]
    changes = [Change(r, None) for r in old if r.frame != one.start]
    gone = {c.row.id for c in changes}
    return origin.track_id, changes, {r.frame for r in rows if r.id not in gone}
