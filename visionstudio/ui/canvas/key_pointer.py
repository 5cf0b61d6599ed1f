"""A pointer moved by arrow keys, so that every drawing tool can be used without a mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QCursor, QPainter

from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.base import Pointer, clipped

if TYPE_CHECKING:
    from visionstudio.ui.canvas.canvas import Canvas

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_SHIFT, _CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
_ARM = 14.0  # of the cross that shows it, widget units
_EDGE = 40.0  # the picture moves when the pointer is nearer than this to the viewport's edge


class KeyPointer:
    """Arrow keys move it by one pixel, with Shift by 10, with Ctrl by 100; Enter clicks.

    Enter a second time at one place ends the shape, as a double click does.
    The mouse takes over again as soon as it is moved.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.place: tuple[float, float] | None = None
        self._clicked: tuple[float, float] | None = None

    def wants(self, key: int) -> bool:
        """Whether it would take a key rather than the window."""
        if not self._canvas.tool.draws:
            return False
        return key in _ARROWS or (self.place is not None and key in _ENTER)

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        """A key was pressed. Returns whether it was taken."""
        if not self.wants(key):
            return False
        step = _ARROWS.get(Qt.Key(key))
        if step is not None:
            size = 100 if keys & _CTRL else 10 if keys & _SHIFT else 1
            self._move(step[0] * size, step[1] * size)
        else:
            self._click(keys)
        return True

    def drop(self) -> None:
        """The mouse is used, or another tool."""
        if self.place is not None:
            self.place = self._clicked = None
            self._canvas.refresh()

    def _move(self, dx: int, dy: int) -> None:
        view = self._canvas.view
        x, y = self._begin() if self.place is None else self.place
        self.place = clipped(view, x + dx, y + dy)
        self._follow()
        self._canvas.tool.move(self._pointer(Qt.KeyboardModifier.NoModifier))
        self._canvas.read_pixel(*self.place)
        self._canvas.refresh()

    def _begin(self) -> tuple[float, float]:
        """Where the mouse is, else the middle of what is seen; a corner of a pixel."""
        port = self._canvas.viewport()
        at = port.mapFromGlobal(QCursor.pos())
        if not port.rect().contains(at):
            at = port.rect().center()
        x, y = clipped(self._canvas.view, *self._canvas.view.to_image(at.x(), at.y()))
        return float(round(x)), float(round(y))

    def _follow(self) -> None:
        """Move the picture so that the pointer stays in sight."""
        if self.place is None:
            return
        x, y = self._canvas.view.to_widget(*self.place)
        port = self._canvas.viewport()
        dx = max(_EDGE - x, 0.0) - max(x - port.width() + _EDGE, 0.0)
        dy = max(_EDGE - y, 0.0) - max(y - port.height() + _EDGE, 0.0)
        if dx or dy:
            self._canvas.pan_by(dx, dy)

    def _click(self, keys: Qt.KeyboardModifier) -> None:
        tool = self._canvas.tool
        if tool.busy and self.place == self._clicked and tool.finish():
            self._clicked = None
            return
        self._clicked = self.place
        tool.press(self._pointer(keys))
        tool.release(self._pointer(keys))

    def _pointer(self, keys: Qt.KeyboardModifier) -> Pointer:
        x, y = self.place or (0.0, 0.0)
        place = QPointF(*self._canvas.view.to_widget(x, y))
        return Pointer(x, y, place, Qt.MouseButton.LeftButton, keys)

    def paint(self, painter: QPainter) -> None:
        """A cross, and where it is in numbers."""
        if self.place is None:
            return
        at = QPointF(*self._canvas.view.to_widget(*self.place))
        for colour, width in (("#161616", 4.0), ("#ffffff", 2.0)):
            painter.setPen(style.pen(colour, width))
            for dx, dy in ((_ARM, 0.0), (0.0, _ARM)):
                for sign in (-1, 1):
                    near = at + QPointF(sign * dx * 0.3, sign * dy * 0.3)
                    painter.drawLine(QLineF(near, at + QPointF(sign * dx, sign * dy)))
        text = f"{self.place[0]:.0f}, {self.place[1]:.0f}"
        if not self._canvas.tool.busy:
            text += "   " + tr("Enter clicks")
        style.paint_note(painter, at + QPointF(_ARM, -_ARM - 18), text)
