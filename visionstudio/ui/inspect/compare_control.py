"""Two pictures, or labels and proposals of one, against each other: beside, swiped, blinking,
subtracted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.latest import Latest
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.compare_overlay import CompareOverlay, Cross, subtracted

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.viewer import Viewer

MODES = ("side", "swipe", "blink", "difference")
_BLINK_MS = 600
_GRAB = 8.0
_NO_PROPOSALS = 2.0  # a threshold that no score reaches


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """What the picture on screen is compared with."""

    title: str
    picture: Picture
    annotations: tuple[Annotation, ...] = ()
    own: bool = False  # another look at the same picture


class CompareControl(QObject):
    """Shows a second picture with the one on the canvas. `mode` is '' while it does not."""

    changed = Signal()
    """Another mode, another picture to compare with, or a value under the pointer."""
    failed = Signal(str)

    def __init__(self, viewer: Viewer, post: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(viewer)
        self._viewer = viewer
        self._canvas = viewer.canvas
        self._session: ProjectSession | None = None
        self._latest = Latest(post, "compare")
        self._beside: Canvas | None = None
        self._overlay = CompareOverlay(self)
        self._following = False
        self.mode = ""
        self.source = "next"  # next, previous, pinned, proposals
        self.pinned: tuple[int, int] | None = None  # media id, frame
        self.other: Other | None = None
        self.split = 0.5
        self.shown_b = False
        self.difference: Picture | None = None
        self.reading = ""
        self.neighbour: Callable[[MediaItem, int], MediaItem | None] = lambda _i, _s: None
        self._blink = QTimer(self)
        self._blink.setInterval(_BLINK_MS)
        self._blink.timeout.connect(self._turn)
        self._canvas.viewport().installEventFilter(self)
        self._canvas.view_changed.connect(lambda: self._follow(self._canvas))
        self._canvas.pixel_hovered.connect(self._hovered)
        viewer.display.shown_changed.connect(self._display_changed)

    # -- what is compared

    def set_session(self, session: ProjectSession | None) -> None:
        """Compare in another project, or not at all."""
        if self._session is not None:
            self._session.current_changed.disconnect(self.refresh)
            self._session.annotations_changed.disconnect(self._annotations_changed)
        self._session = session
        self.pinned = None
        self.stop()
        if session is not None:
            session.current_changed.connect(self.refresh)
            session.annotations_changed.connect(self._annotations_changed)

    def close(self) -> None:
        """Before the window goes."""
        self._blink.stop()
        self._latest.close()

    def pin(self) -> None:
        """Compare with what is on screen now, wherever one goes next."""
        session = self._session
        if session is not None and session.current is not None:
            self.pinned = session.current.id, session.frame
            self.source = "pinned"
            self.refresh()

    def start(self, mode: str = "side") -> None:
        """Compare in a mode of MODES."""
        self.mode = mode
        self._apply()
        self.refresh()

    def stop(self) -> None:
        """Show one picture again."""
        if self.mode:
            self.mode = ""
            self._latest.drop()
            self.other = self.difference = None
            self.reading = ""
            self._apply()

    def set_source(self, source: str) -> None:
        """Compare with the next or previous picture, the pinned one, or the proposals."""
        self.source = source
        if source == "proposals" and self.mode == "difference":
            self.mode = "side"
        self.refresh()

    def refresh(self) -> None:
        """Read what is to be compared with."""
        session = self._session
        if not self.mode or session is None or session.current is None:
            return
        self.difference = None
        if self.source == "proposals":
            self._show_proposals()
            return
        self._canvas.set_threshold(session.threshold)
        place = self._place(session, session.current)
        if place is None:
            self.other = None
            self._apply()
            return
        media_id, frame = place
        item = session.media.get(media_id)
        if item is None:
            return
        path = session.path_of(item)
        title = item.name if item.frames < 2 else f"{item.name} #{frame}"
        display = self._viewer.display

        def work() -> Picture:
            from visionstudio.session.region_tables import ValueReader

            with ValueReader({item.id: item}, lambda _: path) as reader:
                pixels = reader(item.id, frame)
                if pixels is None:
                    raise VisionStudioError(reader.failed.get(item.id, "cannot be read"))
                _, levels = display.levels_for(pixels)
                return Picture(pixels.rgb(), None, pixels, levels)

        def done(found: Picture | VisionStudioError) -> None:
            if isinstance(found, VisionStudioError):
                self.other = None
                self.failed.emit(f"{title}: {found.what}")
                self._apply()
                return
            self.other = Other(title, found)
            self._apply()
            session.in_store(lambda store: store.annotations(media_id, frame), with_rows)

        def with_rows(rows: list[Annotation]) -> None:
            if self.other is not None and self.other.title == title:
                seen = tuple(a for a in rows if a.state.is_label)
                self.other = Other(title, self.other.picture, seen)
                self._apply()

        self._latest.want(work, done)

    def _place(self, session: ProjectSession, current: MediaItem) -> tuple[int, int] | None:
        """Media id and frame of the other picture; of videos and stacks the next frame."""
        if self.source == "pinned":
            return self.pinned
        step = 1 if self.source == "next" else -1
        if current.frames > 1:
            frame = session.frame + step
            return (current.id, frame) if 0 <= frame < current.frames else None
        found = self.neighbour(current, step)
        return (found.id, 0) if found is not None else None

    def _show_proposals(self) -> None:
        """Labels on the one side, proposals on the other."""
        session, picture = self._session, self._canvas.picture
        if session is None or picture is None:
            return
        self._latest.drop()
        self._canvas.set_threshold(_NO_PROPOSALS)
        rows = tuple(session.visible_proposals())
        self.other = Other(tr("Proposals"), picture, rows, own=True)
        self._apply()

    def _annotations_changed(self) -> None:
        if self.mode and self.source == "proposals":
            self._show_proposals()

    def _display_changed(self) -> None:
        if self.mode and self.source == "proposals":
            self._show_proposals()
        elif self.mode and self.other is not None:
            pixels = self.other.picture.pixels
            _, levels = self._viewer.display.levels_for(pixels)
            if levels != self.other.picture.levels:
                picture = self.other.picture.with_levels(levels)
                self.other = Other(self.other.title, picture, self.other.annotations)
                self._apply()

    # -- how it is shown

    def _apply(self) -> None:
        """Bring canvas, second canvas and overlay to the mode."""
        if not self.mode and self._session is not None:
            self._canvas.set_threshold(self._session.threshold)
        other = self.other
        beside = self.mode == "side"
        if beside and self._beside is None:
            self._beside = self._make_beside()
        if self._beside is not None:
            fits = not beside and self._beside.isVisible() and self._canvas.shows_all
            self._beside.setVisible(beside)
            if fits:
                self._canvas.fit()  # and follow the room that it gets back
            if beside and other is not None and self._session is not None:
                self._beside.set_image(other.picture, keep_view=True)
                self._beside.set_annotations(other.annotations, self._session.classes)
                self._follow(self._canvas)
            elif beside:
                self._beside.set_message(tr("Nothing to compare with"), "", "empty")
        overlays = self._canvas.overlays
        wanted = bool(self.mode) and not beside and other is not None
        if wanted and self._overlay not in overlays:
            overlays.insert(0, self._overlay)
        elif not wanted and self._overlay in overlays:
            overlays.remove(self._overlay)
        if self.mode == "blink" and other is not None:
            self._blink.start()
        else:
            self._blink.stop()
            self.shown_b = False
        if self.mode == "difference" and other is not None and self.difference is None:
            self._subtract(other)
        self._canvas.refresh()
        self.changed.emit()

    def _make_beside(self) -> Canvas:
        canvas = Canvas(self._viewer)
        canvas.setObjectName("compareCanvas")
        canvas.setAccessibleName(tr("Picture to compare with"))
        canvas.set_editable(False)
        canvas.set_tool("pan")
        canvas.view_changed.connect(lambda: self._follow(canvas))
        canvas.pixel_hovered.connect(self._hovered_beside)
        self._viewer.put_beside(canvas)
        return canvas

    def _follow(self, moved: Canvas) -> None:
        """The other canvas shows the same part."""
        if self._beside is None or self.mode != "side" or self._following:
            return
        target = self._canvas if moved is self._beside else self._beside
        if target.picture is None or moved.picture is None:
            return
        self._following = True
        zoom, x, y = moved.view_state()
        fx = target.view.width / moved.view.width
        fy = target.view.height / moved.view.height
        target.restore_view((zoom / max(fx, 1e-9), x * fx, y * fy))
        self._following = False

    def _turn(self) -> None:
        self.shown_b = not self.shown_b
        self._canvas.refresh()
        self.changed.emit()

    def _subtract(self, other: Other) -> None:
        mine = self._canvas.picture
        if mine is None or other.own:
            return

        def done(found: Picture | VisionStudioError) -> None:
            if isinstance(found, Picture) and self.mode == "difference":
                self.difference = found
                self._canvas.refresh()

        self._latest.want(lambda: subtracted(mine, other.picture), done)

    # -- readout and the swipe's handle

    def _hovered(self, x: int, y: int, text: str) -> None:
        if not self.mode:
            return
        other = self.other
        self.reading = ""
        if x >= 0 and other is not None:
            ox, oy = self._in_other(x, y, other.picture)
            theirs = other.picture.value_text(ox, oy)
            self.reading = f"{x}, {y}:  {text}  |  {theirs}"
        if self._beside is not None and self.mode == "side" and other is not None:
            at = self._in_other(x, y, other.picture) if x >= 0 else None
            self._cross(self._beside, at)
        self.changed.emit()

    def _hovered_beside(self, x: int, y: int, text: str) -> None:
        mine, other = self._canvas.picture, self.other
        if mine is None or other is None:
            return
        at = None
        if x >= 0:
            at = (int(x * mine.width / other.picture.width),
                  int(y * mine.height / other.picture.height))  # fmt: skip
            self.reading = f"{x}, {y}:  {mine.value_text(*at)}  |  {text}"
        self._cross(self._canvas, at)
        self.changed.emit()

    def _in_other(self, x: int, y: int, picture: Picture) -> tuple[int, int]:
        view = self._canvas.view
        return int(x * picture.width / view.width), int(y * picture.height / view.height)

    def _cross(self, canvas: Canvas, at: tuple[int, int] | None) -> None:
        """Mark the same pixel in the other canvas."""
        canvas.overlays[:] = [o for o in canvas.overlays if not isinstance(o, Cross)]
        if at is not None:
            canvas.overlays.append(Cross(at))
        canvas.refresh()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self.mode == "swipe" and self.other is not None and isinstance(event, QMouseEvent):
            wide = max(self._canvas.viewport().width(), 1)
            x = event.position().x()
            kind = event.type()
            near = abs(x - self.split * wide) <= _GRAB
            if kind == QEvent.Type.MouseButtonPress and near:
                self._overlay.held = True
                return True
            if kind == QEvent.Type.MouseMove and self._overlay.held:
                self.split = min(max(x / wide, 0.02), 0.98)
                self._canvas.refresh()
                return True
            if kind == QEvent.Type.MouseButtonRelease and self._overlay.held:
                self._overlay.held = False
                return True
            if kind == QEvent.Type.MouseMove and near:
                self._canvas.point_at(Qt.CursorShape.SplitHCursor)
            elif kind == QEvent.Type.MouseMove:
                self._canvas.point_at(self._canvas.tool.cursor)
        return super().eventFilter(watched, event)
