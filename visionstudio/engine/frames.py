"""Frames for the lanes: decoded by `visionstudio.media`, ahead of the model where possible."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.devices import cores
from visionstudio.engine.requests import FrameRef
from visionstudio.model.errors import MediaError, VisionStudioError, one_line

AHEAD_BYTES = 512 * 2**20
MAX_AHEAD = 64
OPEN_VIDEOS = 4

Frame = NDArray[np.uint8]


class Video(Protocol):
    """A video or folder of frames, as `visionstudio.media.open_video` gives it."""

    @property
    def frames(self) -> int: ...

    def read(self, n: int, /) -> Frame: ...

    def close(self) -> None: ...


class FrameReader:
    """Reads FrameRefs, keeping the last few videos open. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._videos: OrderedDict[str, tuple[Video, threading.Lock]] = OrderedDict()

    def read(self, ref: FrameRef) -> Frame:
        """The upright (H, W, 3) uint8 RGB frame, read-only. MediaError when it cannot be read."""
        try:
            frame = self._decode(ref)
        except VisionStudioError:
            raise
        except Exception as error:  # a decoder's fault must not end the lane
            raise MediaError(f"cannot be decoded: {one_line(error)}", where=ref.path) from error
        frame.flags.writeable = False
        return frame

    def _decode(self, ref: FrameRef) -> Frame:
        if ref.kind == "image":
            from visionstudio.media.image import read_rgb

            return read_rgb(Path(ref.path))
        video, lock = self._video(ref.path)
        with lock:
            return video.read(ref.frame)

    def _video(self, path: str) -> tuple[Video, threading.Lock]:
        from visionstudio.media.video import open_video

        with self._lock:
            if path in self._videos:
                self._videos.move_to_end(path)
                return self._videos[path]
            while len(self._videos) >= OPEN_VIDEOS:
                _, (oldest, lock) = self._videos.popitem(last=False)
                with lock:
                    oldest.close()
            entry = (open_video(Path(path)), threading.Lock())
            self._videos[path] = entry
            return entry

    def close(self) -> None:
        """Close all videos."""
        with self._lock:
            for video, lock in self._videos.values():
                with lock:
                    video.close()
            self._videos.clear()


class Ahead:
    """Values of `read` for `items`, in order, computed by threads ahead of who takes them.

    How far ahead is bounded by memory: AHEAD_BYTES in the size of the first value.
    """

    def __init__(self, read: Callable[[Any], Frame], items: Iterable[Any], workers: int) -> None:
        self._read = read
        self._items: Iterator[Any] = iter(items)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._waiting: deque[tuple[Any, Future[Frame]]] = deque()
        self._room = 2 * workers
        self._fill()

    def _fill(self) -> None:
        while len(self._waiting) < self._room:
            item = next(self._items, None)
            if item is None:
                return
            self._waiting.append((item, self._pool.submit(self._read, item)))

    def take(self) -> tuple[Any, Frame | VisionStudioError] | None:
        """The next item with its value or the error of reading it; None after the last."""
        if not self._waiting:
            return None
        item, future = self._waiting.popleft()
        value: Frame | VisionStudioError
        try:
            value = future.result()
            self._room = max(2, min(MAX_AHEAD, AHEAD_BYTES // max(1, value.nbytes)))
        except VisionStudioError as error:
            value = error
        self._fill()
        return item, value

    def close(self) -> None:
        """Stop reading; what is being decoded is finished and dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def frames_ahead(reader: FrameReader, refs: Sequence[FrameRef]) -> Ahead:
    """Frames in order. Pictures are decoded by several threads, videos by one, in order."""
    pictures = all(ref.kind == "image" for ref in refs)
    return Ahead(reader.read, refs, min(4, max(1, cores() // 2)) if pictures else 1)


class VideoAhead:
    """A video whose frames are asked for in a known order, decoded one step ahead.

    `shape` is (height, width) of the frame that was read last.
    """

    def __init__(self, reader: FrameReader, path: str, kind: str) -> None:
        self._reader, self._path, self._kind = reader, path, kind
        video, _ = reader._video(path)
        self.frames = video.frames
        self.shape = (0, 0)
        self._ahead: Ahead | None = None

    def follow(self, order: Iterable[int]) -> None:
        """From now on frames are read in this order."""
        refs = (FrameRef(str(n), self._path, self._kind, n) for n in order)
        self._ahead = Ahead(self._reader.read, refs, 1)

    def read(self, n: int, /) -> Frame:
        """Frame `n`, the next one of the order. MediaError when it cannot be read."""
        taken = self._ahead.take() if self._ahead else None
        if taken is not None and taken[0].frame == n:
            value = taken[1]
        else:
            value = self._reader.read(FrameRef(str(n), self._path, self._kind, n))
        if isinstance(value, VisionStudioError):
            raise value
        height, width = value.shape[:2]
        self.shape = (height, width)
        return value

    def close(self) -> None:
        """Stop decoding ahead; the reader keeps the video open."""
        if self._ahead is not None:
            self._ahead.close()


class BlankVideo:
    """Frames without anything in them, for what needs only boxes; as `VideoAhead`."""

    def __init__(self, frames: int, height: int, width: int) -> None:
        self.frames = frames
        self.shape = (height, width)
        self._frame = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (height, width, 3))

    def follow(self, order: Iterable[int]) -> None:
        """Every order is as good."""

    def read(self, n: int, /) -> Frame:
        """The blank frame."""
        return self._frame

    def close(self) -> None:
        """Nothing is open."""
