"""Which media item of a project a picture or video of an annotation file is."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from visionstudio.formats.dataset import DatasetItem
from visionstudio.formats.files import RealPaths
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.storage.store import ProjectStore


class KnownMedia:
    """The project's media by file and by name. `guessed` names a video found by being the only."""

    def __init__(self, store: ProjectStore) -> None:
        self.store = store
        self.guessed = ""
        self._by_file: dict[str, MediaItem] | None = None  # made when the first file is found
        self._real = RealPaths()
        self.by_name: dict[str, list[MediaItem]] = {}
        self._all: list[MediaItem] = []
        self.videos: list[MediaItem] = []
        for media in store.media():
            self.add(media)

    def add(self, media: MediaItem) -> None:
        """Put in an item."""
        if self._by_file is not None:
            self._by_file.setdefault(self._real.of(self.store.path_of(media)), media)
        self._all.append(media)
        self.by_name.setdefault(media.name, []).append(media)
        if media.kind in (MediaKind.VIDEO, MediaKind.FRAMES):
            self.videos.append(media)

    def find(self, item: DatasetItem) -> MediaItem | None:
        """The media item of that file; of that name only where the file was not found."""
        if item.file is not None:
            return self._of_file(item.file)
        wanted = item.path.split("/")
        found = self.by_name.get(wanted[-1], [])
        for length in range(2, len(wanted) + 1):
            if len(found) <= 1:
                break
            found = [m for m in found if m.path.split("/")[-length:] == wanted[-length:]]
        if len(found) == 1:
            return found[0]
        return None if found or item.kind is MediaKind.IMAGE else self._video(item)

    def _of_file(self, file: Path) -> MediaItem | None:
        if self._by_file is None:
            self._by_file = {}
            for media in self._all:
                self._by_file.setdefault(self._real.of(self.store.path_of(media)), media)
        return self._by_file.get(self._real.of(file))

    def _video(self, item: DatasetItem) -> MediaItem | None:
        """Files of tracks name a sequence, not a file: a video of that stem, or the only one."""
        stem = PurePosixPath(item.path).stem
        named = [m for m in self.videos if PurePosixPath(m.name).stem == stem]
        if len(named) == 1:
            return named[0]
        fits = [m for m in self.videos if m.frames in (0, 1) or item.frames <= m.frames]
        if len(self.videos) == 1 and fits and not named:
            self.guessed = fits[0].name
            return fits[0]
        return None
