"""A tracker at work: the frame it has come to, and where it sees its objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from visionstudio.api.results import TrackState
from visionstudio.model.annotations import Annotation
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box

if TYPE_CHECKING:
    from visionstudio.ui.canvas.canvas import Canvas

_MS = 100
_FIRST = -(2**40)  # ids of what is shown; those of objects between key frames are -track
States = list[tuple[int, TrackState]]


class TrackerView(QObject):
    """Shows ten times a second what is newest. `item()` is the video on screen."""

    def __init__(
        self,
        canvas: Canvas,
        item: Callable[[], MediaItem | None],
        seek: Callable[[int], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._item = item
        self._seek = seek
        self._newest: tuple[int, States] | None = None
        self._shown: set[int] = set()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_MS)
        self._soon.timeout.connect(self._follow)

    def show(self, media_id: int, frame: int, states: States) -> None:
        """Follow to a frame; `states` has each object's class and what the tracker says of it."""
        item = self._item()
        if item is None or item.id != media_id:
            return
        self._newest = (frame, states)
        if not self._soon.isActive():
            self._soon.start()

    def _follow(self) -> None:
        item = self._item()
        if self._newest is None or item is None:
            return
        frame, states = self._newest
        self._seek(frame)
        shown = [
            Annotation(
                id=_FIRST - place,
                media_id=item.id,
                frame=frame,
                class_id=class_id,
                shape=Box(*state.box),
            )
            for place, (class_id, state) in enumerate(states)
            if state.box is not None and not state.lost
        ]
        gone = self._shown - {a.id for a in shown}
        self._shown = {a.id for a in shown}
        self._canvas.update_annotations(shown, list(gone))

    def end(self, *_: object) -> None:
        """The tracker has ended: its proposals take the place of what was shown of it."""
        self._newest = None
        self.stop()
        self._canvas.update_annotations([], list(self._shown))
        self._shown = set()

    def stop(self) -> None:
        """Show nothing more."""
        self._soon.stop()
