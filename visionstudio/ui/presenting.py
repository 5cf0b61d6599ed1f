"""Pictures on the canvas as a person wants to see them: window, gamma, colours, channels."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.display import Display, Levels
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.inspect.display_control import DisplayControl

_HELD = 16  # stacks and choices whose levels are remembered

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels
    from visionstudio.media.pyramid import Pyramid


class Presenter:
    """Prepares pictures in the decoding threads and puts them on the canvas.

    `post` runs a callback in the GUI thread.
    """

    def __init__(
        self, canvas: Canvas, display: DisplayControl, post: Callable[[Callable[[], None]], None]
    ) -> None:
        self._canvas = canvas
        self._display = display
        self._post = post
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[int, Display], Levels | None] = OrderedDict()
        display.changed.connect(self._show_display)

    def prepare(self, item: MediaItem, rgb: NDArray[np.uint8], pixels: Pixels | None) -> Picture:
        """What the canvas draws; in a decoding thread, so that the window does not wait for it."""
        values = pixels.values if pixels is not None else None
        height, width = rgb.shape[:2]
        size = (width, height)
        if values is None and item.width:
            size = (item.width, item.height)
        is_shown = values is None or (values.dtype == np.uint8 and values.shape == rgb.shape)
        if is_shown and self._display.is_untouched:
            return Picture(rgb, size)  # the common case needs no look at the values
        source = pixels if pixels is not None else Picture(rgb).pixels
        display = self._display.display_for(source)
        frame_of = None if item.kind is MediaKind.IMAGE else item.id
        levels = self._levels_of(display, source, frame_of)
        picture = Picture(rgb, size, None if is_shown else pixels, levels)
        picture.display, picture.frame_of = display, frame_of
        return picture

    def _levels_of(self, display: Display, pixels: Pixels, frame_of: int | None) -> Levels | None:
        """What a choice comes to; for all frames of a stack what it came to for the first."""
        from visionstudio.media import display as media_display

        if display.is_plain:
            return None
        if frame_of is None:
            return media_display.levels_of(display, pixels)
        with self._lock:
            if (frame_of, display) in self._held:
                return self._held[frame_of, display]
        levels = media_display.levels_of(display, pixels)
        with self._lock:
            while len(self._held) >= _HELD:
                self._held.popitem(last=False)
            return self._held.setdefault((frame_of, display), levels)

    def put(self, picture: Picture, *, keep_view: bool = False, frame: bool = False) -> None:
        """Show a picture in the way that holds now; it was prepared for what held then."""
        wanted = self._display.display_for(picture.pixels)
        if wanted != (picture.display or Display()):
            shown = self._canvas.picture
            held = frame and shown is not None and shown.display == wanted
            # While frames go by, the window stays: what changes is the picture, not its look.
            if held and shown is not None:
                levels = shown.levels
            else:
                levels = self._levels_of(wanted, picture.pixels, picture.frame_of)
            picture = _with(picture, wanted, levels)
        if frame:
            self._canvas.set_frame(picture)
        else:
            self._canvas.set_image(picture, keep_view=keep_view)
        self._display.show(picture)

    def _show_display(self) -> None:
        """The choice of how to show pictures is another one."""
        picture = self._canvas.picture
        if picture is None:
            return
        wanted = self._display.display
        levels = self._levels_of(wanted, picture.pixels, picture.frame_of)
        self._canvas.set_levels(levels)
        shown = self._canvas.picture
        if shown is not None:
            shown.display, shown.frame_of = wanted, picture.frame_of
        self._display.show(shown)

    def prepare_tiled(self, _item: MediaItem, pyramid: Pyramid) -> Picture:
        """The same of a picture that is too large to be in memory."""
        # Brings the decoders, which are not there when the window starts.
        from visionstudio.ui.canvas.large_picture import LargePicture

        picture = LargePicture(pyramid, self._post)
        if self._display.is_untouched:
            return picture
        display, levels = self._display.levels_for(picture.pixels)
        picture = picture.with_levels(levels)
        picture.display = display
        return picture


def _with(picture: Picture, display: Display, levels: Levels | None) -> Picture:
    made = picture.with_levels(levels)
    made.display, made.frame_of = display, picture.frame_of
    return made
