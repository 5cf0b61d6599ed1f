"""The time axis of a timeline: which frame lies where, zoom, scrolling, ticks."""

from __future__ import annotations

import math
from collections.abc import Iterator

from visionstudio.ui.video.clock import clock

_LEAST = 12.0  # frames in sight at the highest zoom
_TICK = 90.0  # least pixels between two labelled ticks
_FRAME_STEPS = (1, 2, 5, 10)
_SECOND_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


class TimeAxis:
    """Frames `first` to `first + shown` over `width` pixels. Fractions of frames are places."""

    def __init__(self) -> None:
        self.frames = 0
        self.fps = 25.0
        self.width = 1.0
        self.first = 0.0
        self.shown = 1.0

    @property
    def step(self) -> float:
        """Frames per pixel."""
        return self.shown / self.width

    def set_frames(self, frames: int, fps: float) -> None:
        """Another video, all of it in sight."""
        self.frames, self.fps = frames, fps or 25.0
        self.first, self.shown = 0.0, float(max(frames, 1))

    def set_width(self, width: float) -> None:
        """The room has changed; the same frames stay in sight."""
        self.width = max(1.0, width)

    def frame_at(self, x: float) -> int:
        """The frame under a place, the first or last one beyond the ends."""
        return min(max(math.floor(self.first + x * self.step), 0), max(self.frames - 1, 0))

    def place_of(self, frame: float) -> float:
        """Where a frame begins."""
        return (frame - self.first) / self.step

    def zoom(self, factor: float, x: float) -> None:
        """Show `factor` times fewer frames; the one under `x` stays there."""
        at = self.first + x * self.step
        self.shown = min(max(self.shown / factor, _LEAST), float(max(self.frames, 1)))
        self.first = at - x * self.step
        self._keep()

    def move(self, frames: float) -> None:
        """Go on by so many frames."""
        self.first += frames
        self._keep()

    def reveal(self, frame: int) -> bool:
        """Bring a frame into sight, a page at a time; whether anything moved."""
        if self.first <= frame < self.first + self.shown:
            return False
        self.first = frame - self.shown * (0.05 if frame >= self.first else 0.95)
        self._keep()
        return True

    def _keep(self) -> None:
        self.first = min(max(self.first, 0.0), max(0.0, self.frames - self.shown))

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Places and texts: frame numbers where they are far apart, else times."""
        least = _TICK * self.step  # frames between two ticks
        end = min(self.first + self.shown, float(self.frames))
        if least <= _FRAME_STEPS[-1]:
            step = next(s for s in _FRAME_STEPS if s >= least)
            frame = math.ceil(self.first / step) * step
            while frame < end:
                yield self.place_of(frame), str(frame)
                frame += step
            return
        wanted = least / self.fps
        pace = next((s for s in _SECOND_STEPS if s >= wanted), None)
        if pace is None:
            pace = math.ceil(wanted / 3600) * 3600
        n = math.ceil(self.first / self.fps / pace)
        while n * pace * self.fps < end:
            text = clock(n * pace, long=self.frames / self.fps >= 3600)
            yield self.place_of(n * pace * self.fps), text if pace < 1 else text[:-4]
            n += 1
