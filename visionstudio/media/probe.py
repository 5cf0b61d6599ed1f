"""Size and length of pictures and videos from their headers, before any decoding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from visionstudio.model.media import MediaKind


@dataclass(frozen=True, slots=True)
class Header:
    """Upright width and height in pixels, number of frames, frames per second (0 for pictures).

    A picture file of several pages or frames has as many `frames`.
    """

    width: int
    height: int
    frames: int = 1
    fps: float = 0.0


def probe(path: Path, kind: MediaKind = MediaKind.IMAGE) -> Header:
    """What a picture, video or folder of frames holds. No pixel is decoded for pictures.

    Frames of a video are counted by reading its packets, which is exact; the count
    is kept in the cache. Raises MediaError with the reason when it cannot be
    opened, is not what its name says, or claims a size that is refused.
    """
    path = Path(path)
    if kind in (MediaKind.IMAGE, MediaKind.STACK):
        from visionstudio.media.header import picture_header

        header = picture_header(path)
        return Header(*header.upright_size, header.frames)
    from visionstudio.media.video import open_video

    with open_video(path) as video:
        return Header(video.width, video.height, video.frames, video.fps)
