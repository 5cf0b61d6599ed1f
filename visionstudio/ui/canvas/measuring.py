"""What the canvas does for measuring: it carries what tools measure, and paints overlays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from PySide6.QtCore import Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from visionstudio.api.params import Value
from visionstudio.model.measurements import Measurement, MeasurementKind, Point
from visionstudio.ui.canvas.navigation import Navigation
from visionstudio.ui.canvas.view import View


class Overlay(Protocol):
    """Something painted over the picture, in widget coordinates."""

    def paint(self, painter: QPainter, view: View) -> None: ...


class MeasuringAids(Navigation):
    """The part of the canvas that measuring tools talk to. Its owner answers the signals."""

    measure_drawn = Signal(object, object, object)
    """MeasurementKind, list of points, the tool's options: a measurement was drawn."""
    measure_moved = Signal(int, object)
    """A measurement's id and its new points."""
    profile_dragged = Signal(object, object)
    """Two points and the tool's options: the line of a profile, while it is drawn."""

    levels_dragged = Signal(float, float)
    """Another window of values: its low and high end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.window_shown: Callable[[], tuple[float, float]] = lambda: (0.0, 255.0)
        self.overlays: list[Overlay] = []
        self.measurements: Sequence[Measurement] = ()
        self.measure_text: Callable[[MeasurementKind, Sequence[Point]], str] = _no_text

    def measured(
        self, kind: MeasurementKind, points: Sequence[Point], options: Mapping[str, Value]
    ) -> None:
        self.measure_drawn.emit(kind, list(points), dict(options))

    def remeasured(self, measurement_id: int, points: Sequence[Point]) -> None:
        self.measure_moved.emit(measurement_id, list(points))

    def profile_moved(self, points: Sequence[Point], options: Mapping[str, Value]) -> None:
        self.profile_dragged.emit(list(points), dict(options))

    def window_dragged(self, low: float, high: float) -> None:
        self.levels_dragged.emit(low, high)

    def paint_overlays(self, painter: QPainter) -> None:
        """Paint what lies above the shapes."""
        for overlay in self.overlays:
            painter.save()
            overlay.paint(painter, self.view)
            painter.restore()


def _no_text(_kind: MeasurementKind, _points: Sequence[Point]) -> str:
    return ""
