"""The grid: cells of any model, chosen by mouse and keys, from a wall of them to a loupe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QToolTip, QWidget

from visionstudio.ui import theme
from visionstudio.ui.grid.cells import Cells, paint_frame
from visionstudio.ui.grid.item import GridModel
from visionstudio.ui.grid.keys import Keys
from visionstudio.ui.grid.layout import GAP, Layout
from visionstudio.ui.grid.pictures import GridPictures
from visionstudio.ui.i18n import tr

LEAST, MOST = 40, 1024
_WHEEL_STEP = 1.15
_PAINT_SECONDS = 0.008  # half of a frame
_TAKEN = frozenset(
    {
        Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Home, Qt.Key.Key_End,
        Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Left, Qt.Key.Key_Right,
        Qt.Key.Key_Up, Qt.Key.Key_Down,
    }
)  # fmt: skip
_SHIFT, _CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


class GridView(QAbstractScrollArea):
    """Shows a `GridModel`. Selection is by key: it stays when rows are sorted or filtered."""

    opened = Signal(object)
    """key: a person wants to see one closely."""
    selection_changed = Signal()
    side_changed = Signal(int)
    """The size of cells, in widget units."""

    def __init__(self, model: GridModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gridView")
        self.setAccessibleName(tr("Grid of pictures"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.pictures = GridPictures(self)
        self.cells = Cells(self.pictures, self.font())
        self.empty_text = ""
        self._model = model
        self._side = 160
        self._selection: Set[int] = frozenset()
        self._current: int | None = None  # key
        self._anchor: int | None = None  # row from which Shift selects
        self._band: tuple[QPoint, QPoint, Set[int]] | None = None
        self._layout = Layout()
        self._seen_later = self._in_next_turn(self._tell_seen)
        self._unpainted = QRegion()
        self._paint_later = self._in_next_turn(self._paint_rest)
        self.pictures.ready.connect(self._picture_ready)
        model.replaced.connect(self._replaced)
        model.changed.connect(self._changed)
        theme.watcher().changed.connect(self._repaint_all)

    def _in_next_turn(self, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(0)
        timer.timeout.connect(call)
        return timer

    # -- what is shown

    @property
    def model(self) -> GridModel:
        return self._model

    @property
    def side(self) -> int:
        """Width of a cell in widget units."""
        return self._side

    def set_side(self, side: int) -> None:
        """Another size; what was in the middle stays in view."""
        side = min(max(side, LEAST), MOST)
        if side == self._side:
            return
        held = self._row_of_current()
        seen = self._layout.seen(self._top)
        if held is None or held not in seen:
            held = seen[len(seen) // 2] if len(seen) else None
        before = self._layout.place(held).center().y() - self._top if held is not None else 0
        self._side = side
        self._lay_out()
        if held is not None:
            self._scroll_to(self._layout.place(held).center().y() - before)
        self.side_changed.emit(side)

    def set_overlays(self, on: bool) -> None:
        """Whether shapes are drawn on the pictures."""
        self.cells.overlays = on
        self._repaint_all()

    @property
    def _top(self) -> int:
        return self.verticalScrollBar().value()

    def _scroll_to(self, top: int) -> None:
        self.verticalScrollBar().setValue(top)

    def _lay_out(self) -> None:
        port = self.viewport()
        self.cells.use(self._side, self.devicePixelRatioF())
        self._layout = Layout(self._model.count(), self.cells.size, port.width(), port.height())
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, self._layout.total - port.height()))
        bar.setPageStep(port.height())
        bar.setSingleStep(max(20, self._layout.step // 3))
        port.update()
        self._seen_later.start()

    def _replaced(self) -> None:
        self._anchor = None
        self._lay_out()

    def reset(self) -> None:
        """Other items altogether: another project."""
        self.pictures.clear()
        self.cells.clear()
        self._selection = frozenset()
        self._current = self._anchor = None
        self._lay_out()
        self._scroll_to(0)

    def _changed(self, keys: frozenset[int] | None) -> None:
        if keys is None:
            self._repaint_all()
            return
        for key in keys:
            self.cells.forget(key)
        self._update_keys(keys)

    def _picture_ready(self, key: int) -> None:
        self.cells.forget(key)
        self._update_keys((key,))

    def _update_keys(self, keys: Iterable[int]) -> None:
        seen = self._layout.seen(self._top)
        for key in keys:
            row = self._model.row_of(key)
            if row is not None and row in seen:
                self._update_row(row)

    def _update_row(self, row: int) -> None:
        self.viewport().update(self._layout.place(row).translated(0, -self._top))

    def _repaint_all(self) -> None:
        self.cells.clear()
        self.viewport().update()

    def _tell_seen(self) -> None:
        self._model.seen(self._layout.seen(self._top))

    # -- selection

    @property
    def selection(self) -> Set[int]:
        """Keys of the selected items; the current one alone when none is."""
        if not self._selection and self._current is not None:
            return frozenset((self._current,))
        return self._selection

    @property
    def current(self) -> int | None:
        """The key of the item at which the keyboard is."""
        return self._current

    def select(self, keys: Iterable[int]) -> None:
        """Select these and no others."""
        chosen = keys if isinstance(keys, Keys) else frozenset(keys)
        if chosen != self._selection:
            self._selection = chosen
            self.viewport().update()
            self.selection_changed.emit()

    def select_all(self) -> None:
        """Select everything that is listed."""
        self.select(self._model.keys())

    def go_to(self, key: int, *, select: bool = True) -> None:
        """Make an item the current one and bring it into view."""
        row = self._model.row_of(key)
        if row is None:
            return
        self._current, self._anchor = key, row
        if select:
            self.select((key,))
        self._show_row(row)
        self.viewport().update()

    def move_current(self, step: int, *, extend: bool = False) -> None:
        """Go `step` rows on, at most to an end; `extend` selects all on the way."""
        count = self._layout.count
        if not count:
            return
        here = self._row_of_current()
        row = 0 if here is None else min(max(here + step, 0), count - 1)
        self._current = self._model.key(row)
        if extend and self._anchor is not None:
            self._select_rows(self._anchor, row)
        else:
            self._anchor = row
            self.select((self._current,))
        self._show_row(row)
        self.viewport().update()

    def _row_of_current(self) -> int | None:
        return None if self._current is None else self._model.row_of(self._current)

    def _select_rows(self, first: int, last: int) -> None:
        low, high = min(first, last), max(first, last)
        self.select(self._model.key(row) for row in range(low, high + 1))

    def _show_row(self, row: int) -> None:
        place = self._layout.place(row)
        if place.top() - GAP < self._top or place.height() > self.viewport().height():
            self._scroll_to(place.top() - GAP)
        elif place.bottom() + GAP > self._top + self.viewport().height():
            self._scroll_to(place.bottom() + GAP - self.viewport().height())

    # -- Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        seen = self._layout.seen(self._top)
        first = seen[0] if len(seen) and self._top else 0
        self._lay_out()
        if first:
            self._scroll_to(self._layout.place(first).top() - GAP)

    def scrollContentsBy(self, _dx: int, dy: int) -> None:
        self.viewport().scroll(0, dy)
        self._unpainted.translate(0, dy)
        self._seen_later.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        area = event.rect()
        painter.fillRect(area, theme.colour("window"))
        if not self._layout.count:
            painter.setPen(theme.colour("muted"))
            painter.drawText(
                self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, tr(self.empty_text)
            )
            painter.end()
            return
        self._paint_cells(painter, event.region())
        if self._band is not None:
            band = QRect(self._band[0], self._band[1]).normalized().translated(0, -self._top)
            colour = theme.colour("accent")
            painter.setPen(colour)
            colour.setAlpha(40)
            painter.fillRect(band, colour)
            painter.drawRect(band)
        painter.end()

    def _paint_cells(self, painter: QPainter, region: QRegion) -> None:
        """A wall of new cells takes several turns: in each as many as do not stop the window."""
        top, until, some = self._top, time.perf_counter() + _PAINT_SECONDS, False
        for row in self._layout.within(region.boundingRect().translated(0, top)):
            place = self._layout.place(row).translated(0, -top)
            if not region.intersects(place):
                continue
            key = self._model.key(row)
            new = not self.cells.has(key)
            if new and some and time.perf_counter() > until:
                painter.fillRect(
                    QRect(place.topLeft(), QSize(self._side, self._side)), theme.colour("surface")
                )
                self._unpainted += place
                self._paint_later.start()
                continue
            some = some or new
            painter.drawPixmap(place.topLeft(), self.cells.cell(self._model.item(row)))
            chosen, current = key in self._selection, key == self._current
            paint_frame(painter, place, chosen=chosen, current=current and self.hasFocus())

    def _paint_rest(self) -> None:
        rest, self._unpainted = self._unpainted, QRegion()
        self.viewport().update(rest)

    def _row_under(self, at: QPoint) -> int | None:
        return self._layout.row_at(at.x(), at.y() + self._top)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        row, keys = self._row_under(event.position().toPoint()), event.modifiers()
        at = event.position().toPoint() + QPoint(0, self._top)
        if row is None:
            kept = self._selection if keys & (_CTRL | _SHIFT) else frozenset()
            self.select(kept)
            self._band = at, at, kept
            return
        key = self._model.key(row)
        self._current = key
        if keys & _SHIFT and self._anchor is not None:
            self._select_rows(self._anchor, row)
        elif keys & _CTRL:
            self._anchor = row
            self.select(self._selection ^ {key})
        else:
            self._anchor = row
            self.select((key,))
            self._band = at, at, frozenset()
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._band is None:
            return
        at = event.position().toPoint() + QPoint(0, self._top)
        start, _, kept = self._band
        if (at - start).manhattanLength() < QApplication.startDragDistance():
            return
        self._band = start, at, kept
        rows = self._layout.within(QRect(start, at).normalized())
        self.select(kept | {self._model.key(row) for row in rows})
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._band = None
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self._row_under(event.position().toPoint())
        if row is not None and event.button() == Qt.MouseButton.LeftButton:
            self._band = None
            self.opened.emit(self._model.key(row))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not event.modifiers() & _CTRL:
            super().wheelEvent(event)
            return
        turn = event.angleDelta().y() / 120
        self.set_side(round(self._side * _WHEEL_STEP**turn) + (1 if turn > 0 else -1))
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = self._row_under(event.pos())
            tip = self._model.item(row).tip if row is not None else ""
            QToolTip.showText(event.globalPos(), tip, self.viewport())
            return True
        return super().viewportEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() in _TAKEN and not event.modifiers() & _CTRL:
                event.accept()
                return True
        elif event.type() == QEvent.Type.DevicePixelRatioChange:
            self._lay_out()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        columns, page = self._layout.columns, max(1, self.viewport().height() // self._layout.step)
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -columns, Qt.Key.Key_Down: columns,
            Qt.Key.Key_PageUp: -page * columns, Qt.Key.Key_PageDown: page * columns,
            Qt.Key.Key_Home: -self._layout.count, Qt.Key.Key_End: self._layout.count,
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._current is not None:
                self.opened.emit(self._current)
        elif key in steps:
            self.move_current(steps[key], extend=bool(event.modifiers() & _SHIFT))
        else:
            event.ignore()

    def sizeHint(self) -> QSize:
        width = QFontMetrics(self.font()).averageCharWidth()
        return QSize(100 * width, 60 * width)

    def close_threads(self) -> None:
        """Before the window goes."""
        self._seen_later.stop()
        self._paint_later.stop()
        self.pictures.close()
