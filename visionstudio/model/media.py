"""What a project looks at: pictures, videos and folders of frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ASSIGNED = "assigned"
"""The key in `MediaItem.extra` for the person who is to label it."""


class MediaKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    FRAMES = "frames"  # a folder of pictures shown as one video
    STACK = "stack"  # one file of several pictures: pages, slices, an animation


class MediaStatus(StrEnum):
    UNKNOWN = "unknown"  # listed, header not read yet
    OK = "ok"
    ERROR = "error"  # cannot be read; the reason says why
    MISSING = "missing"  # not there, perhaps a drive that is off


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaItem:
    """One picture or video of a project.

    `path` is relative to the project's media root with forward slashes, or
    absolute when the file lies elsewhere. `width` and `height` are pixels of the
    upright picture, 0 until the header has been read; `frames` is 1 for pictures. A picture
    file turns out to be a stack when its header has been read.
    `size` and `head_hash` (hex of the first 64 KiB) find a file that was moved.
    """

    id: int
    path: str
    kind: MediaKind = MediaKind.IMAGE
    width: int = 0
    height: int = 0
    frames: int = 1
    size: int = 0
    head_hash: str = ""
    status: MediaStatus = MediaStatus.UNKNOWN
    reason: str = ""
    verified: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]
