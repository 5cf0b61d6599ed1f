"""Videos and folders of frames: frame N is always frame N.

Every frame is found by its time stamp: seek to the key frame before it, verify
that decoding really starts there (containers often land elsewhere), decode until
exactly that stamp appears. Frames that are damaged beyond decoding are gaps: they
keep their number, reading them says so, their neighbours stay what they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, Self

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray

from visionstudio.media.cache import FrameCache
from visionstudio.media.header import picture_size
from visionstudio.media.image import Pixels, read_pixels
from visionstudio.media.scan import frame_files, kind_of
from visionstudio.media.stack import StackReader
from visionstudio.media.video_index import NO_STAMP, load_index, open_container
from visionstudio.model.errors import InvalidValue, MediaError
from visionstudio.model.media import MediaKind

CACHE_BYTES = 192 * 2**20
FOLDER_FPS = 25.0
# So many frames ahead are decoded rather than sought: a seek empties the decoder.
_WALK = 12
_BACK_OFF_SECONDS = (0.0, 0.5, 2.0, 8.0)
_UNSPECIFIED_COLOURS = 2
_HD_HEIGHT = 720
_ROTATIONS = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    2: cv2.ROTATE_180,
    3: cv2.ROTATE_90_CLOCKWISE,
}

Rgb = NDArray[np.uint8]


class Video(Protocol):
    """Frames by number. `width` and `height` are upright pixels, `pts` int64 (frames,)."""

    width: int
    height: int
    frames: int
    fps: float
    time_base: Fraction
    pts: NDArray[np.int64]

    def read(self, n: int, /) -> Rgb:
        """Frame `n` from 0, upright (H, W, 3) uint8 RGB. Raises MediaError, InvalidValue."""
        ...

    def source(self, n: int, /) -> Pixels | None:
        """Frame `n` in its source values; None where these are what `read` gives."""
        ...

    def key_before(self, n: int, /) -> int:
        """The frame at or before `n` that is decoded without others."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_video(
    path: Path,
    *,
    cache_bytes: int = CACHE_BYTES,
    cancelled: Callable[[], bool] = lambda: False,
) -> Video:
    """A video file, or a folder or file of pictures as one. Raises MediaError with the reason.

    `cache_bytes` bounds the decoded frames that are kept. A long video that is opened
    for the first time takes a while; when `cancelled` says so meanwhile, Cancelled is raised.
    """
    path = Path(path)
    if path.is_dir():
        return FrameFolder(path, cache_bytes)
    if kind_of(path.name) is not MediaKind.VIDEO and is_picture(path):
        return StackReader(path, cache_bytes)
    return VideoReader(path, cache_bytes, cancelled)


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by what is in it."""
    try:
        picture_size(path)
    except MediaError:
        return kind_of(path.name) is MediaKind.IMAGE
    return True


class VideoReader:
    """Exact frames of a video file. Thread-safe: readers take turns."""

    def __init__(
        self,
        path: Path,
        cache_bytes: int = CACHE_BYTES,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path = path
        self._index = load_index(path, cancelled)
        index = self._index
        turned = index.turns % 2 == 1
        self.width = index.height if turned else index.width
        self.height = index.width if turned else index.height
        self.frames = len(index.pts)
        self.fps = index.fps
        self.time_base = index.time_base
        self.pts = index.pts
        self.gaps: set[int] = set()
        self._lock = threading.Lock()
        self._cache = FrameCache(cache_bytes)
        self._reformatter = VideoReformatter()
        self._open()

    def _open(self) -> None:
        self._container, self._stream = open_container(self.path)
        self._decoded: Iterator[Any] | None = self._decode(None)
        self._at = -1  # the frame number that was decoded last, in presentation order
        self._key: int | None = None  # numbered videos: the key frame to count from, None: counting

    def read(self, n: int, /) -> Rgb:
        """Frame `n` from 0, upright (H, W, 3) uint8 RGB.

        Raises InvalidValue when there is no such frame, MediaError when it is
        damaged (then `n` is in `gaps`) or the file cannot be read any more.
        """
        if not 0 <= n < self.frames:
            raise InvalidValue(f"frame {n} is not in the video", where=f"0…{self.frames - 1}")
        with self._lock:
            if self._container is None:
                raise MediaError("the video has been closed", where=str(self.path))
            frame = self._cache.get(n)
            if frame is None:
                frame = self._fetch(n)
            return self._rgb(frame)

    def source(self, n: int, /) -> Pixels | None:
        """Videos have no more than what is shown."""
        return None

    def key_before(self, n: int, /) -> int:
        """The frame at or before `n` that is decoded without others."""
        keys = self._index.key_pts
        key = max(0, int(np.searchsorted(keys, self.pts[n], side="right")) - 1)
        return int(np.searchsorted(self.pts, keys[key]))

    def close(self) -> None:
        """Close the file and drop all frames; a read in another thread ends first."""
        with self._lock:
            if self._container is not None:
                self._decoded = None
                self._container.close()
                self._container = None
            self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fetch(self, n: int) -> Any:
        """Decode frame `n`: on from here when that is near, else from its key frame."""
        if n in self.gaps:
            raise self._gap(n)
        keys = self._index.key_pts
        key = max(0, int(np.searchsorted(keys, self.pts[n], side="right")) - 1)
        key_frame = self.key_before(n)
        if (
            self._decoded is not None
            and self._at < n
            and (key_frame <= self._at + 1 or n - self._at <= _WALK)
        ):
            found = self._walk(n)
            if found is not None:
                return found
        # The key frame before that one, too: streams with rolling refresh mark
        # packets as key from which the next frames cannot be decoded yet.
        for start in dict.fromkeys((key, max(0, key - 1))):
            self._seek(start)
            found = self._walk(n)
            if found is not None:
                return found
        self.gaps.add(n)
        raise self._gap(n)

    def _walk(self, n: int) -> Any | None:
        """Decode on until frame `n`, keeping what is passed; None when it does not appear."""
        if self._decoded is None:
            return None
        for frame in self._decoded:
            number = self._number(frame)
            if number is None:
                continue
            self._at = number
            self._cache.put(number, frame, sum(p.buffer_size for p in frame.planes))
            if number == n:
                return frame
            if number > n:
                return None
        self._decoded = None
        return None

    def _number(self, frame: Any) -> int | None:
        """Which frame the decoder has put out; None when it is not one that counts."""
        if self._index.numbered:
            if self._key is None:
                return self._at + 1
            if not frame.key_frame:
                return None  # refers to frames before the key frame, which were not decoded
            number, self._key = self._key, None
            return number
        if frame.pts is None:
            return None
        number = int(np.searchsorted(self.pts, frame.pts))
        known = number < self.frames and int(self.pts[number]) == frame.pts
        return number if known else None

    def _seek(self, key: int) -> None:
        """Make decoding start at key packet `key`, backing off until it is really met."""
        dts = int(self._index.key_dts[key])
        self._at = -1
        if dts != NO_STAMP:
            for seconds in _BACK_OFF_SECONDS:
                target = dts - int(seconds / self.time_base)
                try:
                    self._container.seek(target, stream=self._stream, backward=True)
                except (av.FFmpegError, OSError):
                    continue
                first = self._reach(dts)
                if first is not None:
                    self._decoded = self._decode(first)
                    self._key = int(self._index.key_pts[key])
                    return
        # The beginning of the file needs no seek and is always right.
        self._container.close()
        self._open()

    def _reach(self, dts: int) -> Any | None:
        """Read packets up to the key packet stamped `dts`; None when it was overshot."""
        try:
            for packet in self._container.demux(self._stream):
                here = packet.dts if packet.dts is not None else packet.pts
                if here is None or not packet.size:
                    continue
                if here == dts and packet.is_keyframe:
                    return packet
                if here >= dts:
                    return None
        except (av.FFmpegError, OSError):
            return None
        return None

    def _decode(self, first: Any | None) -> Iterator[Any]:
        """Frames in presentation order from packet `first`; damaged packets are left out."""
        if first is not None:
            yield from self._frames_of(first)
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError, OSError):
                return
            yield from self._frames_of(packet)

    def _frames_of(self, packet: Any) -> list[Any]:
        try:
            return list(packet.decode())
        except (av.FFmpegError, ValueError):
            return []

    def _rgb(self, frame: Any) -> Rgb:
        # Unmarked colours follow the habit of players: HD is BT.709, the rest BT.601.
        unmarked = frame.colorspace == _UNSPECIFIED_COLOURS
        hd = min(frame.width, frame.height) >= _HD_HEIGHT
        source = (Colorspace.ITU709 if hd else Colorspace.ITU601) if unmarked else None
        converted = self._reformatter.reformat(frame, format="rgb24", src_colorspace=source)
        rgb = np.asarray(converted.to_ndarray(), np.uint8)  # a view whose rows may be padded
        turns = self._index.turns
        if turns:
            return np.asarray(cv2.rotate(rgb, _ROTATIONS[turns]), np.uint8)
        return np.ascontiguousarray(rgb)

    def _gap(self, n: int) -> MediaError:
        return MediaError(
            f"frame {n} is damaged and cannot be decoded",
            where=str(self.path),
            next_step="go on with the next frame",
        )


class FrameFolder:
    """The pictures of a folder as a video, in natural order of their names. Thread-safe.

    There is no clock in a folder: frames count at 25 per second. Width and height
    are those of the first picture; one of another size keeps its own.
    """

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self.path = path
        self.files = frame_files(path)
        self.frames = len(self.files)
        self.fps = FOLDER_FPS
        self.time_base = Fraction(1, int(FOLDER_FPS))
        self.pts: NDArray[np.int64] = np.arange(self.frames, dtype=np.int64)
        self.width, self.height = self._first_size()
        self._lock = threading.Lock()
        self._cache = FrameCache(cache_bytes)

    def _first_size(self) -> tuple[int, int]:
        """Width and height of the first picture that can be read; its error if none can."""
        first: MediaError | None = None
        for file in self.files[:100]:
            try:
                return picture_size(file)
            except MediaError as error:
                first = first or error
        raise first if first is not None else MediaError("no pictures", where=str(self.path))

    def read(self, n: int, /) -> Rgb:
        """Frame `n` from 0, upright (H, W, 3) uint8 RGB. Raises InvalidValue, MediaError."""
        if not 0 <= n < self.frames:
            raise InvalidValue(f"frame {n} is not in the folder", where=f"0…{self.frames - 1}")
        source = self.source(n)
        rgb = source.rgb()
        return rgb.copy() if np.shares_memory(rgb, source.values) else rgb

    def source(self, n: int, /) -> Pixels:
        """Frame `n` in its source values. Raises MediaError."""
        with self._lock:
            cached = self._cache.get(n)
        if cached is not None:
            return cached  # type: ignore[no-any-return]
        pixels = read_pixels(self.files[n])
        with self._lock:
            self._cache.put(n, pixels, pixels.values.nbytes)
        return pixels

    def key_before(self, n: int, /) -> int:
        """Every picture stands for itself."""
        return n

    def close(self) -> None:
        """Drop all frames."""
        with self._lock:
            self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
