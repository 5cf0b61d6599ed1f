"""Writing videos: frames in, one file out."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray

from visionstudio.media.video_sound import Sound, SoundOf
from visionstudio.model.errors import InvalidValue, MediaError, StorageFull, one_line

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".avi": "avi"}
_CODECS = ("libx264", "mpeg4")  # the second one where FFmpeg was built without the first
_NO_SPACE = 28  # ENOSPC, as FFmpeg numbers it everywhere


def container_of(path: Path) -> str:
    """FFmpeg's name for the kind of file. Raises InvalidValue for others than `CONTAINERS`."""
    kind = CONTAINERS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(CONTAINERS)
        raise InvalidValue(
            f"videos cannot be written as '{path.suffix or path.name}'",
            where=str(path),
            next_step=f"give it one of the endings {known}",
        )
    return kind


class VideoWriter:
    """Encodes frames of one size as H.264 into an open binary file.

    An odd width or height is filled up by repeating its last column or row, which
    H.264 needs. `time_base` is in seconds, as are stamps in its units. `sound` is copied along,
    if there is any of a kind that the container holds: `has_sound` says so.
    """

    def __init__(
        self,
        handle: IO[bytes],
        path: Path,
        width: int,
        height: int,
        *,
        fps: float,
        time_base: Fraction,
        crf: int = 18,
        sound: SoundOf | None = None,
    ) -> None:
        self._path = path
        self._size = height, width
        self._time_base = time_base
        self._last: int | None = None
        self._container: Any = av.open(handle, "w", format=container_of(path))
        rate = Fraction(fps).limit_denominator(100_000)
        self._stream = self._new_stream(rate, crf)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        # AVI knows a rate only; there each frame lasts as long as the others.
        self._counts = path.suffix.lower() == ".avi"
        if not self._counts:
            self._stream.codec_context.time_base = time_base
        self._sound = Sound.find(sound, self._container) if sound is not None else None

    @property
    def has_sound(self) -> bool:
        return self._sound is not None

    def _new_stream(self, rate: Fraction, crf: int) -> Any:
        for codec in _CODECS:
            options = {"crf": str(crf), "preset": "fast"} if codec == "libx264" else {"qscale": "3"}
            try:
                return self._container.add_stream(codec, rate=rate, options=options)
            except (av.FFmpegError, ValueError):
                continue
        raise MediaError("FFmpeg has no encoder for H.264 or MPEG-4", where=str(self._path))

    def write(self, rgb: NDArray[np.uint8], pts: int) -> None:
        """Add a frame (H, W, 3) uint8 RGB with a stamp later than the last one's.

        Raises InvalidValue for another size, StorageFull, MediaError.
        """
        if rgb.shape[:2] != self._size:
            raise InvalidValue(
                f"a frame of {rgb.shape[1]} × {rgb.shape[0]} in a video of"
                f" {self._size[1]} × {self._size[0]}",
                where=str(self._path),
                next_step="export frames as pictures instead",
            )
        height, width = self._size
        if height % 2 or width % 2:
            rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        if not self._counts:
            frame.pts = pts if self._last is None else max(pts, self._last + 1)
            frame.time_base = self._time_base
            self._last = frame.pts
        self._put(frame)
        self._put_sound(float(pts * self._time_base))

    def close(self) -> None:
        """Write what the encoder still holds, the rest of the sound, and the end of the file."""
        self._put(None)
        self._put_sound(math.inf)
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._told(error) from error

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        if self._sound is not None:
            self._sound.close()
        try:
            self._container.close()
        except (av.FFmpegError, OSError, ValueError):
            return

    def _put_sound(self, seconds: float) -> None:
        if self._sound is None:
            return
        try:
            for packet in self._sound.up_to(seconds):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._told(error) from error
        if seconds == math.inf:
            self._sound.close()

    def _put(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._told(error) from error

    def _told(self, error: BaseException) -> StorageFull | MediaError:
        if isinstance(error, OSError) and getattr(error, "errno", None) == _NO_SPACE:
            return StorageFull(
                "no room to write the video",
                where=str(self._path),
                next_step="make room or choose another folder",
            )
        return MediaError(f"the video cannot be written: {one_line(error)}", where=str(self._path))
