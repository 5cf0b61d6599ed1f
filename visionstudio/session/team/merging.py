"""Merge another project of the same pictures into this one.

Two people label copies of a project. What only the other has is added; what both have
and differs is a conflict, which somebody decides; what is equal stays. Nothing of the
other project is changed, and the merge is one step to undo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from visionstudio.formats.progress import Progress
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.session.team.pairing import Pair, SameMedia, pair
from visionstudio.storage.reading import ProjectReader
from visionstudio.storage.store import ProjectStore

Rule = Literal["mine", "theirs", "further"]
"""Which side of a conflict is taken: ours, theirs, or the one that was checked further."""

_RANKS = {State.VERIFIED: 3, State.EDITED: 2, State.ACCEPTED: 1}
_EQUAL = 0.999  # from this overlap on shapes are the same but for rounding


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the other project says otherwise.

    `mine` is None for what only they have; `theirs` is what would be stored, with our ids
    of picture, class, track and group. `about` names what differs: shape, class,
    attributes, state. A mere difference of state is settled by the further one.
    """

    media: MediaItem
    mine: Annotation | None
    theirs: Annotation
    overlap: float
    about: tuple[str, ...] = ()

    @property
    def is_conflict(self) -> bool:
        """Whether somebody has to decide: both sides have it and differ in more than state."""
        return self.mine is not None and self.about != ("state",)


@dataclass(frozen=True, slots=True)
class MergePlan:
    """A merge that can be looked at before it is done.

    `equal` counts objects that are the same in both, `kept` those that only we have.
    `preparations` are new classes and media, and marks of media that were verified.
    """

    source: Path
    differences: tuple[Difference, ...]
    equal: int
    kept: int
    media: int
    preparations: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def conflicts(self) -> tuple[Difference, ...]:
        """What somebody has to decide."""
        return tuple(d for d in self.differences if d.is_conflict)

    @property
    def added(self) -> tuple[Difference, ...]:
        """What only the other project has."""
        return tuple(d for d in self.differences if d.mine is None)

    def taken(self, rule: Rule) -> frozenset[int]:
        """The places in `differences` that are taken from the other project by a rule."""
        return frozenset(n for n, d in enumerate(self.differences) if _takes(d, rule))


def _takes(difference: Difference, rule: Rule) -> bool:
    mine, theirs = difference.mine, difference.theirs
    if mine is None:
        return True
    further = _RANKS.get(theirs.state, 0) > _RANKS.get(mine.state, 0)
    if not difference.is_conflict:
        return further
    return rule == "theirs" or (rule == "further" and further)


def plan_merge(
    store: ProjectStore, other: ProjectReader, progress: Progress | None = None
) -> MergePlan:
    """Compare the labels of two projects. Proposals are left alone; nothing is stored.

    `progress` may raise to give up. Long for large projects: for a worker.
    """
    planner = _Planner(store, other)
    items = other.media()
    for n, item in enumerate(items):
        if progress is not None and n % 20 == 0:
            progress(n / len(items), item.path)
        planner.compare(item)
    return planner.done()


def do_merge(store: ProjectStore, plan: MergePlan, taken: Collection[int]) -> Edit | None:
    """Store what was decided, as one step to undo, after a backup. None: nothing to do.

    `taken` are places in `plan.differences`. Raises StorageFull.
    """
    changes = list(plan.preparations)
    chosen = [plan.differences[n] for n in sorted(taken)]
    used = {d.theirs.class_id for d in chosen} | {d.media.id for d in chosen}
    # A class that nothing uses would only be in the way.
    changes = [c for c in changes if not isinstance(c.after, LabelClass) or c.after.id in used]
    changes += [Change(d.mine, d.theirs) for d in chosen]
    if not changes:
        return None
    noun = "1 object" if len(chosen) == 1 else f"{len(chosen)} objects"
    edit = Edit(f"Merge {noun} from {plan.source.name}", tuple(changes))
    if store.counts().annotations:
        store.backup("before merge")
    store.apply(edit)
    return edit


