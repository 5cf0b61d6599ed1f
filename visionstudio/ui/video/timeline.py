"""The slim timeline: a row per track with its spans and key frames; a click goes there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.video.tracks import TrackRow

ROW = 16
GUTTER = 112  # the names at the left
VISIBLE_ROWS = 4
_KEY = 4.0  # half a key frame's diamond


def frame_at(x: float, width: float, frames: int) -> int:
    """The frame under a place of the time axis that spans `width`."""
    if frames < 1 or width <= 0:
        return 0
    return min(max(int(x / width * frames), 0), frames - 1)


def place_of(frame: float, width: float, frames: int) -> float:
    """Where a frame begins on the time axis."""
    return frame / frames * width if frames else 0.0


class TimelineRows(QWidget):
    """The rows themselves; `Timeline` scrolls them."""

    seek = Signal(int)
    track_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("videoTimelineRows")
        self.setAccessibleName(tr("Tracks of the video"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.rows: tuple[TrackRow, ...] = ()
        self._frames = 0
        self._frame = 0
        self._damaged: set[int] = set()
        theme.watcher().changed.connect(self.update)

    def set_rows(self, rows: Sequence[TrackRow]) -> None:
        self.rows = tuple(rows)
        self.setFixedHeight(max(1, len(self.rows)) * ROW)
        self.update()

    def set_frames(self, frames: int) -> None:
        self._frames = frames
        self._damaged.clear()
        self.update()

    def set_frame(self, frame: int) -> None:
        """Move the play head."""
        if frame != self._frame:
            for at in (self._frame, frame):  # repaint two slits, not the whole strip
                x = GUTTER + place_of(at + 0.5, self._axis(), self._frames)
                self.update(int(x) - 3, 0, 7, self.height())
            self._frame = frame

    def mark_damaged(self, frame: int) -> None:
        """Show that a frame cannot be decoded."""
        self._damaged.add(frame)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, max(1, len(self.rows)) * ROW)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        row = int(event.position().y() // ROW)
        if 0 <= row < len(self.rows):
            chosen = self.rows[row]
            if event.position().x() < GUTTER:
                self.seek.emit(chosen.first)
            if chosen.track_id is not None:
                self.track_clicked.emit(chosen.track_id)
        self._seek_to(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek_to(event)
        row = int(event.position().y() // ROW)
        self.setToolTip(self.rows[row].name if 0 <= row < len(self.rows) else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.fillRect(event.rect(), theme.colour("surface"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first = max(0, event.rect().top() // ROW)
        for n in range(first, min(len(self.rows), event.rect().bottom() // ROW + 1)):
            self._paint_row(painter, n, self.rows[n])
        painter.setPen(QPen(theme.colour("danger"), 2))
        for frame in self._damaged:
            x = GUTTER + place_of(frame + 0.5, self._axis(), self._frames)
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.setPen(QPen(theme.colour("accent"), 2))
        x = GUTTER + place_of(self._frame + 0.5, self._axis(), self._frames)
        painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.end()

    def _axis(self) -> float:
        return max(1.0, float(self.width() - GUTTER))

    def _seek_to(self, event: QMouseEvent) -> None:
        if event.position().x() >= GUTTER and self._frames:
            self.seek.emit(frame_at(event.position().x() - GUTTER, self._axis(), self._frames))

    def _paint_row(self, painter: QPainter, n: int, row: TrackRow) -> None:
        top = n * ROW
        middle = top + ROW / 2
        name = QRectF(8, top, GUTTER - 16, ROW)
        painter.setPen(theme.colour("muted"))
        fitting = painter.fontMetrics().elidedText(
            row.name, Qt.TextElideMode.ElideRight, int(name.width())
        )
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, fitting)
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.drawLine(QPointF(GUTTER, top + ROW - 0.5), QPointF(self.width(), top + ROW - 0.5))
        colour = QColor(row.colour)
        axis = self._axis()
        for span in row.spans:
            left = GUTTER + place_of(span.first, axis, self._frames)
            right = GUTTER + place_of(span.last + 1, axis, self._frames)
            bar = QRectF(left, middle - 4, max(2.0, right - left), 8)
            faint = QColor(colour)
            faint.setAlpha(70 if span.proposed else 170)
            pen = QPen(colour, 1, Qt.PenStyle.DashLine if span.proposed else Qt.PenStyle.SolidLine)
            painter.setPen(pen)
            painter.setBrush(faint)
            painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(QPen(theme.colour("surface"), 1))
        painter.setBrush(theme.colour("text"))
        for key in row.keys:
            x = GUTTER + place_of(key + 0.5, axis, self._frames)
            around = (
                (x, middle - _KEY),
                (x + _KEY, middle),
                (x, middle + _KEY),
                (x - _KEY, middle),
            )
            painter.drawPolygon(QPolygonF([QPointF(*p) for p in around]))


class Timeline(QScrollArea):
    """The rows of a video's tracks, at most four high; more are scrolled."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("videoTimeline")
        self.setAccessibleName(tr("Timeline of tracks"))
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.body = TimelineRows()
        self.setWidget(self.body)
        self.set_rows(())

    def set_rows(self, rows: Sequence[TrackRow]) -> None:
        """Show these tracks; without any the timeline hides."""
        self.body.set_rows(rows)
        self.setFixedHeight(min(max(1, len(rows)), VISIBLE_ROWS) * ROW)
        self.setVisible(bool(rows))
