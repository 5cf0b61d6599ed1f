"""Where the picture lies in the viewport: scale, place, and the way between both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.shapes import Bounds

MAX_SCALE = 64.0
MARGIN = 16  # device pixels around a picture that fits


@dataclass(frozen=True, slots=True)
class View:
    """A picture of `width` × `height` in a viewport of `view_width` × `view_height`.

    `scale` is device pixels per picture pixel; (`left`, `top`) is the device
    pixel of the picture's origin, whole numbers so that tiles are copied, never
    resampled. `ratio` is device pixels per widget unit.
    """

    width: int = 1
    height: int = 1
    view_width: int = 1
    view_height: int = 1
    ratio: float = 1.0
    scale: float = 1.0
    left: int = 0
    top: int = 0

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """The picture's point under a point of the widget."""
        return (x * self.ratio - self.left) / self.scale, (y * self.ratio - self.top) / self.scale

    def to_widget(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the picture is in the widget."""
        return (x * self.scale + self.left) / self.ratio, (y * self.scale + self.top) / self.ratio

    def widget_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """`to_widget` for (n, 2) points."""
        return np.asarray((points * self.scale + (self.left, self.top)) / self.ratio)

    def reach(self, units: float) -> float:
        """How many picture pixels a length of the widget covers."""
        return units * self.ratio / self.scale

    def seen(self, margin: float = 0.0) -> Bounds:
        """The part of the picture's plane in the viewport, grown by `margin` device pixels."""
        x1, y1 = (-margin - self.left) / self.scale, (-margin - self.top) / self.scale
        x2 = (self.view_width + margin - self.left) / self.scale
        y2 = (self.view_height + margin - self.top) / self.scale
        return x1, y1, x2, y2

    @property
    def fit_scale(self) -> float:
        """The scale at which all of the picture is seen; small pictures grow at most 8 times."""
        room_x = max(self.view_width - 2 * MARGIN * self.ratio, 8.0)
        room_y = max(self.view_height - 2 * MARGIN * self.ratio, 8.0)
        return min(room_x / self.width, room_y / self.height, 8.0 * self.ratio)

    @property
    def min_scale(self) -> float:
        return min(self.fit_scale, self.ratio) / 8

    def fitted(self) -> View:
        """All of the picture, in the middle."""
        return self.centred(self.fit_scale, self.width / 2, self.height / 2)

    def centred(self, scale: float, x: float, y: float) -> View:
        """The picture's point (x, y) in the middle, at a scale."""
        scale = min(max(scale, self.min_scale), MAX_SCALE * self.ratio)
        left = round(self.view_width / 2 - x * scale)
        top = round(self.view_height / 2 - y * scale)
        return replace(self, scale=scale, left=left, top=top).clamped()

    def zoomed(self, scale: float, at_x: float, at_y: float) -> View:
        """Another scale, with the picture's point under the widget's (at_x, at_y) kept there."""
        scale = min(max(scale, self.min_scale), MAX_SCALE * self.ratio)
        x, y = self.to_image(at_x, at_y)
        left = round(at_x * self.ratio - x * scale)
        top = round(at_y * self.ratio - y * scale)
        return replace(self, scale=scale, left=left, top=top).clamped()

    def moved(self, dx: float, dy: float) -> View:
        """The picture moved by (dx, dy) device pixels."""
        return replace(self, left=round(self.left + dx), top=round(self.top + dy)).clamped()

    def resized(self, view_width: int, view_height: int, ratio: float) -> View:
        """Another viewport; what was in the middle stays there."""
        x, y = self.to_image(
            self.view_width / 2 / self.ratio,
            self.view_height / 2 / self.ratio,
        )
        scale = self.scale * ratio / self.ratio
        other = replace(self, view_width=view_width, view_height=view_height, ratio=ratio)
        return other.centred(scale, x, y)

    def around(self, bounds: Bounds, share: float = 0.5) -> View:
        """A view in which the bounds take up `share` of the viewport, at most 16 times enlarged."""
        x1, y1, x2, y2 = bounds
        scale = min(
            share * self.view_width / max(x2 - x1, 1.0),
            share * self.view_height / max(y2 - y1, 1.0),
            16.0 * self.ratio,
        )
        return self.centred(scale, (x1 + x2) / 2, (y1 + y2) / 2)

    def clamped(self) -> View:
        """Moved so that the picture cannot be lost out of sight."""

        def hold(place: int, size: float, room: int) -> int:
            keep = min(room / 2, size / 2)
            return round(min(max(place, keep - size), room - keep))

        return replace(
            self,
            left=hold(self.left, self.width * self.scale, self.view_width),
            top=hold(self.top, self.height * self.scale, self.view_height),
        )
