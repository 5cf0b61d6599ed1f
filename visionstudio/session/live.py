"""A live source in the window: newest frame first, a model on it, pictures and videos kept.

Nothing waits for the window and the window for nothing: a frame that is not shown before
the next one comes is dropped and counted, and the model gets the newest frame when it is
done with the last one.
"""

from __future__ import annotations

import queue
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.events import FINAL, Event, Failed, FrameFailed, FrameResult
from visionstudio.engine.requests import FrameRef, Predict
from visionstudio.formats.output import replacing, write_bytes
from visionstudio.media.live import LiveFrame, LiveReader
from visionstudio.media.video_write import VideoWriter
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import MediaError, VisionStudioError, one_line
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.overlays import draw_overlays
from visionstudio.session.proposals import Guess, guesses
from visionstudio.session.signal import Signal
from visionstudio.session.video_export import encoded

Rgb = NDArray[np.uint8]
_WAITING = 60  # frames between the source and a recording before some are lost
_RATE_FRAMES = 30
_LOOK_SECONDS = 0.1  # between two looks whether a recording is over


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Frames that came, were shown and dropped; frames a second; the model's latency in s."""

    came: int
    shown: int
    dropped: int
    fps: float
    latency: float | None
    model_fps: float
    recorded: int
    unrecorded: int


