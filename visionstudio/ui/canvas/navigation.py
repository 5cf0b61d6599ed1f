"""The canvas's view: fit, zoom, pan, remember."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from visionstudio.ui.canvas.inputs import Inputs
from visionstudio.ui.canvas.view import View

_ABOUT = 0.01  # two canvases beside each other differ by a pixel of width
_ZOOM_STEP = 1.25


class Navigation(Inputs):
    """Controls which part of the picture is seen, and how large."""

    view_changed = Signal()
    """Zoom or place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = View()
        self._fits = True  # the view follows the viewport's size

    def _view_used(self) -> None:
        """The view is another one: draw for it."""

    @property
    def zoom(self) -> float:
        """Widget units per picture pixel."""
        return self.view.scale / self.view.ratio

    @property
    def shows_all(self) -> bool:
        """Whether the picture is about as large as it is when it is fitted."""
        return abs(self.view.fitted().scale / self.view.scale - 1) < _ABOUT

    def fit(self) -> None:
        """All of the picture; it stays fitted when the window is resized."""
        self._set_view(self.view.fitted())
        self._fits = True

    def actual_size(self) -> None:
        """One picture pixel on one pixel of the screen, about what is in the middle."""
        self._zoom_to(1.0)

    def zoom_in(self) -> None:
        self._zoom_to(self.view.scale * _ZOOM_STEP)

    def zoom_out(self) -> None:
        self._zoom_to(self.view.scale / _ZOOM_STEP)

    def set_zoom(self, zoom: float) -> None:
        """Widget units per picture pixel, about what is in the middle."""
        self._zoom_to(zoom * self.view.ratio)

    def zoom_at(self, factor: float, x: float, y: float) -> None:
        """Zoom with the widget's point (x, y) kept in place."""
        self._set_view(self.view.zoomed(self.view.scale * factor, x, y))

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by widget units."""
        self._set_view(self.view.moved(dx * self.view.ratio, dy * self.view.ratio))

    def view_state(self) -> tuple[float, float, float]:
        """Zoom and the picture's point in the middle, for `restore_view`."""
        x, y = self.view.to_image(*self._middle())
        return self.zoom, x, y

    def restore_view(self, state: tuple[float, float, float]) -> None:
        """Go back to a zoom and place."""
        zoom, x, y = state
        self._set_view(self.view.centred(zoom * self.view.ratio, x, y))

    def _middle(self) -> tuple[float, float]:
        return self.viewport().width() / 2, self.viewport().height() / 2

    def _zoom_to(self, scale: float) -> None:
        self._set_view(self.view.zoomed(scale, *self._middle()))

    def _set_view(self, view: View) -> None:
        self._fits = False
        if view == self.view:
            return
        self.view = view
        self._view_used()
        self.view_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        port, ratio = self.viewport(), self.devicePixelRatioF()
        width, height = round(port.width() * ratio), round(port.height() * ratio)
        fits = self._fits
        view = self.view.resized(max(width, 1), max(height, 1), ratio)
        self._set_view(view.fitted() if fits else view)
        self._fits = fits
