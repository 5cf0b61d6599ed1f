"""Which frames a video has: their time stamps in order, and where decoding may start.

Frame N is the Nth time stamp in presentation order. The stamps are read from the
packets (demuxing, no decoding), which takes a second or two per hour of video,
and kept in the cache. Where the stamps cannot be trusted (raw streams, AVI with
B-frames) the video is decoded once and its frames are counted from key frames.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from visionstudio.media.atomic import write_cache
from visionstudio.media.header import MAX_PIXELS
from visionstudio.media.identity import content_key, open_regular
from visionstudio.model.errors import Cancelled, MediaError, one_line
from visionstudio.settings.folders import cache_folder

_VERSION = 2
NO_STAMP = np.iinfo(np.int64).min  # of a key packet that cannot be sought
_SAMPLE = 8  # frames whose stamps are compared with those of the packets
_USUAL_FPS = 25.0
_LOOK_SECONDS = 0.1  # between two looks whether one who waits for an index has given up
_AT_ONCE = 256  # packets between two looks whether to go on
_making: dict[str, threading.Lock] = {}
_guard = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class VideoIndex:
    """The frames of a video.

    `pts` int64 (n,) rising: one time stamp per frame in units of `time_base`
    seconds. `key_pts` and `key_dts` int64 (k,): presentation and decoding stamps of
    the packets at which decoding can start, by rising presentation stamp. `width`
    and `height` are those of the stored frame; `turns` is how many times 90°
    counter-clockwise bring it upright. When `numbered`, the file's own stamps are
    of no use: `pts` counts frames, and decoding from key k yields the frame with
    `key_pts[k]` first among key frames and the others after it in order.
    """

    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    key_dts: NDArray[np.int64]
    time_base: Fraction
    width: int
    height: int
    turns: int
    fps: float
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class _Sample:
    """The first frames that decode: size, turns, stamps in the order they came out."""

    width: int
    height: int
    turns: int
    stamps: list[int | None]


def open_container(path: Path) -> tuple[Any, Any]:
    """An open container and its first video stream. MediaError when there is none."""
    open_regular(path).close()
    try:
        # A local file by its path only: a playlist inside must not reach the network.
        container = av.open(
            f"file:{path}", metadata_errors="ignore", options={"protocol_whitelist": "file"}
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    streams = [s for s in container.streams.video if s.codec_context is not None]
    if not streams:
        container.close()
        raise MediaError(
            "holds no video that can be decoded",
            where=str(path),
            next_step="convert it to H.264 in MP4",
        )
    stream = streams[0]
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        container.close()
        raise MediaError("claims frames too large to decode", where=str(path))
    stream.thread_type = "AUTO"
    return container, stream


def load_index(path: Path, cancelled: Callable[[], bool] = lambda: False) -> VideoIndex:
    """The index of a video, from the cache or made now. Raises MediaError, Cancelled.

    Reading all packets of a long video takes a while: `cancelled` is asked meanwhile.
    """
    cached = cache_folder() / "video-index" / f"{content_key(path)}-{_VERSION}.npz"
    with _making_alone(cached.stem, cancelled):
        with contextlib.suppress(Exception):  # whatever is wrong with a cache file: make it anew
            return _loaded(cached)
        index = build_index(path, cancelled)
        write_cache(cached, _saved(index))
    return index


@contextlib.contextmanager
def _making_alone(key: str, cancelled: Callable[[], bool]) -> Iterator[None]:
    """The player, its small pictures and the media list ask for one index at the same time.

    One of them makes it, the others wait for that. Raises Cancelled while waiting.
    """
    with _guard:
        lock = _making.setdefault(key, threading.Lock())
    while not lock.acquire(timeout=_LOOK_SECONDS):
        if cancelled():
            raise Cancelled
    try:
        yield
    finally:
        lock.release()


def build_index(path: Path, cancelled: Callable[[], bool] = lambda: False) -> VideoIndex:
    """Read all packets of a video. Raises MediaError when no frame can be decoded, Cancelled."""
    sample = _sample(path)
    container, stream = open_container(path)
    try:
        packets = _packets(container, stream, cancelled)
        rate = float(stream.average_rate or 0)
        time_base = Fraction(stream.time_base or Fraction(1, 1000))
    except av.FFmpegError as error:
        raise _unreadable(path, error) from error
    finally:
        container.close()
    if packets is None or not _trusted(packets, sample.stamps):
        return _numbered(path, sample, rate, cancelled)
    shown = np.array(sorted(p for p, _, _ in packets), np.int64)
    # What is stamped before the first frame that decodes belongs to a cut-off beginning.
    shown = shown[shown >= np.int64(sample.stamps[0] or 0)]
    keys = sorted((p, d) for p, d, key in packets if key) or [(int(shown[0]), NO_STAMP)]
    table = np.array(keys, np.int64).reshape(-1, 2)
    seconds = float((shown[-1] - shown[0]) * time_base)
    fps = (len(shown) - 1) / seconds if seconds > 0 else rate
    if rate and abs(fps - rate) < 0.02 * rate:
        fps = rate
    return VideoIndex(
        shown,
        table[:, 0],
        table[:, 1],
        time_base,
        sample.width,
        sample.height,
        sample.turns,
        fps or _USUAL_FPS,
    )


def _trusted(packets: list[tuple[int, int, bool]], stamps: list[int | None]) -> bool:
    """Whether every frame has a stamp of its own, and decoded frames carry the packets'."""
    known = {p for p, _, _ in packets}
    rising = [s for s in stamps if s is not None]
    return (
        len(known) == len(packets)
        and len(rising) == len(stamps)
        and all(a < b for a, b in itertools.pairwise(rising))
        and known.issuperset(rising)
    )


