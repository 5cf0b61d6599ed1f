"""The sound of part of a video, copied into another file without encoding it anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av


@dataclass(frozen=True, slots=True)
class SoundOf:
    """Which sound: the first audio stream of `path` between two times in s of its own clock."""

    path: Path
    start: float
    end: float


class Sound:
    """Packets of one audio stream for `output`, an open container that has no header yet."""

    def __init__(self, source: Any, stream: Any, output: Any, part: SoundOf) -> None:
        self._source, self._part = source, part
        self._base = float(stream.time_base)
        self._shift = round(part.start / self._base)
        self._out = output.add_stream_from_template(stream)
        self._packets = self._all(stream)
        self._next: Any = None

    @classmethod
    def find(cls, part: SoundOf, output: Any) -> Sound | None:
        """The sound, if there is any and `output` can hold its kind."""
        if not part.path.is_file():
            return None
        try:
            source = av.open(f"file:{part.path}", options={"protocol_whitelist": "file"})
        except (av.FFmpegError, OSError):
            return None
        stream = next(iter(source.streams.audio), None)
        if stream is not None and stream.codec_context.name in output.supported_codecs:
            try:
                return cls(source, stream, output, part)
            except (av.FFmpegError, ValueError):
                pass  # it is written without
        source.close()
        return None

    def _all(self, stream: Any) -> Iterator[Any]:
        try:
            # Sound may be stored somewhat before the pictures of its time.
            target = max(0, round((self._part.start - 1.0) / self._base))
            if self._part.start > 2.0:
                self._source.seek(target, stream=stream)
            for packet in self._source.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue
                seconds = packet.pts * self._base
                if seconds >= self._part.end:
                    return
                if seconds >= self._part.start - self._base / 2:
                    yield packet
        except (av.FFmpegError, OSError):
            return  # what follows is damaged: the pictures go on in silence

    def up_to(self, seconds: float) -> Iterator[Any]:
        """The packets that begin up to then, in s since the start, stamped for the output."""
        while True:
            packet = self._next if self._next is not None else next(self._packets, None)
            self._next = None
            if packet is None:
                return
            if packet.pts - self._shift > seconds / self._base:
                self._next = packet
                return
            packet.pts -= self._shift
            packet.dts -= self._shift
            packet.stream = self._out
            yield packet

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()
