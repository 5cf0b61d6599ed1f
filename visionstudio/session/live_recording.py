"""A recording of a live source: encoded beside it, as the frames come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from visionstudio.formats.output import replacing
from visionstudio.media.live import LiveFrame
from visionstudio.media.video_write import VideoWriter
from visionstudio.model.errors import MediaError, VisionStudioError, one_line

_WAITING = 60  # frames between the source and a recording before some are lost
_LOOK_SECONDS = 0.1  # between two looks whether a recording is over


class Recording(threading.Thread):
    """Encodes frames as they come; those that it cannot keep up with are counted."""

    def __init__(
        self, path: Path, done: Callable[[Recording, VisionStudioError | None], None]
    ) -> None:
        super().__init__(name="live recording", daemon=True)
        self.path = path
        self._done = done
        self._frames: queue.Queue[LiveFrame] = queue.Queue(_WAITING)
        self._over = threading.Event()
        self._kept = self._lost = 0
        self.whole = False  # whether there is a video, once it is done
        self.places: dict[int, int] = {}  # the source's frame numbers: frames of the recording

    def add(self, frame: LiveFrame) -> None:
        """The next frame of the source, from its thread."""
        try:
            self._frames.put_nowait(frame)
        except queue.Full:
            self._lost += 1

    def finish(self) -> None:
        """No more frames will come; those that wait are still written."""
        self._over.set()

    def _next(self) -> LiveFrame | None:
        while True:
            try:
                return self._frames.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if self._over.is_set():
                    return None

    def counts(self) -> tuple[int, int]:
        """Frames written and lost."""
        return self._kept, self._lost

    def run(self) -> None:
        error: VisionStudioError | None = None
        try:
            error = self._write()
        except VisionStudioError as problem:
            error = problem
        except Exception as problem:  # an encoder's fault must not pass unsaid
            error = MediaError(one_line(problem), where=str(self.path))
        self._done(self, error)

    def _write(self) -> MediaError | None:
        """Returns why it ended before the source, if it did; the file is whole nevertheless."""
        first = self._next()
        if first is None:
            return None
        with replacing(self.path) as handle:
            height, width = first.rgb.shape[:2]
            writer = VideoWriter(
                handle, self.path, width, height, fps=30, time_base=Fraction(1, 1000), crf=20
            )
            try:
                frame: LiveFrame | None = first
                while frame is not None and frame.rgb.shape == first.rgb.shape:
                    writer.write(frame.rgb, round((frame.arrived - first.arrived) * 1000))
                    self.places[frame.number] = self._kept
                    self._kept += 1
                    frame = self._next()
                writer.close()
            except BaseException:
                writer.abandon()
                raise
        self.whole = True
        return _size_changed(self.path, first, frame) if frame is not None else None


def _size_changed(path: Path, first: LiveFrame, frame: LiveFrame) -> MediaError:
    before, now = (f"{f.rgb.shape[1]} × {f.rgb.shape[0]}" for f in (first, frame))
    return MediaError(
        f"the size of the frames has changed from {before} to {now}; what came before is kept",
        where=str(path),
        next_step="record again",
    )
