"""Proposals: what models suggest, as annotations that people accept, correct or reject.

A model run is turned into one `Edit`, so that it is one step to undo. It
replaces the proposals that were there, and leaves out what a person has
rejected before or has already labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from visionstudio.api import (
    Classification,
    Detections,
    GeneratedImage,
    InvalidValue,
    Masks,
    Result,
    SemanticMap,
    TrackState,
)
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.geometry import box_iou
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.shapes import Box, Mask, Shape, Tag

if TYPE_CHECKING:
    from visionstudio.storage.store import IdTable

SAME_OBJECT_IOU = 0.6
"""Above this overlap of bounding boxes a proposal is the same thing as a label of its class."""

TAGS_OFFERED = 1
"""How many of a classifier's best guesses become proposals: each would make a class."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One thing that a model found: a shape, the name of its class, and a score in [0, 1]."""

    shape: Shape
    label: str
    score: float | None


def guesses(result: Result) -> list[Guess]:
    """A model's result for one frame as shapes, best first.

    A semantic map becomes one mask per class that occurs, without its background.
    """
    match result:
        case Classification():
            best = list(zip(result.labels, result.scores, strict=True))[:TAGS_OFFERED]
            return [Guess(Tag(), label, float(score)) for label, score in best]
        case Detections():
            order = np.argsort(-result.scores, kind="stable")
            return [
                Guess(
                    Box(*result.boxes[i]),
                    result.classes[result.indices[i]],
                    float(result.scores[i]),
                )
                for i in order
            ]
        case Masks():
            order = np.argsort(-result.scores, kind="stable")
            found = [
                Guess(
                    Mask.from_array(result.masks[i]),
                    result.classes[result.indices[i]],
                    float(result.scores[i]),
                )
                for i in order
            ]
            return [g for g in found if g.shape.area() > 0]
        case SemanticMap():
            return _semantic_guesses(result)
        case TrackState() | GeneratedImage():
            raise InvalidValue(f"a {type(result).__name__} is no proposal")


def _semantic_guesses(result: SemanticMap) -> list[Guess]:
    found = []
    for index in np.unique(result.labels):
        if index == result.background:
            continue
        covered = result.labels == index
        score = None
        if result.confidence is not None:
            score = float(np.clip(result.confidence[covered].mean(), 0, 1))
        found.append(Guess(Mask.from_array(covered), result.classes[int(index)], score))
    return found


@dataclass(slots=True)
class ProposalBuilder:
    """Collects the results of one model run and makes the edit that stores them.

    `reserve_ids(table, count)` gives the first of a block of fresh ids. Class
    names that the project lacks become classes of it, in the same edit.
    """

    title: str
    model: str
    run_id: int
    classes: Sequence[LabelClass]
    reserve_ids: Callable[[IdTable, int], int]
    _by_name: dict[str, int] = field(init=False)
    _new_classes: list[LabelClass] = field(default_factory=list, init=False)
    _changes: list[Change] = field(default_factory=list, init=False)
    count: int = field(default=0, init=False)
    known: int = field(default=0, init=False)  # what was found and is labelled already

    def __post_init__(self) -> None:
        self._by_name = {c.name: c.id for c in self.classes}

    def add(
        self,
        media_id: int,
        found: Iterable[Guess],
        existing: Iterable[Annotation],
        *,
        frame: int = 0,
        pts: int | None = None,
    ) -> None:
        """Take what was found in one frame. `existing` are its annotations in every state."""
        here = [a for a in existing if a.frame == frame]
        self._changes += [
            Change(a, None) for a in here if a.state is State.PROPOSED and a.track_id is None
        ]
        decided = [a for a in here if a.state is not State.PROPOSED]
        found = list(found)
        fresh = [g for g in found if not self._is_decided(g, decided)]
        self.known += len(found) - len(fresh)
        if not fresh:
            return
        first = self.reserve_ids("annotation", len(fresh))
        for offset, guess in enumerate(fresh):
            annotation = Annotation(
                id=first + offset,
                media_id=media_id,
                class_id=self._class_id(guess.label),
                shape=guess.shape,
                frame=frame,
                pts=pts,
                state=State.PROPOSED,
                score=guess.score,
                source=f"model:{self.model}",
                run_id=self.run_id,
            )
            self._changes.append(Change(None, annotation))
        self.count += len(fresh)

    def edit(self) -> Edit | None:
        """The run as one edit, None when it changes nothing."""
        changes = [Change(None, c) for c in self._new_classes] + self._changes
        return Edit(self.title, tuple(changes)) if changes else None

    def _class_id(self, name: str) -> int:
        if name not in self._by_name:
            order = len(self.classes) + len(self._new_classes)
            new = LabelClass(
                id=self.reserve_ids("class", 1), name=name, colour=colour_for(order), order=order
            )
            self._new_classes.append(new)
            self._by_name[name] = new.id
        return self._by_name[name]

    def _is_decided(self, guess: Guess, decided: Sequence[Annotation]) -> bool:
        class_id = self._by_name.get(guess.label)
        alike = [a for a in decided if a.class_id == class_id and _comparable(a.shape, guess.shape)]
        if not alike:
            return False
        if isinstance(guess.shape, Tag):
            return True
        overlap = box_iou([guess.shape.bounds()], [a.shape.bounds() for a in alike])
        return bool(overlap.max() >= SAME_OBJECT_IOU)


def _comparable(first: Shape, second: Shape) -> bool:
    return isinstance(first, Tag) == isinstance(second, Tag)


def visible(
    annotations: Iterable[Annotation],
    threshold: float,
    hidden_classes: frozenset[int] = frozenset(),
) -> list[Annotation]:
    """The proposals at or above the threshold; those without a score always show."""
    return [
        a
        for a in annotations
        if a.state is State.PROPOSED
        and a.class_id not in hidden_classes
        and (a.score is None or a.score >= threshold)
    ]


def accept(proposals: Sequence[Annotation]) -> Edit:
    """The edit that takes proposals as they are."""
    return _decide("Accept", proposals, State.ACCEPTED)


def reject(proposals: Sequence[Annotation]) -> Edit:
    """The edit that refuses proposals. They are kept, so that no run offers them again."""
    return _decide("Reject", proposals, State.REJECTED)


def _decide(verb: str, proposals: Sequence[Annotation], state: State) -> Edit:
    noun = "proposal" if len(proposals) == 1 else f"{len(proposals)} proposals"
    word = state.value
    changes = [
        Change(a, replace(a, state=state, history=(*a.history, word)))
        for a in proposals
        if a.state is State.PROPOSED
    ]
    return Edit(f"{verb} {noun}", tuple(changes))


def corrected(before: Annotation, after: Annotation, what: str) -> Annotation:
    """`after` as a person's work: a proposal becomes edited, and the change is remembered.

    Annotations that a person drew carry no history: there is nothing to tell apart.
    """
    if before.source == "manual":
        return after
    state = State.EDITED if after.state in (State.PROPOSED, State.ACCEPTED) else after.state
    return replace(after, state=state, history=(*after.history, what))
