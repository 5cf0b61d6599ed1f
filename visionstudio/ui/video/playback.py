"""The thread behind a player: opens one video, decodes what is wanted, keeps the beat.

It knows no widgets: what happens is told by callbacks, called in this thread.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import Cancelled, MediaError, VisionStudioError, one_line

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels

# When decoding cannot keep up, at most so many frames are dropped in a row; beyond
# that the clock waits, or a slow machine would fall behind faster and faster.
MAX_SKIP = 16


@dataclass(frozen=True, slots=True, eq=False)
class VideoInfo:
    """What was opened. `seconds` float64 (frames,): when each frame is shown, from 0."""

    path: Path
    width: int
    height: int
    frames: int
    fps: float
    seconds: NDArray[np.float64]


class Listener(Protocol):
    """Who is told; all calls come from the playback's thread."""

    def opened(self, info: VideoInfo) -> None: ...

    def failed(self, error: VisionStudioError) -> None: ...

    def shown(
        self,
        frame: int,
        pts: int,
        rgb: NDArray[np.uint8],
        skipped: int,
        source: Pixels | None,
    ) -> None:
        """A frame to show, and its source values where these are others than `rgb`.

        The next one comes after `Playback.consumed`.
        """
        ...

    def damaged(self, frame: int, reason: str) -> None: ...

    def ended(self) -> None:
        """Playing has reached the last frame."""
        ...


class Playback(threading.Thread):
    """Decodes one video for a player. Commands return at once."""

    def __init__(self, path: Path, listener: Listener) -> None:
        super().__init__(name=f"video {path.name}", daemon=True)
        self._path = path
        self._listener = listener
        self._condition = threading.Condition()
        self._stopped = False
        self._playing = False
        self._speed = 1.0
        self._loop: tuple[int, int] | None = None
        self._wanted: int | None = None
        self._handed_over = False  # a frame is with the listener
        self._at = -1
        self._seconds: NDArray[np.float64] = np.zeros(0)
        self._clock: tuple[float, float] | None = None  # a moment and the video's time then

    # commands, from any thread

    def seek(self, frame: int) -> None:
        """Show this frame next; a wish that was not yet met is forgotten."""
        self._tell(wanted=frame)

    def play(self, playing: bool, speed: float) -> None:
        """Play on from the last frame shown at `speed` times the video's own, or pause."""
        with self._condition:
            self._playing, self._speed, self._clock = playing, speed, None
            self._condition.notify_all()

    def loop(self, frames: tuple[int, int] | None) -> None:
        """Play these frames, both included, over and over; None plays on to the end."""
        with self._condition:
            self._loop = frames
            self._condition.notify_all()

    def consumed(self) -> None:
        """The listener is ready for another frame."""
        with self._condition:
            self._handed_over = False
            self._condition.notify_all()

    def stop(self) -> None:
        """End the thread as soon as the frame being decoded is done."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def _tell(self, wanted: int) -> None:
        with self._condition:
            self._wanted = wanted
            self._condition.notify_all()

    # the thread

    def run(self) -> None:
        from visionstudio.media.video import open_video

        try:
            video = open_video(self._path, cancelled=lambda: self._stopped)
        except Cancelled:
            return
        except VisionStudioError as error:
            self._listener.failed(error)
            return
        except Exception as error:  # a decoder's fault must not pass unsaid
            self._listener.failed(MediaError(one_line(error), where=str(self._path)))
            return
        with video:
            base = float(video.time_base)
            self._seconds = (video.pts - video.pts[0]) * base
            self._listener.opened(
                VideoInfo(
                    self._path, video.width, video.height, video.frames, video.fps, self._seconds
                )
            )
            while (step := self._next()) is not None:
                frame, playing = step
                try:
                    rgb = video.read(frame)
                    source = video.source(frame)
                except VisionStudioError as error:
                    self._pass(frame, playing, error)
                    continue
                if playing and not self._wait_for(frame):
                    continue
                self._show(frame, int(video.pts[frame]), rgb, playing, source)

    def _next(self) -> tuple[int, bool] | None:
        """The frame to decode now and whether it is played; None at the end of the thread."""
        while True:
            with self._condition:
                while not self._stopped and self._wanted is None and not self._playing:
                    self._condition.wait()
                if self._stopped:
                    return None
                if self._wanted is not None:
                    frame, self._wanted, self._clock = self._wanted, None, None
                    return min(max(frame, 0), len(self._seconds) - 1), False
                self._go_round()
                if self._at + 1 < len(self._seconds):
                    return self._due(), True
                self._playing = False
            self._listener.ended()

    def _go_round(self) -> None:
        """At the end of the loop go on before its first frame; the last one has its time."""
        if self._loop is None or self._at < self._loop[1]:
            return
        first, _ = self._loop
        seconds = self._seconds
        at = min(self._at, len(seconds) - 1)
        last = float(seconds[at] - seconds[at - 1]) if at else 0.0
        self._at = first - 1
        self._clock = (time.monotonic() + last / self._speed, float(seconds[first]))

    def _due(self) -> int:
        """The next frame to play: later than the last one, and not late already."""
        if self._clock is None:
            self._clock = (time.monotonic(), float(self._seconds[max(self._at, 0)]))
        started, from_second = self._clock
        now = from_second + (time.monotonic() - started) * self._speed
        due = int(np.searchsorted(self._seconds, now, side="right")) - 1
        following = self._at + 1
        if due - following > MAX_SKIP:
            due = following + MAX_SKIP
            self._clock = (time.monotonic(), float(self._seconds[due]))
        if self._loop is not None:
            due = min(due, self._loop[1])
        return max(following, due)

    def _wait_for(self, frame: int) -> bool:
        """Wait until it is time for a frame that is played; False when that has changed."""
        with self._condition:
            while True:
                if self._stopped or not self._playing or self._wanted is not None:
                    return False
                if self._handed_over:
                    self._condition.wait()
                    continue
                if self._clock is None:  # another speed: from here on
                    self._clock = (time.monotonic(), float(self._seconds[max(self._at, 0)]))
                started, from_second = self._clock
                left = started + (self._seconds[frame] - from_second) / self._speed
                left -= time.monotonic()
                if left <= 0:
                    return True
                self._condition.wait(float(left))

    def _show(
        self,
        frame: int,
        pts: int,
        rgb: NDArray[np.uint8],
        playing: bool,
        source: Pixels | None,
    ) -> None:
        with self._condition:
            while self._handed_over and not self._stopped:
                self._condition.wait()
            if self._stopped or (playing and self._wanted is not None):
                return  # stale: something else is wanted by now
            skipped = frame - self._at - 1 if playing else 0
            self._at = frame
            self._handed_over = True
        rgb.flags.writeable = False
        self._listener.shown(frame, pts, rgb, skipped, source)

    def _pass(self, frame: int, playing: bool, error: VisionStudioError) -> None:
        """Say that a frame is damaged and go on behind it."""
        if playing and not self._wait_for(frame):
            return
        with self._condition:
            self._at = frame
        self._listener.damaged(frame, str(error))
