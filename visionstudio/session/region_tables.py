"""The figures of many objects, read picture by picture: for the window and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from visionstudio.media.image import Pixels, read_pixels
from visionstudio.media.metadata import read_calibration
from visionstudio.media.video import Video, open_video
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import (
    PIXELS,
    Calibration,
    Measurement,
    MeasurementKind,
    calibration_of,
)
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.session.regions import RegionRow, measure_all
from visionstudio.storage.store import ProjectStore


class ValueReader:
    """The source values of pictures and frames; the last video stays open.

    `failed` lists the media ids whose values could not be read, with the reason.
    """

    def __init__(self, items: Mapping[int, MediaItem], path_of: Callable[[MediaItem], Path]):
        self._items = items
        self._path_of = path_of
        self._video: tuple[int, Video] | None = None
        self.failed: dict[int, str] = {}

    def __call__(self, media_id: int, frame: int) -> Pixels | None:
        """Values of a frame; None when they cannot be read."""
        item = self._items.get(media_id)
        if item is None:
            return None
        try:
            if item.kind is MediaKind.IMAGE:
                return read_pixels(self._path_of(item))
            video = self._open(item)
            return video.source(frame) or Pixels(video.read(frame), 8, "rgb")
        except VisionStudioError as error:
            self.failed[media_id] = error.what
            return None

    def calibration(self, media_id: int) -> Calibration | None:
        """What the file says of the size of a pixel."""
        item = self._items.get(media_id)
        return None if item is None else read_calibration(self._path_of(item))

    def _open(self, item: MediaItem) -> Video:
        if self._video is None or self._video[0] != item.id:
            self.close()
            self._video = item.id, open_video(self._path_of(item))
        return self._video[1]

    def close(self) -> None:
        """Close the video."""
        if self._video is not None:
            self._video[1].close()
            self._video = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Scales:
    """The size of a pixel by media id: drawn scales first, then what the file says."""

    def __init__(
        self,
        measurements: Iterable[Measurement],
        of_file: Callable[[int], Calibration | None],
    ) -> None:
        scales = sorted(
            (m for m in measurements if m.kind is MeasurementKind.SCALE), key=lambda m: m.id
        )
        self._own = {m.media_id: m for m in scales}
        self._common = next((m for m in reversed(scales) if m.everywhere), None)
        self._of_file = of_file
        self._known: dict[int, Calibration] = {}

    def __call__(self, media_id: int) -> Calibration:
        """The calibration that holds for an item."""
        drawn = self._own.get(media_id) or self._common
        if drawn is not None:
            return calibration_of(drawn)
        if media_id not in self._known:
            self._known[media_id] = self._of_file(media_id) or PIXELS
        return self._known[media_id]


def region_rows(
    annotations: Sequence[Annotation],
    media: Iterable[MediaItem],
    classes: Iterable[LabelClass],
    reader: ValueReader,
    scales: Scales,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[RegionRow]:
    """The figures of annotations, by picture and frame. Blocks for every picture."""
    ordered = sorted(annotations, key=lambda a: (a.media_id, a.frame, a.z, a.id))
    return measure_all(
        ordered,
        {c.id: c.name for c in classes},
        {m.id: m.path for m in media},
        reader,
        scales,
        cancelled=cancelled,
        progress=progress,
    )


def project_rows(
    store: ProjectStore,
    *,
    proposals: bool = False,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[list[RegionRow], dict[str, str]]:
    """The figures of all labels of a project, and why files could not be read, by path."""
    states = {s for s in State if s.is_label or (proposals and s is State.PROPOSED)}
    annotations = list(store.iter_annotations(states))
    media = store.media()
    with ValueReader({m.id: m for m in media}, store.path_of) as reader:
        scales = Scales(store.measurements(), reader.calibration)
        found = region_rows(annotations, media, store.classes(), reader, scales, progress=progress)
        rows = list(found)
    names = {m.id: m.path for m in media}
    return rows, {names[i]: reason for i, reason in reader.failed.items()}
