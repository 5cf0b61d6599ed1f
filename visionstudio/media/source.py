"""The pixels of a project's media items, whatever they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from visionstudio.media.image import read_rgb
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import MediaItem, MediaKind

if TYPE_CHECKING:
    from visionstudio.media.video import Video

OPEN_VIDEOS = 4


class MediaSource:
    """Reads items of a project whose relative paths start at `root`. Thread-safe.

    The last few videos stay open, so that reading their frames in order is fast.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._videos: OrderedDict[Path, Video] = OrderedDict()

    def path(self, item: MediaItem) -> Path:
        """Where the item's file or folder lies."""
        return self.root / item.path  # an absolute path stays as it is

    def read(self, item: MediaItem, frame: int = 0) -> NDArray[np.uint8]:
        """The picture or frame, upright (H, W, 3) uint8 RGB. Raises MediaError, InvalidValue."""
        if item.kind is MediaKind.IMAGE:
            if frame:
                raise InvalidValue(f"a picture has no frame {frame}", where=item.path)
            return read_rgb(self.path(item))
        return self.video(item).read(frame)

    def video(self, item: MediaItem) -> Video:
        """The open video or folder of frames; it belongs to this source, do not close it.

        Raises MediaError with the reason.
        """
        path = self.path(item)
        with self._lock:
            if path in self._videos:
                self._videos.move_to_end(path)
                return self._videos[path]
        from visionstudio.media.video import open_video  # loads slowly, and pictures do without

        opened = open_video(path)  # may take long: others go on meanwhile
        with self._lock:
            if path in self._videos:  # another thread was faster
                dropped = [opened]
            else:
                self._videos[path] = opened
                dropped = []
                while len(self._videos) > OPEN_VIDEOS:
                    dropped.append(self._videos.popitem(last=False)[1])
            video = self._videos[path]
        for old in dropped:
            old.close()
        return video

    def close(self) -> None:
        """Close all videos. Reading opens them again."""
        with self._lock:
            videos = list(self._videos.values())
            self._videos.clear()
        for video in videos:
            video.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
