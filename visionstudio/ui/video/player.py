"""A video player without widgets: commands in, frames out, decoding in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal

from visionstudio.model.errors import VisionStudioError
from visionstudio.ui.video.playback import Playback, VideoInfo

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels

SPEEDS: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# A frame is nearly always decoded by then; if not, the thread ends on its own.
_CLOSE_SECONDS = 0.25


class VideoPlayer(QObject):
    """Plays one video at a time. Use it in the GUI thread; it never blocks there.

    Every frame that is shown has been decoded exactly: `frame_ready` names it.
    Frames are dropped only while playing, when decoding or painting is too slow;
    `dropped` counts them since the last start.
    """

    opened = Signal(object)  # VideoInfo
    failed = Signal(object)  # VisionStudioError: it cannot be opened
    frame_ready = Signal(int, object, object)  # frame, pts, (H, W, 3) uint8 RGB, read-only
    frame_failed = Signal(int, str)  # a damaged frame and the reason
    playing_changed = Signal(bool)
    speed_changed = Signal(float)
    loop_changed = Signal(object)  # (first, last) or None
    _told = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._playback: Playback | None = None
        self._left: list[Playback] = []  # told to stop, perhaps still decoding
        self._info: VideoInfo | None = None
        self._frame = -1
        self._goal: int | None = None  # asked for and not there yet
        self._playing = False
        self._speed = 1.0
        self._dropped = 0
        self._loop: tuple[int, int] | None = None
        self._telling = False
        self.source: Pixels | None = None  # the frame's own values, while `frame_ready` is told
        self._told.connect(self._hear, Qt.ConnectionType.QueuedConnection)

    @property
    def info(self) -> VideoInfo | None:
        """What is open; None while it is being opened."""
        return self._info

    @property
    def frame(self) -> int:
        """The frame shown last, -1 before the first."""
        return self._frame

    @property
    def frames(self) -> int:
        """How many there are, 0 while nothing is open."""
        return self._info.frames if self._info else 0

    @property
    def fps(self) -> float:
        return self._info.fps if self._info else 0.0

    @property
    def playing(self) -> bool:
        return self._playing

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def dropped(self) -> int:
        """Frames left out since playing began."""
        return self._dropped

    def open(self, path: Path, frame: int = 0) -> None:
        """Open a video or a folder of frames and show a frame of it.

        `opened` and `frame_ready`, or `failed`, tell how it went.
        """
        self._leave()
        playback = Playback(Path(path), _Voice(self._told))
        playback.seek(frame)
        self._goal = frame
        self._playback = playback
        playback.start()

    def close(self) -> None:
        """Leave the video. Waits a moment, no longer, for the frame being decoded."""
        self._leave()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for playback in self._left:
            playback.join(max(0.0, deadline - time.monotonic()))
        self._left = [p for p in self._left if p.is_alive()]

    def play(self) -> None:
        """Play from here; at the end, from the beginning."""
        if self._playback is None or self._info is None or self._playing:
            return
        if self._loop is not None and not self._loop[0] <= self._place() < self._loop[1]:
            self.seek(self._loop[0])
        elif self._place() >= self.frames - 1:
            self.seek(0)
        self._dropped = 0
        self._playback.play(True, self._speed)
        self._set_playing(True)

    def pause(self) -> None:
        """Stay at the frame that is shown."""
        if self._playback is not None and self._playing:
            self._playback.play(False, self._speed)
            self._set_playing(False)

    def toggle(self) -> None:
        """Play or pause."""
        if self._playing:
            self.pause()
        else:
            self.play()

    def step(self, by: int) -> None:
        """Pause and go `by` frames forwards or backwards, from where the last step leads."""
        self.pause()
        self.seek(self._place() + by)

    def seek(self, frame: int) -> None:
        """Show a frame; beyond the ends, the first or last one. Playing goes on from there."""
        if self._playback is None:
            return
        if self._info is not None:
            frame = min(max(frame, 0), self.frames - 1)
        # Whoever hears of a frame may ask for it in return; that must not undo a later wish.
        if frame == self._place() or (self._telling and frame == self._frame):
            return
        self._goal = frame
        self._playback.seek(frame)

    def set_speed(self, speed: float) -> None:
        """How many times the video's own speed, 1/8 to 16."""
        speed = min(max(speed, 0.125), 16.0)
        if speed == self._speed:
            return
        self._speed = speed
        if self._playback is not None and self._playing:
            self._playback.play(True, speed)
        self.speed_changed.emit(speed)

    @property
    def loop(self) -> tuple[int, int] | None:
        """The frames that are played over and over."""
        return self._loop

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Play these frames, both included, over and over; None plays to the end."""
        if loop is not None and self._info is not None:
            low, high = sorted(min(max(n, 0), self.frames - 1) for n in loop)
            loop = low, high
        if loop == self._loop:
            return
        self._loop = loop
        if self._playback is not None:
            self._playback.loop(loop)
        self.loop_changed.emit(loop)

    def _place(self) -> int:
        """The frame shown, or the one on its way."""
        return self._frame if self._goal is None else self._goal

    def _leave(self) -> None:
        if self._playback is not None:
            self._playback.stop()
            self._left = [p for p in self._left if p.is_alive()] + [self._playback]
        self._playback = None
        self._info = None
        self._frame = -1
        self._goal = None
        self.set_loop(None)
        self._set_playing(False)

    def _set_playing(self, playing: bool) -> None:
        if playing != self._playing:
            self._playing = playing
            self.playing_changed.emit(playing)

    def _hear(self, message: tuple[Playback, Callable[..., None], tuple[Any, ...]]) -> None:
        """What the thread said, now in the GUI thread; a closed video's words are dropped."""
        playback, what, arguments = message
        if playback is self._playback:
            what(self, *arguments)

    def _on_opened(self, info: VideoInfo) -> None:
        self._info = info
        if self._goal is not None:
            self._goal = min(max(self._goal, 0), info.frames - 1)
        self.opened.emit(info)

    def _on_failed(self, error: VisionStudioError) -> None:
        self._leave()
        self.failed.emit(error)

    def _on_shown(
        self,
        frame: int,
        pts: int,
        rgb: NDArray[np.uint8],
        skipped: int,
        source: Pixels | None,
    ) -> None:
        playback = self._playback
        self.source = source
        self._dropped += skipped
        try:
            self._tell(frame, lambda: self.frame_ready.emit(frame, pts, rgb))
        finally:
            if playback is not None:
                playback.consumed()

    def _on_damaged(self, frame: int, reason: str) -> None:
        self._tell(frame, lambda: self.frame_failed.emit(frame, reason))

    def _tell(self, frame: int, emit: Callable[[], None]) -> None:
        """Say that a frame has arrived."""
        self._arrived(frame)
        self._telling = True
        try:
            emit()
        finally:
            self._telling = False

    def _on_ended(self) -> None:
        self._set_playing(False)

    def _arrived(self, frame: int) -> None:
        self._frame = frame
        if self._goal == frame:
            self._goal = None


class _Voice:
    """Carries what a playback says to the GUI thread through a queued signal."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def _say(self, what: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the window has gone without closing the video
            self._told.emit((threading.current_thread(), what, arguments))

    def opened(self, info: VideoInfo) -> None:
        self._say(VideoPlayer._on_opened, info)

    def failed(self, error: VisionStudioError) -> None:
        self._say(VideoPlayer._on_failed, error)

    def shown(
        self,
        frame: int,
        pts: int,
        rgb: NDArray[np.uint8],
        skipped: int,
        source: Pixels | None,
    ) -> None:
        self._say(VideoPlayer._on_shown, frame, pts, rgb, skipped, source)

    def damaged(self, frame: int, reason: str) -> None:
        self._say(VideoPlayer._on_damaged, frame, reason)

    def ended(self) -> None:
        self._say(VideoPlayer._on_ended)
