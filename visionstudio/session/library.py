"""Which files a project looks at, and what their headers say.

`add_media` lists files by their names, opening none, and finds those again
that were moved. `probe_media` reads headers afterwards. `Library` does both
for a window, in a thread of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from visionstudio.media.identity import identity
from visionstudio.media.probe import probe
from visionstudio.media.scan import Found, find_media
from visionstudio.model.errors import MediaError, VisionStudioError, one_line
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.session.core import SessionCore
from visionstudio.session.media_list import MediaList
from visionstudio.session.signal import Signal
from visionstudio.storage.columns import new_columns
from visionstudio.storage.reading import ProjectReader
from visionstudio.storage.store import ProjectStore

REPORT_SECONDS = 0.25
"""Headers are stored and shown together at this interval."""
GIVE_WAY_SECONDS = 0.3
"""Nothing is read in the background for so long after a person went to a picture."""
PAUSE_SECONDS = 0.002
"""Between a hundred files and the next, so that the window gets its turn."""
MANY = 20_000
"""New items beyond which all are read again, away from the window."""


def add_media(
    store: ProjectStore,
    paths: Iterable[Path],
    *,
    as_video: bool = False,
    found: Sequence[Found] | None = None,
) -> tuple[list[MediaItem], list[MediaItem]]:
    """List what there is at and beneath `paths`: (new items, items that were found again).

    `found` is what `find_media` gives for them, where that is known already.

    No file is opened, but for those that have the size of a missing one. Not a
    gesture: it cannot be undone. Raises: MediaError when a path is not there.
    """
    if found is None:
        found = find_media([Path(p) for p in paths], as_video=as_video)
    known = store.media_paths()
    names = _stored_names(found, store.media_root)
    fresh = [(name, f) for name, f in zip(names, found, strict=True) if name not in known]
    if not fresh:
        return [], []
    lost = [i for i in store.media_at(known.difference(names)) if i.size]
    moved = _moved(store, lost, fresh) if lost else {}
    found_again = [replace(moved[name], path=name, status=MediaStatus.UNKNOWN) for name in moved]
    store.update_media(found_again)
    rest = [(name, f) for name, f in fresh if name not in moved]
    if not rest:
        return [], found_again
    kinds = [f.kind for _, f in rest]
    names = [name for name, _ in rest]
    first = store.reserve_ids("media", len(rest))
    store.add_files(first, names, kinds)
    new = [
        MediaItem(id=first + i, path=name, kind=kind)
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return new, found_again


class NewMedia:
    """The media of a project that has none yet: listed at once, stored soon after.

    A folder of ten thousand is on screen before its rows are on disk. `keep` must be
    the first that the store hears of them; without it, opening the folder again lists
    them anew. `found` is what `find_media` gives for one folder or file.
    """

    def __init__(self, store: ProjectStore, found: Sequence[Found]) -> None:
        self._names = _stored_names(found, store.media_root)
        self._kinds = [f.kind for f in found]
        self._first = store.reserve_ids("media", max(1, len(found)))

    def media(self) -> MediaList:
        """The list of them."""
        ids = np.arange(self._first, self._first + len(self._names), dtype=np.int64)
        return MediaList(new_columns(ids, self._names, self._kinds))

    def keep(self, store: ProjectStore) -> None:
        """Store them. Blocks. Raises StorageFull."""
        store.add_files(self._first, self._names, self._kinds)


def _stored_names(found: Sequence[Found], root: Path) -> list[str]:
    """The files as the project names them; text only, as there may be a million."""
    prefix = str(root).rstrip(os.sep) + os.sep
    names = [f.text.removeprefix(prefix) for f in found]
    return names if os.sep == "/" else [name.replace(os.sep, "/") for name in names]


def _moved(
    store: ProjectStore, lost: Sequence[MediaItem], fresh: Sequence[tuple[str, Found]]
) -> dict[str, MediaItem]:
    """New names of items whose file is gone, by size and hash of the head."""
    by_size: dict[int, list[MediaItem]] = {}
    for item in lost:
        if not store.path_of(item).exists():
            by_size.setdefault(item.size, []).append(item)
    moved: dict[str, MediaItem] = {}
    taken: set[int] = set()
    for name, found in fresh if by_size else ():
        try:
            # A folder's own size says nothing; the identity of frames counts pictures.
            if found.kind is not MediaKind.FRAMES and found.path.stat().st_size not in by_size:
                continue
            size, digest = identity(found.path)
        except (OSError, MediaError):
            continue
        for item in by_size.get(size, ()):
            by_name = MediaKind.IMAGE if item.kind is MediaKind.STACK else item.kind
            is_kind = found.kind is by_name
            if item.head_hash == digest and is_kind and item.id not in taken:
                moved[name] = item
                taken.add(item.id)
                break
    return moved


def probed(store: ProjectReader, item: MediaItem) -> MediaItem:
    """The item with what its file says now: header and identity, or why it cannot be read."""
    path = store.path_of(item)
    if not os.path.lexists(path):
        offline = not store.media_root.exists()
        reason = "its folder or drive is not there" if offline else "the file is not there"
        return replace(item, status=MediaStatus.MISSING, reason=reason)
    try:
        header = probe(path, item.kind)
        size, digest = identity(path)
    except VisionStudioError as error:
        return replace(item, status=MediaStatus.ERROR, reason=error.what)
    except Exception as error:  # a hostile file must not end the search through the others
        return replace(item, status=MediaStatus.ERROR, reason=one_line(error))
    kind = item.kind
    if kind in (MediaKind.IMAGE, MediaKind.STACK):
        kind = MediaKind.STACK if header.frames > 1 else MediaKind.IMAGE
    return replace(
        item,
        kind=kind,
        width=header.width,
        height=header.height,
        frames=header.frames,
        size=size,
        head_hash=digest,
        status=MediaStatus.OK,
        reason="",
    )


def needs_probe(store: ProjectStore, item: MediaItem) -> bool:
    """Whether a file has never been read, came or went, or was replaced by another."""
    if item.status in (MediaStatus.UNKNOWN, MediaStatus.ERROR):
        return True
    try:
        status = os.stat(os.path.join(store.media_root, item.path))  # noqa: PTH116, PTH118
    except OSError:
        return item.status is not MediaStatus.MISSING
    if item.status is MediaStatus.MISSING:
        return True
    return item.kind is not MediaKind.FRAMES and status.st_size != item.size


def probe_media(
    store: ProjectStore,
    items: Iterable[MediaItem],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[list[MediaItem]]:
    """Read the headers of those items that need it; yields what is new, now and then.

    What is yielded has been stored, unless the project cannot be written.
    """
    batch: list[MediaItem] = []
    last = time.monotonic()
    for item in items:
        if cancelled():
            break
        if needs_probe(store, item):
            fresh = probed(store, item)
            if fresh != item:
                batch.append(fresh)
        if batch and time.monotonic() - last > REPORT_SECONDS:
            yield _stored(store, batch)
            batch, last = [], time.monotonic()
    if batch:
        yield _stored(store, batch)


def _stored(store: ProjectStore, batch: list[MediaItem]) -> list[MediaItem]:
    # Facts that can be read again at any time are not worth stopping for.
    with suppress(VisionStudioError):
        store.update_media(batch)
    return batch


class Library:
    """Lists and probes a session's media in the background.

    `changed(done, total)` tells how far the probing is; `failed(error)` why a
    path could not be listed. Both come in the GUI thread, as do the session's
    own `media_changed`. Call `stop` before the session is closed.
    """

    def __init__(self, session: SessionCore) -> None:
        self.changed = Signal()
        self.failed = Signal()
        self.finished = Signal()
        self._session = session
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiting: list[tuple[list[Path], bool]] = []
        self._quiet_until = 0.0
        session.current_changed.connect(self._give_way)
        self._lock = threading.Lock()

    def add(self, paths: Iterable[Path], *, as_video: bool = False) -> None:
        """List what is at and beneath `paths`, then read headers."""
        with self._lock:
            self._waiting.append((list(paths), as_video))
        self.refresh()

    def refresh(self) -> None:
        """Look again which files are there and read the headers of those that changed."""
        with self._lock:
            if self._thread is not None:
                return  # it looks for more work before it ends
            self._thread = threading.Thread(target=self._run, name="library", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background work, waiting up to two seconds for a slow file."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=2)

    def _run(self) -> None:
        again = True
        while again and not self._stop.is_set():
            store = self._session.store
            try:
                self._list(store)
                self._probe(store)
            except VisionStudioError as error:
                if store is self._session.store:
                    self._session.post(partial(self.failed.emit, error))
            with self._lock:
                # Where the project is kept elsewhere by now, its files are looked at from there.
                again = bool(self._waiting) or store is not self._session.store
                if not again:
                    self._thread = None
        if not self._stop.is_set():
            self._session.post(self.finished.emit)

    def _list(self, store: ProjectStore) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._waiting:
                    return
                paths, as_video = self._waiting.pop(0)
            try:
                new, found_again = add_media(store, paths, as_video=as_video)
            except VisionStudioError as error:
                self._session.post(partial(self.failed.emit, error))
                continue
            self._show(new, new=True)
            self._show(found_again)

    def _probe(self, store: ProjectStore) -> None:
        total, done = store.media_count(), 0

        def counted() -> Iterator[MediaItem]:
            nonlocal done
            for item in store.iter_media():
                yield item
                done += 1
                if done % 100 == 0 and self._stop.wait(PAUSE_SECONDS):
                    return
                while (rest := self._quiet_until - time.monotonic()) > 0:
                    if self._stop.wait(rest):
                        return

        for batch in probe_media(store, counted(), cancelled=self._stop.is_set):
            self._show(batch)
            self._session.post(partial(self.changed.emit, done, max(done, total)))

    def _give_way(self) -> None:
        """A person goes through pictures, which are to have the disk and the processor."""
        self._quiet_until = time.monotonic() + GIVE_WAY_SECONDS

    def _show(self, items: Sequence[MediaItem], *, new: bool = False) -> None:
        if not items or self._stop.is_set():
            return
        if len(items) > MANY:
            self._session.post(self._session.reload)
        else:
            self._session.post(lambda: self._session.put_media(items, new=new))
