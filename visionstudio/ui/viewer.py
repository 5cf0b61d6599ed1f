"""The middle of the window: binds the canvas, and a player for videos, to a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.class_chooser import ClassChooser
from visionstudio.ui.gestures import Gestures
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.display_control import DisplayControl
from visionstudio.ui.presenting import Presenter
from visionstudio.ui.tags import TagStrip
from visionstudio.ui.toast import Banners
from visionstudio.ui.tool_strip import ToolStrip
from visionstudio.ui.unfinished import Unfinished
from visionstudio.ui.video.tracker_view import TrackerView

if TYPE_CHECKING:
    from visionstudio.media.prefetch import Loaded, Prefetch
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.video.bar import VideoBar
    from visionstudio.ui.video.playback import VideoInfo
    from visionstudio.ui.video.player import VideoPlayer
    from visionstudio.ui.video.tracks import TrackTable

_LOADING_MS = 150


class Viewer(QWidget):
    """Shows the session's current picture or frame and turns gestures into edits.

    `near(item)` gives the pictures to decode ahead, the likeliest first.
    """

    shown = Signal(object)  # the media item whose pixels, or error, are now on screen
    message = Signal(str, str)  # text, level
    region_drawn = Signal(object)  # Box
    verify_wanted = Signal()
    key_moved = Signal(int, int, int)  # in the timeline: track, frame, to
    video_made = Signal()  # the player and its bar are there from now on

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("viewer")
        self.canvas = Canvas(self)
        self.canvas.setObjectName("canvas")
        self.canvas.setAccessibleName(tr("Picture"))
        self.banners = Banners(self)
        self.player: VideoPlayer | None = None
        self.bar: VideoBar | None = None
        self.tracks: TrackTable | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(self.banners)
        self._row = QHBoxLayout()
        self._row.setSpacing(2)
        self._row.addWidget(self.canvas, 1)
        self._layout.addLayout(self._row, 1)
        self.tool_strip = ToolStrip(self, self.canvas)
        self.tags = TagStrip(self, self.canvas)
        self.chooser = ClassChooser(self)
        self.unfinished = Unfinished(self.canvas, self.chooser.isVisible, self)
        self.near: Callable[[MediaItem], list[MediaItem]] = lambda _item: []
        self._session: ProjectSession | None = None
        self._prefetch: Prefetch | None = None
        self._item: MediaItem | None = None  # whose pixels are wanted or shown
        self._ready = False  # whether they are on screen
        self._awaiting_rows = False
        self._drawn: dict[int, Annotation] = {}
        self._classes_state: tuple[frozenset[int], frozenset[int]] | None = None
        self._pts: int | None = None
        self.display = DisplayControl(self)
        self._presenter = Presenter(self.canvas, self.display, self._post)
        self._first_frame = True
        self._held: list[Callable[[], None]] | None = None
        canvas = self.canvas
        self._loading = self._single_shot(_LOADING_MS, self._show_loading)
        self._bar_later = self._single_shot(0, self._make_bar)
        self.tracker_view = TrackerView(canvas, self._video_item, self._seek, self)
        self.gestures = Gestures(canvas, self.chooser, lambda: self._pts, self)
        self.gestures.message.connect(self.message)
        canvas.region_drawn.connect(self.region_drawn)
        canvas.space_tapped.connect(self._space_tapped)

    def _single_shot(self, milliseconds: int, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(call)
        return timer

    # The project

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none. What the old one was reading is given up."""
        self.unfinished.set_session(session)
        old = self._session
        if old is not None:
            for signal, slot in self._connections(old):
                signal.disconnect(slot)
        self.gestures.set_session(session)
        self.tags.set_session(session)
        self._close_source()
        if self.tracks is not None:
            self.tracks.set_session(session)
        self._session, self._item = session, None
        self._drawn, self._ready = {}, False
        if session is None:
            self.canvas.set_annotations((), ())
            self.display.show(None)
            return
        # Brings the decoders: only when there is something to decode.
        from visionstudio.media.prefetch import Prefetch
        from visionstudio.media.source import MediaSource

        self._prefetch = Prefetch(
            MediaSource(session.store.media_root),
            session.post,
            prepare=self._presenter.prepare,
            prepare_tiled=self._presenter.prepare_tiled,
        )
        for signal, slot in self._connections(session):
            signal.connect(slot)
        self.canvas.set_editable(not session.store.read_only)
        self.canvas.set_threshold(session.threshold)
        self._show_classes_state(session)
        self.canvas.set_active_class(session.active_class)
        self._current_changed()

    def _connections(self, session: ProjectSession) -> list[tuple[Any, Callable[..., Any]]]:
        return [
            (session.current_changed, self._current_changed),
            (session.annotations_changed, self._annotations_changed),
            (session.selection_changed, self._selection_changed),
            (session.classes_changed, self._classes_changed),
            (session.active_class_changed, self._active_class_changed),
            (session.threshold_changed, self.canvas.set_threshold),
            (session.media_changed, self._media_changed),
        ]

    def _close_source(self) -> None:
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None
        self._close_video()

    def close_threads(self) -> None:
        """Before the window goes."""
        self._loading.stop()
        self.tracker_view.stop()
        self._close_source()

    def hold(self) -> None:
        """Read what is wanted, but show it after `release` only."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Show what has come meanwhile."""
        held, self._held = self._held, None
        for call in held or ():
            call()

    def _once_free(self, call: Callable[..., None], *values: object) -> None:
        if self._held is None:
            call(*values)
        else:
            self._held.append(partial(call, *values))

    # Pixels

    def _current_changed(self) -> None:
        session = self._session
        if session is None:
            return
        item = session.current
        if item is None:
            self._item = None
            self._close_video()
            self.canvas.set_message(
                tr("Nothing to show"), tr("Drop pictures or videos here, or add them."), "empty"
            )
            return
        # What comes now clears the old frame's objects; the new frame's follow from the disk.
        # Waiting for them spares a flicker.
        self._awaiting_rows = True
        if self._item is not None and item.id == self._item.id:
            self.unfinished.move(item, session.frame)
            self._item = item
            if self.player is not None and self.player.frame != session.frame:
                self.player.seek(session.frame)
            return
        self.unfinished.leave()
        self._item, self._ready, self._pts = item, False, None
        self.chooser.drop()
        self._loading.start()
        if item.kind is MediaKind.IMAGE:
            self._close_video()
            if self._prefetch is not None:
                arrived = partial(self._once_free, self._picture_loaded)
                self._prefetch.request(item, arrived, self.near(item))
        else:
            self._open_video(item)

    def _media_changed(self, _ids: object) -> None:
        """A header has told that the file on screen holds several pictures, or only one."""
        current = self._session.current if self._session is not None else None
        if current is not None and self._item is not None and current.id == self._item.id:
            if current.kind is not self._item.kind:
                self._item = None
                self._current_changed()
                self._awaiting_rows = False
            else:
                self._item = current

    def put_beside(self, widget: QWidget) -> None:
        """Another picture to the right of this one."""
        self._row.addWidget(widget, 1)

    def put_above(self, widget: QWidget) -> None:
        """A bar above the picture."""
        self._layout.insertWidget(1, widget)

    def reload(self) -> None:
        """Read the current picture again: its file has changed."""
        if self._item is not None and self._prefetch is not None:
            self._prefetch.forget(self._item.id)
            self._item = None
            self._current_changed()
            self._awaiting_rows = False

    def _show_loading(self) -> None:
        if self._item is not None and not self._ready:
            self.canvas.set_message(tr("Loading…"), self._item.name, "loading")

    def _picture_loaded(self, loaded: Loaded) -> None:
        if self._item is None or loaded.item.id != self._item.id:
            return
        if loaded.progress is not None:
            self._show_progress(loaded.progress)
            return
        self._loading.stop()
        picture: Picture | None = loaded.prepared
        if picture is None:
            self._show_error(loaded.error)
            return
        self._presenter.put(picture, keep_view=self._ready)
        self._size_seen(picture.width, picture.height)
        self._pixels_shown()

    def _size_seen(self, width: int, height: int, frames: int = 1) -> None:
        """What is on screen can be worked on before the library has come to read its header."""
        known = self._session.media.get(self._item.id) if self._session and self._item else None
        if self._session is None or known is None or known.status is not MediaStatus.UNKNOWN:
            return
        if (known.width, known.height, known.frames) != (width, height, frames):
            fresh = replace(known, width=width, height=height, frames=frames)
            self._session.put_media([fresh])

    def _post(self, call: Callable[[], None]) -> None:
        if self._session is not None:
            self._session.post(call)

    def _show_progress(self, share: float) -> None:
        """A large picture is being prepared; a smaller copy of it may be on screen meanwhile."""
        text = tr("Preparing a large picture: {share} %", share=round(share * 100))
        if self._ready:
            self.canvas.hint_changed.emit(text)
        elif self._item is not None:
            self._loading.stop()
            self.canvas.set_message(text, self._item.name, "loading")

    def _show_error(self, error: VisionStudioError | None) -> None:
        if self._item is None:
            return
        self._loading.stop()
        self._ready = True
        self.display.show(None)
        detail = f"{self._item.path}\n{error.what if error else ''}"
        if error is not None and error.next_step:
            detail += f"\n{error.next_step}"
        self.canvas.set_message(tr("This cannot be shown"), detail, "error")
        self.shown.emit(self._item)

    def _pixels_shown(self) -> None:
        if not self._ready:
            self._ready = True
            self._set_all_annotations()
            if self._item is not None and self._session is not None:
                self.unfinished.arrive(self._item, self._session.frame)
            self.shown.emit(self._item)

    # Video

    def _open_video(self, item: MediaItem) -> None:
        if self._session is None:
            return
        player = self._video_player()
        self._first_frame = True
        player.open(self._session.path_of(item))
        if self._session.frame:
            player.seek(self._session.frame)
        if self.bar is None:
            self._bar_later.start()  # the first frame is being read meanwhile
        else:
            self._show_bar()

    def _video_player(self) -> VideoPlayer:
        """The player, made with the first video."""
        if self.player is None:
            from visionstudio.ui.video.player import VideoPlayer

            self.player = VideoPlayer(self)
            self.player.opened.connect(self._video_opened)
            self.player.frame_ready.connect(partial(self._once_free, self._frame_ready))
            self.player.frame_failed.connect(self._frame_failed)
            self.player.failed.connect(partial(self._once_free, self._show_error))
        return self.player

    def _make_bar(self) -> None:
        """The player's bar with its timeline, for good."""
        from visionstudio.ui.video.bar import VideoBar
        from visionstudio.ui.video.tracks import TrackTable, bind

        self.bar = VideoBar(self)
        self.bar.set_player(self._video_player())
        self._layout.addWidget(self.bar)
        self.tracks = TrackTable(self)
        bind(self.tracks, self.bar)
        self.tracks.set_session(self._session)
        self.bar.timeline.key_moved.connect(self.key_moved)
        self.video_made.emit()
        self._show_bar()

    def _show_bar(self) -> None:
        if self.bar is not None and self.tracks is not None:
            self.bar.show()
            self.tracks.show(self._item)

    def _close_video(self) -> None:
        self._bar_later.stop()
        if self.player is not None:
            self.player.close()
        if self.bar is not None:
            self.bar.hide()
        if self.tracks is not None:
            self.tracks.show(None)

    def _video_opened(self, info: VideoInfo) -> None:
        self._size_seen(info.width, info.height, info.frames)

    def _frame_ready(self, frame: int, pts: object, rgb: Any) -> None:
        session = self._session
        if session is None or self._item is None or self._item.kind is MediaKind.IMAGE:
            return
        self._loading.stop()
        self._pts = pts if isinstance(pts, int) else None
        source = self.player.source if self.player is not None else None
        picture = (
            Picture(rgb) if source is None else self._presenter.prepare(self._item, rgb, source)
        )
        session.go_to_frame(frame)  # first: what is said of the picture names its frame
        self._presenter.put(picture, frame=not self._first_frame)
        self._first_frame = False
        self._pixels_shown()

    def _frame_failed(self, frame: int, reason: str) -> None:
        self.message.emit(tr("Frame {frame}: {reason}", frame=frame, reason=reason), "warning")
        if self._session is not None:
            self._session.go_to_frame(frame)

    # Annotations

    def _annotations_changed(self) -> None:
        if self._session is None:
            return
        if self._awaiting_rows and not self._session.annotations:
            self._awaiting_rows = False
            return
        self._awaiting_rows = False
        if not self._ready:
            return  # they come with the pixels
        self._show_classes_state(self._session)
        self._update_annotations()

    def _show_classes_state(self, session: ProjectSession) -> None:
        """Hide and lock in the picture the classes that are hidden and locked."""
        state = session.hidden_classes, session.locked_classes
        if state != self._classes_state:
            self._classes_state = state
            self.canvas.set_hidden_classes(session.hidden_classes)
            self.canvas.set_locked_classes(session.locked_classes)

    def _seen(self) -> list[Annotation]:
        if self._session is None:
            return []
        away = self._session.put_away
        return [
            a
            for a in self._session.annotations
            if a.state is not State.REJECTED and a.id not in away
        ]

    def _set_all_annotations(self) -> None:
        seen = self._seen()
        self._drawn = {a.id: a for a in seen}
        self.canvas.set_annotations(seen, self._session.classes if self._session else ())
        self._selection_changed()

    def _update_annotations(self) -> None:
        """Hand over only what differs; a picture may have a hundred thousand."""
        seen = self._seen()
        fresh = {a.id: a for a in seen}
        changed = [a for a in seen if self._drawn.get(a.id) is not a]
        removed = [i for i in self._drawn if i not in fresh]
        if len(changed) + len(removed) > max(64, len(seen) // 4):
            self._set_all_annotations()
            return
        self._drawn = fresh
        if changed or removed:
            self.canvas.update_annotations(changed, removed)
        self._selection_changed()

    def _classes_changed(self) -> None:
        if self._session is not None:
            self.canvas.set_classes(self._session.classes)

    def _active_class_changed(self) -> None:
        if self._session is not None:
            self.canvas.set_active_class(self._session.active_class)

    def _selection_changed(self) -> None:
        if self._session is not None:
            self.canvas.set_selection(self._session.selection)

    def _video_item(self) -> MediaItem | None:
        return self._item if self.player is not None and self.is_video else None

    def _seek(self, frame: int) -> None:
        if self.player is not None:
            self.player.seek(frame)

    def _space_tapped(self) -> None:
        if self._item is not None and self._item.kind is not MediaKind.IMAGE and self.player:
            self.player.toggle()
        else:
            self.verify_wanted.emit()

    @property
    def pts(self) -> int | None:
        """The time stamp of the frame on screen, None for pictures."""
        return self._pts

    @property
    def is_video(self) -> bool:
        """Whether a video is shown."""
        return self._item is not None and self._item.kind is not MediaKind.IMAGE

    @property
    def is_ready(self) -> bool:
        """Whether the pixels that are wanted, or why there are none, are on screen."""
        return self._ready

    def focus_canvas(self) -> None:
        """Give the picture the keyboard."""
        self.canvas.setFocus(Qt.FocusReason.OtherFocusReason)
