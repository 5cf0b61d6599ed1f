"""The tracks of many objects, collected while a tracker works and stored as proposals."""

from __future__ import annotations

from dataclasses import dataclass, field

from visionstudio.api import TrackState
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.session.models import ModelChoice
from visionstudio.session.runs import record_run
from visionstudio.storage import ProjectStore

UNNAMED = "object"  # the class of what no detector named


@dataclass(slots=True)
class AllTracks:
    """One run of a tracker of many objects over one video."""

    choice: ModelChoice
    item: MediaItem
    detector: ModelChoice
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
            "detector": self.detector.model.id,
            "detector_weights": str(self.detector.weights or ""),
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
