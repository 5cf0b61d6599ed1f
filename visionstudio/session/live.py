"""A live source in the window: newest frame first, a model on it, pictures and videos kept.

Nothing waits for the window and the window for nothing: a frame that is not shown before
the next one comes is dropped and counted, and the model gets the newest frame when it is
done with the last one.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.output import write_bytes
from visionstudio.media.live import LiveFrame, LiveReader
from visionstudio.model.errors import MediaError, VisionStudioError
from visionstudio.model.labels import LabelClass
from visionstudio.session.live_findings import Answer, Findings
from visionstudio.session.live_model import LiveModel
from visionstudio.session.live_recording import Recording
from visionstudio.session.models import Models
from visionstudio.session.overlays import draw_overlays
from visionstudio.session.signal import Signal
from visionstudio.session.video_export import encoded

Rgb = NDArray[np.uint8]
_RATE_FRAMES = 30


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Frames that came, were shown and dropped; frames a second; the model's latency in s.

    `skipped` are the frames that the model did not get; `objects` and `lost` what it follows.
    """

    came: int
    shown: int
    dropped: int
    fps: float
    latency: float | None
    model_fps: float
    skipped: int
    objects: int
    lost: int
    recorded: int
    unrecorded: int


class Live:
    """One live source. All calls and signals in the GUI thread.

    Signals: `frame_ready(rgb)` with what the model found drawn on it, `ended(error | None)`,
    `waiting(try)` when a stream has stopped and is connected to again,
    `kept(path, findings | None, places)` for a picture or video that was written, with what a
    model found meanwhile (see `Findings.store`), `failed(VisionStudioError)`.
    """

    def __init__(self, models: Models, classes: tuple[LabelClass, ...], threshold: float) -> None:
        self._models = models
        self.model = LiveModel(models, classes, threshold)
        self.frame_ready = Signal()
        self.ended = Signal()
        self.waiting = Signal()
        self.kept = Signal()
        self.failed = self.model.failed
        self._reader: LiveReader | None = None
        self._lock = threading.Lock()
        self._newest: tuple[LiveFrame, Rgb] | None = None
        self._posted = False
        self._came = self._shown = self._dropped = 0
        self._arrivals: deque[float] = deque(maxlen=_RATE_FRAMES)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live files")
        self._last: LiveFrame | None = None
        self._recording: Recording | None = None
        self._recorded: tuple[int, int] = (0, 0)
        self._findings: Findings | None = None
        self.model.answered.connect(self._found)

    # The source

    def start(self, address: str) -> None:
        """Read an address (see `LiveReader`); `frame_ready` or `ended` follows."""
        self.stop()
        self._came = self._shown = self._dropped = 0

        def ended(error: MediaError | None) -> None:
            self._models.post(lambda: self._ended(reader, error))

        def waits(number: int) -> None:
            self._models.post(lambda: self.waiting.emit(number) if reader is self._reader else None)

        reader = LiveReader(address, lambda f: self._arrived(reader, f), ended, waits)
        self._reader = reader
        reader.start()

    def stop(self) -> None:
        """Leave the source; a recording is finished."""
        self.stop_recording()
        self.model.choose(None)
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def close(self) -> None:
        """Before the window that shows it goes."""
        self.stop()
        self.model.close()
        self._writer.shutdown(wait=True)

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
        found = self.model.found
        shown = frame.rgb
        if found:
            shown = draw_overlays(frame.rgb, found, {c.id: c for c in self.model.classes.values()})
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
        self.model.ask(self._last)
        self.frame_ready.emit(shown)

    def figures(self) -> LiveFigures:
        """How it goes, for the line below the picture."""
        with self._lock:
            recording = self._recording
            kept, lost = recording.counts() if recording is not None else self._recorded
            model = self.model
            return LiveFigures(
                self._came, self._shown, self._dropped, _rate(self._arrivals),
                model.latency, _rate(model.answers), model.skipped, *model.objects, kept, lost,
            )  # fmt: skip

    def hold(self) -> None:
        """A box is being drawn in the frame that is shown; see `LiveModel.follow`."""
        if self._last is not None:
            self.model.hold(self._last)

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
                self._models.post(lambda: self.kept.emit(path, None, {}))

        self._writer.submit(write)

    @property
    def recording(self) -> bool:
        return self._recording is not None

    def record(self, folder: Path) -> None:
        """Write what comes as a video from now on, without what the model draws."""
        if self._recording is None and self._reader is not None:
            path = folder / f"live_{datetime.now():%Y%m%d_%H%M%S}.mp4"
            self._findings = findings = Findings()
            self._recording = Recording(path, lambda r, e: self._recorded_all(r, e, findings))
            self._recording.start()

    def stop_recording(self) -> None:
        """Finish the video; `kept` follows."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.finish()

    def _found(self, answer: Answer) -> None:
        # The last answers come when the recording is already being finished.
        if self._findings is not None:
            self._findings.add(answer)

    def _recorded_all(
        self, recording: Recording, error: VisionStudioError | None, findings: Findings
    ) -> None:
        def tell() -> None:
            self._recorded = recording.counts()
            if self._recording is recording:
                self._recording = None
            if error is not None:
                self.failed.emit(error)
            if recording.whole:
                self.kept.emit(recording.path, findings, recording.places)

        self._models.post(tell)


def _rate(times: deque[float]) -> float:
    """Per second, from the times of the last ones."""
    some = list(times)
    return (len(some) - 1) / (some[-1] - some[0]) if len(some) > 1 and some[-1] > some[0] else 0.0
