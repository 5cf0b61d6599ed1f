"""The choice of how pictures are shown: by kind of picture, kept for the next ones."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from visionstudio.model.display import Display, Levels

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels
    from visionstudio.settings.store import Settings
    from visionstudio.ui.canvas.picture import Picture

_KEY = "display"
_KINDS = 40  # remembered at most


class DisplayControl(QObject):
    """Which `Display` holds for which picture. Asked from decoding threads too.

    `auto` is auto-contrast, for every kind. With `keep` a choice holds for all
    pictures of its kind, else only until another picture comes.
    """

    changed = Signal()
    """Another choice: what is on screen is to be shown anew."""
    shown_changed = Signal()
    """Another picture, or the same one shown in another way: controls follow."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._kinds: dict[str, Display] = {}
        self._kind = ""  # of what is on screen
        self._once = Display()
        self._settings: Settings | None = None
        self.auto = False
        self.keep = True
        self.picture: Picture | None = None

    def use_settings(self, settings: Settings) -> None:
        """Remember choices there, and take over what is remembered."""
        self._settings = settings
        stored = settings.note(_KEY, {})
        if isinstance(stored, dict):
            self.keep = bool(stored.get("keep", True))
            kinds = stored.get("kinds", {})
            if isinstance(kinds, dict):
                self._kinds = {str(k): Display.from_json(v) for k, v in kinds.items()}

    # from any thread

    def display_for(self, pixels: Pixels) -> Display:
        """The choice that holds for a picture that comes now."""
        from visionstudio.media.display import kind_of_pixels

        with self._lock:
            display = self._kinds.get(kind_of_pixels(pixels), Display()) if self.keep else Display()
            return replace(display, window="auto") if self.auto else display

    def levels_for(self, pixels: Pixels) -> tuple[Display, Levels | None]:
        """The choice for a picture that comes now, and what it comes to there."""
        from visionstudio.media.display import levels_of

        display = self.display_for(pixels)
        return display, levels_of(display, pixels)

    @property
    def is_untouched(self) -> bool:
        """Whether every picture is shown as it is decoded."""
        with self._lock:
            chosen = self._kinds.values() if self.keep else ()
            return not self.auto and all(d.is_plain for d in chosen)

    # in the GUI thread

    @property
    def display(self) -> Display:
        """The choice that holds for what is on screen."""
        with self._lock:
            display = self._kinds.get(self._kind, Display()) if self.keep else self._once
            return replace(display, window="auto") if self.auto else display

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels of what is on screen; one of a single band."""
        return () if self.picture is None else tuple(self.picture.pixels.channel_names)

    @property
    def has_one_band(self) -> bool:
        """Whether what is on screen is a single band, which a colour map can colour."""
        if self.picture is None:
            return False
        pixels = self.picture.pixels
        banded = pixels.values.ndim == 2 or pixels.mode == "grey+alpha"
        return banded or self.display.channel is not None

    def show(self, picture: Picture | None) -> None:
        """This is on screen from now on."""
        if picture is self.picture:
            return
        before, self.picture = self.picture, picture
        same = before is not None and picture is not None and before.pixels is picture.pixels
        if not same:
            self._kind, self._once = "", Display()
        if not same and picture is not None:
            from visionstudio.media.display import kind_of_pixels  # brings the decoders

            self._kind = kind_of_pixels(picture.pixels)
        self.shown_changed.emit()

    def set(self, display: Display) -> None:
        """Show what is on screen, and with `keep` what is like it, in this way."""
        auto = display.window == "auto"
        if display == self.display and auto == self.auto:
            return
        self.auto = auto
        if auto:
            display = replace(display, window="default")
        with self._lock:
            if self.keep:
                self._kinds.pop(self._kind, None)
                self._kinds[self._kind] = display
                while len(self._kinds) > _KINDS:
                    self._kinds.pop(next(iter(self._kinds)))
            else:
                self._once = display
        self.changed.emit()

    def set_auto(self, on: bool) -> None:
        """Auto-contrast for every picture, or no longer."""
        window = "auto" if on else "default"
        if on != self.auto:
            self.set(replace(self.display, window=window))

    def set_keep(self, keep: bool) -> None:
        """Whether choices hold for the next pictures."""
        if keep == self.keep:
            return
        display = replace(self.display, window="default") if self.auto else self.display
        self.keep = keep
        with self._lock:
            if keep:
                self._kinds[self._kind] = display
            else:
                self._once = display
        self.changed.emit()

    def remember(self) -> None:
        """Keep the choices for the next start; a fixed window is of its day only."""
        if self._settings is None:
            return
        kinds = {
            kind: replace(d, window="default" if d.window == "fixed" else d.window).to_json()
            for kind, d in self._kinds.items()
            if kind
        }
        kinds = {
            kind: {k: v for k, v in values.items() if k not in ("low", "high")}
            for kind, values in kinds.items()
        }
        stored = {"keep": self.keep, "kinds": {k: v for k, v in kinds.items() if v}}
        if stored != self._settings.note(_KEY, {"keep": True, "kinds": {}}):
            self._settings.remember(_KEY, stored)
