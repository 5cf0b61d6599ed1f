"""The link between a session's memory and the store: saving in order, work in the thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from visionstudio.model.errors import StorageFull, VisionStudioError
from visionstudio.session.effects import Effects
from visionstudio.session.saving import StorageThread, Task
from visionstudio.session.signal import Signal
from visionstudio.storage.store import ProjectStore

BACKUP_SECONDS = 15 * 60
"""While people work, a backup is made about this often."""

T = TypeVar("T")


class StoreLink:
    """A store, the thread that uses it, and what has not been stored yet.

    A subclass says in `_store_changed` what to do when the store has been
    changed by something that memory does not know of.
    """

    def __init__(self, store: ProjectStore, post: Callable[[Callable[[], None]], None]) -> None:
        self.store = store
        self.post = post
        self.saved_changed = Signal()
        self.history_changed = Signal()
        self.blocked_changed = Signal()
        self.failed = Signal()
        self.blocked: VisionStudioError | None = None
        self.undo_title, self.redo_title = store.undo_title, store.redo_title
        self._unsaved: list[tuple[Task, Effects | None]] = []
        self._closed = False
        self._backed_up = time.monotonic()
        self._thread = StorageThread(store, self._post, self._halt)

    @property
    def saved(self) -> bool:
        """Whether everything done so far is on disk."""
        return not self._unsaved

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
                self._store_changed()
            done(result)

        self._thread.submit(Task(counted, finished, failed or self.failed.emit))

    def _store_changed(self) -> None:
        """The store holds something that memory does not show."""
        raise NotImplementedError

    def _save(
        self,
        effects: Effects | None,
        work: Callable[[ProjectStore], T],
        done: Callable[[T], object],
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
            self._store_changed()
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
            store.author = old.author
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

    def _tell_history(self) -> None:
        titles = self.store.undo_title, self.store.redo_title
        if titles != (self.undo_title, self.redo_title):
            self.undo_title, self.redo_title = titles
            self.history_changed.emit(*titles)

    def _back_up_now_and_then(self) -> None:
        if time.monotonic() - self._backed_up < BACKUP_SECONDS:
            return
        self._backed_up = time.monotonic()
        self.in_store(lambda store: store.backup("timer"), lambda _: None)
