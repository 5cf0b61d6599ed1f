"""The open project in memory, kept in step with the store behind it.

Everything here is for one thread, the GUI thread; the store is touched by the
storage thread only. A gesture changes memory immediately; `saved_changed(True)`
comes when it and all before it have been committed to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.edits import Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.session import proposals
from visionstudio.session.effects import Effects, Tally
from visionstudio.session.keying import placed_keys
from visionstudio.session.media_list import MediaList
from visionstudio.session.proposal_counts import ProposalCounts
from visionstudio.session.shown import ShownAnnotations, merged_classes
from visionstudio.session.signal import Signal
from visionstudio.session.storing import StoreLink
from visionstudio.storage.records import MediaSummary
from visionstudio.storage.store import IdTable, ProjectStore
from visionstudio.storage.summaries import MediaSummaries

LARGE = 2000
"""Edits of more changes are stored first and shown then, so that the window never waits."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the session keeps of the whole project in memory."""

    media: MediaList
    classes: tuple[LabelClass, ...]
    summaries: MediaSummaries
    per_class: dict[int, int]
    threshold: float
    hidden_classes: frozenset[int] = frozenset()
    locked_classes: frozenset[int] = frozenset()
    measurements: tuple[Measurement, ...] = ()


class SessionCore(StoreLink):
    """What `ProjectSession` is made on: state, signals, undo, keeping memory in step.

    Signals: `media_changed(ids | None)` (None: the list itself), `current_changed()`,
    `annotations_changed()`, `selection_changed()`, `classes_changed()`,
    `active_class_changed()`, `threshold_changed(float)`, `tally_changed(media ids)`,
    `measurements_changed()`, `applied(Effects)` (an edit, undone and redone ones too),
    `saved_changed(bool)`, `history_changed(undo_title, redo_title)`,
    `blocked_changed(bool)`, `failed(VisionStudioError)`.
    """

    def __init__(
        self,
        store: ProjectStore,
        post: Callable[[Callable[[], None]], None],
        loaded: Loaded | None = None,
    ) -> None:
        super().__init__(store, post)
        self.media_changed = Signal()
        self.current_changed = Signal()
        self.annotations_changed = Signal()
        self.selection_changed = Signal()
        self.classes_changed = Signal()
        self.active_class_changed = Signal()
        self.threshold_changed = Signal()
        self.tally_changed = Signal()
        self.measurements_changed = Signal()
        self.applied = Signal()
        self.current: MediaItem | None = None
        self.frame = 0
        self.came_from: tuple[int, int] | None = None  # media id and frame, of another item
        self.selection: frozenset[int] = frozenset()
        self.primary: int | None = None
        self.in_hand: Annotation | None = None  # selected last where it was one alone; may be gone
        self.chosen_tracks: tuple[
            int, ...
        ] = ()  # in the timeline, whether or not this frame has them
        self._order: tuple[int, ...] = ()  # of selection
        self.selected_ids: Collection[int] = ()
        self.put_away: frozenset[int] = frozenset()  # not shown until another picture is
        self._shown = ShownAnnotations()
        self._to_select: frozenset[int] = frozenset()  # once the rows of this frame are there
        self._to_follow: frozenset[int] = frozenset()  # tracks that stay selected in the next frame
        self._take(loaded or self.read(store))
        self.active_class = self.classes[0] if self.classes else None
        self.proposal_counts = ProposalCounts(self)

    def close(self, *, discard: bool = False) -> None:
        """As `StoreLink.close`."""
        self.proposal_counts.close()
        super().close(discard=discard)

    @staticmethod
    def read(store: ProjectStore) -> Loaded:
        """What a session starts from. May take a second for a million media or annotations."""
        return Loaded(
            media=MediaList(store.media_columns()),
            classes=tuple(store.classes()),
            summaries=store.summaries(),
            per_class=dict(store.counts().per_class),
            threshold=float(store.setting("threshold", 0.5)),
            measurements=tuple(store.measurements()),
            hidden_classes=frozenset(store.setting("hidden_classes", ())),
            locked_classes=frozenset(store.setting("locked_classes", ())),
        )

    def _take(self, loaded: Loaded) -> None:
        self.media = loaded.media
        self.classes = loaded.classes
        self.tally = Tally(loaded.summaries, loaded.per_class)
        self.threshold = loaded.threshold
        self.measurements = {m.id: m for m in loaded.measurements}
        self.hidden_classes = loaded.hidden_classes
        self.locked_classes = loaded.locked_classes

    # What there is

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The current picture's or frame's annotations in every state, in drawing order."""
        return self._shown.all()

    def media_by_id(self, media_id: int) -> MediaItem | None:
        """A media item, None when there is none of that id."""
        return self.media.get(media_id)

    def annotation(self, annotation_id: int) -> Annotation | None:
        """A shown annotation by its id."""
        return self._shown.get(annotation_id)

    def selected(self) -> list[Annotation]:
        """The selected annotations, in drawing order."""
        return [a for a in self.annotations if a.id in self.selection]

    def selected_in_order(self) -> list[Annotation]:
        """The selected annotations as they were selected; at once: in drawing order."""
        place = {annotation_id: n for n, annotation_id in enumerate(self._order)}
        return sorted(self.selected(), key=lambda a: place.get(a.id, len(place)))

    def class_by_id(self, class_id: int) -> LabelClass | None:
        """A class by its id."""
        return next((c for c in self.classes if c.id == class_id), None)

    def class_named(self, name: str) -> LabelClass | None:
        """A class by its name."""
        return next((c for c in self.classes if c.name == name), None)

    def path_of(self, item: MediaItem) -> Path:
        """Where a media item's file lies; absolute."""
        return self.store.path_of(item)

    def summary(self, media_id: int) -> MediaSummary:
        """How many labels and proposals an item has."""
        return self.tally.media.get(media_id, MediaSummary())

    def is_labelled(self, media_id: int) -> bool:
        """Whether a picture is verified or has at least one label: what training uses."""
        item = self.media.get(media_id)
        return self.summary(media_id).labels > 0 or (item is not None and item.verified)

    def visible_proposals(self) -> list[Annotation]:
        """The current frame's proposals that the threshold lets through."""
        seen = proposals.visible(self.annotations, self.threshold, self.hidden_classes)
        return [a for a in seen if not self.is_hidden(a)]

    def is_hidden(self, annotation: Annotation) -> bool:
        """Whether it is not shown: by its own mark, its class's, or put away for the moment."""
        return (
            bool(annotation.flags & Flags.HIDDEN)
            or annotation.class_id in self.hidden_classes
            or annotation.id in self.put_away
        )

    def is_locked(self, annotation: Annotation) -> bool:
        """Whether it, or its class, is protected against being moved and deleted."""
        return bool(annotation.flags & Flags.LOCKED) or annotation.class_id in self.locked_classes

    def select(self, ids: Iterable[int]) -> None:
        """Select annotations of the current frame.

        `primary` is the one that was selected last, where it was one alone: what
        others are made to resemble.
        """
        chosen = frozenset(i for i in ids if self._shown.get(i) is not None)
        if chosen != self.selection:
            new = chosen - self.selection
            self.primary = next(iter(new)) if len(new) == 1 else None
            kept = [i for i in self._order if i in chosen & self.selection]
            self._order = (*kept, *(a.id for a in self.annotations if a.id in new))
            self.selection = chosen
            if any(a.track_id not in self.chosen_tracks for a in self.selected()):
                self.chosen_tracks = ()
            if len(chosen) == 1:
                self.in_hand = self._shown.get(next(iter(chosen)))
            self.selection_changed.emit()

    def select_tracks(self, tracks: Iterable[int]) -> None:
        """Select the objects of tracks: here, or in the next frame that is shown.

        They stay `chosen_tracks` until an object of another one is selected.
        """
        wanted, before = tuple(dict.fromkeys(tracks)), (self.chosen_tracks, self.selection)
        self.chosen_tracks = wanted
        self.select(a.id for a in self.annotations if a.track_id in wanted)
        self._to_follow = frozenset() if self.selection else frozenset(wanted)
        if self.chosen_tracks != before[0] and self.selection == before[1]:
            self.selection_changed.emit()

    def _show(self, frame: int) -> None:
        if self.current is None:
            return
        media_id = self.current.id
        tracks = self._to_follow
        if media_id != self._shown.media_id:
            tracks, self.chosen_tracks = frozenset(), ()
            if self._shown.media_id:
                self.came_from = self._shown.media_id, self._shown.frame
        elif self.selection:
            here = (a.track_id for a in self.selected() if a.track_id is not None)
            tracks = frozenset((*here, *self.chosen_tracks))
        self.frame = frame
        self._shown.show(media_id, frame)
        had_selection = bool(self.selection)
        self.selection = self._to_select = frozenset()
        self._to_follow = tracks
        self.put_away = frozenset()
        self.current_changed.emit()
        if had_selection:
            self.selection_changed.emit()
        self.annotations_changed.emit()
        self._load_shown()

    def _load_shown(self) -> None:
        media_id, frame = self._shown.media_id, self._shown.frame

        def loaded(rows: list[Annotation]) -> None:
            if (media_id, frame) != (self._shown.media_id, self._shown.frame):
                return  # gone on meanwhile
            self._shown.show(media_id, frame, rows)
            self._merge_unsaved_shown()
            self._drop_dead_selection()
            self.annotations_changed.emit()
            tracks, self._to_follow = self._to_follow, frozenset()
            ids, self._to_select = self._to_select, frozenset()
            if tracks and not self.selection:
                ids = ids or frozenset(a.id for a in self.annotations if a.track_id in tracks)
            if ids:
                self.select(ids)

        is_picture = self.current is None or self.current.kind is MediaKind.IMAGE

        def read(store: ProjectStore) -> list[Annotation]:
            if is_picture:
                return store.annotations(media_id, frame)
            return store.annotations_at(media_id, frame)

        self.in_store(read, loaded)

    # Changing things

    def reserve_ids(self, table: IdTable, count: int = 1) -> int:
        """The first of `count` fresh ids."""
        return self.store.reserve_ids(table, count)

    def apply(self, edit: Edit | None) -> bool:
        """Make a gesture: in memory now, on disk soon. Returns whether it was made.

        While an earlier edit cannot be stored, new ones are refused (`failed`),
        so that no more work piles up that might be lost.
        """
        edit, keyed = placed_keys(edit, self.reserve_ids)
        if edit is None or not edit.changes:
            return False
        if not self._may_edit():
            self.annotations_changed.emit()  # whoever has drawn it shows what there is
            return False
        if len(edit.changes) > LARGE:
            self._travel(lambda store: _applied(store, edit))
        else:
            effects = Effects.of(edit)
            touched = self._merge(effects)
            self._save(effects, lambda store: store.apply(edit), lambda _: None)
            was_selected = self.selection & keyed.keys()
            self._tell(effects, touched)
            if was_selected:
                self.select(self.selection | {keyed[i] for i in was_selected})
        return True

    def undo(self) -> None:
        """Take back the last gesture, as soon as those before it are stored, and show that."""
        if self._may_edit():
            self._travel(lambda store: store.undo(), show=True)

    def redo(self) -> None:
        """Bring the last undone gesture again, and show it."""
        if self._may_edit():
            self._travel(lambda store: store.redo(), show=True)

    def _travel(self, step: Callable[[ProjectStore], Edit | None], *, show: bool = False) -> None:
        """A change that memory follows when it has been stored; `show` goes where it happened."""

        def work(store: ProjectStore) -> Effects | bool:
            edit = step(store)
            return edit is not None and (edit.bulk or Effects.of(edit))

        def done(effects: Effects | bool) -> None:
            if effects is True:  # too much to go through
                self._store_changed()
            if isinstance(effects, bool):
                return
            touched = self._merge(effects)
            # Gestures made since then come after it, as they do in the store.
            later = [e for _, e in self._unsaved if e is not None]
            for more in later:
                self._merge(more)
            self._tell(effects, touched)
            if show and not later:  # who is working elsewhere already is left there
                self._go_to(effects)

        self._save(None, work, done)

    def go_to(self, annotation: Annotation) -> None:
        """Show an annotation of any picture or frame, selected."""
        item = self.media.get(annotation.media_id)
        if item is None:
            return
        if self.current is None or (item.id, annotation.frame) != (self.current.id, self.frame):
            self.current = item
            self._show(annotation.frame)
            self._to_select = frozenset({annotation.id})
        elif self._shown.get(annotation.id) is None:
            self._to_select = frozenset({annotation.id})  # its rows are on their way
        else:
            self.select([annotation.id])

    def _go_to(self, effects: Effects) -> None:
        """Show what an edit has done: its place, with what is there now selected."""
        place = effects.place_to_show(self.media, self.current, self.frame)
        if place is None:
            return
        media_id, frame = place
        ids = effects.left_at(media_id, frame)
        if self.current is None or place != (self.current.id, self.frame):
            self.current = self.media.get(media_id)
            self._show(frame)
            self._to_select = ids
        elif ids:
            self.select(ids)

    def keep_media(self, work: Callable[[ProjectStore], None], done: Callable[[], object]) -> None:
        """Store media that the list shows already; every later edit is stored after them."""
        self._save(None, work, lambda _: done())

    def put_media(self, items: Sequence[MediaItem], *, new: bool = False) -> None:
        """Take over what the store has been told about media (see library.py).

        Without `new`, items that have been removed meanwhile stay away.
        """
        places = self.media.places_of([i.id for i in items])
        verified = self.media.are_verified[places] if len(self.media) else np.zeros(len(places))
        fresh = []
        for item, place, word in zip(items, places.tolist(), verified.tolist(), strict=True):
            if place >= 0:
                fresh.append(item if item.verified == word else replace(item, verified=word))
            elif new:
                fresh.append(item)
        ids = frozenset(i.id for i in fresh)
        if ids:
            moved = self.media.put(fresh)
            self._refresh_current(ids)
            self.media_changed.emit(None if moved else ids)

    def _store_changed(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Read everything again, after something else has written to the store."""

        def loaded(fresh: Loaded) -> None:
            self._take(
                replace(
                    fresh,
                    threshold=self.threshold,
                    hidden_classes=self.hidden_classes,
                    locked_classes=self.locked_classes,
                )
            )
            for _, effects in self._unsaved:
                if effects is not None:
                    self._merge(effects)
                    self.tally.count(effects)
            self._refresh_class()
            self._refresh_current(None)
            self.media_changed.emit(None)
            self.classes_changed.emit()
            self.tally_changed.emit(None)
            self.measurements_changed.emit()
            self._load_shown()
            self._tell_history()

        self.in_store(self.read, loaded)

    # Keeping memory in step

    def _merge(self, effects: Effects) -> bool:
        """Bring memory to the state after an edit; whether what is shown changed. Idempotent."""
        self.classes = merged_classes(self.classes, effects.classes)
        self.media.merge(effects.media)
        for change in effects.measurements:
            if isinstance(change.after, Measurement):
                self.measurements[change.after.id] = change.after
            else:
                self.measurements.pop(change.row.id, None)
        return self._shown.merge(effects.annotations.get(self._shown.media_id, ()))

    def _merge_unsaved_shown(self) -> None:
        for _, effects in self._unsaved:
            if effects is not None:
                self._shown.merge(effects.annotations.get(self._shown.media_id, ()))

    def _tell(self, effects: Effects, shown_changed: bool) -> None:
        """Count an edit that has been merged, and emit its signals."""
        counted = self.tally.count(effects)
        if effects.classes:
            self._refresh_class()
            self.classes_changed.emit()
        if effects.media:
            ids = frozenset(c.row.id for c in effects.media)
            is_list = any(c.before is None or c.after is None for c in effects.media)
            self._refresh_current(ids)
            self.media_changed.emit(None if is_list else ids)
        if shown_changed:
            self._drop_dead_selection()
            self.annotations_changed.emit()
        if counted:
            self.tally_changed.emit(counted)
        self.applied.emit(effects)
        if effects.measurements:
            self.measurements_changed.emit()
        if effects.concerns_tracks(self._shown.media_id):
            self._load_shown()  # what lies between key frames follows from the store

    def _drop_dead_selection(self) -> None:
        alive = frozenset(i for i in self.selection if self._shown.get(i) is not None)
        if alive != self.selection:
            self.selection = alive
            self.selection_changed.emit()

    def _refresh_class(self) -> None:
        active = self.active_class
        fresh = self.class_by_id(active.id) if active is not None else None
        if fresh is None and self.classes:
            fresh = self.classes[0]
        if fresh != active:
            self.active_class = fresh
            self.active_class_changed.emit()

    def _refresh_current(self, ids: frozenset[int] | None) -> None:
        """Take over new facts about the current item, or leave it when it is gone."""
        if self.current is None or (ids is not None and self.current.id not in ids):
            return
        fresh = self.media.get(self.current.id)
        if fresh is None:
            self.current = None
            self._shown.show(0, 0)
            self.current_changed.emit()
            self.annotations_changed.emit()
        else:
            self.current = fresh


def _applied(store: ProjectStore, edit: Edit) -> Edit:
    store.apply(edit)
    return edit
