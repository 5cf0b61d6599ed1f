"""Mouse, wheel, pinch and keys of the canvas: pan and zoom here, the rest to the tool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QPointF, QRect, Qt
from PySide6.QtGui import (
    QFocusEvent,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPointingDevice,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QGestureEvent, QPinchGesture

from visionstudio.ui.tools.base import Pointer

if TYPE_CHECKING:
    from visionstudio.ui.canvas.canvas import Canvas

_WHEEL_STEP = 1.2  # per notch of 120
_WHEEL_PAN = 0.5  # widget units per eighth of a degree


class Inputs(QAbstractScrollArea):
    """The event handlers of `Canvas`, kept apart from what it shows."""

    def start_inputs(self) -> None:
        """To be called once the widget is there."""
        self._pan_from: QPointF | None = None
        self._space = False
        self._space_used = False
        self._before_eraser: str | None = None  # the tool in use before a pen was turned round
        self.wheel_pans = False
        self._canvas.viewport().grabGesture(Qt.GestureType.PinchGesture)

    @property
    def _canvas(self) -> Canvas:
        return cast("Canvas", self)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        canvas = self._canvas
        painter = QPainter(canvas.viewport())
        # QRegion can be gone through, which the stubs do not say.
        areas = cast("Iterable[QRect]", event.region())
        canvas._scene.paint(painter, canvas.view, areas, canvas.selection)
        if canvas.picture is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            painter.setClipRect(event.rect())  # for tools that would draw many pixels
            canvas.paint_overlays(painter)
            canvas.tool.paint(painter)
            canvas.key_pointer.paint(painter)
        painter.end()

    # -- mouse

    def _pointer(self, event: QMouseEvent) -> Pointer:
        place = event.position()
        x, y = self._canvas.view.to_image(place.x(), place.y())
        return Pointer(x, y, place, event.button(), event.modifiers())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._canvas.picture is None:
            return
        self._canvas.key_pointer.drop()
        middle = event.button() == Qt.MouseButton.MiddleButton
        if middle or (self._space and event.button() == Qt.MouseButton.LeftButton):
            self._pan_from = event.position()
            self._space_used = True
            self._canvas.point_at(Qt.CursorShape.ClosedHandCursor)
            return
        self._canvas.tool.press(self._pointer(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        canvas = self._canvas
        if canvas.picture is None:
            return
        if self._pan_from is not None:
            step = event.position() - self._pan_from
            self._pan_from = event.position()
            canvas.pan_by(step.x(), step.y())
            return
        pointer = self._pointer(event)
        canvas.key_pointer.drop()
        self.read_pixel(pointer.x, pointer.y)
        canvas.tool.move(pointer)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is not None:
            self._pan_from = None
            cursor = Qt.CursorShape.OpenHandCursor if self._space else self._canvas.tool.cursor
            self._canvas.point_at(cursor)
        elif self._canvas.picture is not None:
            self._canvas.tool.release(self._pointer(event))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._canvas.picture is None:
            return
        if event.button() == Qt.MouseButton.LeftButton and not self._space:
            self._canvas.tool.double_click(self._pointer(event))
        else:
            self.mousePressEvent(event)

    def _left(self) -> None:
        self._canvas.tool.pointer_left()
        self._canvas.pixel_hovered.emit(-1, -1, "")

    def read_pixel(self, at_x: float, at_y: float) -> None:
        """Tell what lies at a point of the picture."""
        canvas = self._canvas
        picture = canvas.picture
        x, y = int(at_x // 1), int(at_y // 1)
        if picture is not None and 0 <= x < picture.width and 0 <= y < picture.height:
            canvas.pixel_hovered.emit(x, y, picture.value_text(x, y))
        else:
            canvas.pixel_hovered.emit(-1, -1, "")

    # -- wheel and pinch

    def wheelEvent(self, event: QWheelEvent) -> None:
        canvas = self._canvas
        if canvas.picture is None:
            return
        place, keys = event.position(), event.modifiers()
        ctrl = bool(keys & Qt.KeyboardModifier.ControlModifier)
        rolls_on = event.phase() == Qt.ScrollPhase.ScrollMomentum
        if ctrl and rolls_on:
            pass  # fingers have left the touchpad: Ctrl pressed now is meant for something else
        elif _is_touchpad(event) and not ctrl:
            step = event.pixelDelta()
            if step.isNull():  # X11 tells angles only
                step = event.angleDelta() * _WHEEL_PAN
            canvas.pan_by(step.x(), step.y())
        elif self.wheel_pans and not ctrl:
            step = event.angleDelta() * _WHEEL_PAN
            if keys & Qt.KeyboardModifier.ShiftModifier:
                step = step.transposed()
            canvas.pan_by(step.x(), step.y())
        else:
            turn = event.angleDelta().y() or event.angleDelta().x()
            canvas.zoom_at(_WHEEL_STEP ** (turn / 120), place.x(), place.y())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        canvas = self._canvas
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                place = event.position()
                canvas.zoom_at(1.0 + event.value(), place.x(), place.y())
                return True
            if event.gestureType() == Qt.NativeGestureType.SmartZoomNativeGesture:
                place = event.position()
                if canvas.shows_all:
                    canvas.zoom_at(1.0 / canvas.zoom, place.x(), place.y())
                else:
                    canvas.fit()
                return True
        elif isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                at = canvas.viewport().mapFromGlobal(pinch.centerPoint())
                canvas.zoom_at(pinch.scaleFactor(), at.x(), at.y())
                return True
        elif isinstance(event, QTabletEvent):
            self._pen(event)
            event.ignore()  # it comes again as a mouse event
            return False
        elif event.type() == QEvent.Type.Leave:
            self._left()
        return super().viewportEvent(event)

    def _pen(self, event: QTabletEvent) -> None:
        """A pen's other end erases; its tip brings the tool back that was in use."""
        canvas = self._canvas
        erases = event.pointerType() == QPointingDevice.PointerType.Eraser
        if erases and self._before_eraser is None:
            self._before_eraser = canvas.tool_name
            canvas.set_tool("eraser")
        elif not erases and self._before_eraser is not None:
            before, self._before_eraser = self._before_eraser, None
            if canvas.tool_name == "eraser":
                canvas.set_tool(before)

    # -- keys

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            key = cast("QKeyEvent", event)
            plain = not key.modifiers() & (
                Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
            )
            there = self._canvas.picture is not None
            space = there and key.key() == Qt.Key.Key_Space
            pointer = there and self._canvas.key_pointer.wants(key.key())
            if plain and (space or pointer or self._canvas.tool.wants(key.key())):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        canvas = self._canvas
        if event.key() == Qt.Key.Key_Space and canvas.picture is not None:
            if not event.isAutoRepeat():
                self._space, self._space_used = True, False
                canvas.point_at(Qt.CursorShape.OpenHandCursor)
            return
        key, keys = event.key(), event.modifiers()
        there = canvas.picture is not None
        if not (there and (canvas.key_pointer.key(key, keys) or canvas.tool.key(key, keys))):
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        canvas = self._canvas
        if event.isAutoRepeat():
            return
        if event.key() == Qt.Key.Key_Space and self._space:
            self._space = False
            canvas.point_at(canvas.tool.cursor)
            if not self._space_used:
                canvas.space_tapped.emit()
        elif not canvas.tool.key_up(event.key()):
            event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        super().focusOutEvent(event)


def _is_touchpad(event: QWheelEvent) -> bool:
    """Whether two fingers scroll: systems other than X11 tell it by the phase."""
    phased = event.phase() != Qt.ScrollPhase.NoScrollPhase
    return phased or event.device().type() == QInputDevice.DeviceType.TouchPad
