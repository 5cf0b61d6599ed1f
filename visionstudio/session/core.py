"""The open project in memory, kept in step with the store behind it.

Everything here is for one thread, the GUI thread; the store is touched by the
storage thread only. A gesture changes memory immediately; `saved_changed(True)`
comes when it and all before it have been committed to disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.errors import StorageFull, VisionStudioError
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.session import proposals
from visionstudio.session.effects import Effects, Tally
from visionstudio.session.saving import StorageThread, Task
from visionstudio.session.shown import MediaList, ShownAnnotations, merged_classes
from visionstudio.session.signal import Signal
from visionstudio.storage.records import MediaSummary
from visionstudio.storage.store import IdTable, ProjectStore

LARGE = 2000
"""Edits of more changes are stored first and shown then, so that the window never waits."""

BACKUP_SECONDS = 15 * 60
"""While people work, a backup is made about this often."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the session keeps of the whole project in memory."""

    media: list[MediaItem]
    classes: tuple[LabelClass, ...]
    summaries: dict[int, MediaSummary]
    per_class: dict[int, int]
    threshold: float


class SessionCore:
    """What `ProjectSession` is made on: state, signals, saving, undo, reading.

    Signals: `media_changed(ids | None)` (None: the list itself), `current_changed()`,
    `annotations_changed()`, `selection_changed()`, `classes_changed()`,
    `active_class_changed()`, `threshold_changed(float)`, `tally_changed(media ids)`,
    `saved_changed(bool)`, `history_changed(undo_title, redo_title)`,
    `blocked_changed(bool)`, `failed(VisionStudioError)`.
    """

    def __init__(
        self,
        store: ProjectStore,
        post: Callable[[Callable[[], None]], None],
        loaded: Loaded | None = None,
    ) -> None:
        self.store = store
        self.post = post
        self.media_changed = Signal()
        self.current_changed = Signal()
        self.annotations_changed = Signal()
        self.selection_changed = Signal()
        self.classes_changed = Signal()
        self.active_class_changed = Signal()
        self.threshold_changed = Signal()
        self.tally_changed = Signal()
        self.saved_changed = Signal()
        self.history_changed = Signal()
        self.blocked_changed = Signal()
        self.failed = Signal()
        self.current: MediaItem | None = None
        self.frame = 0
        self.selection: frozenset[int] = frozenset()
        self.selected_ids: tuple[int, ...] = ()
        self.hidden_classes: frozenset[int] = frozenset()
        self.blocked: VisionStudioError | None = None
        self.undo_title, self.redo_title = store.undo_title, store.redo_title
        self._shown = ShownAnnotations()
        self._unsaved: list[tuple[Task, Effects | None]] = []
        self._closed = False
        self._backed_up = time.monotonic()
        self._take(loaded or self.read(store))
        self.active_class = self.classes[0] if self.classes else None
        self._thread = StorageThread(store, self._post, self._halt)

    @staticmethod
    def read(store: ProjectStore) -> Loaded:
        """What a session starts from. May take a second for a million annotations."""
        return Loaded(
            media=store.media(),
            classes=tuple(store.classes()),
            summaries=store.summaries(),
            per_class=dict(store.counts().per_class),
            threshold=float(store.setting("threshold", 0.5)),
        )

    def _take(self, loaded: Loaded) -> None:
        self.media = MediaList(loaded.media)
        self.classes = loaded.classes
        self.tally = Tally(loaded.summaries, loaded.per_class)
        self.threshold = loaded.threshold

    # What there is

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The current picture's or frame's annotations in every state, in drawing order."""
        return self._shown.all()

    @property
    def saved(self) -> bool:
        """Whether everything done so far is on disk."""
        return not self._unsaved

    def media_by_id(self, media_id: int) -> MediaItem | None:
        """A media item, None when there is none of that id."""
        return self.media.get(media_id)

    def annotation(self, annotation_id: int) -> Annotation | None:
        """A shown annotation by its id."""
        return self._shown.get(annotation_id)

    def selected(self) -> list[Annotation]:
        """The selected annotations, in drawing order."""
        return [a for a in self.annotations if a.id in self.selection]

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
        return proposals.visible(self.annotations, self.threshold, self.hidden_classes)

    def _show(self, frame: int) -> None:
        if self.current is None:
            return
        media_id = self.current.id
        self.frame = frame
        self._shown.show(media_id, frame)
        had_selection = bool(self.selection)
        self.selection = frozenset()
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

        self.in_store(lambda store: store.annotations(media_id, frame), loaded)

    # Changing things

    def reserve_ids(self, table: IdTable, count: int = 1) -> int:
        """The first of `count` fresh ids."""
        return self.store.reserve_ids(table, count)

    def apply(self, edit: Edit | None) -> bool:
        """Make a gesture: in memory now, on disk soon. Returns whether it was made.

        While an earlier edit cannot be stored, new ones are refused (`failed`),
        so that no more work piles up that might be lost.
        """
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
            self._tell(effects, touched)
        return True

    def undo(self) -> None:
        """Take back the last gesture, as soon as those before it are stored."""
        if self._may_edit():
            self._travel(lambda store: store.undo())

    def redo(self) -> None:
        """Bring the last undone gesture again."""
        if self._may_edit():
            self._travel(lambda store: store.redo())

    def _travel(self, step: Callable[[ProjectStore], Edit | None]) -> None:
        """A change that is shown when it has been stored."""

        def work(store: ProjectStore) -> Effects | None:
            edit = step(store)
            return None if edit is None else Effects.of(edit)

        def done(effects: Effects | None) -> None:
            if effects is None:
                return
            touched = self._merge(effects)
            # Gestures made since then come after it, as they do in the store.
            for _, later in self._unsaved:
                if later is not None:
                    self._merge(later)
            self._tell(effects, touched)

        self._save(None, work, done)

    def put_media(self, items: Sequence[MediaItem], *, new: bool = False) -> None:
        """Take over what the store has been told about media (see library.py).

        Without `new`, items that have been removed meanwhile stay away.
        """
        fresh = []
        for item in items:
            known = self.media.get(item.id)
            if known is not None:
                fresh.append(replace(item, verified=known.verified))
            elif new:
                fresh.append(item)
        ids = frozenset(i.id for i in fresh)
        if ids:
            moved = self.media.put(fresh)
            self.media_changed.emit(None if moved else ids)
            self._refresh_current(ids)

    # The storage thread

    def in_store(
        self,
        work: Callable[[ProjectStore], T],
        done: Callable[[T], object],
        failed: Callable[[VisionStudioError], object] | None = None,
    ) -> None:
        """Run `work(store)` in the storage thread, after the edits that are queued.

        `done(result)` or `failed(error)` (by default the signal) is called in
        the GUI thread. When the work changed the project, all is read again.
        """

        def counted(store: ProjectStore) -> tuple[T, int]:
            before = store.revision
            result = work(store)
            return result, store.revision - before

        def finished(answer: tuple[T, int]) -> None:
            result, changes = answer
            if changes:
                self.reload()
            done(result)

        self._thread.submit(Task(counted, finished, failed or self.failed.emit))

    def reload(self) -> None:
        """Read everything again, after something else has written to the store."""

        def loaded(fresh: Loaded) -> None:
            self._take(replace(fresh, threshold=self.threshold))
            for _, effects in self._unsaved:
                if effects is not None:
                    self._merge(effects)
                    self.tally.count(effects)
            self._refresh_class()
            self._refresh_current(None)
            self.media_changed.emit(None)
            self.classes_changed.emit()
            self.tally_changed.emit(None)
            self._load_shown()
            self._tell_history()

        self.in_store(self.read, loaded)

    def _save(
        self,
        effects: Effects | None,
        work: Callable[[ProjectStore], T],
        done: Callable[[T], None],
    ) -> None:
        """Queue what changes the store; the session is not saved until it has.

        `effects` is what memory shows already.
        """

        def stored(result: T) -> None:
            self._unsaved.remove(entry)
            done(result)
            self._tell_history()
            if self.saved:
                self.saved_changed.emit(True)
                self._back_up_now_and_then()

        def refused(error: VisionStudioError) -> None:
            self._unsaved.remove(entry)
            self.failed.emit(error)
            self.reload()
            if self.saved:
                self.saved_changed.emit(True)

        entry = (Task(work, stored, refused, is_edit=True), effects)
        was_saved = self.saved
        self._unsaved.append(entry)
        if was_saved:
            self.saved_changed.emit(False)
        self._thread.submit(entry[0])

    def _may_edit(self) -> bool:
        if self.blocked is not None:
            self.failed.emit(self.blocked)
            return False
        if self.store.read_only:
            self.failed.emit(
                StorageFull(
                    "the project is open for reading only",
                    where=str(self.store.folder),
                    next_step="close the other window and open the project again",
                )
            )
            return False
        return True

    def _halt(self, error: VisionStudioError) -> None:
        self.blocked = error
        self.blocked_changed.emit(True)
        self.failed.emit(error)

    def retry_save(self) -> None:
        """Try again to store what could not be; `blocked_changed(False)` opens editing again."""
        if self.blocked is not None:
            self.blocked = None
            self.blocked_changed.emit(False)
            self._thread.retry()

    def save_elsewhere(self, folder: Path) -> None:
        """Go on in a copy of the project in another, new folder, and store there what waits."""

        def copied(store: ProjectStore) -> None:
            old, self.store = self.store, store
            self.blocked = None
            self._thread.retry(store)
            self.in_store(lambda _: old.close(), lambda _: None, lambda _: None)
            self.blocked_changed.emit(False)

        def copy(store: ProjectStore) -> ProjectStore:
            store.save_copy(folder)
            return ProjectStore.open(folder)

        self.in_store(copy, copied)

    def close(self, *, discard: bool = False) -> None:
        """Wait until everything is stored and close the project.

        Raises the error that blocks when edits cannot be stored; they stay in
        memory and the session stays usable, unless `discard` gives them up.
        """
        if self._closed:
            return
        waiting = self._thread.close()
        if waiting and not discard:
            error = self.blocked
            self._thread.reopen()
            raise error or StorageFull(f"{waiting} edits could not be stored")
        self._closed = True
        self.store.close()

    def _post(self, callback: Callable[[], None]) -> None:
        def unless_closed() -> None:
            if not self._closed:
                callback()

        self.post(unless_closed)

    # Keeping memory in step

    def _merge(self, effects: Effects) -> bool:
        """Bring memory to the state after an edit; whether what is shown changed. Idempotent."""
        self.classes = merged_classes(self.classes, effects.classes)
        self.media.merge(effects.media)
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
            self.media_changed.emit(None if is_list else ids)
            self._refresh_current(ids)
        if shown_changed:
            self._drop_dead_selection()
            self.annotations_changed.emit()
        if counted:
            self.tally_changed.emit(counted)

    def _back_up_now_and_then(self) -> None:
        if time.monotonic() - self._backed_up < BACKUP_SECONDS:
            return
        self._backed_up = time.monotonic()
        self.in_store(lambda store: store.backup("timer"), lambda _: None)

    def _tell_history(self) -> None:
        titles = self.store.undo_title, self.store.redo_title
        if titles != (self.undo_title, self.redo_title):
            self.undo_title, self.redo_title = titles
            self.history_changed.emit(*titles)

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
