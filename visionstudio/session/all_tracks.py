"""The tracks of many objects, collected while a tracker works and stored as proposals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from visionstudio.api import TrackState
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.geometry import box_iou
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box, Tag
from visionstudio.session.models import ModelChoice
from visionstudio.session.runs import record_run
from visionstudio.storage import ProjectStore

UNNAMED = "object"  # the class of what no detector named


@dataclass(slots=True)
class AllTracks:
    """One run of a tracker of many objects over one video."""

    choice: ModelChoice
    item: MediaItem
    detector: ModelChoice | None
    _states: dict[int, list[tuple[int, TrackState]]] = field(default_factory=dict)

    def add(self, frame: int, states: tuple[tuple[int, TrackState], ...]) -> None:
        """What the tracker says of a frame: its own ids and where they are."""
        for name, state in states:
            if not state.lost and state.box is not None:
                self._states.setdefault(name, []).append((frame, state))

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self._states)

    def edit(self, store: ProjectStore) -> Edit | None:
        """The tracks as one edit, new classes included; None when nothing was found."""
        if not self._states:
            return None
        inputs = {
            "media": self.item.id,
            "detector": self.detector.model.id if self.detector else "",
            "detector_weights": str(self.detector.weights or "") if self.detector else "",
        }
        choice = self.choice
        run = record_run(store, "track", choice.model, choice.weights, choice.params, inputs)
        classes, changes = self._classes(store)
        annotation = store.reserve_ids("annotation", sum(map(len, self._states.values())))
        track = store.reserve_ids("track", self.count)
        for states in self._states.values():
            # One object is of one class: the one that it was called most often.
            labels = [s.label for _, s in states]
            class_id = classes[max(set(labels), key=labels.count) or UNNAMED]
            for frame, state in states:
                found = Annotation(
                    id=annotation,
                    media_id=self.item.id,
                    class_id=class_id,
                    shape=Box(*(state.box or (0, 0, 0, 0))),
                    frame=frame,
                    track_id=track,
                    state=State.PROPOSED,
                    score=state.score,
                    source=f"model:{choice.model.id}",
                    run_id=run.id,
                )
                changes.append(Change(None, found))
                annotation += 1
            track += 1
        return Edit(f"Tracks with {choice.model.title}", tuple(changes))

    def _classes(self, store: ProjectStore) -> tuple[dict[str, int], list[Change]]:
        """Class ids by name; those that the project lacks are made."""
        known = store.classes()
        ids = {c.name: c.id for c in known}
        changes: list[Change] = []
        labels = (s.label or UNNAMED for states in self._states.values() for _, s in states)
        for order, name in enumerate(sorted(set(labels) - ids.keys()), start=len(known)):
            new = LabelClass(
                id=store.reserve_ids("class"), name=name, colour=colour_for(order), order=order
            )
            ids[name] = new.id
            changes.append(Change(None, new))
        return ids, changes


_SAME = 0.3  # IoU from which a tracker's box is the object that it was given


def loose_objects(store: ProjectStore, media_id: int) -> list[Annotation]:
    """The labels and proposals of a video that belong to no track and have a box around them."""
    return [
        a
        for a in store.annotations(media_id)
        if a.track_id is None
        and a.state is not State.REJECTED
        and not isinstance(a.shape, Tag)
        and not a.flags & Flags.OUTSIDE
    ]


class LinkedTracks(AllTracks):
    """A tracker's answer to objects that are there already: they get its tracks, nothing else."""

    def __init__(self, choice: ModelChoice, item: MediaItem, objects: list[Annotation]) -> None:
        super().__init__(choice, item, None)
        self._objects = objects
        self._linked = 0

    @property
    def count(self) -> int:
        """How many tracks the objects have got."""
        return self._linked

    def edit(self, store: ProjectStore) -> Edit | None:
        """Every object joins the track whose box in its frame overlaps it most."""
        by_frame: dict[int, list[Annotation]] = {}
        for one in self._objects:
            by_frame.setdefault(one.frame, []).append(one)
        seen: dict[int, list[tuple[int, TrackState]]] = {}
        for name, states in self._states.items():
            for frame, state in states:
                seen.setdefault(frame, []).append((name, state))
        owner: dict[int, int] = {}
        for frame, here in by_frame.items():
            there = seen.get(frame, [])
            if there:
                owner |= _matched(here, there)
        names = sorted(set(owner.values()))
        self._linked = len(names)
        if not names:
            return None
        first = store.reserve_ids("track", len(names))
        number = {name: first + n for n, name in enumerate(names)}
        fresh = {a.id: a for a in store.annotations_by_id(owner)}
        changes = [
            Change(fresh[i], replace(fresh[i], track_id=number[name]))
            for i, name in owner.items()
            if i in fresh and fresh[i].track_id is None
        ]
        return Edit(f"Tracks with {self.choice.model.title}", tuple(changes)) if changes else None


def _matched(here: list[Annotation], there: list[tuple[int, TrackState]]) -> dict[int, int]:
    """Annotation ids with the names of their tracks: the best pairs first, each used once."""
    boxes = [s.box or (0.0, 0.0, 0.0, 0.0) for _, s in there]
    overlap = box_iou([a.shape.bounds() for a in here], boxes)
    found: dict[int, int] = {}
    while overlap.size and overlap.max() >= _SAME:
        row, column = divmod(int(overlap.argmax()), overlap.shape[1])
        found[here[row].id] = there[column][0]
        overlap[row], overlap[:, column] = -1, -1
    return found