class Live:
    """One live source. All calls and signals in the GUI thread.

    Signals: `frame_ready(rgb)` with what the model found drawn on it, `ended(error | None)`,
    `kept(path)` for a picture or video that was written, `failed(VisionStudioError)`.
    """

    def __init__(self, models: Models, classes: tuple[LabelClass, ...], threshold: float) -> None:
        self._models = models
        self._classes = {c.name: c for c in classes}
        self._threshold = threshold
        self.frame_ready = Signal()
        self.ended = Signal()
        self.kept = Signal()
        self.failed = Signal()
        self._reader: LiveReader | None = None
        self._lock = threading.Lock()
        self._newest: tuple[LiveFrame, Rgb] | None = None
        self._posted = False
        self._came = self._shown = self._dropped = 0
        self._arrivals: deque[float] = deque(maxlen=_RATE_FRAMES)
        self._answers: deque[float] = deque(maxlen=_RATE_FRAMES)
        self._latency: float | None = None
        self._found: tuple[Annotation, ...] = ()
        self._choice: ModelChoice | None = None
        self._asking = False
        self._cancel: Callable[[], None] = lambda: None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live files")
        self._folder = tempfile.TemporaryDirectory(prefix="visionstudio-live-")
        self._last: LiveFrame | None = None
        self._recording: _Recording | None = None
        self._recorded: tuple[int, int] = (0, 0)

    # The source

    def start(self, address: str) -> None:
        """Read an address (see `LiveReader`); `frame_ready` or `ended` follows."""
        self.stop()
        self._came = self._shown = self._dropped = 0
        reader = LiveReader(address, lambda f: self._arrived(reader, f), lambda e: ended(e))

        def ended(error: MediaError | None) -> None:
            self._models.post(lambda: self._ended(reader, error))

        self._reader = reader
        reader.start()

    def stop(self) -> None:
        """Leave the source; a recording is finished."""
        self.stop_recording()
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def close(self) -> None:
        """Before the window that shows it goes."""
        self.stop()
        self._cancel()
        self._writer.shutdown(wait=True)
        self._folder.cleanup()

    @property
    def running(self) -> bool:
        return self._reader is not None

    def _ended(self, reader: LiveReader, error: MediaError | None) -> None:
        if reader is self._reader:
            self.stop_recording()
            self._reader = None
            self.ended.emit(error)

    def _arrived(self, reader: LiveReader, frame: LiveFrame) -> None:
        """In the reader's thread: draw on it, keep it as the newest, tell the window once."""
        found = self._found
        shown = frame.rgb
        if found:
            shown = draw_overlays(frame.rgb, found, {c.id: c for c in self._classes.values()})
        recording = self._recording
        if recording is not None:
            recording.add(frame)
        with self._lock:
            if reader is not self._reader:
                return
            self._came += 1
            self._arrivals.append(frame.arrived)
            self._dropped += self._newest is not None
            self._newest = frame, shown
            posted, self._posted = self._posted, True
        if not posted:
            self._models.post(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
            self._posted = False
        if newest is None or self._reader is None:
            return
        self._last, shown = newest
        self._shown += 1
        self._ask(self._last)
        self.frame_ready.emit(shown)

    def figures(self) -> LiveFigures:
        """How it goes, for the line below the picture."""
        with self._lock:
            recording = self._recording
            kept, lost = recording.counts() if recording is not None else self._recorded
            return LiveFigures(
                self._came, self._shown, self._dropped, _rate(self._arrivals),
                self._latency, _rate(self._answers), kept, lost,
            )  # fmt: skip

    # The model

    def set_model(self, choice: ModelChoice | None) -> None:
        """Run a classifier, detector or segmenter on what comes, or none."""
        self._cancel()
        self._choice, self._asking = choice, False
        self._found, self._latency = (), None
        self._answers.clear()

    def _ask(self, frame: LiveFrame) -> None:
        choice = self._choice
        if choice is None or self._asking:
            return
        self._asking = True
        path = Path(self._folder.name) / "frame.bmp"

        def write() -> None:
            ok = cv2.imwrite(str(path), cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
            self._models.post(lambda: self._submit(choice, frame, path if ok else None))

        self._writer.submit(write)

    def _submit(self, choice: ModelChoice, frame: LiveFrame, path: Path | None) -> None:
        if choice is not self._choice or self._reader is None or path is None:
            self._asking = False
            return
        request = Predict(
            model=choice.model.id,
            weights=str(choice.weights) if choice.weights else None,
            params=dict(choice.params),
            device=self._models.device,
            interactive=True,
            frames=(FrameRef(key="live", path=str(path)),),
        )
        self._cancel = self._models.submit(
            request, lambda event: self._answered(choice, frame, event), _prepared
        )

    def _answered(self, choice: ModelChoice, frame: LiveFrame, event: Any) -> None:
        if choice is not self._choice:
            return
        match event:
            case tuple():
                now = time.monotonic()
                self._latency = now - frame.arrived
                self._answers.append(now)
                self._found = self._annotations(event)
            case FrameFailed(_, reason):
                self.failed.emit(MediaError(reason, where=choice.model.title))
            case Failed():
                self._choice = None  # it would fail again with every frame
                self.failed.emit(event.error())
        if isinstance(event, FINAL):
            self._asking = False

    def _annotations(self, found: tuple[Guess, ...]) -> tuple[Annotation, ...]:
        made = []
        for n, guess in enumerate(found):
            if guess.score is not None and guess.score < self._threshold:
                continue
            label = self._classes.get(guess.label)
            if label is None:
                number = max((c.id for c in self._classes.values()), default=0) + 1
                label = LabelClass(id=number, name=guess.label, colour=colour_for(number))
                self._classes = {**self._classes, guess.label: label}
            made.append(
                Annotation(
                    id=n + 1,
                    media_id=0,
                    class_id=label.id,
                    shape=guess.shape,
                    state=State.EDITED,
                    score=guess.score,
                )
            )
        return tuple(made)

    # Keeping

    def snapshot(self, folder: Path) -> None:
        """Write the frame that is shown as a picture; `kept` follows."""
        frame = self._last
        if frame is None:
            return
        path = folder / f"live_{datetime.now():%Y%m%d_%H%M%S_%f}.png"

        def write() -> None:
            try:
                write_bytes(path, encoded(frame.rgb, "png"))
            except VisionStudioError as error:
                problem = error
                self._models.post(lambda: self.failed.emit(problem))
            else:
                self._models.post(lambda: self.kept.emit(path))

        self._writer.submit(write)

    @property
    def recording(self) -> bool:
        return self._recording is not None

    def record(self, folder: Path) -> None:
        """Write what comes as a video from now on, without what the model draws."""
        if self._recording is None and self._reader is not None:
            path = folder / f"live_{datetime.now():%Y%m%d_%H%M%S}.mp4"
            self._recording = _Recording(path, self._recorded_all)
            self._recording.start()

    def stop_recording(self) -> None:
        """Finish the video; `kept` follows."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.finish()

    def _recorded_all(self, recording: _Recording, error: VisionStudioError | None) -> None:
        def tell() -> None:
            self._recorded = recording.counts()
            if self._recording is recording:
                self._recording = None
            if error is not None:
                self.failed.emit(error)
            elif recording.counts()[0]:
                self.kept.emit(recording.path)

        self._models.post(tell)


def _prepared(event: Event) -> object:
    """In the host's thread: a result as what was found."""
    if isinstance(event, FrameResult) and not isinstance(event.result, tuple):
        return tuple(guesses(event.result))
    return event


def _rate(times: deque[float]) -> float:
    """Per second, from the times of the last ones."""
    some = list(times)
    return (len(some) - 1) / (some[-1] - some[0]) if len(some) > 1 and some[-1] > some[0] else 0.0


class _Recording(threading.Thread):
    """Encodes frames as they come; those that it cannot keep up with are counted."""

    def __init__(
        self, path: Path, done: Callable[[_Recording, VisionStudioError | None], None]
    ) -> None:
        super().__init__(name="live recording", daemon=True)
        self.path = path
        self._done = done
        self._frames: queue.Queue[LiveFrame] = queue.Queue(_WAITING)
        self._over = threading.Event()
        self._kept = self._lost = 0

    def add(self, frame: LiveFrame) -> None:
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
            self._write()
        except VisionStudioError as problem:
            error = problem
        except Exception as problem:  # an encoder's fault must not pass unsaid
            error = MediaError(one_line(problem), where=str(self.path))
        self._done(self, error)

    def _write(self) -> None:
        first = self._next()
        if first is None:
            return
        with replacing(self.path) as handle:
            height, width = first.rgb.shape[:2]
            writer = VideoWriter(
                handle, self.path, width, height, fps=30, time_base=Fraction(1, 1000), crf=20
            )
            try:
                frame: LiveFrame | None = first
                while frame is not None:
                    writer.write(frame.rgb, round((frame.arrived - first.arrived) * 1000))
                    self._kept += 1
                    frame = self._next()
                writer.close()
            except BaseException:
                writer.abandon()
                raise
