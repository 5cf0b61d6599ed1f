"""Change a region of a picture with an editor; the result is a new picture of the project."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import GeneratedImage
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Progress, Stopped
from visionstudio.engine.requests import EditImage, FrameRef
from visionstudio.media.source import MediaSource
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue, VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Points, Polyline, Skeleton, Tag
from visionstudio.session.generations import save_images
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.library import probed
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore

FOLDER = "edited"  # in the project's folder
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A picture (H, W, 3), or a frame of a video, and the part of it (H, W) to be changed."""

    item: MediaItem
    frame: int
    image: Image
    mask: Mask

    def around(self, times: float = 0.5, least: int = 16) -> tuple[slice, slice]:
        """The part with `times` of its size on each side, at least `least` px: what one sees."""
        found = []
        for axis in (1, 0):
            places = np.flatnonzero(self.mask.any(axis=axis))
            low, high = int(places[0]), int(places[-1]) + 1
            more = max(least, round(times * (high - low)))
            found.append(slice(max(0, low - more), min(self.mask.shape[1 - axis], high + more)))
        return found[0], found[1]


@dataclass(eq=False)
class Retouch:
    """One attempt at a region: `image` is there when its job has finished."""

    region: Region
    job: Job
    image: Image | None = None
    changed: Signal = field(default_factory=Signal)


class Retouches:
    """Reads regions, has them changed, and adds what came of it to the project."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._session = session
        self._models = models
        self._jobs = jobs

    def read(
        self,
        objects: Sequence[Annotation],
        done: Callable[[Region], None],
        failed: Callable[[VisionStudioError], None],
    ) -> None:
        """What the objects cover of the picture on screen; `done` follows on the GUI thread."""
        item, frame = self._session.current, self._session.frame
        if item is None:
            return
        shapes = [a.shape for a in objects if not isinstance(a.shape, _FLAT)]

        def work(store: ProjectStore) -> Region:
            with contextlib.closing(MediaSource(store.media_root)) as source:
                image = source.read(item, frame)
            height, width = image.shape[:2]
            mask: Mask = np.zeros((height, width), bool)
            for shape in shapes:
                mask |= to_mask(shape, height, width)
            if not mask.any():
                raise InvalidValue(
                    "the selected objects cover no part of the picture",
                    next_step="brush over what is to change, or draw a box or polygon around it",
                )
            return Region(item, frame, image, mask)

        self._session.in_store(work, done, failed)

    def start(self, choice: ModelChoice, region: Region) -> Retouch:
        """Have a region changed."""
        job = self._jobs.start(f"{choice.model.title} · {region.item.name}", lambda: cancel())
        retouch = Retouch(region, job)
        request = EditImage(
            model=choice.model.id,
            frame=FrameRef(
                "0",
                str(self._session.path_of(region.item)),
                kind=region.item.kind.value,
                frame=region.frame,
            ),
            mask=region.mask,
            weights=str(choice.weights) if choice.weights else None,
            params=dict(choice.params),
            device=self._models.device,
            interactive=True,
        )
        cancel = self._models.submit(request, lambda event: _on_event(retouch, event))
        return retouch

    def add(self, retouch: Retouch, title: str, done: Callable[[MediaItem], None]) -> None:
        """Write the result into the project's folder and list it, as one step to undo.

        The picture that it was made from stays as it is.
        """
        image, session = retouch.image, self._session
        if image is None:
            return
        name = Path(retouch.region.item.name).stem

        def work(store: ProjectStore) -> MediaItem:
            (path,) = save_images([GeneratedImage(image, label=f"{name}_edited")], folder_of(store))
            item = MediaItem(id=store.reserve_ids("media"), path=store.media_path(path))
            return probed(store, item)

        def added(item: MediaItem) -> None:
            if session.apply(edits.add(title, [item])):
                done(item)

        session.in_store(work, added)


_FLAT = (Tag, Points, Polyline, Skeleton)  # shapes without an inside


def folder_of(store: ProjectStore) -> Path:
    """Where edited pictures are kept."""
    return store.folder / FOLDER


def _on_event(retouch: Retouch, event: Event) -> None:
    job = retouch.job
    match event:
        case FrameResult(_, result):
            if isinstance(result, GeneratedImage):
                retouch.image = result.image
        case Progress(fraction, message):
            job.report(fraction, message)
        case Finished():
            job.finish("")
        case Failed():
            job.fail(event.error())
        case Stopped():
            job.stop()
        case _:
            return
    retouch.changed.emit()
