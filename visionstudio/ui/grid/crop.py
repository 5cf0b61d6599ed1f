"""How much of a picture a cut-out of an object shows."""

from __future__ import annotations

from visionstudio.model.shapes import Bounds

_AROUND = 0.3  # of the larger side is shown around an object
_LEAST = 24.0  # pixels of the picture that a cut-out shows at least


def around(bounds: Bounds, width: int, height: int) -> Bounds:
    """A square around an object, moved into the picture as far as it goes."""
    x1, y1, x2, y2 = bounds
    side = max(max(x2 - x1, y2 - y1) * (1 + 2 * _AROUND), _LEAST)
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    if width and height:
        left = min(max(left, 0), max(width - side, 0))
        top = min(max(top, 0), max(height - side, 0))
        return left, top, min(left + side, width), min(top + side, height)
    return left, top, left + side, top + side
