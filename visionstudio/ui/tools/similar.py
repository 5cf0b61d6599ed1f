"""Regions of similar colour around a pixel, and ways along edges. OpenCV does the counting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect

from visionstudio.model.spans import Spans
from visionstudio.ui.canvas.picture import Picture

Colours = NDArray[np.uint8]
Point = tuple[float, float]
_SIDE = 512  # of the window in which ways along edges are looked for


def shown(picture: Picture, area: QRect, scale: float = 1.0) -> Colours:
    """(H, W, 3) uint8 as on the screen; `area` is in pixels of the picture times `scale`."""
    image = picture.render(scale, area)
    rows = np.frombuffer(image.constBits(), np.uint8)
    rows = rows.reshape(image.height(), image.bytesPerLine() // 4, 4)
    return np.ascontiguousarray(rows[:, : image.width(), :3])


def similar(colours: Colours, x: int, y: int, tolerance: int, *, contiguous: bool) -> Spans:
    """Pixels whose three values each differ by at most `tolerance` from those at (x, y).

    `contiguous`: only those connected with it by their sides.
    """
    import cv2

    if contiguous:
        height, width = colours.shape[:2]
        found = np.zeros((height + 2, width + 2), np.uint8)
        flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
        within = (tolerance,) * 3
        cv2.floodFill(colours, found, (x, y), 0, within, within, flags)
        return Spans.of_array(found[1:-1, 1:-1])
    low = np.clip(colours[y, x].astype(int) - tolerance, 0, 255)
    high = np.clip(colours[y, x].astype(int) + tolerance, 0, 255)
    return Spans.of_array(cv2.inRange(colours, low, high))


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
