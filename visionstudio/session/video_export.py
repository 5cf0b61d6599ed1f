"""Parts of a video as files: a clip, its frames as pictures, or with the annotations on it.

All files or none: a video is written beside its place and renamed at its end, frames
take their places together.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visionstudio.formats.output import replacing, together, write_bytes
from visionstudio.formats.progress import Progress, reported
from visionstudio.media.video import Video, open_video
from visionstudio.media.video_sound import SoundOf
from visionstudio.media.video_write import VideoWriter, container_of
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import InvalidValue, MediaError
from visionstudio.model.interpolation import all_filled
from visionstudio.model.labels import LabelClass
from visionstudio.session.overlays import draw_overlays
from visionstudio.storage.store import ProjectStore

Rgb = NDArray[np.uint8]
PICTURES = {"png": "PNG", "jpg": "JPEG"}
_JPEG_QUALITY = 95


class Product(StrEnum):
    CLIP = "clip"
    FRAMES = "frames"
    ANNOTATED = "annotated"


@dataclass(frozen=True, slots=True)
class VideoOrder:
    """What to write. `first` and `last` are frames from 0, both included; None: to the ends.

    `out` is a file for videos, a folder for frames. Of frames every `step`-th is written,
    as `picture` ('png' or 'jpg'), with annotations when `overlays`. Proposals below
    `threshold` are not drawn; with None none are.
    """

    product: Product
    out: Path
    first: int | None = None
    last: int | None = None
    step: int = 1
    picture: str = "png"
    overlays: bool = False
    labels: bool = True
    threshold: float | None = 0.5


@dataclass(frozen=True, slots=True)
class VideoWritten:
    """How many files and frames came of it, the frames that were too damaged, and whether the
    sound of the video came along."""

    files: int
    frames: int
    damaged: tuple[int, ...] = ()
    sound: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn on the frames of a video."""

    by_frame: Mapping[int, Sequence[Annotation]]
    classes: Mapping[int, LabelClass]


NOTHING = Drawn({}, {})


def drawn_on(store: ProjectStore, media_id: int, order: VideoOrder) -> Drawn:
    """The annotations of a video in every frame, interpolated ones too."""
    by_frame: dict[int, list[Annotation]] = {}
    for one in all_filled(store.annotations(media_id)):
        if one.state is State.PROPOSED and (
            order.threshold is None or (one.score is not None and one.score < order.threshold)
        ):
            continue
        by_frame.setdefault(one.frame, []).append(one)
    return Drawn(by_frame, {c.id: c for c in store.classes()})


def export_video(
    path: Path, order: VideoOrder, drawn: Drawn = NOTHING, progress: Progress | None = None
) -> VideoWritten:
    """Write part of a video file, frame folder or stack.

    Raises InvalidValue for a range or name that is none, MediaError where no frame can be
    read, StorageFull without room, Cancelled when `progress` raises it.
    """
    if order.picture not in PICTURES:
        raise InvalidValue(f"frames are written as png or jpg, not '{order.picture}'")
    if order.step < 1:
        raise InvalidValue(
            f"every {order.step}th frame cannot be taken", next_step="give 1 or more"
        )
    if order.product is not Product.FRAMES:
        container_of(order.out)
        if order.out.exists() and order.out.samefile(path):
            raise InvalidValue(
                "the video would overwrite itself",
                where=str(path),
                next_step="choose another name",
            )
    with reported(progress), open_video(path, cancelled=_cancelled(progress)) as video:
        frames = chosen_frames(video.frames, order)
        told = progress or (lambda _fraction, _message: None)
        if order.product is Product.FRAMES:
            return _pictures(video, path, frames, order, drawn, told)
        return _video(video, path, frames, order, drawn, told)


def chosen_frames(count: int, order: VideoOrder) -> range:
    """The frames of an order. Raises InvalidValue when there are none."""
    first = 0 if order.first is None else order.first
    last = count - 1 if order.last is None else order.last
    if not 0 <= first <= last < count:
        raise InvalidValue(
            f"frames {first} to {last} are not in the video",
            where=f"0…{count - 1}",
            next_step="give a first and a last frame of it",
        )
    return range(first, last + 1, order.step)


def _cancelled(progress: Progress | None) -> Callable[[], bool]:
    """What opening a long video asks; the caller gives up by raising, which passes through."""

    def asked() -> bool:
        if progress is not None:
            progress(None, "")
        return False

    return asked


def _read(
    video: Video, frames: range, drawn: Drawn, order: VideoOrder, progress: Progress
) -> Iterator[tuple[int, Rgb | None]]:
    """Each frame as it is to be written, None where it is damaged."""
    with_objects = order.product is Product.ANNOTATED or order.overlays
    for done, frame in enumerate(frames):
        progress(done / len(frames), f"{done} / {len(frames)}")
        try:
            rgb = video.read(frame)
        except MediaError:
            yield frame, None
            continue
        here = drawn.by_frame.get(frame, ()) if with_objects else ()
        yield frame, draw_overlays(rgb, here, drawn.classes, labels=order.labels) if here else rgb


def _video(
    video: Video, path: Path, frames: range, order: VideoOrder, drawn: Drawn, progress: Progress
) -> VideoWritten:
    damaged: list[int] = []
    writer: VideoWriter | None = None
    start = int(video.pts[frames[0]])
    count = 0
    with replacing(order.out) as handle:
        try:
            for frame, rgb in _read(video, frames, drawn, order, progress):
                if rgb is None:
                    damaged.append(frame)
                    continue
                if writer is None:
                    height, width = rgb.shape[:2]
                    writer = VideoWriter(
                        handle, order.out, width, height,
                        fps=video.fps / order.step, time_base=video.time_base,
                        sound=_sound_of(video, path, frames),
                    )  # fmt: skip
                writer.write(rgb, int(video.pts[frame]) - start)
                count += 1
            if writer is None:
                raise MediaError("none of the frames can be read", where=str(path))
            writer.close()
        except BaseException:
            if writer is not None:
                writer.abandon()
            raise
    return VideoWritten(1, count, tuple(damaged), writer.has_sound)


def _sound_of(video: Video, path: Path, frames: range) -> SoundOf:
    """What is heard from the first of the frames to the end of the last one."""
    start, end = (float(int(video.pts[n]) * video.time_base) for n in (frames[0], frames[-1]))
    return SoundOf(path, start, end + 1 / video.fps)


def _pictures(
    video: Video, path: Path, frames: range, order: VideoOrder, drawn: Drawn, progress: Progress
) -> VideoWritten:
    damaged: list[int] = []
    digits = max(6, len(str(video.frames)))
    count = 0
    with together():
        for frame, rgb in _read(video, frames, drawn, order, progress):
            if rgb is None:
                damaged.append(frame)
                continue
            name = f"{path.stem}_{frame:0{digits}d}.{order.picture}"
            write_bytes(order.out / name, encoded(rgb, order.picture))
            count += 1
        if not count:
            raise MediaError("none of the frames can be read", where=str(path))
    return VideoWritten(count, count, tuple(damaged))


def encoded(rgb: Rgb, picture: str) -> bytes:
    """A frame as the bytes of a picture file: 'png', or 'jpg' of high quality."""
    buffer = io.BytesIO()
    options = {"quality": _JPEG_QUALITY, "subsampling": 0} if picture == "jpg" else {}
    Image.fromarray(rgb).save(buffer, PICTURES[picture], **options)
    return buffer.getvalue()
