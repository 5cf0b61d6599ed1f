"""The timeline: a line per track with key frames, spans and confidence, to look at and drag.

Painted from numpy columns into one image that is kept until the view or the tracks
change; the play head moves over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QToolTip, QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.video import timeline_paint
from visionstudio.ui.video.axis import TimeAxis
from visionstudio.ui.video.lines import HEADER, Lines, no_lines
from visionstudio.ui.video.timeline_paint import GUTTER, LINE, RULER

USUAL_LINES = 8  # in sight unless a person wants more or fewer
_NEAR = 6  # pixels around a key frame that take hold of it
_DRAG = 3  # pixels before a press on a key frame becomes a drag
_KEYS = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus,
)  # fmt: skip
NO_MODIFIER = Qt.KeyboardModifier.NoModifier
_NOTCH = 1.25  # zoom of one notch of the wheel


@dataclass(slots=True)
class KeyDrag:
    """A key frame in the hand. `to` is where it would be put."""

    track: int
    lane: int
    frame: int
    x: float
    to: int
    moving: bool = False


class Timeline(QAbstractScrollArea):
    """Shows `Lines` along a time axis. It asks for frames and edits; others make them.

    Wheel over the axis zooms at the pointer, over the names it scrolls; with Shift it
    moves along the time. A click goes there and selects the track, with Ctrl one more; a
    key frame can be dragged, Esc drops it. Up and Down go from track to track.
    """

    seek = Signal(int)
    track_clicked = Signal(int)
    track_toggled = Signal(int)  # one more, or one less
    menu_wanted = Signal(QPoint)  # of the selected tracks; a place on the screen
    key_moved = Signal(int, int, int)  # track, frame, to
    hovered = Signal(int, QPoint)  # a frame in the ruler, and the place on the screen above it
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("videoTimeline")
        self.setAccessibleName(tr("Timeline of tracks"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setObjectName("videoTimelineView")
        self.axis = TimeAxis()
        self.lines: Lines = no_lines()
        self.selected: frozenset[int] = frozenset()
        self.loop: tuple[int, int] | None = None
        self.drag: KeyDrag | None = None
        self.damaged: set[int] = set()
        self.frame = 0
        self._scrubbing = False
        self._wanted_lines = USUAL_LINES
        self._image: QPixmap | None = None
        self.verticalScrollBar().valueChanged.connect(self.refresh)
        self.horizontalScrollBar().valueChanged.connect(self._scrolled)
        self.verticalScrollBar().setSingleStep(LINE)
        theme.watcher().changed.connect(self.refresh)

    # What is shown

    def set_lines(self, lines: Lines) -> None:
        """Show these tracks."""
        self.lines = lines
        self._fit()

    def set_frames(self, frames: int, fps: float) -> None:
        """Another video."""
        self.damaged.clear()
        self.loop = None
        self.axis.set_frames(frames, fps)
        self._fit()

    def set_frame(self, frame: int) -> None:
        """Move the play head, which stays in sight."""
        if frame == self.frame:
            return
        old, self.frame = self.frame, frame
        if not self._scrubbing and self.axis.reveal(frame):
            self._fit()
            return
        for at in (old, frame):  # two slits, not the whole strip
            x = GUTTER + self.axis.place_of(at + 0.5)
            wide = max(8, round(1 / self.axis.step) + 2)
            self.viewport().update(int(x) - wide // 2, 0, wide, self.viewport().height())

    def set_selected(self, tracks: Iterable[int], *, show: bool = False) -> None:
        """Light the lines of these tracks up, and scroll the first one into sight."""
        self.selected = frozenset(tracks)
        if show and self.selected:
            line = self.lines.line_of(min(self.selected))
            if line is not None:
                self._reveal_line(line)
        self.refresh()

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Mark the frames that are played over and over."""
        self.loop = loop
        self.viewport().update()

    def mark_damaged(self, frame: int) -> None:
        """Show that a frame cannot be decoded."""
        self.damaged.add(frame)
        self.viewport().update()

    def set_wanted_lines(self, lines: int) -> None:
        """How many lines high it may be."""
        self._wanted_lines = min(max(lines, 1), 60)
        self._fit()

    @property
    def wanted_lines(self) -> int:
        return self._wanted_lines

    def refresh(self, *_: object) -> None:
        """Paint everything anew."""
        self._image = None
        self.viewport().update()

    def sizeHint(self) -> QSize:
        return QSize(400, self.height())

    def _fit(self) -> None:
        """Height, scroll bars and image after the lines, the zoom or the room have changed."""
        axis, bar = self.axis, self.horizontalScrollBar()
        axis.set_width(self.viewport().width() - GUTTER)
        bar.blockSignals(True)
        bar.setRange(0, max(0, round(axis.frames - axis.shown)))
        bar.setPageStep(max(1, round(axis.shown)))
        bar.setSingleStep(max(1, round(axis.shown / 20)))
        bar.setValue(round(axis.first))
        bar.blockSignals(False)
        extra = bar.sizeHint().height() if bar.maximum() > 0 else 0
        self.setFixedHeight(RULER + min(len(self.lines), self._wanted_lines) * LINE + extra)
        room = self.viewport().height() - RULER
        self.verticalScrollBar().setRange(0, max(0, len(self.lines) * LINE - room))
        self.verticalScrollBar().setPageStep(max(LINE, room))
        self.refresh()

    def _scrolled(self, value: int) -> None:
        self.axis.move(value - self.axis.first)
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # Where things are

    def line_at(self, y: float) -> int | None:
        """The line under a place of the viewport."""
        line = int((y - RULER + self.verticalScrollBar().value()) // LINE)
        return line if y >= RULER and 0 <= line < len(self.lines) else None

    def top_of(self, line: int) -> int:
        """Where a line begins in the viewport."""
        return RULER + line * LINE - self.verticalScrollBar().value()

    def key_place(self, track: int, frame: int) -> QPoint | None:
        """The middle of a key frame's mark in the viewport."""
        line = self.lines.line_of(track)
        if line is None:
            return None
        x = GUTTER + self.axis.place_of(frame + 0.5)
        return QPointF(x, self.top_of(line) + timeline_paint.MIDDLE * LINE).toPoint()

    def key_at(self, position: QPointF) -> tuple[int, int, int] | None:
        """Track, lane and frame of the key frame under a place."""
        line = self.line_at(position.y())
        track = self.lines.track(line) if line is not None else None
        if line is None or track is None or position.x() < GUTTER - _NEAR:
            return None
        lane = int(self.lines.lane[line])
        x = position.x() - GUTTER
        low = self.axis.first + (x - _NEAR) * self.axis.step - 0.5
        high = self.axis.first + (x + _NEAR) * self.axis.step - 0.5
        frame = self.lines.lanes.key_near(lane, max(0, round(low)), max(0, round(high)))
        return None if frame is None else (track, lane, frame)

    def _reveal_line(self, line: int) -> None:
        bar = self.verticalScrollBar()
        top, room = line * LINE, self.viewport().height() - RULER
        if not bar.value() <= top <= bar.value() + room - LINE:
            bar.setValue(top - room // 2)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            self._image = timeline_paint.lanes_image(self)
        painter = QPainter(self.viewport())
        painter.setClipRect(event.rect())
        painter.fillRect(event.rect(), theme.colour("surface"))
        painter.drawPixmap(0, RULER, self._image)
        timeline_paint.draw_ruler(painter, self)
        timeline_paint.draw_marks(painter, self)
        painter.end()

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            self._ask_menu(event)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        at = event.position()
        line = self.line_at(at.y())
        if line is not None and self.lines.lane[line] == HEADER and at.x() < GUTTER:
            self.fold(int(self.lines.group[line]))
            return
        more = self.lines.track(line) if line is not None else None
        if more is not None and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.track_toggled.emit(more)
            return
        key = self.key_at(at)
        if key is not None:
            track, lane, frame = key
            self.drag = KeyDrag(track, lane, frame, at.x(), frame)
            self.track_clicked.emit(track)
            return
        track_here = self.lines.track(line) if line is not None else None
        if track_here is not None:
            self.track_clicked.emit(track_here)
        if at.x() >= GUTTER:
            self._scrubbing = True
            self.seek.emit(self.axis.frame_at(at.x() - GUTTER))
        elif line is not None and self.lines.lane[line] != HEADER:
            self.seek.emit(int(self.lines.lanes.first[self.lines.lane[line]]))

    def _ask_menu(self, event: QMouseEvent) -> None:
        """The track under the pointer is selected, the frame there shown: 'here' is that one."""
        at = event.position()
        line = self.line_at(at.y())
        track = self.lines.track(line) if line is not None else None
        if track is None:
            return
        if track not in self.selected:
            self.track_clicked.emit(track)
        if at.x() >= GUTTER:
            self.seek.emit(self.axis.frame_at(at.x() - GUTTER))
        self.menu_wanted.emit(event.globalPosition().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self.drag is not None:
            self._drag_key(at.x())
        elif self._scrubbing:
            self.seek.emit(self.axis.frame_at(at.x() - GUTTER))
        else:
            over = self.key_at(at) is not None
            shape = Qt.CursorShape.SizeHorCursor if over else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(shape)
        if at.x() >= GUTTER and (at.y() < RULER or self._scrubbing) and self.axis.frames:
            above = self.viewport().mapToGlobal(QPoint(round(at.x()), 0))
            self.hovered.emit(self.axis.frame_at(at.x() - GUTTER), above)
        else:
            self.left.emit()

    def _drag_key(self, x: float) -> None:
        drag = self.drag
        if drag is None or (not drag.moving and abs(x - drag.x) < _DRAG):
            return
        drag.moving = True
        low, high = self.lines.lanes.keys_around(drag.lane, drag.frame)
        wanted = drag.frame + round((x - drag.x) * self.axis.step)
        drag.to = min(max(wanted, low), high, self.axis.frames - 1)
        text = tr("Frame {before} → {after}", before=drag.frame, after=drag.to)
        QToolTip.showText(self.cursor().pos(), text, self.viewport())
        self.viewport().update()

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        drag, self.drag = self.drag, None
        self._scrubbing = False
        if drag is None:
            return
        QToolTip.hideText()
        if drag.moving and drag.to != drag.frame:
            self.key_moved.emit(drag.track, drag.frame, drag.to)
        self.seek.emit(drag.to)
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A double click on a name shows that track from its beginning to its end."""
        line = self.line_at(event.position().y())
        if line is None or event.position().x() >= GUTTER or self.lines.lane[line] == HEADER:
            return
        lanes, lane = self.lines.lanes, int(self.lines.lane[line])
        shown = (lanes.last[lane] - lanes.first[lane] + 1) * 1.1
        self.axis.zoom(self.axis.shown / max(shown, 1), 0)
        self.axis.move(float(lanes.first[lane]) - shown * 0.05 - self.axis.first)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        along = event.modifiers() & Qt.KeyboardModifier.ShiftModifier or (
            abs(delta.x()) > abs(delta.y())
        )
        turned = delta.y() or delta.x()
        if along:
            self.axis.move(-turned / 120 * self.axis.shown * 0.1)
            self._fit()
        elif event.position().x() < GUTTER:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() - round(turned / 120 * LINE * 3))
        else:
            self.zoom(_NOTCH ** (turned / 120), event.position().x() - GUTTER)
        event.accept()

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Show `factor` times fewer frames, around `x` or else the play head."""
        if x is None:
            x = min(max(self.axis.place_of(self.frame + 0.5), 0.0), self.axis.width)
        self.axis.zoom(factor, x)
        self._fit()

    def fold(self, class_id: int) -> None:
        """Fold the tracks of a class away, or unfold them."""
        self.lines = self.lines.with_folded(self.lines.folded ^ {class_id})
        self._fit()

    # Keys, words

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if event.key() in _KEYS and plain in (NO_MODIFIER, Qt.KeyboardModifier.ShiftModifier):
                event.accept()  # here the timeline's own keys come before the window's
                return True
            if event.key() == Qt.Key.Key_Escape and self.drag is not None:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Escape and self.drag is not None:
            self.drag = None
            QToolTip.hideText()
            self.viewport().update()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._select_next(1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(_NOTCH)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / _NOTCH)
        else:
            super().keyPressEvent(event)

    def _select_next(self, step: int) -> None:
        """Select the track below or above the selected one."""
        chosen = [line for t in self.selected if (line := self.lines.line_of(t)) is not None]
        line = (min(chosen) if chosen else -1 if step > 0 else len(self.lines)) + step
        while 0 <= line < len(self.lines):
            track = self.lines.track(line)
            if track is not None:
                self._reveal_line(line)
                self.track_clicked.emit(track)
                return
            line += step

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Leave, QEvent.Type.Hide):
            self.left.emit()
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            line = self.line_at(event.pos().y())
            text = self.lines.about(line) if line is not None else ""
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def lane_rect(self) -> QRect:
        """The part of the viewport with the lines."""
        room = self.viewport().rect()
        return room.adjusted(0, RULER, 0, 0)
