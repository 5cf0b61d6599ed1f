"""Pictures for the window: decoded by threads, the wanted one first, its neighbours ahead.

Only the newest request is answered. What an older one wanted is dropped, unless it
is being decoded or is a neighbour of the new one; decoded pictures stay in memory
up to a limit, so that going back and forth costs nothing.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visionstudio.media.header import PictureHeader, picture_header
from visionstudio.media.image import Pixels, read_pixels, read_quick
from visionstudio.media.pyramid import READY_PIXELS, Pyramid, is_large, quick_copy, ready_pyramid
from visionstudio.media.pyramid_build import Pyramids
from visionstudio.media.scan import kind_of
from visionstudio.media.source import MediaSource
from visionstudio.model.errors import MediaError, VisionStudioError, one_line
from visionstudio.model.media import MediaItem, MediaKind

CACHE_BYTES = 512 * 2**20
# JPEGs beyond this size are shown from a reduced decode first.
PREVIEW_FILE_BYTES = 2 * 2**20
PREVIEW_SIDE = 1024  # about what the canvas shows; a quarter or an eighth of the whole decode
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")

Post = Callable[[Callable[[], None]], None]


class Prepared(Protocol):
    """What is made of a picture in the decoding thread: it says how much memory it takes."""

    @property
    def nbytes(self) -> int: ...


Prepare = Callable[[MediaItem, NDArray[np.uint8], Pixels | None], Prepared]
"""`prepare(item, rgb, pixels)`: `rgb` (H, W, 3) uint8 as shown and what `read_pixels` gives;
None instead of that for a smaller copy of the picture."""
PrepareTiled = Callable[[MediaItem, Pyramid], Prepared]
"""`prepare_tiled(item, pyramid)`: the same of a picture that is too large to decode whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A picture as far as it is there, or why it is not.

    `rgb` is (H, W, 3) uint8, read-only; a smaller copy of the picture while `whole`
    is false. With a `prepare` function there is `prepared`, what it made, instead
    of `rgb`. Exactly one of `rgb`, `prepared`, `error` and `progress` is not None;
    the last is how much has been done, from 0 to 1, of what must be done first.
    """

    item: MediaItem
    rgb: NDArray[np.uint8] | None
    error: VisionStudioError | None = None
    whole: bool = True
    prepared: Any = None
    progress: float | None = None

    @property
    def nbytes(self) -> int:
        """The memory that its pixels take."""
        found = self.rgb if self.rgb is not None else self.prepared
        return 0 if found is None else int(found.nbytes)


class Prefetch:
    """The pictures of a source, ahead of whoever looks at them. IMAGE items only.

    `post` carries answers to the caller's thread. Methods are to be called in that
    thread; `close` waits for the pictures being decoded. `prepare` is called in the
    decoding threads and makes of a picture what the caller needs.
    """

    def __init__(
        self,
        source: MediaSource,
        post: Post,
        *,
        workers: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        prepare: Prepare | None = None,
        prepare_tiled: PrepareTiled | None = None,
    ) -> None:
        self._source = source
        self._prepare = prepare
        self._prepare_tiled = prepare_tiled
        self._pyramids = Pyramids()
        self._post = post
        self._limit = cache_bytes
        self._condition = threading.Condition()  # re-entrant
        self._cache: OrderedDict[int, tuple[str, Loaded]] = OrderedDict()
        self._bytes = 0
        self._queue: list[MediaItem] = []  # what is still to decode, most wanted first
        self._busy: set[int] = set()
        self._wanted: tuple[MediaItem, Callable[[Loaded], None]] | None = None
        self._closed = False
        # One core is left to the window; reading waits for disks, so never fewer than two.
        count = workers or max(2, min(4, (os.cpu_count() or 2) - 1))
        self._threads = [
            threading.Thread(target=self._work, name=f"picture-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def request(
        self, item: MediaItem, done: Callable[[Loaded], None], near: Sequence[MediaItem] = ()
    ) -> None:
        """Answer with `item`, then decode `near` ahead, most likely first.

        `done` is called at once when the picture is there already, else later by
        `post`: for large JPEGs with a smaller copy first, then with the whole one.
        It is not called any more after a newer request.
        """
        with self._condition:
            self._wanted = None
            ready = self._cached(item)
            if ready is None:
                self._wanted = (item, done)
            wishes = {w.id: w for w in (item, *(n for n in near if self._worth(n)))}
            self._queue = [
                w for w in wishes.values() if w.id not in self._busy and not self._cached(w)
            ]
            self._condition.notify_all()
        if ready is not None:
            done(ready)

    def forget(self, item_id: int) -> None:
        """Decode this item anew next time: its file has changed."""
        with self._condition:
            entry = self._cache.pop(item_id, None)
            if entry is not None:
                self._bytes -= entry[1].nbytes

    def forget_all(self) -> None:
        """Prepare every picture anew next time: what they are prepared for has changed."""
        with self._condition:
            self._cache.clear()
            self._bytes = 0

    def close(self) -> None:
        """Answer no more and end the threads."""
        with self._condition:
            self._closed = True
            self._wanted = None
            self._queue.clear()
            self._condition.notify_all()
        self._pyramids.close()
        for thread in self._threads:
            thread.join()
        self._cache.clear()
        self._bytes = 0

    def _worth(self, item: MediaItem) -> bool:
        """Whether to decode a neighbour ahead: giants would push out everything else."""
        return item.kind is MediaKind.IMAGE and 3 * item.width * item.height * 4 <= self._limit

    def _cached(self, item: MediaItem) -> Loaded | None:
        entry = self._cache.get(item.id)
        if entry is None or entry[0] != item.path:
            return None
        self._cache.move_to_end(item.id)
        return entry[1]

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._queue and not self._closed:
                    self._condition.wait()
                if self._closed:
                    return
                item = self._queue.pop(0)
                self._busy.add(item.id)
                awaited = self._wanted is not None and self._wanted[0].id == item.id
            if awaited:
                self._preview(item)
            loaded = self._load(item)
            with self._condition:
                self._busy.discard(item.id)
                if loaded is not None:
                    self._keep(loaded)
                elif self._is_wanted(item) and not self._closed:
                    self._queue.insert(0, item)  # wanted again while it was given up
            if loaded is not None:
                self._answer(loaded)

    def _load(self, item: MediaItem) -> Loaded | None:
        """The picture, or why it cannot be read; None when nobody waits for it any more."""
        path = self._source.path(item)
        try:
            if self._prepare_tiled is not None and self._may_be_large(item):
                header = picture_header(path)
                if header.width * header.height > READY_PIXELS:
                    pyramid = self._pyramid(item, path, header)
                    if pyramid is not None:
                        return Loaded(item, None, prepared=self._prepare_tiled(item, pyramid))
                    if is_large(header):
                        return None
            pixels = read_pixels(path, tell=lambda rgb: self._show_part(item, path, rgb))
            return self._made(item, pixels.rgb(), pixels)
        except VisionStudioError as error:
            return Loaded(item, None, error)
        except Exception as error:  # a fault of ours must not end the thread
            return Loaded(item, None, MediaError(one_line(error), where=str(path)))

    def _may_be_large(self, item: MediaItem) -> bool:
        return not item.width or item.width * item.height > READY_PIXELS

    def _pyramid(self, item: MediaItem, path: Path, header: PictureHeader) -> Pyramid | None:
        """The picture by tiles: when it is too large for less, or has its levels in its file."""
        if not is_large(header):
            return ready_pyramid(path, header)
        told = [-1.0]

        def progress(share: float) -> None:
            if share > told[0]:
                told[0] = share
                self._answer(Loaded(item, None, whole=False, progress=share))

        return self._pyramids.get(path, header, progress, lambda: self._is_wanted(item))

    def _show_part(self, item: MediaItem, path: Path, rgb: NDArray[np.uint8]) -> None:
        """Answer with a smaller copy, which has the size of the whole for whoever draws on it."""
        if self._is_wanted(item):
            if not item.width:
                width, height = picture_header(path).upright_size
                item = replace(item, width=width, height=height)
            self._answer(self._made(item, rgb, None))

    def _is_wanted(self, item: MediaItem) -> bool:
        with self._condition:
            return self._wanted is not None and self._wanted[0].id == item.id

    def _made(self, item: MediaItem, rgb: NDArray[np.uint8], pixels: Pixels | None) -> Loaded:
        rgb.flags.writeable = False
        whole = pixels is not None
        if self._prepare is None:
            return Loaded(item, rgb, whole=whole)
        prepared = self._prepare(item, rgb, pixels)
        return Loaded(item, None, whole=whole, prepared=prepared)

    def _preview(self, item: MediaItem) -> None:
        """Answer with a smaller copy where the whole picture takes long."""
        path = self._source.path(item)
        if kind_of(path.name) is not MediaKind.IMAGE or path.suffix.lower() not in _JPEG:
            return
        try:
            if path.stat().st_size < PREVIEW_FILE_BYTES:
                return
            self._show_part(item, path, _smaller(path))
        except (OSError, VisionStudioError):
            return  # the whole decode will say why

    def _keep(self, loaded: Loaded) -> None:
        """Cache a picture; errors are not kept, the file may be there next time."""
        if loaded.error is not None or self._closed:
            return
        self.forget(loaded.item.id)
        self._cache[loaded.item.id] = (loaded.item.path, loaded)
        self._bytes += loaded.nbytes
        while self._bytes > self._limit and len(self._cache) > 1:
            _, (_, old) = self._cache.popitem(last=False)
            self._bytes -= old.nbytes

    def _answer(self, loaded: Loaded) -> None:
        """Hand a picture to whoever waits for it, if that is still so when it arrives."""

        def deliver() -> None:
            with self._condition:
                wanted = self._wanted
                if wanted is None or wanted[0].id != loaded.item.id:
                    return
                if loaded.whole:
                    self._wanted = None
            wanted[1](loaded)

        with self._condition:
            if self._wanted is None or self._wanted[0].id != loaded.item.id:
                return
        self._post(deliver)


def _smaller(path: Path) -> NDArray[np.uint8]:
    """What is shown first of a JPEG. Raises MediaError."""
    header = picture_header(path)
    copy = quick_copy(path, header, PREVIEW_SIDE) if is_large(header) else None
    return read_quick(path, PREVIEW_SIDE) if copy is None else copy