@dataclass(slots=True)
class _Planner:
    store: ProjectStore
    other: ProjectReader
    equal: int = 0
    kept: int = 0
    media: int = 0
    differences: list[Difference] = field(default_factory=list)
    preparations: list[Change] = field(default_factory=list)
    classes: dict[int, int] = field(default_factory=dict)  # their id: our id
    tracks: dict[int, int] = field(default_factory=dict)
    groups: dict[int, int] = field(default_factory=dict)
    same: SameMedia = field(init=False)
    notes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.same = SameMedia(self.store)
        self._map_classes()

    def _map_classes(self) -> None:
        """By name; what we lack is made as they have it."""
        ours = {c.name: c for c in self.store.classes()}
        order = max((c.order for c in ours.values()), default=-1) + 1
        for theirs in self.other.classes():
            mine = ours.get(theirs.name)
            if mine is None:
                mine = replace(theirs, id=self.store.reserve_ids("class"), order=order)
                order += 1
                self.preparations.append(Change(None, mine))
            self.classes[theirs.id] = mine.id

    def compare(self, item: MediaItem) -> None:
        labels = [a for a in self.other.annotations(item.id) if a.state.is_label]
        mine = self.same.find(self.other, item)
        if mine is None:
            if labels or item.verified:
                self._add(item, labels)
            return
        self.media += 1
        if item.verified and not mine.verified:
            self.preparations.append(Change(mine, replace(mine, verified=True)))
        ours = [a for a in self.store.annotations(mine.id) if a.state.is_label]
        if not labels:
            self.kept += len(ours)
            return
        translated = [
            replace(a, media_id=mine.id, class_id=self.classes[a.class_id]) for a in labels
        ]
        size = (mine.width or item.width, mine.height or item.height)
        found = pair(ours, translated, size)
        self.kept += len(found.mine)
        for both in found.both:
            if both.theirs.track_id is not None and both.mine.track_id is not None:
                self.tracks.setdefault(both.theirs.track_id, both.mine.track_id)
            if both.theirs.group_id is not None and both.mine.group_id is not None:
                self.groups.setdefault(both.theirs.group_id, both.mine.group_id)
        self._take_pairs(mine, found.both)
        self.differences += self._new(mine, found.theirs)

    def _take_pairs(self, media: MediaItem, pairs: tuple[Pair, ...]) -> None:
        for both in pairs:
            about = tuple(_differing(both))
            if not about:
                self.equal += 1
                continue
            after = replace(
                both.mine,
                class_id=both.theirs.class_id,
                shape=both.theirs.shape,
                attributes=both.theirs.attributes,
                state=both.theirs.state,
                flags=both.theirs.flags,
                score=both.theirs.score,
                source=both.theirs.source,
                history=both.theirs.history,
            )
            self.differences.append(Difference(media, both.mine, after, both.overlap, about))

    def _new(self, media: MediaItem, rows: tuple[Annotation, ...]) -> Iterator[Difference]:
        if not rows:
            return
        first = self.store.reserve_ids("annotation", len(rows))
        for n, row in enumerate(rows):
            yield Difference(
                media,
                None,
                replace(
                    row,
                    id=first + n,
                    run_id=None,  # their run is no row of our project
                    track_id=self._number("track", self.tracks, row.track_id),
                    group_id=self._number("group", self.groups, row.group_id),
                ),
                0.0,
                ("new",),
            )

    def _number(
        self, table: Literal["track", "group"], known: dict[int, int], number: int | None
    ) -> int | None:
        if number is None:
            return None
        if number not in known:
            known[number] = self.store.reserve_ids(table)
        return known[number]

    def _add(self, item: MediaItem, labels: list[Annotation]) -> None:
        """A picture that we lack comes with its labels; its file stays where it is."""
        made = replace(
            item,
            id=self.store.reserve_ids("media"),
            path=self.store.media_path(self.other.path_of(item)),
        )
        self.preparations.append(Change(None, made))
        self.notes["pictures that only the other project has were added"] += 1
        rows = tuple(
            replace(a, media_id=made.id, class_id=self.classes[a.class_id]) for a in labels
        )
        self.differences += self._new(made, rows)

    def done(self) -> MergePlan:
        return MergePlan(
            source=self.other.folder,
            differences=tuple(self.differences),
            equal=self.equal,
            kept=self.kept,
            media=self.media,
            preparations=tuple(self.preparations),
            notes=tuple(f"{count} {text}" for text, count in self.notes.items()),
        )


def _differing(both: Pair) -> Iterator[str]:
    mine, theirs = both.mine, both.theirs
    same_kind = mine.shape.kind == theirs.shape.kind
    if not same_kind or (mine.shape != theirs.shape and both.overlap < _EQUAL):
        yield "shape"
    if mine.class_id != theirs.class_id:
        yield "class"
    if dict(mine.attributes) != dict(theirs.attributes):
        yield "attributes"
    if mine.state is not theirs.state:
        yield "state"
