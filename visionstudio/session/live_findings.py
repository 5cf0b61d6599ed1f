"""What a model found while a source was recorded, for the frames of the recording.

A model answers to some frames only. Each answer belongs to exactly the frame that it was
given; between two answers of a tracker that follow each other the object has moved evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from visionstudio.api import TrackState
from visionstudio.model.edits import Edit
from visionstudio.model.media import MediaItem
from visionstudio.session.all_tracks import AllTracks
from visionstudio.session.models import ModelChoice
from visionstudio.session.project import ProjectSession
from visionstudio.session.proposals import Guess
from visionstudio.session.runs import proposals_of_run
from visionstudio.storage import ProjectStore

MOST_BETWEEN = 50
"""Frames between two answers over which an object is said to have moved evenly."""

States = tuple[tuple[int, TrackState], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A model's answer to the frame of a source that has this number.

    `stream` tells apart what the same model was asked before and after it was chosen anew;
    `found` are states by the tracker's own ids, or what a detector found.
    """

    stream: str
    choice: ModelChoice
    detector: ModelChoice | None
    number: int
    found: States | tuple[Guess, ...]


@dataclass(slots=True)
class _Work:
    """All answers of one model, by the number of the source's frame."""

    first: Answer
    states: dict[int, States] = field(default_factory=dict)
    guesses: dict[int, tuple[Guess, ...]] = field(default_factory=dict)


class Findings:
    """The answers that came while something was recorded. Used in the GUI thread."""

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}

    def add(self, answer: Answer) -> None:
        """Keep one answer."""
        work = self._works.setdefault(answer.stream, _Work(answer))
        if answer.choice.model.task == "tracker":
            work.states[answer.number] = answer.found  # type: ignore[assignment]
        else:
            work.guesses[answer.number] = answer.found  # type: ignore[assignment]

    def store(self, session: ProjectSession, item: MediaItem, places: Mapping[int, int]) -> None:
        """Make them proposals of the recording `item`: one step to undo for each model.

        `places` has the recording's frame, from 0, for each of the source's that is in it.
        """
        self._store_next(session, item, places, list(self._works.values()))

    def _store_next(
        self,
        session: ProjectSession,
        item: MediaItem,
        places: Mapping[int, int],
        works: list[_Work],
    ) -> None:
        if not works:
            return
        work, rest = works[0], works[1:]

        def built(edit: Edit | None) -> None:
            if edit is not None:
                session.apply(edit)
            self._store_next(session, item, places, rest)  # it may need the classes made here

        session.in_store(lambda store: _edit(store, work, item, places), built)


def _edit(
    store: ProjectStore, work: _Work, item: MediaItem, places: Mapping[int, int]
) -> Edit | None:
    first = work.first
    if first.choice.model.task == "tracker":
        tracks = AllTracks(first.choice, item, first.detector)
        states = {places[n]: s for n, s in work.states.items() if n in places}
        for frame, here in filled(states).items():
            tracks.add(frame, here)
        return tracks.edit(store)
    found = {places[n]: g for n, g in work.guesses.items() if n in places and g}
    if not found:
        return None
    choice = first.choice
    builder = proposals_of_run(
        store, choice.model, choice.weights, choice.params, {"media": item.id}
    )
    for frame, guesses in sorted(found.items()):
        builder.add(item.id, guesses, (), frame=frame)
    return builder.edit()


def filled(states: Mapping[int, States]) -> dict[int, States]:
    """The states of each frame, and those between two answers that follow each other.

    Nothing is added where one of the two says that the object is lost, nor over more than
    `MOST_BETWEEN` frames. The score between is the lower one.
    """
    made: dict[int, list[tuple[int, TrackState]]] = {f: list(s) for f, s in states.items()}
    for before, after in pairwise(sorted(states)):
        if not 1 < after - before <= MOST_BETWEEN:
            continue
        later = dict(states[after])
        for name, state in states[before]:
            other = later.get(name)
            if other is None or not _seen(state) or not _seen(other):
                continue
            for frame in range(before + 1, after):
                share = (frame - before) / (after - before)
                made.setdefault(frame, []).append((name, _between(state, other, share)))
    return {frame: tuple(made[frame]) for frame in sorted(made)}


def _seen(state: TrackState) -> bool:
    return not state.lost and state.box is not None


def _between(first: TrackState, second: TrackState, share: float) -> TrackState:
    a, b = first.box or (0.0,) * 4, second.box or (0.0,) * 4
    x1, y1, x2, y2 = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    score = min(first.score, second.score)
    return TrackState((x1, y1, x2, y2), score, label=first.label)


def when_listed(session: ProjectSession, path: Path, then: Callable[[MediaItem], None]) -> None:
    """Call `then` once a file is in the project's list of media, or at once."""
    name = session.store.media_path(path)

    def look(*_: object) -> None:
        item = session.media.at_path(name)
        if item is not None:
            session.media_changed.disconnect(look)
            then(item)

    session.media_changed.connect(look)
    look()
