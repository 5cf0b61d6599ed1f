"""Pictures on the canvas as a person wants to see them: window, gamma, colours, channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.display import Display, Levels
from visionstudio.model.media import MediaItem
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.inspect.display_control import DisplayControl

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
        display, levels = self._display.levels_for(source)
        picture = Picture(rgb, size, None if is_shown else pixels, levels)
        picture.display = display
        return picture

    def put(self, picture: Picture, *, keep_view: bool = False, frame: bool = False) -> None:
        """Show a picture in the way that holds now; it was prepared for what held then."""
        wanted = self._display.display_for(picture.pixels)
        if wanted != (picture.display or Display()):
            shown = self._canvas.picture
            held = frame and shown is not None and shown.display == wanted
            # While frames go by, the window stays: what changes is the picture, not its look.
            levels = shown.levels if held and shown is not None else levels_of(wanted, picture)
            picture = picture.with_levels(levels)
            picture.display = wanted
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
        self._canvas.set_levels(levels_of(wanted, picture))
        shown = self._canvas.picture
        if shown is not None:
            shown.display = wanted
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


def levels_of(display: Display, picture: Picture) -> Levels | None:
    """What a choice comes to for a picture."""
    if display.is_plain:
        return None
    from visionstudio.media import display as media_display

    return media_display.levels_of(display, picture.pixels)
