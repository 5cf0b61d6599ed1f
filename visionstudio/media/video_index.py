"""Which frames a video has: their time stamps in order, and where decoding may start.

Frame N is the Nth time stamp in presentation order. The stamps are read from the
packets (demuxing, no decoding), which takes a second or two per hour of video,
and kept in the cache. A container that does not stamp every packet is decoded
once instead.
"""

from __future__ import annotations

import contextlib
import io
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
from visionstudio.model.errors import MediaError, one_line
from visionstudio.settings.folders import cache_folder

_VERSION = 1
NO_STAMP = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, eq=False)
class VideoIndex:
    """The frames of a video.

    `pts` int64 (n,) rising: one time stamp per frame in units of `time_base`
    seconds. `key_pts` and `key_dts` int64 (k,): presentation and decoding stamps of
    the packets at which decoding can start, by rising presentation stamp. `width`
    and `height` are those of the stored frame; `turns` is how many times 90°
    counter-clockwise bring it upright.
    """

    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    key_dts: NDArray[np.int64]
    time_base: Fraction
    width: int
    height: int
    turns: int
    fps: float


def stamp(frame: Any) -> int | None:
    """The presentation stamp of a decoded frame; of old AVI files, that of its packet."""
    found: int | None = frame.pts if frame.pts is not None else frame.dts
    return found


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


def load_index(path: Path) -> VideoIndex:
    """The index of a video, from the cache or made now. Raises MediaError."""
    cached = cache_folder() / "video-index" / f"{content_key(path)}-{_VERSION}.npz"
    with contextlib.suppress(Exception):  # whatever is wrong with a cache file: make it anew
        return _loaded(cached)
    index = build_index(path)
    write_cache(cached, _saved(index))
    return index


def build_index(path: Path) -> VideoIndex:
    """Read all packets of a video. Raises MediaError when no frame can be decoded."""
    first, facts = _first_frame(path)
    container, stream = open_container(path)
    try:
        packets, unstamped = _packets(container, stream)
        rate = float(stream.average_rate or 0)
        time_base = Fraction(stream.time_base or Fraction(1, 1000))
    except av.FFmpegError as error:
        raise _unreadable(path, error) from error
    finally:
        container.close()
    shown = np.unique(np.array([p for p, _, _ in packets], np.int64))
    if unstamped or first not in shown:
        packets, shown = _by_decoding(path)
    # What is stamped before the first frame that decodes belongs to a cut-off beginning.
    shown = shown[shown >= first]
    keys = sorted((p, d) for p, d, key in packets if key)
    if not keys:
        keys = [(int(shown[0]), NO_STAMP)]
    table = np.array(keys, np.int64).reshape(-1, 2)
    seconds = float((shown[-1] - shown[0]) * time_base)
    fps = (len(shown) - 1) / seconds if seconds > 0 else rate
    if rate and abs(fps - rate) < 0.02 * rate:
        fps = rate
    return VideoIndex(shown, table[:, 0], table[:, 1], time_base, *facts, fps)


def _first_frame(path: Path) -> tuple[int, tuple[int, int, int]]:
    """Stamp of the first frame that decodes, and (width, height, turns)."""
    container, stream = open_container(path)
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(av.FFmpegError):  # a damaged packet: try the next
                for frame in packet.decode():
                    found = stamp(frame)
                    if found is not None:
                        return found, (frame.width, frame.height, round(frame.rotation / 90) % 4)
    except (av.FFmpegError, OSError) as error:
        raise _unreadable(path, error) from error
    finally:
        container.close()
    raise MediaError(
        "no frame can be decoded", where=str(path), next_step="copy it again from its source"
    )


def _packets(container: Any, stream: Any) -> tuple[list[tuple[int, int, bool]], bool]:
    """(pts, dts, is key) per packet, and whether some carry no stamp."""
    found: list[tuple[int, int, bool]] = []
    unstamped = False
    try:
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            if packet.pts is None:
                unstamped = True
                continue
            dts = packet.dts if packet.dts is not None else packet.pts
            found.append((packet.pts, dts, packet.is_keyframe))
    except av.FFmpegError:
        if not found:
            raise  # else: a file that was cut off has the frames up to there
    return found, unstamped


def _by_decoding(path: Path) -> tuple[list[tuple[int, int, bool]], NDArray[np.int64]]:
    """The same for a container without stamps: what the decoder says."""
    container, stream = open_container(path)
    keys: list[tuple[int, int, bool]] = []
    stamps: set[int] = set()
    try:
        for packet in container.demux(stream):
            if packet.size and packet.is_keyframe and packet.dts is not None:
                keys.append((packet.dts, packet.dts, True))
            with contextlib.suppress(av.FFmpegError):
                stamps.update(s for s in map(stamp, packet.decode()) if s is not None)
    except av.FFmpegError as error:
        if not stamps:
            raise _unreadable(path, error) from error
    finally:
        container.close()
    return keys, np.array(sorted(stamps), np.int64)


def _saved(index: VideoIndex) -> bytes:
    buffer = io.BytesIO()
    base = index.time_base
    facts = [base.numerator, base.denominator, index.width, index.height, index.turns]
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
        numerator, denominator, width, height, turns = (int(v) for v in data["facts"])
        index = VideoIndex(
            data["pts"],
            data["key_pts"],
            data["key_dts"],
            Fraction(numerator, denominator),
            width,
            height,
            turns,
            float(data["fps"]),
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
