"""Regions of similar colour around a pixel, and ways along edges. OpenCV does the counting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect

from visionstudio.model.spans import Spans
from visionstudio.session import components
from visionstudio.ui.canvas.picture import Picture

Colours = NDArray[np.uint8]
Point = tuple[float, float]
_BAND = 2_000_000  # pixels that are looked at at a time
_SIDE = 512  # of the window in which ways along edges are looked for


def shown(picture: Picture, area: QRect, scale: float = 1.0) -> Colours:
    """(H, W, 3) uint8 as on the screen; `area` is in pixels of the picture times `scale`."""
    image = picture.render(scale, area)
    rows = np.frombuffer(image.constBits(), np.uint8)
    rows = rows.reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width(), :3].copy()  # the image goes, and its memory with it


def similar(
    look: Callable[[QRect], Colours],
    area: QRect,
    at: tuple[int, int],
    tolerance: int,
    *,
    contiguous: bool,
) -> Spans:
    """Pixels of an area whose three values each are within `tolerance` of those at one of them.

    `look` gives the colours of a part of the picture; it is asked for some rows at
    a time. `contiguous`: only those connected with the pixel by their sides. May
    take a second for a hundred megapixels: not for the GUI thread.
    """
    import cv2

    seed = look(QRect(*at, 1, 1))[0, 0].astype(int)
    low, high = np.clip(seed - tolerance, 0, 255), np.clip(seed + tolerance, 0, 255)
    rows = max(1, _BAND // max(area.width(), 1))
    parts = []
    for top in range(area.top(), area.bottom() + 1, rows):
        part = QRect(area.x(), top, area.width(), min(rows, area.bottom() + 1 - top))
        found = cv2.inRange(look(part), low, high)
        parts.append(Spans.of_array(found, part.x(), top).edges)
    spans = Spans(np.concatenate(parts))
    if not contiguous:
        return spans
    _, labels = components.labels(spans, corners=False)
    return components.chosen(spans, labels == labels[spans.run_at(*at)])


@dataclass(frozen=True, slots=True)
class EdgeMap:
    """Ways of least cost from one point to all others nearby: Mortensen and Barrett, 1995.

    `area` is what it covers, in pixels of the picture times `scale`.
    """

    scissors: Any
    area: QRect
    scale: float

    def way(self, to: Point) -> list[Point]:
        """The way along edges from the map's origin to a point, or to the nearest one covered."""
        x, y = self._inside(to)
        pixels = self.scissors.getContour((x, y)).reshape(-1, 2).astype(np.float64)
        origin = np.array([self.area.x() + 0.5, self.area.y() + 0.5])
        return [(float(a), float(b)) for a, b in (pixels + origin) / self.scale]

    def covers(self, to: Point) -> bool:
        """Whether a point lies in what it covers."""
        return self.area.contains(int(to[0] * self.scale), int(to[1] * self.scale))

    def _inside(self, to: Point) -> tuple[int, int]:
        x = int(to[0] * self.scale) - self.area.x()
        y = int(to[1] * self.scale) - self.area.y()
        return min(max(x, 0), self.area.width() - 1), min(max(y, 0), self.area.height() - 1)


def edge_area(picture: Picture, at: Point, scale: float) -> QRect:
    """The window around a point in which a way is looked for, in scaled pixels."""
    whole = QRect(0, 0, max(1, int(picture.width * scale)), max(1, int(picture.height * scale)))
    x, y = int(at[0] * scale), int(at[1] * scale)
    return QRect(x - _SIDE // 2, y - _SIDE // 2, _SIDE, _SIDE).intersected(whole)


def edge_map(colours: Colours, area: QRect, scale: float, at: Point) -> EdgeMap:
    """The ways from a point. Takes some tens of milliseconds: not for the GUI thread."""
    import cv2

    scissors = cv2.segmentation.IntelligentScissorsMB()
    scissors.setEdgeFeatureCannyParameters(32, 100)
    scissors.setGradientMagnitudeMaxLimit(200)
    scissors.applyImage(colours)
    made = EdgeMap(scissors, area, scale)
    scissors.buildMap(made._inside(at))
    return made
