"""Keeps the canvas, the menu and the settings agreed on snapping and shared borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.ui.window_parts import WindowParts


def apply_aids(window: WindowParts) -> None:
    """Let the canvas and the menu show what the settings say."""
    canvas, settings = window.viewer.canvas, window.settings
    canvas.snapping = bool(settings.get("snapping"))
    canvas.wheel_pans = settings.get("wheel") == "pan"
    canvas.shared_borders = bool(settings.get("shared_borders"))
    window.actions_["shape.snapping"].setChecked(canvas.snapping)
    window.actions_["shape.shared_borders"].setChecked(canvas.shared_borders)


def toggle(window: WindowParts, setting: str) -> None:
    """Switch one of them, and say so."""
    on = not window.settings.get(setting)
    window.settings.set(setting, on)
    apply_aids(window)
    texts = {
        ("snapping", True): tr("Snapping is on, Ctrl turns it off for a moment"),
        ("snapping", False): tr("Snapping is off, Ctrl turns it on for a moment"),
        ("shared_borders", True): tr("Shared borders: vertices at one place move together"),
        ("shared_borders", False): tr("Shared borders are off: each shape moves alone"),
    }
    window.status.hint.setText(texts[setting, on])