def _sample(path: Path) -> _Sample:
    """Decode the first frames. MediaError when there is none."""
    container, stream = open_container(path)
    first: Any = None
    stamps: list[int | None] = []
    try:
        for frame in _frames(container, stream):
            first = first or frame
            stamps.append(frame.pts)
            if len(stamps) >= _SAMPLE:
                break
    except (av.FFmpegError, OSError) as error:
        if first is None:
            raise _unreadable(path, error) from error
    finally:
        container.close()
    if first is None:
        raise MediaError(
            "no frame can be decoded", where=str(path), next_step="copy it again from its source"
        )
    return _Sample(first.width, first.height, round(first.rotation / 90) % 4, stamps)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Frames in presentation order; damaged packets are left out."""
    for packet in container.demux(stream):
        with contextlib.suppress(av.FFmpegError, ValueError):
            yield from packet.decode()


def _packets(
    container: Any, stream: Any, cancelled: Callable[[], bool]
) -> list[tuple[int, int, bool]] | None:
    """(pts, dts, is key) per packet that is shown; None when some carry no stamp."""
    found: list[tuple[int, int, bool]] = []
    add, till_look = found.append, 0
    try:
        for packet in container.demux(stream):
            till_look -= 1
            if till_look < 0:
                till_look = _AT_ONCE
                if cancelled():
                    raise Cancelled
            if not packet.size or packet.is_discard:
                continue
            pts, dts = packet.pts, packet.dts
            if pts is None:
                return None
            add((pts, pts if dts is None else dts, packet.is_keyframe))
    except av.FFmpegError:
        if not found:
            raise  # else: a file that was cut off has the frames up to there
    return found


def _numbered(
    path: Path, sample: _Sample, rate: float, cancelled: Callable[[], bool]
) -> VideoIndex:
    """Count the frames by decoding all of them, and find where key frames stand."""
    container, stream = open_container(path)
    key_numbers: list[int] = []
    key_stamps: list[int] = []
    count = 0
    try:
        for packet in container.demux(stream):
            if cancelled():
                raise Cancelled
            if packet.size and packet.is_keyframe:
                key_stamps.append(packet.dts if packet.dts is not None else NO_STAMP)
            with contextlib.suppress(av.FFmpegError, ValueError):
                for frame in packet.decode():
                    if frame.key_frame:
                        key_numbers.append(count)
                    count += 1
    except av.FFmpegError as error:
        if not count:
            raise _unreadable(path, error) from error
    finally:
        container.close()
    if len(key_numbers) != len(key_stamps) or len(set(key_stamps)) != len(key_stamps):
        key_numbers, key_stamps = [0], [NO_STAMP]  # which is which cannot be told
    if key_numbers[0]:
        key_numbers, key_stamps = [0, *key_numbers], [NO_STAMP, *key_stamps]
    fps = rate if 1 <= rate <= 240 else _USUAL_FPS
    return VideoIndex(
        np.arange(count, dtype=np.int64),
        np.array(key_numbers, np.int64),
        np.array(key_stamps, np.int64),
        1 / Fraction(fps).limit_denominator(100_000),
        sample.width,
        sample.height,
        sample.turns,
        fps,
        numbered=True,
    )


def _saved(index: VideoIndex) -> bytes:
    buffer = io.BytesIO()
    base = index.time_base
    facts = [base.numerator, base.denominator, index.width, index.height, index.turns]
    facts.append(int(index.numbered))
    np.savez(
        buffer,
        pts=index.pts,
        key_pts=index.key_pts,
        key_dts=index.key_dts,
        facts=np.array(facts, np.int64),
        fps=np.array(index.fps),
    )
    return buffer.getvalue()


def _loaded(path: Path) -> VideoIndex:
    with np.load(path, allow_pickle=False) as data:
        numerator, denominator, width, height, turns, numbered = (int(v) for v in data["facts"])
        index = VideoIndex(
            data["pts"],
            data["key_pts"],
            data["key_dts"],
            Fraction(numerator, denominator),
            width,
            height,
            turns,
            float(data["fps"]),
            bool(numbered),
        )
    if not len(index.pts) or len(index.key_pts) != len(index.key_dts) or not len(index.key_pts):
        raise ValueError("an empty index")
    return index


def _unreadable(path: Path, error: BaseException) -> MediaError:
    reason = getattr(error, "strerror", None) or one_line(error)
    return MediaError(
        f"the video cannot be opened: {reason}",
        where=str(path),
        next_step="check that it plays elsewhere, or convert it to H.264 in MP4",
    )
