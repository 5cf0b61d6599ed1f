"""Keeps the drawing under way with the project, so that a crash loses a second of it at most.

Also who goes to another picture in the middle of a drawing finds it again on coming back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from visionstudio.model.media import MediaItem
from visionstudio.ui.actions import BY_ID
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.canvas.canvas import Canvas

KEY = "unfinished"  # the project's setting
_KEEP_MS = 400  # drawings are stored this long after a change, and then this often
_MOST = 20  # pictures whose drawings are kept; the oldest go
Place = tuple[int, int]  # media item and frame


class Unfinished(QObject):
    """Stores what a canvas's tool has drawn so far, by picture, and brings it back there.

    `is_pending` says whether a finished shape still waits for its class.
    """

    resumed = Signal(str)  # what to tell
    waiting = Signal(str, int, int)  # what to tell, media item and frame to offer to go to

    def __init__(self, canvas: Canvas, is_pending: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._is_pending = is_pending
        self._session: ProjectSession | None = None
        self._kept: dict[str, dict[str, Any]] = {}  # oldest first
        self._place: Place | None = None  # what the canvas shows
        self._is_new = False  # the project's drawings were read, and not looked at yet
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._keep)
        canvas.drawing_changed.connect(self._changed)

    def set_session(self, session: ProjectSession | None) -> None:
        """Work with another project, or none. What the old one draws at present is kept."""
        self.leave()
        self._session, self._kept = session, {}
        if session is not None and not session.store.read_only:
            session.in_store(lambda store: store.setting(KEY, {}), self._loaded, lambda _: None)

    def _loaded(self, kept: Any) -> None:
        if not isinstance(kept, dict):
            return
        self._kept = {k: v for k, v in kept.items() if isinstance(v, dict)} | self._kept
        self._is_new = True
        if self._place is not None:
            self._take_up(self._place)

    def _take_up(self, place: Place) -> None:
        """Go on with what was begun here; of a project just opened, else tell where one waits."""
        if not self._resume(place) and self._is_new:
            self._offer()
        self._is_new = False

    def _offer(self) -> None:
        """Tell of the last drawing that waits on another picture."""
        session = self._session
        for name in reversed(self._kept):
            media_id, frame = _place_of(name)
            item = session.media.get(media_id) if session is not None else None
            if item is not None and (media_id, frame) != self._place:
                what = _title(self._kept[name])
                text = tr(
                    "An unfinished drawing ({what}) waits on {name}", what=what, name=item.name
                )
                self.waiting.emit(text, media_id, frame)
                return

    # -- following the canvas

    def leave(self) -> None:
        """The canvas is about to show something else: keep what is drawn now."""
        if self._place is not None:
            self._timer.stop()
            self._keep(leaving=True)
        self._place = None

    def arrive(self, item: MediaItem, frame: int) -> None:
        """The canvas shows a picture now: go on with what was begun on it."""
        self._place = (item.id, frame)
        self._take_up(self._place)

    def move(self, item: MediaItem, frame: int) -> None:
        """Another frame of the same video: a drawing goes on there, or one that waits is back."""
        if self._place is None or self._place == (item.id, frame):
            return
        drawing = self._canvas.is_drawing
        if drawing:
            self._forget(self._place)
        self._place = (item.id, frame)
        if drawing:
            self._changed()
        else:
            self._resume(self._place)

    def _forget(self, place: Place) -> None:
        self._kept.pop(f"{place[0]}:{place[1]}", None)

    def _changed(self) -> None:
        if self._place is not None and not self._timer.isActive():
            # What has ended is forgotten at once, though after its shape has been handed over.
            self._timer.start(_KEEP_MS if self._canvas.is_drawing else 0)
        elif not self._canvas.is_drawing:
            self._timer.start(0)

    def _keep(self, *, leaving: bool = False) -> None:
        session = self._session
        if session is None or session.store.read_only or self._place is None:
            return
        tool = self._canvas.tool
        drawn = tool.unfinished() if self._canvas.is_drawing else None
        if drawn is None and self._is_pending() and not leaving:
            self._timer.start(_KEEP_MS)  # until it has its class, it is not stored otherwise
            return
        name = f"{self._place[0]}:{self._place[1]}"
        if drawn is not None:
            active = session.active_class
            drawn = {"tool": tool.name, "class": active.id if active else None, **drawn}
        if drawn == self._kept.get(name):
            return
        kept = {k: v for k, v in self._kept.items() if k != name}
        if drawn is not None:
            kept[name] = drawn
        self._kept = dict(list(kept.items())[-_MOST:])
        store_it = dict(self._kept)
        # A full disk is told of by edits; a drawing that may be lost then is not worth another.
        session.in_store(
            lambda store: store.set_setting(KEY, store_it), lambda _: None, lambda _: None
        )

    def _resume(self, place: Place) -> bool:
        """Take up a drawing that was begun at a place. Whether there was one."""
        drawn = self._kept.get(f"{place[0]}:{place[1]}")
        session, canvas = self._session, self._canvas
        if drawn is None or session is None or canvas.is_drawing or not canvas.editable:
            return False
        if drawn.get("tool") not in canvas.tools:
            return False
        if session.class_by_id(drawn.get("class") or 0) is not None:
            session.set_active_class(drawn["class"])
        canvas.set_tool(drawn["tool"])
        if not canvas.tool.resume(drawn):
            return False
        what = _title(drawn)
        self.resumed.emit(tr("Your unfinished drawing ({what}) is back. Esc drops it.", what=what))
        return True


def _title(drawn: dict[str, Any]) -> str:
    row = BY_ID.get(f"tool.{drawn.get('tool')}")
    return tr(row.title) if row is not None else ""


def _place_of(name: str) -> Place:
    try:
        media_id, frame = name.split(":")
        return int(media_id), int(frame)
    except ValueError:
        return 0, 0
