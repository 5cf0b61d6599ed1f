"""Loupe, minimap, grid, rulers and scale bar: switched on and off, and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from visionstudio.ui.canvas.measuring import Overlay
from visionstudio.ui.inspect.loupe import Loupe
from visionstudio.ui.inspect.measure_control import MeasureControl
from visionstudio.ui.inspect.minimap import Minimap
from visionstudio.ui.inspect.overlays import RULER, Grid, Rulers, ScaleBar

if TYPE_CHECKING:
    from visionstudio.ui.window import MainWindow

NAMES = ("loupe", "minimap", "grid", "rulers", "scale_bar")
_KEY = "view_aids"


class ViewAids(QObject):
    """What helps the eye; each is an action `inspect.NAME` that is checked while it is on."""

    def __init__(self, window: MainWindow, measuring: MeasureControl) -> None:
        super().__init__(window)
        self._window = window
        canvas = window.viewer.canvas
        self._canvas = canvas
        self.loupe = Loupe(canvas)
        self.minimap = Minimap(canvas)
        self.overlays: dict[str, Overlay] = {
            "grid": Grid(lambda: measuring.calibration),
            "scale_bar": ScaleBar(lambda: measuring.calibration),
            "rulers": Rulers(lambda: measuring.calibration),
        }
        canvas.pixel_hovered.connect(self._hovered)
        window.viewer.display.shown_changed.connect(self.minimap.follow)
        stored = window.settings.note(_KEY, [])
        self._on: set[str] = (
            {n for n in stored if n in NAMES} if isinstance(stored, list) else set()
        )
        self._apply()

    def is_on(self, name: str) -> bool:
        """Whether one of NAMES is on."""
        return name in self._on

    def toggle(self, name: str) -> None:
        """Switch one of NAMES."""
        self._on ^= {name}
        self._window.settings.remember(_KEY, sorted(self._on) or None)
        self._apply()

    def _apply(self) -> None:
        self.loupe.set_on("loupe" in self._on)
        self.minimap.set_on("minimap" in self._on)
        others = [o for o in self._canvas.overlays if o not in self.overlays.values()]
        wanted = [self.overlays[n] for n in ("grid", "scale_bar", "rulers") if n in self._on]
        self._canvas.overlays[:] = [*others, *wanted]
        for name in NAMES:
            self._window.actions_[f"inspect.{name}"].setChecked(name in self._on)
        edge = round(RULER) if "rulers" in self._on else 0
        for strip in (self._window.viewer.tool_strip, self._window.viewer.tags, self.minimap):
            strip.keep_off(edge)
        self._canvas.refresh()

    def _hovered(self, x: int, y: int, _text: str) -> None:
        rulers = self.overlays["rulers"]
        if isinstance(rulers, Rulers) and "rulers" in self._on:
            rulers.pointer = (x + 0.5, y + 0.5) if x >= 0 else None
            self._canvas.refresh()
