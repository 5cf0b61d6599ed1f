"""Trackers of one object each that are shown the same frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from visionstudio.api.results import TrackState
from visionstudio.api.tasks import Frame
from visionstudio.engine.context import JobContext
from visionstudio.engine.loaded import Loaded
from visionstudio.model.errors import MediaError


class Several:
    """Objects by a number of the caller's; one tracker is loaded for each by `load`.

    `give_back` gets every tracker that is no longer used. Frames are (H, W, 3) uint8 RGB.
    """

    def __init__(self, load: Callable[[], Loaded], give_back: Callable[[Loaded], None]) -> None:
        self._load, self._give_back = load, give_back
        self._at_work: dict[int, Loaded] = {}
        self._idle: list[Loaded] = []

    def __len__(self) -> int:
        return len(self._at_work)

    def prepare(self) -> None:
        """Load the tracker of the next object ahead."""
        if not self._idle:
            self._idle.append(self._load())

    def start(
        self, number: int, frame: Frame | MediaError, box: Sequence[float], ctx: JobContext
    ) -> tuple[int, TrackState]:
        """Begin on `box` x1, y1, x2, y2. Raises InvalidValue for a bad box, a frame's own error."""
        if isinstance(frame, MediaError):
            raise frame
        loaded = self._idle.pop() if self._idle else self._load()
        x1, y1, x2, y2 = box
        try:
            loaded.model.start(frame, (x1, y1, x2, y2), ctx)
        except BaseException:
            self._idle.append(loaded)
            raise
        self._at_work[number] = loaded
        return number, TrackState((x1, y1, x2, y2), 1.0)

    def update(self, frame: Frame | MediaError, ctx: JobContext) -> list[tuple[int, TrackState]]:
        """Where the objects are in the next frame; all are lost in one that cannot be read."""
        if isinstance(frame, MediaError):
            return [(n, TrackState(None, 0.0, lost=True)) for n in self._at_work]
        return [(n, loaded.model.update(frame, ctx)) for n, loaded in self._at_work.items()]

    def stop(self, number: int) -> None:
        """Follow this object no longer; one that is not followed is no error."""
        loaded = self._at_work.pop(number, None)
        if loaded is not None:
            self._idle.append(loaded)

    def close(self) -> None:
        """Follow none, and give all trackers back."""
        for loaded in [*self._at_work.values(), *self._idle]:
            self._give_back(loaded)
        self._at_work.clear()
        self._idle.clear()
